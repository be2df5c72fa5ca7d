"""BVH motion files, one per person: what Blender, MotionBuilder and most 3D tools read.

Meisterling's file format as described by Meredith and Maddock, "Motion capture file formats
explained" (2001). Centimetres, y up; the rest pose is the body's T-pose; rotations are intrinsic
z, y, x in degrees, so a joint's matrix is Rz Ry Rx. The root's place is in the world.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.export.rigs import Rig
from pymafsam.geometry import joints

PER_METRE = 100.0  # centimetres, as most tools expect of BVH
TIP = 0.05  # metres: length of the bones that end the chains


def write_bvh(rig: Rig, path: Path) -> None:
    """The skeleton at rest, then a line of channels for every frame."""
    lines = ["HIERARCHY", *_joint(rig, 0, 0), "MOTION", f"Frames: {len(rig.rotations)}"]
    lines.append(f"Frame Time: {rig.frame_time:.7f}")
    lines += [" ".join(f"{value:.5f}" for value in row) for row in channels(rig)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def is_ours(path: Path) -> bool:
    """Whether a file begins as ``write_bvh`` begins one: BVH has no comments to hold a mark."""
    with path.open("rb") as stream:
        head = stream.read(120)
    return head.startswith(f"HIERARCHY\nROOT {joints.SMPL24[0]}\n{{\n  OFFSET 0.00000".encode())


def channels(rig: Rig) -> np.ndarray:
    """The numbers of every frame: root's place, then z, y, x of every joint in file order."""
    from scipy.spatial.transform import Rotation

    order = depth_first(rig)
    frames = len(rig.rotations)
    angles = Rotation.from_matrix(rig.rotations[:, order].reshape(-1, 3, 3)).as_euler("ZYX", True)
    return np.hstack([rig.places * PER_METRE, angles.reshape(frames, -1)])


def depth_first(rig: Rig) -> list[int]:
    """The joints as the file lists them: every joint before its children, chain by chain."""

    def below(joint: int) -> list[int]:
        return [joint, *(k for child in children(rig, joint) for k in below(child))]

    return below(0)


def children(rig: Rig, joint: int) -> list[int]:
    """The joints that hang from this one."""
    return [int(k) for k in np.flatnonzero(rig.parents == joint)]


def _joint(rig: Rig, joint: int, depth: int) -> list[str]:
    pad, inner = "  " * depth, "  " * (depth + 1)
    parent = int(rig.parents[joint])
    offset = rig.rest_joints[joint] - (rig.rest_joints[parent] if parent >= 0 else 0)
    if parent < 0:
        offset = np.zeros(3)  # the root's channels say where it is
        moves = "CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation"
    else:
        moves = "CHANNELS 3 Zrotation Yrotation Xrotation"
    kind = "ROOT" if parent < 0 else "JOINT"
    lines = [f"{pad}{kind} {rig.joint_names[joint]}", f"{pad}{{", inner + _offset(offset)]
    lines.append(inner + moves)
    below = children(rig, joint)
    for child in below:
        lines += _joint(rig, child, depth + 1)
    if not below:
        last = rig.rest_joints[joint] - rig.rest_joints[parent]
        tip = last / max(float(np.linalg.norm(last)), 1e-9) * TIP
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}  {_offset(tip)}", f"{inner}}}"]
    return [*lines, f"{pad}}}"]


def _offset(metres: Float[np.ndarray, "3"]) -> str:
    return "OFFSET " + " ".join(f"{value * PER_METRE:.5f}" for value in metres)

"""People as rigs: a skeleton at rest, a skin bound to it, and its pose in one or many frames.

What animation formats share. Axes are theirs: y up, z towards the viewer (the camera's axes turned
by pi about x), metres; the root turns about its own rest place, as in SMPL.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body import BodyModel, skin
from pymafsam.geometry import joints
from pymafsam.records import Pose, Scene, SequenceScene

TURN = np.diag([1.0, -1.0, -1.0])  # camera axes <-> y up


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One person. ``rotations`` are local (relative to the parent); ``places`` are the root's.

    ``rest_joints`` and ``rest_vertices`` are the person's own shape in the rest pose, around the
    root, which lies at ``root`` in the body model's axes; ``seconds`` is when each frame is shown,
    from the clip's first.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: Int[np.ndarray, "joints"]
    rest_joints: Float[np.ndarray, "joints 3"]
    rest_vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    weights: Float[np.ndarray, "vertices joints"]
    rotations: Float[np.ndarray, "frames joints 3 3"]
    places: Float[np.ndarray, "frames 3"]
    seconds: Float[np.ndarray, "frames"]
    betas: Float[np.ndarray, "betas"]
    root: Float[np.ndarray, "3"]

    @property
    def frame_time(self) -> float:
        """Seconds between frames: the median of their distances, 1/25 for a single one."""
        if len(self.seconds) < 2:
            return 1 / 25
        return max(float(np.median(np.diff(self.seconds))), 1e-3)


def of_scene(scene: Scene, model: BodyModel) -> Iterator[Rig]:
    """Everybody in a picture, one frame each."""
    for number, body in enumerate(scene.bodies):
        yield _rig(
            model,
            f"person_{number + 1}",
            body.pose.betas,
            body.pose.rotations[None],
            body.translation[None],
            np.zeros(1),
        )


def of_sequence(scene: SequenceScene, model: BodyModel) -> Iterator[Rig]:
    """Everybody in a clip; a shape that changes from frame to frame is averaged."""
    for motion in scene.motions:
        yield _rig(
            model,
            f"person_{motion.track}",
            motion.betas.mean(axis=0),
            motion.rotations,
            motion.translation,
            scene.seconds[motion.frames] - scene.seconds[0],
        )


def _rig(
    model: BodyModel,
    name: str,
    betas: Float[np.ndarray, "betas"],
    rotations: Float[np.ndarray, "frames joints 3 3"],
    translation: Float[np.ndarray, "frames 3"],
    seconds: Float[np.ndarray, "frames"],
) -> Rig:
    count = len(model.parents)
    at_rest = np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3))
    rest = skin(model, Pose(rotations=at_rest, betas=betas.astype(np.float32)))
    root = rest.joints[0].astype(np.float64)
    turned = rotations.astype(np.float64).copy()
    turned[:, 0] = TURN @ turned[:, 0]
    named = joints.SMPL24 if count == len(joints.SMPL24) else [f"joint_{k}" for k in range(count)]
    return Rig(
        name=name,
        joint_names=tuple(named),
        parents=np.asarray(model.parents, np.int64),
        rest_joints=rest.joints.astype(np.float64) - root,
        rest_vertices=rest.vertices.astype(np.float64) - root,
        faces=model.faces,
        weights=np.asarray(model.weights, np.float64),
        rotations=turned,
        # The root turns about its rest place, which the translation moves along.
        places=(root + translation) @ TURN.T,
        seconds=seconds,
        betas=betas,
        root=root,
    )


def world(rig: Rig, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Every joint's rotation (joints 3 3) and place (joints 3) in the world, in one frame."""
    turns, places = np.empty((len(rig.parents), 3, 3)), np.empty((len(rig.parents), 3))
    for joint, parent in enumerate(rig.parents):
        own = rig.rotations[frame, joint]
        if parent < 0:
            turns[joint], places[joint] = own, rig.places[frame]
            continue
        offset = rig.rest_joints[joint] - rig.rest_joints[parent]
        turns[joint] = turns[parent] @ own
        places[joint] = places[parent] + turns[parent] @ offset
    return turns, places

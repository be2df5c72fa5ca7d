"""104 bones become SMPL's 24 joints, and Anny's rest pose becomes a T-pose.

Both are linear in the shape coefficients: a bone turns by the same angle for everybody.
"""

from dataclasses import dataclass

import numpy as np

from anny24.source import Source
from pymafsam.geometry.joints import SMPL24, SMPL24_PARENTS

# Joint -> bones that turn with it. The joint sits at the head of the first bone, except where
# CENTRES says otherwise. "{s}" stands for L and R.
BONES = {
    "pelvis": "root pelvis.L pelvis.R spine05",
    "spine1": "spine04 spine03",
    "spine2": "spine02",
    "spine3": "spine01",
    "neck": "neck01 neck02 neck03",
    "head": "head eye.L eye.R",
    "hip": "upperleg01.{s} upperleg02.{s}",
    "knee": "lowerleg01.{s} lowerleg02.{s}",
    "ankle": "foot.{s}",
    "foot": " ".join(f"toe{t}-{b}.{{s}}" for t in range(1, 6) for b in (1, 2, 3)),
    "collar": "clavicle.{s} shoulder01.{s}",
    "shoulder": "upperarm01.{s} upperarm02.{s}",
    "elbow": "lowerarm01.{s} lowerarm02.{s}",
    # The thumb stays with the palm: turned about the fingers' roots it would leave its socket.
    "wrist": "wrist.{s} finger1-1.{s} finger1-2.{s} finger1-3.{s} "
    + " ".join(f"metacarpal{m}.{{s}}" for m in range(1, 5)),
    "hand": " ".join(f"finger{f}-{b}.{{s}}" for f in range(2, 6) for b in (1, 2, 3)),
}
CENTRES = {
    "foot": [f"toe{t}-1.{{s}}" for t in range(1, 6)],
    "hand": [f"finger{f}-1.{{s}}" for f in range(2, 6)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Points that depend linearly on shape: ``template + coefficients @ blend``."""

    template: np.ndarray  # (n, 3)
    blend: np.ndarray  # (c, n, 3)

    def at(self, coefficients: np.ndarray) -> np.ndarray:
        """(people, n, 3) for coefficients (people, c)."""
        return self.template + np.tensordot(coefficients, self.blend, 1)

    def combined(self, rows: np.ndarray) -> "Linear":
        """Linear combinations ``rows`` (m, n) of the points."""
        return Linear(template=rows @ self.template, blend=rows @ self.blend)


@dataclass(frozen=True, slots=True, kw_only=True)
class TPosed:
    """Anny in T-pose on 24 joints, the pelvis at the origin for every shape."""

    vertices: Linear
    joints: Linear
    bone_heads: Linear
    weights: np.ndarray  # (n, 24)
    bone_joint: np.ndarray  # (bones,) the joint each bone turns with
    turns: np.ndarray  # (24, 3, 3) rest pose -> T-pose, about the world's axes


def split(joint: str) -> tuple[str, str]:
    """``left_knee`` -> (``knee``, ``L``)."""
    side, _, part = joint.partition("_")
    return (part, side[0].upper()) if part else (joint, "")


def joint_of_bones(bones: list[str]) -> np.ndarray:
    """For every bone, the index of its joint. KeyError for a bone that BONES does not name."""
    owner = {}
    for index, joint in enumerate(SMPL24):
        part, side = split(joint)
        owner.update({bone.format(s=side): index for bone in BONES[part].split()})
    return np.array([owner[bone] for bone in bones])


def joint_rows(bones: list[str]) -> np.ndarray:
    """(24, bones) which bone heads a joint is the mean of."""
    rows = np.zeros((len(SMPL24), len(bones)))
    for index, joint in enumerate(SMPL24):
        part, side = split(joint)
        names = CENTRES.get(part, [BONES[part].split()[0]])
        rows[index, [bones.index(name.format(s=side)) for name in names]] = 1 / len(names)
    return rows


def _frame(along: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rotation whose columns are ``along``, the part of ``other`` square to it, their product."""
    first = along / np.linalg.norm(along)
    second = other - first * (first @ other)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _between(source: tuple, target: tuple) -> np.ndarray:
    """The rotation that takes the frame of two directions to that of two others."""
    return _frame(*map(np.asarray, target)) @ _frame(*map(np.asarray, source)).T


def t_pose_turns(heads: dict[str, np.ndarray]) -> np.ndarray:
    """(24, 3, 3) world rotation of every joint from Anny's rest to the T-pose, for mean heads.

    Upper arm, forearm and hand lie along x with the elbow's hinge vertical and the palm down;
    thigh and shank lie in planes across x, a little apart, the knee's hinge along x; feet keep
    their flat soles. Everything above the hips stays as Anny has it.
    """
    turns = np.tile(np.eye(3), (len(SMPL24), 1, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        name = "left_" if side == "L" else "right_"

        def way(start, end, side=side):
            return heads[f"{end}.{side}"] - heads[f"{start}.{side}"]

        upper, fore = way("upperarm01", "lowerarm01"), way("lowerarm01", "wrist")
        hinge = np.cross(upper, fore)
        arm = np.array([sign, 0.0, 0.0]), np.array([0.0, -sign, 0.0])
        turns[SMPL24.index(name + "shoulder")] = _between((upper, hinge), arm)
        turns[SMPL24.index(name + "elbow")] = _between((fore, hinge), arm)
        hand = way("wrist", "finger3-1")
        knuckles = way("finger5-1", "finger2-1")
        turned = _between((hand, knuckles), (arm[0], np.array([0.0, 0.0, 1.0])))
        turns[SMPL24.index(name + "wrist")] = turned
        turns[SMPL24.index(name + "hand")] = turned

        thigh, shank = way("upperleg01", "lowerleg01"), way("lowerleg01", "foot")
        hinge = np.array([1.0, 0.0, 0.0])
        leg = np.array([0.07 * sign, -1.0, 0.0]), hinge
        turns[SMPL24.index(name + "hip")] = _between((thigh, hinge), leg)
        leg = np.array([0.01 * sign, -1.0, -0.04]), hinge
        turns[SMPL24.index(name + "knee")] = _between((shank, hinge), leg)
    return turns


def t_posed(source: Source, mean: np.ndarray) -> TPosed:
    """Collapse and repose ``source``; ``mean`` (c,) are the coefficients of the average person."""
    heads = source.heads + np.tensordot(mean, source.heads_blend, 1)
    turns = t_pose_turns(dict(zip(source.bones, heads, strict=True)))
    owner = joint_of_bones(source.bones)
    weights = np.zeros((len(source.template), len(SMPL24)))
    np.add.at(weights.T, owner, source.weights.T)

    rest = Linear(template=source.heads, blend=source.heads_blend)
    joints = rest.combined(joint_rows(source.bones))
    posed, shifts = chain(joints, turns)
    heads_weights = np.eye(len(SMPL24))[owner]
    skin = Linear(template=source.template, blend=source.blend)
    pelvis = posed.combined(np.eye(len(SMPL24))[:1])
    return TPosed(
        vertices=_minus(_skinned(skin, weights, turns, shifts), pelvis),
        joints=_minus(posed, pelvis),
        bone_heads=_minus(_skinned(rest, heads_weights, turns, shifts), pelvis),
        weights=weights,
        bone_joint=owner,
        turns=turns,
    )


def chain(joints: Linear, turns: np.ndarray) -> tuple[Linear, Linear]:
    """Posed joints and, per joint, the shift s of its transform x -> turn x + s (world turns)."""

    def run(rest):
        posed = np.empty_like(rest)
        for j, parent in enumerate(SMPL24_PARENTS):
            offset = rest[..., j, :] - (rest[..., parent, :] if j else 0)
            posed[..., j, :] = (
                posed[..., parent, :] + offset @ turns[parent].T if j else rest[..., 0, :]
            )
        return posed, posed - np.einsum("jab,...jb->...ja", turns, rest)

    (template, shift), (blend, shift_blend) = run(joints.template), run(joints.blend)
    return Linear(template=template, blend=blend), Linear(template=shift, blend=shift_blend)


def world_turns(turns: np.ndarray) -> np.ndarray:
    """Rotations relative to the parent -> rotations in the world, (24, 3, 3)."""
    world = np.empty_like(turns)
    for j, parent in enumerate(SMPL24_PARENTS):
        world[j] = turns[j] if j == 0 else world[parent] @ turns[j]
    return world


def blended(weights: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """(n, 3, 3) the matrix that linear blend skinning applies to each point."""
    return np.einsum("vj,jab->vab", weights, turns)


def _skinned(points: Linear, weights: np.ndarray, turns: np.ndarray, shifts: Linear) -> Linear:
    matrix = blended(weights, turns)

    def run(rest, shift):
        return np.einsum("vab,...vb->...va", matrix, rest) + weights @ shift

    return Linear(
        template=run(points.template, shifts.template), blend=run(points.blend, shifts.blend)
    )


def _minus(points: Linear, origin: Linear) -> Linear:
    return Linear(template=points.template - origin.template, blend=points.blend - origin.blend)

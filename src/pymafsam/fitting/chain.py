"""A posed skeleton, points skinned to it, and their derivatives.

A point fixed to the surface by a sparse regressor (convex weights C over vertices) is linear in
the transforms of the bones under linear blend skinning:

    X_k = sum_j G_j (Q_kj + D_kj beta) + s_kj X_j,      s_kj = sum_v C_kv W_vj

with G_j the world rotation and X_j the place of joint j. No vertex is needed to move it, and its
derivatives are those of a rigid chain (``docs/fitting.md`` derives them). Pose-dependent
corrections of a body model are left out here: they are below the noise of keypoints.

Unknowns of a person, in this order: translation (3), a rotation increment delta of every free
joint (3 each, local and on the left: R <- exp(delta) R), betas.
Shapes: ``people`` first; points last, so that products run over contiguous memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.body import BodyModel
from pymafsam.geometry import rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is being solved for: poses and places of several people, metres, camera axes."""

    rotations: Float[np.ndarray, "people joints 3 3"]
    betas: Float[np.ndarray, "people betas"]
    translation: Float[np.ndarray, "people 3"]

    def moved(
        self, step: Float[np.ndarray, "people unknowns"], free: Int[np.ndarray, "free"]
    ) -> "State":
        """The state after a step of the unknowns; ``free`` lists the joints that may turn."""
        last = 3 + 3 * len(free)
        turns = rotation.from_axis_angle(step[:, 3:last].reshape(len(step), -1, 3))
        rotations = self.rotations.copy()
        rotations[:, free] = turns @ rotations[:, free]
        return State(
            rotations=rotations,
            betas=self.betas + step[:, last:],
            translation=self.translation + step[:, :3],
        )

    def take(self, people: Int[np.ndarray, "chosen"]) -> "State":
        """The state of some of the people."""
        return State(
            rotations=self.rotations[people],
            betas=self.betas[people],
            translation=self.translation[people],
        )

    @staticmethod
    def joined(states: "Sequence[State]") -> "State":
        """Everybody of several states, one after the other."""
        return State(
            rotations=np.concatenate([state.rotations for state in states]),
            betas=np.concatenate([state.betas for state in states]),
            translation=np.concatenate([state.translation for state in states]),
        )

    def put(self, people: Int[np.ndarray, "chosen"], other: "State") -> "State":
        """This state, with ``other``'s rows for the people named."""
        made = State(
            rotations=self.rotations.copy(),
            betas=self.betas.copy(),
            translation=self.translation.copy(),
        )
        made.rotations[people] = other.rotations
        made.betas[people] = other.betas
        made.translation[people] = other.translation
        return made

    def where(self, better: Bool[np.ndarray, "people"], other: "State") -> "State":
        """``other`` for the people marked, this state for the rest."""
        return State(
            rotations=np.where(better[:, None, None, None], other.rotations, self.rotations),
            betas=np.where(better[:, None], other.betas, self.betas),
            translation=np.where(better[:, None], other.translation, self.translation),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """The bones of a body model and which of them may turn."""

    parents: Int[np.ndarray, "joints"]
    joints: Float[np.ndarray, "joints 3"]
    joint_dirs: Float[np.ndarray, "joints 3 betas"]
    free: Int[np.ndarray, "free"]
    descendants: Float[
        np.ndarray, "free joints"
    ]  # 1 where the joint hangs from, or is, the free one
    levels: tuple[Int[np.ndarray, "..."], ...]  # joints by depth, without the root

    @staticmethod
    def of(model: BodyModel, fixed: Sequence[int]) -> "Skeleton":
        """The skeleton of ``model``, where all joints but ``fixed`` turn."""
        parents = np.asarray(model.parents, np.int64)
        count = len(parents)
        ancestry = np.eye(count)
        for joint in range(1, count):
            ancestry[joint] += ancestry[parents[joint]]
        free = np.array([j for j in range(count) if j not in set(fixed)])
        depth = ancestry.sum(axis=1).astype(int)
        return Skeleton(
            parents=parents,
            joints=np.asarray(model.joints_template, np.float64),
            joint_dirs=np.asarray(model.joints_dirs, np.float64),
            free=free,
            descendants=np.ascontiguousarray(ancestry.T[free]),
            levels=tuple(np.flatnonzero(depth == d) for d in range(2, int(depth.max()) + 1)),
        )

    @property
    def unknowns(self) -> int:
        """Length of a step: translation, free rotations, betas."""
        return 3 + 3 * len(self.free) + self.joint_dirs.shape[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """World rotations and places of all joints, and how the places depend on the betas."""

    world: Float[np.ndarray, "people joints 3 3"]
    places: Float[np.ndarray, "people joints 3"]
    place_dirs: Float[np.ndarray, "people joints 3 betas"]
    above: Float[np.ndarray, "people free 3 3"]  # world rotation of each free joint's parent


def forward_kinematics(skeleton: Skeleton, state: State) -> Posed:
    """Runs the chain of joints; the root turns about its own rest place (SMPL's convention)."""
    people = len(state.betas)
    # One product per person everywhere (stacked, not flattened): a product of another size may
    # round otherwise, and nobody's body shall depend on the company.
    moved = skeleton.joint_dirs.reshape(-1, state.betas.shape[1]) @ state.betas[..., None]
    rest = skeleton.joints + moved.reshape(people, *skeleton.joints.shape)
    world = state.rotations.copy()
    places = rest + state.translation[:, None]
    place_dirs = np.broadcast_to(skeleton.joint_dirs, (people, *skeleton.joint_dirs.shape)).copy()
    for joints in skeleton.levels:
        up = skeleton.parents[joints]
        turn = world[:, up]
        world[:, joints] = turn @ state.rotations[:, joints]
        bone = (rest[:, joints] - rest[:, up])[..., None]
        places[:, joints] = places[:, up] + (turn @ bone)[..., 0]
        bone_dirs = skeleton.joint_dirs[joints] - skeleton.joint_dirs[up]
        place_dirs[:, joints] = place_dirs[:, up] + turn @ bone_dirs
    parents = skeleton.parents[skeleton.free]
    above = np.where((parents < 0)[:, None, None], np.eye(3), world[:, parents])
    return Posed(world=world, places=places, place_dirs=place_dirs, above=above)


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Points skinned to bones: rest offsets from every joint, weighted by the share it has."""

    offsets: Float[np.ndarray, "joints 3 points"]
    offset_dirs: Float[np.ndarray, "betas joints*3*points"]
    share: Float[np.ndarray, "joints points"]

    @staticmethod
    def on_surface(
        model: BodyModel,
        vertices: Int[np.ndarray, "points corners"],
        weights: Float[np.ndarray, "points corners"],
    ) -> "Points":
        """Convex combinations of surface vertices (rows of a sparse regressor)."""
        coefficient = weights.astype(np.float64)
        skin = np.asarray(model.weights, np.float64)[vertices] * coefficient[..., None]
        template = np.asarray(model.template, np.float64)[vertices]
        dirs = np.asarray(model.shape_dirs, np.float64)[vertices]
        share = skin.sum(axis=1)  # points joints
        joints, joint_dirs = model.joints_template, model.joints_dirs
        offsets = np.einsum("kmj,kmc->kjc", skin, template) - share[..., None] * joints
        offset_dirs = np.einsum("kmj,kmcb->kjcb", skin, dirs)
        offset_dirs = offset_dirs - share[..., None, None] * joint_dirs
        return Points.assemble(offsets, offset_dirs, share)

    @staticmethod
    def on_joints(model: BodyModel, joints: Sequence[int]) -> "Points":
        """The joints themselves."""
        count, betas = len(model.parents), model.joints_dirs.shape[2]
        share = np.eye(count)[list(joints)]
        offsets = np.zeros((len(share), count, 3))
        return Points.assemble(offsets, np.zeros((*offsets.shape, betas)), share)

    @staticmethod
    def assemble(
        offsets: Float[np.ndarray, "points joints 3"],
        offset_dirs: Float[np.ndarray, "points joints 3 betas"],
        share: Float[np.ndarray, "points joints"],
    ) -> "Points":
        """From arrays with points first."""
        betas = offset_dirs.shape[3]
        return Points(
            offsets=np.ascontiguousarray(offsets.transpose(1, 2, 0)),
            offset_dirs=np.ascontiguousarray(offset_dirs.transpose(3, 1, 2, 0).reshape(betas, -1)),
            share=np.ascontiguousarray(share.T),
        )

    @property
    def count(self) -> int:
        """How many points."""
        return self.share.shape[1]

    def joined(self, other: "Points") -> "Points":
        """These points followed by ``other``'s."""
        betas = len(self.offset_dirs)
        dirs = [p.offset_dirs.reshape(betas, *p.offsets.shape) for p in (self, other)]
        return Points(
            offsets=np.concatenate([self.offsets, other.offsets], axis=2),
            offset_dirs=np.concatenate(dirs, axis=3).reshape(betas, -1),
            share=np.concatenate([self.share, other.share], axis=1),
        )

    def shifted(self, by: Float[np.ndarray, "joints 3 points"]) -> "Points":
        """Moved in the rest pose by metres with each joint (a correction of where they sit)."""
        return Points(offsets=self.offsets + by, offset_dirs=self.offset_dirs, share=self.share)


def skinned_points(
    points: Points, posed: Posed, betas: Float[np.ndarray, "people betas"]
) -> Float[np.ndarray, "people joints 3 points"]:
    """Each joint's contribution to each point; their sum over the joints is the point, metres."""
    moved = betas[:, None] @ points.offset_dirs
    rest = points.offsets + moved.reshape(len(betas), *points.offsets.shape)
    return posed.world @ rest + posed.places[..., None] * points.share[:, None]


def jacobian(
    skeleton: Skeleton,
    points: Points,
    posed: Posed,
    parts: Float[np.ndarray, "people joints 3 points"],
) -> Float[np.ndarray, "people unknowns 3 points"]:
    """Derivatives of the points by all unknowns; ``parts`` comes from ``skinned_points``.

    A local increment delta of joint m turns everything below it by the world vector G_parent delta
    about X_m, so the column for axis a is the a-th column of G_parent crossed with
    S = (sum of the contributions of the joints below m) - (their total share) X_m.
    """
    people, joints = parts.shape[:2]
    free, betas, count = len(skeleton.free), len(points.offset_dirs), points.count
    out = np.zeros((people, skeleton.unknowns, 3, count))
    out[:, [0, 1, 2], [0, 1, 2]] = 1.0
    arms = (skeleton.descendants @ parts.reshape(people, joints, -1)).reshape(
        people, free, 3, count
    )
    shares = skeleton.descendants @ points.share
    arms -= posed.places[:, skeleton.free, :, None] * shares[:, None]
    x, y, z = (arms[:, :, None, i] for i in range(3))
    gx, gy, gz = (posed.above[:, :, i, :, None] for i in range(3))
    turns = out[:, 3 : 3 + 3 * free].reshape(people, free, 3, 3, count)
    turns[:, :, :, 0] = gy * z - gz * y
    turns[:, :, :, 1] = gz * x - gx * z
    turns[:, :, :, 2] = gx * y - gy * x
    dirs = points.offset_dirs.reshape(betas, joints * 3, count)
    flat = posed.world.transpose(0, 2, 1, 3).reshape(people, 3, joints * 3)
    own = flat[:, None] @ dirs  # people betas 3 points
    carried = posed.place_dirs.transpose(0, 3, 2, 1) @ points.share
    out[:, 3 + 3 * free :] = own + carried
    return out

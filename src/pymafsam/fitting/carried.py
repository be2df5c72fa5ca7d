"""A pose carried from one body to another: the same surface, as far as the other body can have it.

Bodies in SMPL's format share joints, not surfaces or shapes. Once for two bodies it is found which
points of their surfaces correspond: the one's rest shape is laid on the other's bones, and every
point goes to the nearest place of the other's surface that faces the same way. A pose is carried by
least squares over pose, shape and place; what remains between corresponding points is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body import BodyModel, place, skin
from pymafsam.body.surface import farthest_points
from pymafsam.errors import BadInput
from pymafsam.fitting.chain import (
    Points,
    Posed,
    Skeleton,
    State,
    forward_kinematics,
    jacobian,
    skinned_points,
)
from pymafsam.fitting.objective import Normal, gather
from pymafsam.fitting.solver import minimise
from pymafsam.geometry import rotation
from pymafsam.records import Pose, Scene, SequenceScene
from pymafsam.render import vertex_normals

POINTS = 800
STEPS = 12
SURE = 0.005  # metres: one deviation of a corresponding point
USUAL = 2.0  # deviation of a beta
TWIST = 0.3  # radians: deviation of a joint's rotation from the other body's, where nothing speaks
FACING = 0.05  # metres that opposite normals count as between two points
GROUP = 16  # frames solved at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Which points of two surfaces are the same.

    ``source`` are vertices of the one body; the other's points lie in triangles of its vertices
    (``corners``) with barycentric ``weights``.
    """

    source: Int[np.ndarray, "points"]
    corners: Int[np.ndarray, "points 3"]
    weights: Float[np.ndarray, "points 3"]

    @staticmethod
    def of(source: BodyModel, target: BodyModel, count: int = POINTS) -> "Correspondence":
        """By the rest shapes of the two. Raises BadInput for bodies with other joints."""
        from scipy.spatial import KDTree

        if not np.array_equal(source.parents, target.parents):
            raise BadInput(
                f"{source.name} and {target.name} have different skeletons: nothing is carried."
            )
        laid = laid_on(source, target)
        chosen = farthest_points(laid, count)
        features = _features(target.template, target.faces)
        _, nearest = KDTree(features).query(_features(laid, source.faces)[chosen])
        corners, weights = _in_triangles(laid[chosen], np.asarray(nearest), target)
        return Correspondence(source=chosen, corners=corners, weights=weights)

    def places(self, vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "points 3"]:
        """The corresponding points on the other body's surface."""
        return np.einsum("kc,kcd->kd", self.weights, vertices[self.corners])


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Poses of the other body with their places (metres), and what remains between the surfaces.

    ``away``: mean distance of corresponding points, metres, per pose.
    """

    poses: tuple[Pose, ...]
    translations: Float[np.ndarray, "poses 3"]
    away: Float[np.ndarray, "poses"]


class Carrier:
    """Carries poses of ``source`` to ``target``; what they share is found once."""

    def __init__(self, source: BodyModel, target: BodyModel):
        self.source, self.target = source, target
        self.same = Correspondence.of(source, target)
        self.skeleton = Skeleton.of(target, [])
        self.points = Points.on_surface(target, self.same.corners, self.same.weights)

    def __call__(
        self, poses: Sequence[Pose], translations: Float[np.ndarray, "poses 3"]
    ) -> Carried:
        """The same surfaces on the other body; one shape for all of them (one person)."""
        goals = np.stack(
            [
                skin(self.source, pose, vertices=self.same.source).vertices + where
                for pose, where in zip(poses, translations, strict=True)
            ]
        ).astype(np.float64)
        first = self._start(poses, translations)
        # The shape is found in a few poses, then held in all.
        few = np.unique(np.linspace(0, len(poses) - 1, min(len(poses), GROUP)).astype(int))
        shaped = self._solve(first.take(few), goals[few], np.zeros(first.betas.shape[1]), USUAL)
        betas = shaped.betas.mean(axis=0)
        first = State(
            rotations=first.rotations,
            betas=np.tile(betas, (len(poses), 1)),
            translation=first.translation,
        )
        held = [
            self._solve(first.take(rows), goals[rows], betas, 1e-4)
            for rows in np.array_split(np.arange(len(poses)), -(-len(poses) // GROUP))
        ]
        return self._carried(State.joined(held), betas, goals)

    def _start(self, poses: Sequence[Pose], translations: Float[np.ndarray, "poses 3"]) -> State:
        """The same rotations, the mean shape."""
        return State(
            rotations=np.stack([pose.rotations for pose in poses]).astype(np.float64),
            betas=np.zeros((len(poses), self.target.shape_dirs.shape[2])),
            translation=np.asarray(translations, np.float64),
        )

    def _solve(
        self, state: State, goals: Float[np.ndarray, "poses points 3"], betas, deviation: float
    ) -> State:
        problem = _Problem(self, goals, state, betas, deviation)
        return minimise(problem, state, self.skeleton.free, STEPS)[0]

    def _carried(
        self,
        state: State,
        betas: Float[np.ndarray, "betas"],
        goals: Float[np.ndarray, "poses points 3"],
    ) -> Carried:
        poses = [
            Pose(rotations=turns.astype(np.float32), betas=betas.astype(np.float32))
            for turns in state.rotations
        ]
        reached = [
            self.same.places(skin(self.target, pose).vertices) + where
            for pose, where in zip(poses, state.translation, strict=True)
        ]
        away = np.linalg.norm(np.stack(reached) - goals, axis=2).mean(axis=1)
        return Carried(poses=tuple(poses), translations=state.translation, away=away)


def carried(scene: Scene | SequenceScene, carrier: Carrier) -> tuple[Scene | SequenceScene, float]:
    """Everybody of a scene on the other body, and how far surfaces are from where they were.

    The distance is the mean over people and frames, metres; 0 where nobody is.
    """
    if isinstance(scene, Scene):
        return _picture(scene, carrier)
    return _clip(scene, carrier)


def _picture(scene: Scene, carrier: Carrier) -> tuple[Scene, float]:
    new, bodies, away = carrier.target, [], []
    for body in scene.bodies:
        found = carrier([body.pose], body.translation[None])
        (pose,), (where,) = found.poses, found.translations
        bodies.append(place(new, pose, where, scene.camera, body.person, body.score, body.mask))
        away.append(found.away.mean())
    changed = replace(scene, bodies=tuple(bodies), body_name=new.name, faces=new.faces)
    return changed, float(np.mean(away)) if away else 0.0


def _clip(scene: SequenceScene, carrier: Carrier) -> tuple[SequenceScene, float]:
    new, motions, away = carrier.target, [], []
    for motion in scene.motions:
        poses = [motion.pose(row) for row in range(len(motion.frames))]
        found = carrier(poses, motion.translation)
        changed = replace(
            motion,
            rotations=np.stack([pose.rotations for pose in found.poses]),
            betas=np.stack([pose.betas for pose in found.poses]),
            translation=found.translations,
        )
        motions.append(changed)
        away.append(found.away.mean())
    whole = replace(scene, motions=tuple(motions), body_name=new.name, faces=new.faces)
    return whole, float(np.mean(away)) if away else 0.0


class _Problem:
    """Distances of corresponding points, a usual shape, and rotations as the other body has them.

    The last only says what the surface does not: how a limb is twisted among its joints.
    """

    def __init__(
        self,
        carrier: Carrier,
        goals: Float[np.ndarray, "poses points 3"],
        first: State,
        betas: Float[np.ndarray, "betas"],
        deviation: float,
    ):
        self.skeleton, self.points = carrier.skeleton, carrier.points
        self.goals, self.first, self.betas, self.deviation = goals, first, betas, deviation

    def __call__(self, state: State) -> Normal:
        """Energy and normal equations at ``state``."""
        posed = forward_kinematics(self.skeleton, state)
        parts = skinned_points(self.points, posed, state.betas)
        residual = (parts.sum(axis=1) - self.goals.transpose(0, 2, 1)) / SURE
        slope = jacobian(self.skeleton, self.points, posed, parts) / SURE
        return gather(slope, residual).plus(self._usual(posed, state))

    def _usual(self, posed: Posed, state: State) -> Normal:
        poses, free = len(state.betas), len(self.skeleton.free)
        turned = rotation.to_axis_angle(
            state.rotations @ self.first.rotations.transpose(0, 1, 3, 2)
        )[:, self.skeleton.free]
        off = (state.betas - self.betas) / self.deviation
        residual = np.concatenate(
            [np.zeros((poses, 3)), (turned / TWIST).reshape(poses, -1), off], axis=1
        )
        scale = np.concatenate(
            [np.zeros(3), np.full(3 * free, 1 / TWIST), np.full(off.shape[1], 1 / self.deviation)]
        )
        return Normal(
            energy=(residual**2).sum(axis=1),
            gradient=residual * scale,
            hessian=np.broadcast_to(np.diag(scale**2), (poses, len(scale), len(scale))),
        )


def laid_on(source: BodyModel, target: BodyModel) -> Float[np.ndarray, "vertices 3"]:
    """The one's rest surface on the other's bones: each bone turned and stretched onto its twin."""
    ours, theirs = (np.asarray(b.joints_template, np.float64) for b in (source, target))
    surface = np.asarray(source.template, np.float64)
    moved = np.zeros_like(surface)
    for joint in range(len(source.parents)):
        turn = _onto(ours, theirs, source.parents, joint)
        moved += source.weights[:, joint, None] * ((surface - ours[joint]) @ turn.T + theirs[joint])
    return moved


def _onto(
    ours: Float[np.ndarray, "joints 3"],
    theirs: Float[np.ndarray, "joints 3"],
    parents: Int[np.ndarray, "joints"],
    joint: int,
) -> Float[np.ndarray, "3 3"]:
    """Turn and stretch of one bone onto the other; where it forks or ends, of the one above."""
    below = np.flatnonzero(parents == joint)
    start, end = (joint, int(below[0])) if len(below) == 1 else (int(parents[joint]), joint)
    if start < 0:
        return np.eye(3)
    one, other = ours[end] - ours[start], theirs[end] - theirs[start]
    lengths = np.linalg.norm(one), np.linalg.norm(other)
    if min(lengths) < 1e-6:
        return np.eye(3)
    axis = np.cross(one, other) / (lengths[0] * lengths[1])
    sine = float(np.linalg.norm(axis))
    angle = float(np.arcsin(min(sine, 1.0)))
    turn = np.eye(3) if sine < 1e-9 else rotation.from_axis_angle(axis / sine * angle)
    return turn * (lengths[1] / lengths[0])


def _features(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 6"]:
    """Places, and normals at a scale that lets them be compared as distances."""
    places = np.asarray(vertices, np.float64)
    return np.hstack([places, vertex_normals(places, faces) * FACING / 2])


def _in_triangles(
    places: Float[np.ndarray, "points 3"], nearest: Int[np.ndarray, "points"], body: BodyModel
) -> tuple[Int[np.ndarray, "points 3"], Float[np.ndarray, "points 3"]]:
    """The nearest place in the triangles around each nearest vertex."""
    vertices = np.asarray(body.template, np.float64)
    corners, weights = [], []
    around: list[list[int]] = [[] for _ in vertices]
    for face, row in enumerate(body.faces.tolist()):
        for corner in row:
            around[corner].append(face)
    for point, vertex in zip(places, nearest.tolist(), strict=True):
        faces = body.faces[around[vertex]]
        shares = np.stack([_barycentric(point, vertices[face]) for face in faces])
        reached = np.einsum("fc,fcd->fd", shares, vertices[faces])
        best = int(np.argmin(np.linalg.norm(reached - point, axis=1)))
        corners.append(faces[best])
        weights.append(shares[best])
    return np.stack(corners).astype(np.int64), np.stack(weights)


def _barycentric(
    place: Float[np.ndarray, "3"], triangle: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "3"]:
    """Weights of the corners for the foot of the perpendicular, drawn into the triangle."""
    edges = (triangle[1:] - triangle[0]).T
    inner = np.linalg.lstsq(edges, place - triangle[0], rcond=None)[0]
    shares = np.clip([1 - inner.sum(), *inner], 0, None)
    return shares / shares.sum()

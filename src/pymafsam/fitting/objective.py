"""Residuals of a person's evidence, gathered as the normal equations of a Gauss-Newton step.

Energies are sums of squares (no halves); a robust term counts c^2 log(1 + s / c^2) for a squared
residual s (Cauchy; Barron, "A general and adaptive robust loss function", 2019, alpha = 0) and is
linearised with the weight 1 / (1 + s / c^2).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Int

from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import (
    Points,
    Posed,
    Skeleton,
    State,
    forward_kinematics,
    jacobian,
    skinned_points,
)
from pymafsam.fitting.priors import PosePrior, left_jacobian_inverse
from pymafsam.fitting.silhouette import Outline
from pymafsam.geometry import rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Energy, half its gradient and the Gauss-Newton half Hessian, per person."""

    energy: Float[np.ndarray, "people"]
    gradient: Float[np.ndarray, "people unknowns"]
    hessian: Float[np.ndarray, "people unknowns unknowns"]

    def plus(self, other: "Normal") -> "Normal":
        """Sum of two objectives."""
        return Normal(
            energy=self.energy + other.energy,
            gradient=self.gradient + other.gradient,
            hessian=self.hessian + other.hessian,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen of each person, in the order of the body's landmarks.

    ``seen`` are picture pixels; ``pixel`` is one standard deviation of a keypoint in pixels.
    ``bones`` are metric vectors along ``Objective.links`` in the person's viewing ray frame, which
    ``view`` turns camera axes into. Weights are 0 for what is not to be believed at all.
    """

    seen: Float[np.ndarray, "people points 2"]
    seen_weight: Float[np.ndarray, "people points"]
    support: Float[np.ndarray, "people points"]  # 1 where the landmark is surely seen
    pixel: Float[np.ndarray, "people"]
    bones: Float[np.ndarray, "people links 3"]
    bone_weight: Float[np.ndarray, "people links"]
    bone_sigma: Float[np.ndarray, "people links 3"]  # deviations in metres, in the same frame
    view: Float[np.ndarray, "people 3 3"]
    unseen: Float[np.ndarray, "people leaning"]  # 1: nothing is known of the torso's legs, a leg

    def take(self, people: Int[np.ndarray, "chosen"]) -> "Evidence":
        """What was seen of some of the people."""
        return Evidence(
            **{field.name: getattr(self, field.name)[people] for field in fields(Evidence)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Weights of the terms; lengths in metres, Cauchy widths in standard deviations."""

    seen_width: float = 12.0
    bone_width: float = 3.0
    # Metres by which the torso, thighs and shins may lean along the ray when legs are unseen.
    lean: tuple[float, ...] = (0.04, 0.1, 0.1, 0.1, 0.1)
    silhouette: float = 0.1  # weight of the detector's own mask: more makes children of people
    segmented: float = 4.0  # times as much for a segmenter's, which is sharper
    silhouette_width: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """All residuals of a group of people, each before a camera; call it with a state."""

    skeleton: Skeleton
    landmarks: Points
    links: Float[np.ndarray, "points links"]  # every bone as a difference of landmarks
    leaning: Float[np.ndarray, "points leaning"]  # the same for torso, thighs and shins
    prior: PosePrior
    evidence: Evidence
    cameras: Cameras
    settings: Settings
    use_picture: bool = True
    surface: Points | None = None
    outline: Outline | None = None
    support: Float[np.ndarray, "people surface"] | None = None  # how far each may be believed
    first: State | None = None  # a pose and shape to begin from (not yet placed)

    def take(self, people: Int[np.ndarray, "chosen"]) -> "Objective":
        """The same for some of the people (before masks are added)."""
        return replace(
            self,
            evidence=self.evidence.take(people),
            cameras=self.cameras.take(people),
            prior=self.prior.take(people),
            first=None if self.first is None else self.first.take(people),
        )

    def __call__(self, state: State) -> Normal:
        """Energy and normal equations at ``state``."""
        posed = forward_kinematics(self.skeleton, state)
        parts = skinned_points(self.landmarks, posed, state.betas)
        points = parts.sum(axis=1)
        derivative = jacobian(self.skeleton, self.landmarks, posed, parts)
        betas = state.betas.shape[1]
        total = metric(self.evidence, self.links, points, derivative, self.settings, betas)
        total = total.plus(lean(self.evidence, self.leaning, points, derivative, self.settings))
        total = total.plus(pose_prior(self.prior, self.skeleton, state))
        if self.use_picture:
            total = total.plus(
                reprojection(self.evidence, self.cameras, points, derivative, self.settings)
            )
            if self.outline is not None and self.surface is not None:
                total = total.plus(self._silhouette(posed, state))
        return total

    def _silhouette(self, posed: Posed, state: State) -> Normal:
        assert self.surface is not None
        assert self.outline is not None
        assert self.support is not None
        parts = skinned_points(self.surface, posed, state.betas)
        points = parts.sum(axis=1)
        picture, _ = self.cameras.project(points)
        pull = self.outline.pull(picture, self.support, self.settings.silhouette_width)
        derivative = jacobian(self.skeleton, self.surface, posed, parts)
        slope = self.cameras.slope(points, derivative)
        scale = np.sqrt(self.settings.silhouette * pull.weight)[:, None]
        unit = 1 / self.outline.pixel[:, None, None, None]
        normal = gather(slope * (scale[:, None] * unit), pull.residual * scale)
        return replace(normal, energy=self.settings.silhouette * pull.energy)


def gather(
    slope: Float[np.ndarray, "people unknowns axes points"],
    residual: Float[np.ndarray, "people axes points"],
) -> Normal:
    """Normal equations of weighted residuals; the energy is their sum of squares."""
    people, unknowns = slope.shape[:2]
    rows = slope.reshape(people, unknowns, -1)
    flat = residual.reshape(people, -1, 1)
    return Normal(
        energy=np.sum((flat * flat)[..., 0], axis=1),
        gradient=(rows @ flat)[..., 0],
        hessian=rows @ rows.transpose(0, 2, 1),
    )


def reprojection(
    evidence: Evidence,
    cameras: Cameras,
    points: Float[np.ndarray, "people 3 points"],
    derivative: Float[np.ndarray, "people unknowns 3 points"],
    settings: Settings,
) -> Normal:
    """Distance in the picture between landmarks and keypoints, in standard deviations."""
    picture, valid = cameras.project(points)
    unit = 1 / evidence.pixel[:, None, None]
    residual = (picture - evidence.seen.transpose(0, 2, 1)) * unit
    slope = cameras.slope(points, derivative) * unit[:, None]
    normal = robust(residual, slope, evidence.seen_weight, settings.seen_width)
    # Somebody with points behind the camera is nowhere in the picture.
    return replace(normal, energy=np.where(valid, normal.energy, np.inf))


def metric(
    evidence: Evidence,
    links: Float[np.ndarray, "points links"],
    points: Float[np.ndarray, "people 3 points"],
    derivative: Float[np.ndarray, "people unknowns 3 points"],
    settings: Settings,
    betas: int,
) -> Normal:
    """Bone vectors against the measured ones, seen along the person's own ray.

    ``betas``: how many of the unknowns, the last, are the shape's.
    """
    unit = 1 / evidence.bone_sigma.transpose(0, 2, 1)
    residual = (evidence.view @ (points @ links) - evidence.bones.transpose(0, 2, 1)) * unit
    slope = (evidence.view[:, None] @ (derivative @ links)) * unit[:, None]
    # Vectors of unsure direction are too short in the mean, and metres are guesses: bones turn
    # limbs, but make nobody small.
    slope[:, -betas:] = 0
    return robust(residual, slope, evidence.bone_weight, settings.bone_width)


def lean(
    evidence: Evidence,
    leaning: Float[np.ndarray, "points leaning"],
    points: Float[np.ndarray, "people 3 points"],
    derivative: Float[np.ndarray, "people unknowns 3 points"],
    settings: Settings,
) -> Normal:
    """People of whom only the upper part is seen hardly lean towards the camera or away.

    Networks squeeze the hidden half of the body into the box; foreshortening would explain that.
    """
    factor = (np.sqrt(evidence.unseen) / np.array(settings.lean))[:, None]
    ray = evidence.view[:, 2:]
    residual = ray @ (points @ leaning) * factor
    slope = ray[:, None] @ (derivative @ leaning) * factor[:, None]
    return gather(slope, residual)


def pose_prior(prior: PosePrior, skeleton: Skeleton, state: State) -> Normal:
    """Pose and shape against what is usual; exact second derivatives are not attempted."""
    people, betas = state.betas.shape
    vectors = rotation.to_axis_angle(state.rotations[:, skeleton.free[1:]])
    residual, slope = prior.residuals(vectors)
    turn = left_jacobian_inverse(vectors)
    held, first = vectors.shape[1], 6  # translation and the root's rotation come first
    gradient = np.zeros((people, skeleton.unknowns))
    pulled = np.sum(residual * slope, axis=-1)[..., None]
    gradient[:, first : first + 3 * held] = (turn.transpose(0, 1, 3, 2) @ pulled).reshape(
        people, -1
    )
    stretched = (state.betas - prior.betas_mean) * prior.betas_precision
    gradient[:, -betas:] = stretched * prior.betas_precision
    hessian = np.zeros((people, skeleton.unknowns, skeleton.unknowns))
    curvature = turn.transpose(0, 1, 3, 2) @ (np.sum(slope * slope, axis=-1)[..., None] * turn)
    for row in range(held):
        at = slice(first + 3 * row, first + 3 * row + 3)
        hessian[:, at, at] = curvature[:, row]
    last = np.arange(skeleton.unknowns - betas, skeleton.unknowns)
    hessian[:, last, last] = prior.betas_precision**2
    energy = np.sum((residual * residual).reshape(people, -1), axis=1)
    return Normal(
        energy=energy + np.sum(stretched**2, axis=1),
        gradient=gradient,
        hessian=hessian,
    )


def robust(
    residual: Float[np.ndarray, "people axes points"],
    slope: Float[np.ndarray, "people unknowns axes points"],
    weight: Float[np.ndarray, "people points"],
    width: float,
) -> Normal:
    """Cauchy energy of the points' residuals, linearised (see the head of this file)."""
    squared = np.sum(residual * residual, axis=1) / width**2
    factor = np.sqrt(weight / (1 + squared))
    normal = gather(slope * factor[:, None, None], residual * factor[:, None])
    return replace(normal, energy=np.sum(weight * np.log1p(squared), axis=1) * width**2)

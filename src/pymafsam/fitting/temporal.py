"""Many frames of one person solved as one problem: calm, but not slower than people are.

Beside each frame's own evidence stand terms that tie frames together: joints hardly accelerate
(in metres, so depth is calmed as well as the picture), rotations hardly accelerate (what turns
about its own axis moves no joint), feet that stand do not move. A frame is tied to the next two,
so the normal equations are banded; the shape, which all frames share, is a border of the band and
is eliminated by its Schur complement (Triggs et al., "Bundle Adjustment - A Modern Synthesis",
2000, section 6).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.fitting.chain import (
    Points,
    Skeleton,
    State,
    forward_kinematics,
    jacobian,
    skinned_points,
)
from pymafsam.fitting.objective import Normal, Objective
from pymafsam.geometry import rotation

FIRST, LEAST, MOST = 1e-3, 1e-7, 1e8  # damping, as in ``solver``
FALL, RISE = 0.2, 8.0
FLOOR = 1e-6
PINNED = 1e9  # added to the diagonal of frames that are not to move
SETTLED = 2e-4  # share of the energy; a step that gains less is the last
LONGEST_TURN = 0.7  # radians per step and joint
USUAL_STEP = 1 / 30  # seconds between frames that the deviations below are meant for


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """Deviations of what ties frames together, and how far outliers are let go.

    ``pixel`` multiplies a single frame's deviation of a keypoint. ``acceleration`` is a joint's in
    m/s^2, across the view and along it (of depth a picture says least, so its noise is largest);
    people who are captured in motion have 4 to 30, those who turn somersaults 100. ``turning`` is a
    rotation's in rad/s^2; both for frames 1/30 s apart: seen as white noise, so other frame rates
    are calmed alike. ``foot`` is how far, in metres, a standing foot may move from frame to frame.
    ``width`` is Cauchy's, in deviations. docs/results/video.md compares others with the truth.
    """

    pixel: float = 1.0
    acceleration: tuple[float, float, float] = (25.0, 25.0, 5.0)
    turning: float = 500.0
    foot: float = 0.0005
    width: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """What ties the frames of a stretch: their times, which feet stand, which frames are fixed.

    ``standing`` weights (0..1) each foot point from a frame to the next.
    """

    seconds: Float[np.ndarray, "frames"]
    standing: Float[np.ndarray, "steps feet"]
    pinned: Bool[np.ndarray, "frames"]

    def weights(self) -> Float[np.ndarray, "triples 3"]:
        """Second differences over three frames each, as accelerations times sqrt(time step)."""
        step = np.diff(self.seconds)
        before, after = step[:-1], step[1:]
        both = before + after
        rows = np.stack([2 / (before * both), -2 / (before * after), 2 / (after * both)], axis=1)
        return rows * np.sqrt(both / 2 / USUAL_STEP)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Banded:
    """Normal equations of all frames: a block for every pair of frames at most two apart.

    ``blocks[d][t]`` belongs to frames t (rows) and t + d (columns).
    """

    energy: float
    gradient: Float[np.ndarray, "frames unknowns"]
    blocks: tuple[Float[np.ndarray, "_ unknowns unknowns"], ...]
    border: Float[np.ndarray, "frames unknowns betas"]
    corner: Float[np.ndarray, "betas betas"]
    shape_gradient: Float[np.ndarray, "betas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The problem: each frame's evidence (``frames``, weighted by ``believed``) and the ties.

    Without ``ties`` the frames share nothing but the shape.
    """

    frames: Objective
    believed: Float[np.ndarray, "frames"]
    joints: Points
    feet: Points
    ties: Ties | None
    calm: Calm

    def __call__(self, state: State) -> Banded:
        """Energy and normal equations at ``state``."""
        own = self.frames(state)
        last = self.pose_unknowns
        weight = self.believed[:, None]
        hessian = own.hessian * weight[..., None]
        count = len(self.believed)
        banded = Banded(
            energy=float(np.sum(own.energy * self.believed)),
            gradient=own.gradient[:, :last] * weight,
            blocks=tuple(
                hessian[:, :last, :last] if d == 0 else np.zeros((max(count - d, 0), last, last))
                for d in range(3)
            ),
            border=hessian[:, :last, last:],
            corner=hessian[:, last:, last:].sum(axis=0),
            shape_gradient=np.sum(own.gradient[:, last:] * weight, axis=0),
        )
        return banded if self.ties is None else self._tied(banded, state, self.ties)

    @property
    def pose_unknowns(self) -> int:
        """Unknowns of one frame: translation and rotations."""
        return self.skeleton.unknowns - self.skeleton.joint_dirs.shape[2]

    @property
    def skeleton(self) -> Skeleton:
        return self.frames.skeleton

    def _tied(self, banded: Banded, state: State, ties: Ties) -> Banded:
        """With the terms between frames added (in place: the arrays are this call's own)."""
        energy = banded.energy
        last = self.pose_unknowns
        posed = forward_kinematics(self.skeleton, state)
        if len(state.betas) > 2:
            parts = skinned_points(self.joints, posed, state.betas)
            slope = jacobian(self.skeleton, self.joints, posed, parts)[:, :last]
            weights = ties.weights()
            unit = 1 / np.array(self.calm.acceleration)[:, None]
            moved = parts.sum(axis=1) * unit
            slope *= unit
            energy += _add(banded, moved, slope, weights, self.calm.width)
            energy += self._turning(banded, state, weights)
        if ties.standing.any():
            parts = skinned_points(self.feet, posed, state.betas)
            slope = jacobian(self.skeleton, self.feet, posed, parts)[:, :last] / self.calm.foot
            moved = parts.sum(axis=1) / self.calm.foot
            steps = np.tile([-1.0, 1.0], (len(moved) - 1, 1))
            energy += _add(banded, moved, slope, steps, np.inf, ties.standing)
        return replace(banded, energy=energy)

    def _turning(
        self, banded: Banded, state: State, weights: Float[np.ndarray, "triples 3"]
    ) -> float:
        """Rotations' accelerations; increments stand for differences of rotation vectors."""
        free = self.skeleton.free
        turns = state.rotations[:, free]
        steps = rotation.to_axis_angle(turns[1:] @ turns[:-1].transpose(0, 1, 3, 2))
        # With the weights (a, -a - c, c) of three frames: c (x2 - x1) - a (x1 - x0).
        after, before = weights[:, 2, None, None], weights[:, 0, None, None]
        residual = (after * steps[1:] - before * steps[:-1]) / self.calm.turning
        squared = np.sum(residual * residual, axis=2) / self.calm.width**2
        factor = (1 / (1 + squared))[..., None]
        scaled = weights / self.calm.turning
        pulled = (factor * residual).reshape(len(residual), -1)
        diagonal = 3 + np.arange(3 * len(free))
        stiff = np.repeat(factor[..., 0], 3, axis=1)
        for i in range(3):
            rows = slice(i, len(turns) - 2 + i)
            banded.gradient[rows, 3:] += scaled[:, i, None] * pulled
            for j in range(i, 3):
                product = (scaled[:, i] * scaled[:, j])[:, None] * stiff
                banded.blocks[j - i][rows, diagonal, diagonal] += product
        return float(np.sum(np.log1p(squared)) * self.calm.width**2)


def _add(
    banded: Banded,
    points: Float[np.ndarray, "frames 3 points"],
    slope: Float[np.ndarray, "frames unknowns 3 points"],
    weights: Float[np.ndarray, "windows span"],
    width: float,
    believed: Float[np.ndarray, "windows points"] | None = None,
) -> float:
    """Adds the residuals sum_i weights[w, i] points[w + i] and returns their robust energy."""
    windows, span = weights.shape
    residual = sum(weights[:, i, None, None] * points[i : windows + i] for i in range(span))
    squared = np.sum(np.square(residual), axis=1) / width**2
    trust = np.ones_like(squared) if believed is None else believed
    energy = np.sum(trust * np.log1p(squared)) * width**2 if np.isfinite(width) else None
    if energy is None:
        energy = np.sum(trust[:, None] * np.square(residual))
    root = np.sqrt(trust / (1 + squared))[:, None]
    flat = (residual * root).reshape(windows, -1, 1)
    rows = [
        (slope[i : windows + i] * (root * weights[:, i, None, None])[:, None]).reshape(
            windows, slope.shape[1], -1
        )
        for i in range(span)
    ]
    for i in range(span):
        banded.gradient[i : windows + i] += (rows[i] @ flat)[..., 0]
        for j in range(i, span):
            banded.blocks[j - i][i : windows + i] += rows[i] @ rows[j].transpose(0, 2, 1)
    return float(energy)


def minimise(
    problem: Sequence, state: State, iterations: int, *, free_shape: bool
) -> tuple[State, Float[np.ndarray, "frames"]]:
    """The state after at most ``iterations`` steps, and what each frame's evidence is left with.

    All rows of ``state.betas`` must be the same, and stay so; ``free_shape``: they are solved for.
    One damping for all frames: they stand and fall together.
    """
    current, damping = problem(state), FIRST
    for _ in range(iterations):
        step = _step(problem, current, damping, free_shape)
        trial = state.moved(step, problem.skeleton.free)
        found = problem(trial)
        if found.energy < current.energy:
            settled = current.energy - found.energy < SETTLED * current.energy
            state, current, damping = trial, found, max(damping * FALL, LEAST)
            if settled:
                break
        else:
            damping = min(damping * RISE, MOST)
    own: Normal = problem.frames(state)
    return state, own.energy


def _step(
    problem: Sequence, normal: Banded, damping: float, free_shape: bool
) -> Float[np.ndarray, "frames unknowns"]:
    from scipy.linalg import solveh_banded

    frames, unknowns = normal.gradient.shape
    lower = _lower_band(normal.blocks)
    lower[0] += damping * lower[0] + FLOOR
    if problem.ties is not None:
        lower[0] += np.repeat(PINNED * problem.ties.pinned, unknowns)
    gradient = normal.gradient.reshape(-1)
    betas = len(normal.corner)
    change = np.zeros(betas)
    if free_shape:
        border = normal.border.reshape(-1, betas)
        both = solveh_banded(lower, np.column_stack([gradient, border]), lower=True)
        solved, tilted = both[:, 0], both[:, 1:]
        corner = normal.corner + np.diag(damping * np.diag(normal.corner) + FLOOR)
        change = -np.linalg.solve(
            corner - border.T @ tilted, normal.shape_gradient - border.T @ solved
        )
        moved = -(solved + tilted @ change)
    else:
        moved = -solveh_banded(lower, gradient, lower=True)
    step = np.concatenate(
        [moved.reshape(frames, unknowns), np.broadcast_to(change, (frames, betas))], axis=1
    )
    turns = step[:, 3:unknowns].reshape(frames, -1, 3)
    longest = float(np.linalg.norm(turns, axis=2).max())
    return step * min(1.0, LONGEST_TURN / max(longest, 1e-12))


def _lower_band(
    blocks: tuple[Float[np.ndarray, "_ unknowns unknowns"], ...],
) -> Float[np.ndarray, "band columns"]:
    """LAPACK's lower band: row k holds the k-th subdiagonal of the whole matrix.

    Block (t, t + d) stands above the diagonal; its transpose is what goes below.
    """
    frames, unknowns = blocks[0].shape[:2]
    band = np.zeros((3 * unknowns, frames, unknowns))
    for d, block in enumerate(blocks):
        for column in range(unknowns):
            # Element (row r of frame t + d, this column of frame t) lies d u + r - column below.
            first = max(column - d * unknowns, 0)
            below = d * unknowns + np.arange(first, unknowns) - column
            band[below, : len(block), column] = block[:, column, first:].T
    return band.reshape(3 * unknowns, frames * unknowns)

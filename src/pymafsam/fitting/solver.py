"""Levenberg-Marquardt for many people at once.

Marquardt's scaling of the diagonal and a damping per person that falls after a step that helped
and grows after one that did not (More, "The Levenberg-Marquardt algorithm: implementation and
theory", 1978). Every person takes the same number of steps, so nobody's result depends on the
company (up to rounding in products of other sizes).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.fitting.chain import State
from pymafsam.fitting.objective import Normal

FIRST, LEAST, MOST = 1e-2, 1e-6, 1e8
FALL, RISE = 0.2, 6.0
FLOOR = 1e-6  # added to the diagonal, for unknowns that nothing speaks of
LONGEST_TURN = 1.0  # radians per step and joint


def minimise(
    objective: Callable[[State], Normal],
    state: State,
    free: Int[np.ndarray, "free"],
    iterations: int,
) -> tuple[State, Float[np.ndarray, "people"]]:
    """The state after ``iterations`` steps, and its energy per person (never above the start's)."""
    current = objective(state)
    damping = np.full(len(state.betas), FIRST)
    for _ in range(iterations):
        trial = state.moved(_step(current, damping, len(free)), free)
        found = objective(trial)
        better = found.energy < current.energy
        state = state.where(better, trial)
        current = _choose(better, found, current)
        damping = np.clip(np.where(better, damping * FALL, damping * RISE), LEAST, MOST)
    return state, current.energy


def _step(
    normal: Normal, damping: Float[np.ndarray, "people"], free: int
) -> Float[np.ndarray, "people unknowns"]:
    diagonal = np.arange(normal.hessian.shape[1])
    matrix = normal.hessian.copy()
    matrix[:, diagonal, diagonal] *= 1 + damping[:, None]
    matrix[:, diagonal, diagonal] += FLOOR
    step = -np.linalg.solve(matrix, normal.gradient[..., None])[..., 0]
    turns = step[:, 3 : 3 + 3 * free].reshape(len(step), free, 3)
    longest = np.linalg.norm(turns, axis=2).max(axis=1)
    return step * np.minimum(1.0, LONGEST_TURN / np.maximum(longest, 1e-12))[:, None]


def _choose(better: Bool[np.ndarray, "people"], found: Normal, current: Normal) -> Normal:
    return Normal(
        energy=np.where(better, found.energy, current.energy),
        gradient=np.where(better[:, None], found.gradient, current.gradient),
        hessian=np.where(better[:, None, None], found.hessian, current.hessian),
    )

"""Bodies calmed by what came before them alone, for live use: the One-Euro filter.

Casiez et al., "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", 2012: a low pass whose cutoff rises with the speed, so that rest is calm and quick
motion hardly lags. Rotations are filtered along the turn that is left to go.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.geometry import rotation
from pymafsam.records import Body, Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEuro:
    """``slowest`` is the cutoff at rest, Hz; ``rise`` how much it grows per unit of speed (radians
    or metres per second); speeds themselves are low-passed at ``speed_cutoff``.
    """

    slowest: float = 1.2
    rise: float = 1.0
    speed_cutoff: float = 1.0

    def share(
        self, speeds: Float[np.ndarray, "speeds"], seconds: float
    ) -> Float[np.ndarray, "speeds"]:
        """The share of the way to a new value that is gone in a step, at these speeds."""
        return 1 / (1 + 1 / (2 * np.pi * (self.slowest + self.rise * speeds) * seconds))

    def speed_share(self, seconds: float) -> float:
        """The same for the speeds themselves."""
        return 1 / (1 + 1 / (2 * np.pi * self.speed_cutoff * seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calmed:
    seconds: float
    pose: Pose
    translation: Float[np.ndarray, "3"]
    speeds: Float[np.ndarray, "speeds"]  # low-passed: every joint's turning, then the place's


class Calmer:
    """Calms bodies by track, frame after frame. Whose pause is longer than ``forget`` is new."""

    def __init__(self, settings: OneEuro | None = None, forget: float = 0.5):
        self.settings = settings or OneEuro()
        self.forget = forget
        self.known: dict[int, _Calmed] = {}

    def step(self, body: Body, seconds: float) -> tuple[Pose, Float[np.ndarray, "3"]]:
        """The body's calmed pose and place at ``seconds``, which must rise."""
        track = body.person.track
        known = None if track is None else self.known.get(track)
        if known is None or seconds - known.seconds > self.forget:
            known = _first(body, seconds)
        elif seconds > known.seconds:
            known = self._next(known, body, seconds)
        if track is not None:
            self.known[track] = known
        return known.pose, known.translation

    def _next(self, known: _Calmed, body: Body, seconds: float) -> _Calmed:
        settings, step = self.settings, seconds - known.seconds
        ahead = rotation.to_axis_angle(
            body.pose.rotations.astype(np.float64) @ known.pose.rotations.swapaxes(-1, -2)
        )
        way = body.translation - known.translation
        now = np.append(np.linalg.norm(ahead, axis=-1), np.linalg.norm(way)) / step
        speeds = known.speeds + settings.speed_share(step) * (now - known.speeds)
        share = settings.share(speeds, step)
        turned = rotation.from_axis_angle(share[:-1, None] * ahead) @ known.pose.rotations
        # The shape belongs to the person: it only ever moves slowly.
        betas = known.pose.betas + 0.05 * (body.pose.betas - known.pose.betas)
        return replace(
            known,
            seconds=seconds,
            pose=Pose(rotations=turned, betas=betas),
            translation=known.translation + share[-1] * way,
            speeds=speeds,
        )


def _first(body: Body, seconds: float) -> _Calmed:
    return _Calmed(
        seconds=seconds,
        pose=Pose(
            rotations=body.pose.rotations.astype(np.float64),
            betas=body.pose.betas.astype(np.float64),
        ),
        translation=body.translation.astype(np.float64),
        speeds=np.zeros(len(body.pose.rotations) + 1),
    )

"""Which foot stands when: its keypoints hardly move in the picture of a camera that stands still.

A jump of a keypoint from frame to frame is mostly noise, so the speed is taken over ``OVER``
seconds; what stands for shorter than ``SHORTEST`` does not stand.
"""

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.fitting.evidence import FEET, LANDMARKS

SLOW = 0.16  # heights of the person per second: about 0.28 m/s
OVER = 0.14  # seconds
SHORTEST = 0.16  # seconds
SURE = 0.5  # confidence below which a foot's place is not known
ROWS = [LANDMARKS.index(name) for name in FEET]


def standing(
    feet: Float[np.ndarray, "frames feet 3"],
    seconds: Float[np.ndarray, "frames"],
    height: float,
    still: Bool[np.ndarray, "steps"],
) -> Float[np.ndarray, "steps feet"]:
    """1 where a foot point stands from a frame to the next, else 0.

    ``feet`` are pixels and confidence of the points in ``FEET``'s order (NaN where not looked at:
    bridged), ``height`` the person's in pixels, ``still`` whether the camera stood still.
    """
    frames, count = feet.shape[:2]
    out = np.zeros((max(frames - 1, 0), count))
    for foot in range(count):
        known = np.flatnonzero(feet[:, foot, 2] > SURE)
        if len(known) < 3:
            continue
        place = np.stack(
            [np.interp(seconds, seconds[known], feet[known, foot, axis]) for axis in (0, 1)], 1
        )
        slow = _speed(place, seconds) < SLOW * height
        slow[: known[0]] = slow[known[-1] + 1 :] = False
        steps = slow[:-1] & slow[1:] & still
        out[:, foot] = _long_enough(steps, seconds)
    return out


def _speed(
    place: Float[np.ndarray, "frames 2"], seconds: Float[np.ndarray, "frames"]
) -> Float[np.ndarray, "frames"]:
    """Pixels per second at every frame, by a straight line through those around it.

    At the ends the line reaches as far as elsewhere, to one side.
    """
    speeds = np.empty(len(seconds))
    first, last = seconds[0] + OVER / 2, seconds[-1] - OVER / 2
    middle = np.maximum(np.minimum(seconds, max(first, last)), min(first, last))
    for k, now in enumerate(middle):
        near = np.abs(seconds - now) <= OVER / 2 + 1e-6
        times = seconds[near] - seconds[near].mean()
        spread = float(times @ times)
        slope = times @ place[near] / spread if spread > 0 else np.full(2, np.inf)
        speeds[k] = np.hypot(*slope)
    return speeds


def _long_enough(
    steps: Bool[np.ndarray, "steps"], seconds: Float[np.ndarray, "frames"]
) -> Float[np.ndarray, "steps"]:
    """The runs of steps that last for ``SHORTEST``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], steps.astype(np.int8), [0]])))
    out = np.zeros(len(steps))
    for begin, end in edges.reshape(-1, 2):
        if seconds[end] - seconds[begin] >= SHORTEST:
            out[begin:end] = 1.0
    return out

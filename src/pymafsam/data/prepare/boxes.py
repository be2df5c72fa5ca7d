"""The square around a person as SPIN's preparation makes it, and the orders of raw joints."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pymafsam.data.rows import PIXELS_PER_SCALE
from pymafsam.geometry.joints import J24

MARGIN = 1.2  # side of the square over the longer side of the box


def square(box: Float[np.ndarray, "4"]) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre and scale (side / 200) of the square around x0 y0 x1 y1, a fifth larger."""
    x0, y0, x1, y1 = map(float, box)
    longer = max(x1 - x0, y1 - y0)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2]), MARGIN * longer / PIXELS_PER_SCALE


def around(keypoints: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "4"] | None:
    """The box of the known keypoints (confidence above 0); None without two of them apart."""
    known = keypoints[keypoints[:, 2] > 0, :2]
    if len(known) < 2:
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    return np.concatenate([low, high]) if (high - low).max() >= 1 else None


def into_j24(
    points: Float[np.ndarray, "points columns"], names: Sequence[str]
) -> Float[np.ndarray, "24 columns"]:
    """Points in the order of J24's 24 names; the ones that ``names`` lacks are zero."""
    out = np.zeros((len(J24), points.shape[1]))
    for name, point in zip(names, points, strict=True):
        if name in J24:
            out[J24.index(name)] = point
    return out

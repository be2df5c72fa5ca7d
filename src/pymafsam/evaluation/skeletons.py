"""Joints of answers side by side: by name, around their root, in millimetres."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation.cases import Found
from pymafsam.geometry.joints import COCO17, SMPL24

# Best first: the skeleton, else what every result file has.
SETS: Mapping[str, Sequence[str]] = {"body24": SMPL24, "coco17": COCO17}
LAYOUTS = {"body24": "smpl24", "coco17": "coco17"}
METRE = 1000.0  # millimetres


def shared_set(people: Sequence[Found]) -> str | None:
    """The best set of joints that all of them have."""
    return next((name for name in SETS if all(name in p.joints for p in people)), None)


def around_root(points: Float[np.ndarray, "points 3"], which: str) -> Float[np.ndarray, "points 3"]:
    """Joints relative to the middle of the hips."""
    return points - middle(points, which, "hip")


def middle(
    points: Float[np.ndarray, "points axes"], which: str, pair: str
) -> Float[np.ndarray, "axes"]:
    """The middle of a pair of joints (``hip``, ``shoulder``, ``ankle``)."""
    names = SETS[which]
    return (points[names.index(f"left_{pair}")] + points[names.index(f"right_{pair}")]) / 2

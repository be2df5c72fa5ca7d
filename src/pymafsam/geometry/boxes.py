"""Boxes x0 y0 x1 y1: how much they overlap, and which of several to keep."""

import numpy as np
from jaxtyping import Float

from pymafsam.records import Inside

Box = Float[np.ndarray, "4"]
Boxes = Float[np.ndarray, "boxes 4"]


def intersection_over_union(
    first: Boxes, second: Float[np.ndarray, "others 4"]
) -> Float[np.ndarray, "boxes others"]:
    """Of every pair the shared area over the joint area; 0 where both are empty."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    joint = area(first)[:, None] + area(second)[None] - shared
    return np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    return float(intersection_over_union(one[None], other[None])[0, 0])


def bounds(inside: Inside) -> Box:
    """The box x0, y0, x1, y1 around the pixels inside; all zero when there are none."""
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    if not len(rows):
        return np.zeros(4)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def area(boxes: Boxes) -> Float[np.ndarray, "boxes"]:
    """Width times height; 0 for boxes turned inside out."""
    return np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), -1)


def nms(boxes: Boxes, scores: Float[np.ndarray, "boxes"], most: float) -> list[int]:
    """Indices of boxes that no surer kept box overlaps by more than ``most``, surest first."""
    order = np.argsort(-scores, kind="stable")
    overlaps = intersection_over_union(boxes, boxes)
    chosen: list[int] = []
    for index in order.tolist():
        if all(overlaps[index, other] <= most for other in chosen):
            chosen.append(index)
    return chosen

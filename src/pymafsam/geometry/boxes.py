"""Boxes x0 y0 x1 y1: how much they overlap, and which of several to keep."""

import numpy as np
from jaxtyping import Float

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


def area(boxes: Boxes) -> Float[np.ndarray, "boxes"]:
    """Width times height; 0 for boxes turned inside out."""
    return np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), -1)


def nms(boxes: Boxes, scores: Float[np.ndarray, "boxes"], overlap: float) -> list[int]:
    """Indices of boxes that no surer kept box overlaps by more than ``overlap``, surest first."""
    order = np.argsort(-scores, kind="stable")
    overlaps = intersection_over_union(boxes, boxes)
    chosen: list[int] = []
    for index in order.tolist():
        if all(overlaps[index, other] <= overlap for other in chosen):
            chosen.append(index)
    return chosen

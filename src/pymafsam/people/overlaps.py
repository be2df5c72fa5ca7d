"""Boxes and people that overlap: how much, and which of them to keep."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from pymafsam.records import Person

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


def kept(boxes: Boxes, scores: Float[np.ndarray, "boxes"], overlap: float) -> list[int]:
    """Indices of boxes that no surer kept box overlaps by more than ``overlap``, surest first."""
    order = np.argsort(-scores, kind="stable")
    overlaps = intersection_over_union(boxes, boxes)
    chosen: list[int] = []
    for index in order.tolist():
        if all(overlaps[index, other] <= overlap for other in chosen):
            chosen.append(index)
    return chosen


def likeness(first: Person, second: Person) -> float:
    """How far two people's keypoints lie on each other, 0..1; 0 without keypoints to compare.

    The mean over keypoints of a Gaussian of their distance; its deviation is a tenth of the larger
    person's size (after COCO's object keypoint similarity, with one constant for all points).
    """
    if first.keypoints is None or second.keypoints is None or first.layout != second.layout:
        return 0.0
    size = area(np.stack([first.box, second.box])).max()
    squared = ((first.keypoints[:, :2] - second.keypoints[:, :2]) ** 2).sum(-1)
    return float(np.exp(-squared / max(0.02 * size, 1e-9)).mean())


def distinct(people: Iterable[Person], most: float = 0.6) -> list[Person]:
    """The people less those whose keypoints are an earlier one's: two boxes around one person."""
    chosen: list[Person] = []
    for person in people:
        if all(likeness(person, other) < most for other in chosen):
            chosen.append(person)
    return chosen

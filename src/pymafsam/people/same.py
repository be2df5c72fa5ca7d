"""Whether two descriptions are of one person."""

from collections.abc import Iterable

import numpy as np

from pymafsam.geometry.boxes import area
from pymafsam.records import Person

SAME = 0.6  # likeness from which two descriptions are of one person


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


def doubles(person: Person, others: Iterable[Person]) -> list[Person]:
    """Those of ``others`` whose keypoints this person has too."""
    return [other for other in others if likeness(person, other) >= SAME]


def distinct(people: Iterable[Person]) -> list[Person]:
    """The people less those whose keypoints are an earlier one's: two boxes around one person."""
    chosen: list[Person] = []
    for person in people:
        if not doubles(person, chosen):
            chosen.append(person)
    return chosen

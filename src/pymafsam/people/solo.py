"""People described by BlazePose alone, for installations that have pip and no npm.

A first look at the box tells where the whole person is, also the part that the box or the picture
cuts off, and which way is up; the second look is at that window. Its places are less exact than
MoveNet's, most of all where people touch (docs/results/people.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pymafsam.geometry.affine import around_box
from pymafsam.people.fusion import calibrated
from pymafsam.people.landmarks import POINTS, Run
from pymafsam.people.looks import Look, described, look_at, whole_person
from pymafsam.records import Person, Pixels

BOX_MARGIN = 1.5  # side of the first window per longer side of the box
# A second look that agrees with the box by this much less than the first went astray.
ASTRAY = 0.05
# A first look that fits less is tried turned, and believed turned where that fits so much better.
UNCLEAR = 0.55
CLEARER = 0.05


@dataclass(frozen=True)
class SoloDescriber:
    """Describes people with one landmark network."""

    network: Run

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with all that ``Describer.describe`` fills in."""
        return [self._one(pixels, person) for person in people]

    def _one(self, pixels: Pixels, person: Person) -> Person:
        first = self._first(pixels, person)
        # Only the last look is worth its mirror image.
        window = whole_person(first, person.box)
        second = look_at(self.network, pixels, window, person.box, mirror=True)
        best = second if second.fits > first.fits - ASTRAY else first
        answer = np.column_stack([best.points, best.strength])[:POINTS]
        keypoints = calibrated(answer, person.box)
        return described(person, best, keypoints, {"blazepose33": answer}, pixels)

    def _first(self, pixels: Pixels, person: Person) -> Look:
        """The look at the box; when it shows little, also turned: the network expects heads up."""
        upright = around_box(person.box, BOX_MARGIN)
        look = look_at(self.network, pixels, upright, person.box)
        if look.fits >= UNCLEAR:
            return look
        turned = [replace(upright, angle=np.pi / 2 * quarter) for quarter in (1, 2, 3)]
        looks = [look_at(self.network, pixels, window, person.box) for window in turned]
        best = max(looks, key=lambda one: one.fits)
        return best if best.fits > look.fits + CLEARER else look

"""What people in given boxes look like: keypoints, metres, presence, mask.

MoveNet says where COCO's 17 points are and how surely: it keeps to the person in the middle of
its window. BlazePose says the rest (metres, feet, hands, mask) in one look at the window that
these points give; a second look is taken only where it described somebody else. A look is at a
window and at its mirror image at once (in two threads), so that a mirrored picture gives mirrored
people. Which choice is worth what stands in docs/results/people.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.ahead import abreast
from pymafsam.geometry.affine import Window, around_box
from pymafsam.geometry.joints import COCO17
from pymafsam.people import movenet
from pymafsam.people.features import Projection
from pymafsam.people.fusion import Compared, merged
from pymafsam.people.glances import glanced
from pymafsam.people.landmarks import POINTS, Run
from pymafsam.people.looks import (
    COCO,
    Look,
    agreement,
    described,
    look_at,
    upright_window,
)
from pymafsam.people.movenet import Seen
from pymafsam.records import Person, Pixels

MARGIN = 1.1  # side of MoveNet's window per longer side of the box
CLOSER = 1.0  # the same of a second window: a closer look, which cuts limbs off here and there
BOX_MARGIN = 1.5  # side of BlazePose's where the person's own size is not known
# Somebody whose points fit the box less, or whose trunk is turned by more (radians), is looked at
# turned too, and believed turned where that fits so much better.
UNCLEAR = 0.25
TURNED = np.pi / 4
CLEARER = 0.1
ASLANT = np.pi / 12  # radians; whose trunk is turned by less counts as upright in a window
# Points that fit the box less do not say where BlazePose should look; nor does a single point
# below this confidence.
SURE = 0.2
CROWN = 1.08  # how much further from the hips a body reaches than its keypoints
# A window and its mirror image that give points this unlike each other (1: the same) are of two
# people, or of two poses: their mean would be of nobody.
DIVIDED = 0.8
# BlazePose described somebody else when its points are this unlike MoveNet's (1: the same).
SOMEBODY_ELSE = 0.6
TOGETHER = 2  # people described at a time; networks need not be open more often

SHOULDERS = [COCO17.index(f"{side}_shoulder") for side in ("left", "right")]
HIPS = [COCO17.index(f"{side}_hip") for side in ("left", "right")]
Coco = Float[np.ndarray, "17 3"]


@dataclass(frozen=True, slots=True)
class Places:
    """MoveNet's points (picture pixels, confidence) and how well they fit the box, 0..1.

    ``seen`` is all that was read in the window they were read in.
    """

    points: Coco
    fits: float
    seen: Seen


@dataclass(frozen=True)
class Describer:
    """Describes people with both networks.

    ``thorough``: unclear people are looked at again; ``mirrored``: every look is at the mirror
    image, too; with both, everybody is looked at closer, too. ``watch`` is told all that MoveNet
    saw of each person in the window of their features, in no order of theirs.
    """

    movenet: Callable[[Pixels], movenet.Heads]
    blazepose: Run
    features: Projection | None = None
    thorough: bool = True
    mirrored: bool = True
    watch: Callable[[Seen], None] | None = None

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, answers, features, world, presence, keypoint_score, mask.

        A keypoint's confidence is how likely it is right, 0..1. ``keypoint_score`` is the mean of
        COCO's 17, those outside the box counting nothing: it falls when somebody else was
        described, or when most of the person is hidden.
        """
        return side_by_side(lambda person: self._one(pixels, person), people)

    def glance(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """People whom ``describe`` described a moment ago, in their boxes of now, by MoveNet alone.

        Takes less than half the time. Without a mask; see ``glances`` for the rest.
        """

        def one(person: Person) -> Person:
            places = self._places(pixels, person.box)
            return replace(glanced(person, places.points), features=self._features(places))

        return side_by_side(one, people)

    def _one(self, pixels: Pixels, person: Person) -> Person:
        places = self._closer(pixels, person.box)
        look = self._look(pixels, person.box, places)
        landmarks = np.column_stack([look.points, look.strength])[:POINTS]
        keypoints = merged(places.points, landmarks, person.box)
        answers = {"coco17": places.points, "blazepose33": landmarks}
        person = replace(person, features=self._features(places))
        return described(person, look, keypoints, answers, pixels)

    def _features(self, places: Places) -> Float[np.ndarray, "ways 17 features"] | None:
        if self.watch is not None:
            self.watch(places.seen)
        if self.features is None:
            return None
        return self.features(places.seen.at(places.points[:, :2]))

    def _closer(self, pixels: Pixels, box: Float[np.ndarray, "4"]) -> Places:
        """``_places``, with points in which a closer look at the same person has a say, too.

        At people who are aslant in their window it looks turned as they are.
        """
        places = self._places(pixels, box)
        if not (self.thorough and self.mirrored):
            return places
        window = replace(around_box(box, CLOSER), angle=_facing(places))
        points = movenet.agreed(places.points, self._read(pixels, window, box).points, box)
        return replace(places, points=points, fits=agreement(points[:, :2], points[:, 2], box))

    def _places(self, pixels: Pixels, box: Float[np.ndarray, "4"]) -> Places:
        """MoveNet's look at the box; where no clear figure stands there, also turned."""
        upright = around_box(box, MARGIN)
        places = self._read(pixels, upright, box)
        clear = places.fits >= UNCLEAR and abs(leaning(places.points)) < TURNED
        if clear or not self.thorough:
            return places
        turned = [
            self._read(pixels, replace(upright, angle=np.pi / 2 * quarter), box)
            for quarter in (1, 2, 3)
        ]
        best = max(turned, key=lambda one: one.fits)
        return best if best.fits > places.fits + CLEARER else places

    def _read(self, pixels: Pixels, window: Window, box: Float[np.ndarray, "4"]) -> Places:
        seen = movenet.read(self.movenet, pixels, window, mirror=self.mirrored)
        found = [
            Places(points, agreement(points[:, :2], points[:, 2], box), seen)
            for points in seen.readings
        ]
        mean, *ways = found
        if not ways or Compared.of(ways[0].points, ways[1].points, box).alike >= DIVIDED:
            return mean
        return max(found, key=lambda one: one.fits)

    def _look(self, pixels: Pixels, box: Float[np.ndarray, "4"], places: Places) -> Look:
        """BlazePose's look at the person; a second one where the first was at somebody else."""
        around = replace(around_box(box, BOX_MARGIN), angle=places.seen.window.angle)
        own = own_window(places.points, box) if places.fits >= SURE else None
        look = look_at(self.blazepose, pixels, own or around, box, mirror=self.mirrored)
        if not self.thorough or own is None or alike(look, places, box) >= SOMEBODY_ELSE:
            return look
        other = look_at(self.blazepose, pixels, around, box, mirror=self.mirrored)
        return max(look, other, key=lambda one: alike(one, places, box))


def side_by_side(describe: Callable[[Person], Person], people: Sequence[Person]) -> list[Person]:
    """Everybody described, several people at a time: a core that is free has somebody to see."""
    if len(people) < 2:
        return [describe(person) for person in people]
    return list(abreast(describe, people, TOGETHER))


def alike(look: Look, places: Places, box: Float[np.ndarray, "4"]) -> float:
    """How far BlazePose's points lie on MoveNet's, 0..1."""
    theirs = np.column_stack([look.points, look.strength])[COCO]
    return Compared.of(places.points, theirs, box).alike.item()


def _facing(places: Places) -> float:
    """The angle at which a window has the person upright, or nearly."""
    seen, own = places.seen.window.angle, leaning(places.points)
    aslant = (own - seen + np.pi) % (2 * np.pi) - np.pi
    return own if abs(aslant) >= ASLANT else seen


def leaning(points: Coco) -> float:
    """How far the trunk is turned from upright in the picture, radians clockwise."""
    right, down = points[SHOULDERS, :2].mean(0) - points[HIPS, :2].mean(0)
    return float(np.arctan2(right, -down))


def own_window(points: Coco, box: Float[np.ndarray, "4"]) -> Window:
    """The upright window of somebody's circle, from MoveNet's points."""
    hips = points[HIPS, :2].mean(0)
    away = np.linalg.norm(points[:, :2] - hips, axis=1)
    radius = CROWN * float(away[points[:, 2] >= SURE].max(initial=0.0))
    return upright_window(hips, points[SHOULDERS, :2].mean(0) - hips, radius, box)

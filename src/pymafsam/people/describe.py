"""What people in given boxes look like: keypoints, metres, presence, mask.

A first look at the box tells where the whole person is, also the part that the box or the picture
cuts off, and which way is up; the second look is at that window. Which choice is worth what stands
in docs/results/people.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.affine import Window, around_box, between_centres
from pymafsam.geometry.joints import BLAZEPOSE33, mapping
from pymafsam.people.landmarks import CIRCLE, HIPS, POINTS, SIZE, Reading, Run, read
from pymafsam.records import Inside, Person, Pixels

COCO = mapping("blazepose33", "coco17")
SHOULDER_PAIR = [BLAZEPOSE33.index(f"{side}_shoulder") for side in ("left", "right")]
HIP_PAIR = [BLAZEPOSE33.index(f"{side}_hip") for side in ("left", "right")]

BOX_MARGIN = 1.5  # side of the first window per longer side of the box
CIRCLE_MARGIN = 1.25  # side of the second window per diameter of the person's circle
SLACK = 0.05  # keypoints may lie this far outside the box, per longer side
# A second look that agrees with the box by this much less than the first went astray.
ASTRAY = 0.05
# A first look that fits less is tried turned, and believed turned where that fits so much better.
UNCLEAR = 0.55
CLEARER = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much work is spent on a person: turn the box if need be, look again, and average with
    the mirror image.
    """

    turn: bool
    again: bool
    mirror: bool


QUALITY: Mapping[str, Quality] = {
    "best": Quality(turn=True, again=True, mirror=True),
    "fast": Quality(turn=False, again=False, mirror=False),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One reading with its points in the picture, and how well they fit the box (0..1)."""

    reading: Reading
    points: Float[np.ndarray, "39 2"]
    strength: Float[np.ndarray, "39"]
    fits: float


@dataclass(frozen=True)
class Describer:
    """Describes people with one landmark network."""

    network: Run
    quality: Quality

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, world, presence, keypoint_score and mask filled in.

        A keypoint's confidence is the maximum of its heatmap, 0..1. ``keypoint_score`` is the
        mean confidence of the 17 COCO keypoints times the share of it that lies in the box: it
        falls when somebody else was described, or when most of the person is hidden.
        """
        return [self._one(pixels, person) for person in people]

    def _one(self, pixels: Pixels, person: Person) -> Person:
        best = self._first(pixels, person)
        if self.quality.again:
            again = self._look(pixels, person, whole_person(best, person.box), first=False)
            best = again if again.fits > best.fits - ASTRAY else best
        return replace(
            person,
            keypoints=np.column_stack([best.points, best.strength])[:POINTS],
            world=in_picture_axes(best.reading)[:POINTS],
            presence=best.reading.presence,
            keypoint_score=best.fits,
            mask=whole_picture_mask(best.reading, pixels.shape[:2]),
        )

    def _first(self, pixels: Pixels, person: Person) -> Look:
        """The look at the box; when it shows little, also turned: the network expects heads up."""
        upright = around_box(person.box, BOX_MARGIN)
        look = self._look(pixels, person, upright, first=True)
        if not self.quality.turn or look.fits >= UNCLEAR:
            return look
        turned = [replace(upright, angle=np.pi / 2 * quarter) for quarter in (1, 2, 3)]
        looks = [self._look(pixels, person, window, first=True) for window in turned]
        best = max(looks, key=lambda one: one.fits)
        return best if best.fits > look.fits + CLEARER else look

    def _look(self, pixels: Pixels, person: Person, window: Window, *, first: bool) -> Look:
        # Only the last look is worth its mirror image.
        mirror = self.quality.mirror and not (first and self.quality.again)
        reading = read(self.network, pixels, window, mirror=mirror)
        points, strength = reading.points()
        return Look(reading, points, strength, agreement(points[COCO], strength[COCO], person.box))


def whole_person(look: Look, box: Float[np.ndarray, "4"]) -> Window:
    """The window that holds all of a person, upright, as far as a first look can tell."""
    hips, rim = look.points[HIPS], look.points[CIRCLE]
    up = look.points[SHOULDER_PAIR].mean(0) - look.points[HIP_PAIR].mean(0)
    longer = float(max(box[2] - box[0], box[3] - box[1], 1.0))
    # Nobody is much smaller than their box; a person of whom the box holds a part is larger.
    radius = float(np.clip(np.linalg.norm(rim - hips), 0.3 * longer, 3 * longer))
    angle = float(np.arctan2(up[0], -up[1]))
    return Window((float(hips[0]), float(hips[1])), 2 * radius * CIRCLE_MARGIN, angle)


def agreement(
    points: Float[np.ndarray, "points 2"],
    strength: Float[np.ndarray, "points"],
    box: Float[np.ndarray, "4"],
) -> float:
    """Mean strength of points, those outside the box counted as none; 0..1."""
    slack = SLACK * float(max(box[2] - box[0], box[3] - box[1]))
    inside = ((points >= box[:2] - slack) & (points <= box[2:] + slack)).all(-1)
    return float((strength * inside).mean())


def in_picture_axes(reading: Reading) -> Float[np.ndarray, "39 3"]:
    """The metric points, turned from the window's axes to the picture's."""
    cosine, sine = np.cos(reading.window.angle), np.sin(reading.window.angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return reading.world @ turn.T


def whole_picture_mask(reading: Reading, size: tuple[int, int]) -> Inside:
    """The window's mask laid back over the picture; ``size`` is (height, width)."""
    import cv2

    height, width = size
    laid = cv2.warpAffine(
        reading.mask.astype(np.float32),
        between_centres(reading.window.to_frame(SIZE)),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return laid > 0.5

"""What people in given boxes look like: keypoints, metres, presence, mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.joints import mapping
from pymafsam.people.landmarks import POINTS, SIZE, Reading, read
from pymafsam.people.litert import Network
from pymafsam.people.windows import around_box
from pymafsam.records import Inside, Person, Pixels

COCO = mapping("blazepose33", "coco17")
MARGIN = 1.5  # the first window, per longer side of the box


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much work is spent on a person; ``mirror``: average with the mirrored window."""

    mirror: bool


QUALITY: Mapping[str, Quality] = {
    "best": Quality(mirror=True),
    "fast": Quality(mirror=False),
}


@dataclass(frozen=True)
class Describer:
    """Describes people with one landmark network."""

    network: Network
    quality: Quality

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, world, presence and mask filled in."""
        return [self._one(pixels, person) for person in people]

    def _one(self, pixels: Pixels, person: Person) -> Person:
        window = around_box(person.box, MARGIN)
        reading = read(self.network, pixels, window, mirror=self.quality.mirror)
        points, strength = reading.points()
        return replace(
            person,
            keypoints=np.column_stack([points, strength])[:POINTS],
            world=in_picture_axes(reading)[:POINTS],
            presence=reading.presence,
            keypoint_score=float(strength[COCO].mean()),
            mask=whole_picture_mask(reading, pixels.shape[:2]),
        )


def in_picture_axes(reading: Reading) -> Float[np.ndarray, "39 3"]:
    """The metric points, turned from the window's axes to the picture's."""
    cosine, sine = np.cos(reading.window.angle), np.sin(reading.window.angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return reading.world @ turn.T


def whole_picture_mask(reading: Reading, size: tuple[int, int]) -> Inside:
    """The window's mask laid back over the picture; ``size`` is (height, width)."""
    import cv2

    from pymafsam.people.windows import between_centres

    height, width = size
    laid = cv2.warpAffine(
        reading.mask.astype(np.float32),
        between_centres(reading.window.to_frame(SIZE)),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return laid > 0.5

"""One look of BlazePose at a window of a picture, and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.affine import Square, Window, between_centres
from pymafsam.geometry.joints import BLAZEPOSE33, mapping
from pymafsam.people.landmarks import CIRCLE, HIPS, POINTS, SIZE, Reading, Run, read
from pymafsam.records import Inside, Person, Pixels

COCO = mapping("blazepose33", "coco17")
SHOULDER_PAIR = [BLAZEPOSE33.index(f"{side}_shoulder") for side in ("left", "right")]
HIP_PAIR = [BLAZEPOSE33.index(f"{side}_hip") for side in ("left", "right")]

CIRCLE_MARGIN = 1.25  # side of the window per diameter of the person's circle
SLACK = 0.05  # keypoints may lie this far outside the box, per longer side


@dataclass(frozen=True, slots=True)
class Look:
    """One reading with its points in the picture, and how well they fit the box (0..1)."""

    reading: Reading
    points: Float[np.ndarray, "39 2"]
    strength: Float[np.ndarray, "39"]
    fits: float


def look_at(
    network: Run,
    pixels: Pixels,
    window: Window,
    box: Float[np.ndarray, "4"],
    *,
    mirror: bool = False,
) -> Look:
    """What BlazePose says of a window, for the person in ``box`` (picture pixels)."""
    reading = read(network, pixels, window, mirror=mirror)
    points, strength = reading.points()
    return Look(reading, points, strength, agreement(points[COCO], strength[COCO], box))


def whole_person(look: Look, box: Float[np.ndarray, "4"]) -> Window:
    """The window that holds all of a person, upright, as far as a first look can tell."""
    hips, rim = look.points[HIPS], look.points[CIRCLE]
    up = look.points[SHOULDER_PAIR].mean(0) - look.points[HIP_PAIR].mean(0)
    return upright_window(hips, up, float(np.linalg.norm(rim - hips)), box)


def upright_window(
    hips: Float[np.ndarray, "2"],
    up: Float[np.ndarray, "2"],
    radius: float,
    box: Float[np.ndarray, "4"],
) -> Window:
    """The window of a circle around the hips, turned so that ``up`` (picture pixels) is up."""
    longer = float(max(box[2] - box[0], box[3] - box[1], 1.0))
    # Nobody is much smaller than their box; a person of whom the box holds a part is larger.
    radius = float(np.clip(radius, 0.3 * longer, 3 * longer))
    angle = float(np.arctan2(up[0], -up[1]))
    return Square((float(hips[0]), float(hips[1])), 2 * radius * CIRCLE_MARGIN, angle)


def agreement(
    points: Float[np.ndarray, "points 2"],
    strength: Float[np.ndarray, "points"],
    box: Float[np.ndarray, "4"],
) -> float:
    """Mean strength of points, those outside the box counted as none; 0..1."""
    slack = SLACK * float(max(box[2] - box[0], box[3] - box[1]))
    inside = ((points >= box[:2] - slack) & (points <= box[2:] + slack)).all(-1)
    return float((strength * inside).mean())


def described(
    person: Person,
    look: Look,
    keypoints: Float[np.ndarray, "33 3"],
    answers: Mapping[str, Float[np.ndarray, "points 3"]],
    pixels: Pixels,
) -> Person:
    """The person with keypoints, and with what the ``look`` says of metres, presence and mask.

    ``keypoint_score`` is the mean confidence of COCO's 17, those outside the box counting nothing.
    """
    return replace(
        person,
        keypoints=keypoints,
        answers=answers,
        world=in_picture_axes(look.reading)[:POINTS],
        presence=look.reading.presence,
        keypoint_score=agreement(keypoints[COCO, :2], keypoints[COCO, 2], person.box),
        mask=whole_picture_mask(look.reading, pixels.shape[:2]),
    )


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

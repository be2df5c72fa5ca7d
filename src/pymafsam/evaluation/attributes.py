"""What makes a person hard: hidden, cut off, small, turned, crowded. From annotations alone.

Figures by attribute say where a method fails; the bounds of the classes are fixed here so that
numbers of different runs mean the same.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation.coco import Annotated, AnnotatedPicture
from pymafsam.geometry.boxes import area
from pymafsam.geometry.joints import COCO17

SHOULDERS = [COCO17.index(f"{side}_shoulder") for side in ("left", "right")]
HIPS = [COCO17.index(f"{side}_hip") for side in ("left", "right")]
EDGE = 2.0  # pixels from the picture's edge
SMALL, LARGE = 64.0, 160.0  # pixels: root of the box's area
CROWDED = 0.2  # of a person's box inside somebody else's


def of_picture(picture: AnnotatedPicture) -> list[Mapping[str, str]]:
    """Attribute -> class of each person in a picture."""
    boxes = np.array([person.box for person in picture.people]).reshape(-1, 4)
    crowding = crowded(boxes)
    return [
        {
            "occlusion": _occlusion(person),
            "truncation": _truncation(person.box, picture.size),
            "size": _size(person.box),
            "rotation": _rotation(person),
            "crowding": "crowded" if share > CROWDED else "alone",
        }
        for person, share in zip(picture.people, crowding, strict=True)
    ]


def crowded(boxes: Float[np.ndarray, "people 4"]) -> Float[np.ndarray, "people"]:
    """Of each box the largest share that lies inside one other box."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    np.fill_diagonal(shared, 0)
    return shared.max(1, initial=0) / np.maximum(area(boxes), 1)


def _occlusion(person: Annotated) -> str:
    """By the labelled keypoints that are hidden (COCO's visibility 1)."""
    labelled = person.keypoints[:, 2] > 0
    if not labelled.any():
        return "unknown"
    hidden = float((person.keypoints[labelled, 2] == 1).mean())
    return "all in sight" if hidden == 0 else "a quarter hidden" if hidden <= 0.25 else "more"


def _truncation(box: Float[np.ndarray, "4"], size: tuple[int, int]) -> str:
    cut = (box[:2] <= EDGE).any() or (box[2:] >= np.array(size) - EDGE).any()
    return "cut by the picture" if cut else "whole"


def _size(box: Float[np.ndarray, "4"]) -> str:
    side = float(np.sqrt(area(box[None])[0]))
    return "small" if side < SMALL else "medium" if side < LARGE else "large"


def _rotation(person: Annotated) -> str:
    """By the angle of the trunk, hips to shoulders, from upright in the picture."""
    points, needed = person.keypoints, [*SHOULDERS, *HIPS]
    if not (points[needed, 2] > 0).all():
        return "unknown"
    x, y = points[SHOULDERS, :2].mean(0) - points[HIPS, :2].mean(0)
    angle = np.degrees(np.arctan2(abs(x), -y))
    return "upright" if angle < 30 else "leaning" if angle < 75 else "lying or upside down"

"""Masks made presentable: no specks, no pinholes, no pixel that belongs to two people."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pymafsam.records import Inside


def without_specks(inside: Inside, area: int) -> Inside:
    """Connected parts smaller than ``area`` pixels removed; the largest always stays."""
    import cv2

    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        inside.astype(np.uint8), connectivity=8
    )
    if count <= 2:
        return inside
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    keep = areas >= area
    keep[0] = False
    keep[np.argmax(areas)] = True
    return keep[np.asarray(labels, np.intp)]


def without_holes(inside: Inside, area: int) -> Inside:
    """Background parts smaller than ``area`` pixels filled, except where nothing is inside."""
    import cv2

    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        (~inside).astype(np.uint8), connectivity=8
    )
    if count <= 1 or not inside.any():
        return inside
    small = statistics[:, cv2.CC_STAT_AREA] < area
    small[0] = True  # label 0 is what was inside already
    return small[np.asarray(labels, np.intp)]


def disjoint(
    logits: Sequence[Float[np.ndarray, "height width"]],
    boxes: Sequence[Float[np.ndarray, "4"] | None],
) -> list[Inside]:
    """Positive logits of each person, every pixel given to one person at most.

    A pixel wanted by several goes to the largest logit; among equals (given masks have only two
    values) to the person whose box centre is nearest in units of the box's size, then to the
    first. A person without a box counts as centred where the mask is.
    """
    if not logits:
        return []
    stack = np.stack(logits)
    wanted = stack > 0
    contested = wanted.sum(axis=0) > 1
    if contested.any():
        rows, columns = np.nonzero(contested)
        here = np.where(wanted[:, rows, columns], stack[:, rows, columns], -np.inf)
        near = np.stack(
            [
                _nearness(box, inside, rows, columns)
                for box, inside in zip(boxes, wanted, strict=True)
            ]
        )
        best = here.max(axis=0)
        owner = np.where(here == best, near, -np.inf).argmax(axis=0)
        wanted[:, rows, columns] = False
        wanted[owner, rows, columns] = True
    return list(wanted)


def _nearness(
    box: Float[np.ndarray, "4"] | None, inside: Inside, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Minus the distance of pixels to a box's centre, in units of half its sides."""
    if box is None:
        box = bounds(inside)
    half = np.maximum((box[2:] - box[:2]) / 2, 0.5)
    centre = (box[:2] + box[2:]) / 2
    return -np.hypot((columns + 0.5 - centre[0]) / half[0], (rows + 0.5 - centre[1]) / half[1])


def bounds(inside: Inside) -> Float[np.ndarray, "4"]:
    """The box x0, y0, x1, y1 around the pixels inside; all zero when there are none."""
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    if not len(rows):
        return np.zeros(4)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)

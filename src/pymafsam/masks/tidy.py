"""Masks made presentable: no specks, no pinholes, no pixel that belongs to two people."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int16, Shaped, UInt8

from pymafsam.geometry.boxes import bounds
from pymafsam.records import Inside, Mask, Pixels

NOBODY = -1
SMALLER, WITHIN = 0.8, 0.7  # when one mask takes in another
GREY = 128


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

    By ``resolve_containment`` first, then by ``assign_pixels``.
    """
    if not logits:
        return []
    given = resolve_containment([field > 0 for field in logits])
    fields = (np.where(lost, -1.0, field) for field, lost in zip(logits, given, strict=True))
    owner = assign_pixels(fields, boxes)
    return [owner == k for k in range(len(logits))]


def resolve_containment(wanted: Sequence[Inside]) -> list[Inside]:
    """The pixels that each person leaves to others: a mask that takes in somebody's gives them up.

    A box around two people easily yields both in one mask; whoever has a clearly smaller mask
    that lies mostly within it is then somebody of their own.
    """
    sizes = [np.count_nonzero(inside) for inside in wanted]
    given = [np.zeros_like(inside) for inside in wanted]
    for large, lost in enumerate(given):
        for small, inside in enumerate(wanted):
            if not 0 < sizes[small] < SMALLER * sizes[large]:
                continue
            if np.count_nonzero(inside & wanted[large]) > WITHIN * sizes[small]:
                lost |= inside
    return given


def assign_pixels(
    logits: Iterable[Float[np.ndarray, "height width"]],
    boxes: Sequence[Float[np.ndarray, "4"] | None],
) -> Int16[np.ndarray, "height width"]:
    """Whose each pixel is, ``NOBODY`` where no logit is positive; one field is held at a time.

    A pixel wanted by several goes to the largest logit; among equals (given masks have only two
    values) to the person whose box centre is nearest in units of the box's size, then to the
    first. A person without a box counts as centred where the mask is.
    """
    best, owner = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int16)
    centred: list[Float[np.ndarray, "4"]] = []
    for k, (field, box) in enumerate(zip(logits, boxes, strict=True)):
        if k == 0:
            best = np.zeros(field.shape, np.float32)
            owner = np.full(field.shape, NOBODY, np.int16)
        centred.append(bounds(field > 0) if box is None else np.asarray(box, float))
        wins = field > best
        rows, columns = np.nonzero((field == best) & (owner != NOBODY))
        for other in np.unique(owner[rows, columns]):
            these = owner[rows, columns] == other
            nearer = _distance(centred[k], rows[these], columns[these]) < _distance(
                centred[int(other)], rows[these], columns[these]
            )
            wins[rows[these][nearer], columns[these][nearer]] = True
        owner[wins] = k
        best[wins] = field[wins]
    return owner


def _distance(
    box: Float[np.ndarray, "4"], rows: Shaped[np.ndarray, "..."], columns: Shaped[np.ndarray, "..."]
) -> np.ndarray:
    """From a box's centre to pixels, in units of half its sides."""
    half = np.maximum((box[2:] - box[:2]) / 2, 0.5)
    centre = (box[:2] + box[2:]) / 2
    return np.hypot((columns + 0.5 - centre[0]) / half[0], (rows + 0.5 - centre[1]) / half[1])


def grey_out_others(
    pixels: Pixels, masks: Sequence[Mask | None], person: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The picture with everybody else's pixels greyed, as a detector of one person should see it.

    Where two people touch, a keypoint network easily describes the same one twice.
    """
    seen = pixels.copy()
    for k, other in enumerate(masks):
        if k != person and other is not None:
            seen[other.inside] = GREY
    return seen

"""Where the first features are read: on a grid, in the person's mask, or as stored in a bank.

441 points (x, y) in [-1, 1] of the crop: -1 and 1 are the CENTRES of the outermost pixels, as the
reading of features has it (``align_corners``). The fully connected layer behind ties its weights
to a point's number, so every way of choosing has a fixed order.
docs/decisions/004-mask-points.md compares them.
"""

from functools import cache

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.masks.tidy import without_specks

SIDE = 21  # points along a side of the grid
COUNT = SIDE * SIDE
ACROSS = 20  # points of a row (and rows) inside the mask
WITHIN, AROUND = ACROSS * ACROSS, COUNT - ACROSS * ACROSS
SMALLEST = 64  # pixels of the crop; a smaller mask says nothing
SPECK = 0.02  # of the mask's area; smaller parts are left out
BLUR = 1.0  # rows; how far a row looks up and down for where the mask lies
TRIMMED = 0.005  # of the area at top and bottom, when the height of the mask is taken
GAP = 0.06  # of the crop, between the mask's hull and the points around it

Points = Float[np.ndarray, "441 2"]


def grid() -> Points:
    """PyMAF's uniform 21 x 21 points, column by column."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    return np.stack([np.repeat(line, SIDE), np.tile(line, SIDE)], axis=1)


def from_mask(inside: Bool[np.ndarray, "side side"]) -> Points:
    """400 points within the person's mask (a square crop of it), then 41 around.

    The 400 are a 20 x 20 grid drawn into the mask: rows evenly from top to bottom, the points of
    a row so that equal shares of the mask lie between them there; what still falls outside goes
    to the nearest pixel of the mask. They come column by column, like ``grid``. The 41 stand
    around the convex hull, clockwise from the top. The same mask gives the same points; specks do
    not matter; a mask of less than 64 pixels gives ``grid``.
    """
    solid = _solid(inside)
    if solid.sum() < SMALLEST:
        return grid()
    side = len(solid)
    points = np.concatenate([_within(solid), _around(solid)])
    return np.clip(2 * points / (side - 1) - 1, -1, 1).astype(np.float32)


def _solid(inside: Bool[np.ndarray, "side side"]) -> Bool[np.ndarray, "side side"]:
    return without_specks(inside, max(16, int(SPECK * inside.sum()))) if inside.any() else inside


def _within(solid: Bool[np.ndarray, "side side"]) -> Float[np.ndarray, "within 2"]:
    """The grid drawn into the mask, pixels (x, y) with centres at whole numbers, by column."""
    mass = solid.astype(np.float32)
    shares = (np.arange(ACROSS) + 0.5) / ACROSS
    ends = np.array([TRIMMED, 1 - TRIMMED])
    top, bottom = _quantiles(mass.sum(axis=1)[None], ends)[0]
    rows = top + (bottom - top) * shares
    # Soft windows instead of bands: a point moves little when the mask's edge does.
    reach = BLUR * max(float(bottom - top), 1.0) / ACROSS
    window = np.exp(-0.5 * ((np.arange(len(solid)) - rows[:, None]) / reach) ** 2)
    columns = _quantiles(window.astype(np.float32) @ mass, shares)
    points = np.stack([columns, np.broadcast_to(rows[:, None], columns.shape)], axis=-1)
    return _nearest(solid, points.transpose(1, 0, 2).reshape(-1, 2))


def _quantiles(
    amounts: Float[np.ndarray, "lines side"], shares: Float[np.ndarray, "shares"]
) -> Float[np.ndarray, "lines shares"]:
    """Along each line, the places (pixel centres at whole numbers) below which the shares lie."""
    total = np.cumsum(amounts, axis=1, dtype=np.float64)
    total /= total[:, -1:]
    edges = np.arange(amounts.shape[1] + 1) - 0.5
    return np.stack([np.interp(shares, np.concatenate([[0.0], line]), edges) for line in total])


def _nearest(
    solid: Bool[np.ndarray, "side side"], points: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, "points 2"]:
    """Points outside the mask moved to the centre of its nearest pixel."""
    import cv2

    _, found = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels, places = np.asarray(found, np.intp), np.argwhere(solid)[:, ::-1]
    owner = np.zeros((len(places) + 1, 2))
    owner[labels[solid]] = places
    pixels = np.clip(np.rint(points), 0, len(solid) - 1)
    x, y = pixels.astype(np.intp).T
    # Not on the very edge of a pixel, so that float32 leaves it in the mask.
    kept = np.clip(points, pixels - 0.49, pixels + 0.49)
    return np.where(solid[y, x][:, None], kept, owner[labels[y, x]])


def _around(solid: Bool[np.ndarray, "side side"]) -> Float[np.ndarray, "around 2"]:
    """Where rays from the hull's middle leave it, and a gap further on; clockwise from the top."""
    import cv2

    places = np.argwhere(solid)[:, ::-1].astype(np.float32)
    corners = cv2.convexHull(places)[:, 0].astype(np.float64)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    rays = _directions()
    normals = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([normals[:, 1], -normals[:, 0]], axis=1)
    normals *= np.sign(((corners - middle) * normals).sum(axis=1))[:, None]  # outwards
    reach = ((corners - middle) * normals).sum(axis=1)
    pace = rays @ normals.T
    leaving = np.where(pace > 1e-9, reach / np.where(pace > 1e-9, pace, 1), np.inf).min(axis=1)
    far = np.where(np.isfinite(leaving), leaving, 0) + GAP * len(solid)
    return np.clip(middle + rays * far[:, None], 0, len(solid) - 1)


@cache
def _directions() -> Float[np.ndarray, "around 2"]:
    angles = 2 * np.pi * np.arange(AROUND) / AROUND
    return np.stack([np.sin(angles), -np.cos(angles)], axis=1)

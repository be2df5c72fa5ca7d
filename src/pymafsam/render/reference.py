"""The rasteriser in plain numpy: the slow obvious version that ``kernel`` must agree with.

Every pixel centre in a triangle's bounding box is a candidate; it is kept when it lies on the
inner side of the three edges (Pineda, "A Parallel Algorithm for Polygon Rasterization", 1988),
and of all candidates for a pixel the nearest stays.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float64, Int, Int32

STEPS = 1024  # of a pixel's side; corners are whole numbers of them
# Corners farther out than this would overflow 64 bit products; they belong to triangles that
# nearly touch the camera's plane.
FARTHEST_PIXEL = 2.0**19
CANDIDATES_AT_ONCE = 1 << 19


def draw(
    points: Float64[np.ndarray, "vertices 3"],
    faces: Int32[np.ndarray, "faces 3"],
    near: float,
    width: int,
    height: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(face, barycentric, depth) of a picture, as ``Raster`` has them."""
    xy, inverse = snapped(points, near)
    face = np.full(height * width, -1, np.int32)
    nearest = np.zeros(height * width)
    barycentric = np.zeros((height * width, 3), np.float32)
    kept = np.flatnonzero((inverse[faces] > 0).all(axis=1) & (_turn(xy[faces]) != 0))
    corners, depths = xy[faces[kept]], inverse[faces[kept]]
    for which, column, row in _candidates(corners, width, height):
        sides, smallest = _sides(corners[which], column, row)
        inside = (sides >= smallest).all(axis=1)
        which, pixel, sides = which[inside], (row * width + column)[inside], sides[inside]
        # The order of these sums is the kernel's: the same bits come out.
        parts = sides.astype(np.float64) * depths[which]
        total = parts[:, 0] + parts[:, 1] + parts[:, 2]
        inverse_depth = total / sides.sum(axis=1).astype(np.float64)
        winner = _nearest_of_each(pixel, inverse_depth, which)
        winner = winner[inverse_depth[winner] > nearest[pixel[winner]]]
        place = pixel[winner]
        nearest[place] = inverse_depth[winner]
        face[place] = kept[which[winner]]
        barycentric[place] = parts[winner] * (1 / total[winner, None])
    with np.errstate(divide="ignore"):
        depth = (1 / nearest).astype(np.float32)
    shape = (height, width)
    return face.reshape(shape), barycentric.reshape(*shape, 3), depth.reshape(shape)


def snapped(
    points: Float64[np.ndarray, "vertices 3"], near: float
) -> tuple[Int[np.ndarray, "vertices 2"], Float[np.ndarray, "vertices"]]:
    """Corners in whole steps, and 1 / depth (0 marks corners that cannot be used)."""
    with np.errstate(invalid="ignore"):
        usable = (np.abs(points[:, :2]) < FARTHEST_PIXEL).all(axis=1)
        usable &= (points[:, 2] > near) & (points[:, 2] < np.inf)
    xy = np.rint(np.where(usable[:, None], points[:, :2], 0) * STEPS).astype(np.int64)
    return xy, np.where(usable, 1 / np.where(usable, points[:, 2], 1), 0)


def _turn(corners: Int[np.ndarray, "triangles 3 2"]) -> Int[np.ndarray, "triangles"]:
    """Twice the signed area of triangles (n, 3, 2): positive when clockwise on the screen."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def _sides(
    corners: Int[np.ndarray, "candidates 3 2"],
    column: Int[np.ndarray, "candidates"],
    row: Int[np.ndarray, "candidates"],
) -> tuple[Int[np.ndarray, "candidates 3"], Int[np.ndarray, "candidates 3"]]:
    """How far each pixel centre lies inside the edge opposite to each corner (n, 3), times the
    edge's length; and what it must at least be: 0 for top and left edges, else 1 step."""
    centre = np.stack([column, row], axis=1) * STEPS + STEPS // 2
    start, end = np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)
    along = (end - start) * np.sign(_turn(corners))[:, None, None]
    offset = centre[:, None] - start
    sides = along[..., 0] * offset[..., 1] - along[..., 1] * offset[..., 0]
    top_or_left = (along[..., 1] < 0) | ((along[..., 1] == 0) & (along[..., 0] > 0))
    return sides, np.where(top_or_left, 0, 1)


def _candidates(
    corners: Int[np.ndarray, "triangles 3 2"], width: int, height: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(triangle, column, row) of every pixel centre in every bounding box, a portion at a time.

    Triangles come in their order, so that of equally near ones the first is met first.
    """
    half = STEPS // 2
    # Centre c of a column is at c * STEPS + half: the first at or after the lowest corner, and
    # the last at or before the highest.
    first = np.maximum(-((half - corners.min(axis=1)) // STEPS), 0)
    last = np.minimum((corners.max(axis=1) - half) // STEPS, [width - 1, height - 1])
    across, down = np.maximum(last - first + 1, 0).T
    line_of, line = _spread(np.where(across > 0, down, 0))
    line += first[line_of, 1]
    ends = np.cumsum(across[line_of])
    begin = 0
    while begin < len(line_of):
        done = ends[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, done + CANDIDATES_AT_ONCE)))
        some, column = _spread(across[line_of[begin:stop]])
        which = line_of[begin:stop][some]
        yield which, column + first[which, 0], line[begin:stop][some]
        begin = stop


def _spread(
    counts: Int[np.ndarray, "owners"],
) -> tuple[Int[np.ndarray, "total"], Int[np.ndarray, "total"]]:
    """[2, 0, 3] -> ([0, 0, 2, 2, 2], [0, 1, 0, 1, 2])."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]


def _nearest_of_each(
    pixel: Int[np.ndarray, "candidates"],
    inverse_depth: Float[np.ndarray, "candidates"],
    which: Int[np.ndarray, "candidates"],
) -> Int[np.ndarray, "pixels"]:
    """For every pixel among the candidates the index of its nearest, the lower face on a tie."""
    order = np.lexsort((which, -inverse_depth, pixel))
    leads = np.ones(len(order), bool)
    leads[1:] = pixel[order[1:]] != pixel[order[:-1]]
    return order[leads]

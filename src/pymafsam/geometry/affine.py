"""Squares of a picture, turned or not, and the affine maps between them and their pixels.

The one half-pixel rule: pixel (i, j) covers [i, i + 1) x [j, j + 1), in every picture and crop.
OpenCV counts from the centre of the first pixel; ``between_centres`` is the only place that says
so.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam.records import Pixels

Affine = Float[np.ndarray, "2 3"]
Points = Float[np.ndarray, "*batch 2"]


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the picture: centre and side in picture pixels.

    ``angle`` (radians, clockwise on the screen) is how far the square is turned: at 0 its up is
    the picture's up, at pi / 2 its up points to the picture's right. What is cut out of it appears
    turned counter-clockwise by as much.
    """

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    def to_frame(self, size: int) -> Affine:
        """Affine map from the square's pixels (``size`` x ``size``) to picture pixels."""
        linear = rotation(self.angle) * (self.side / size)
        shift = np.asarray(self.centre) - linear @ np.full(2, size / 2)
        return np.column_stack([linear, shift])

    def place(self, points: Points, size: int) -> Points:
        """The square's pixels -> picture pixels."""
        return apply(self.to_frame(size), points)


def rotation(angle: float) -> Float[np.ndarray, "2 2"]:
    """Turns points by ``angle`` (radians, clockwise on the screen, where y points down)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def apply(affine: Affine, points: Points) -> Points:
    """Points under an affine map."""
    return points @ affine[:, :2].T + affine[:, 2]


def inverse(affine: Affine) -> Affine:
    """The affine map that undoes ``affine``."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def between_centres(affine: Affine) -> Affine:
    """The same map for OpenCV, which counts from the centre of the first pixel."""
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ np.full(2, 0.5) - 0.5
    return moved


def around_box(box: Float[np.ndarray, "4"], margin: float) -> Square:
    """Upright square centred on a box, ``margin`` times as large as its longer side."""
    x0, y0, x1, y1 = map(float, box)
    side = max(x1 - x0, y1 - y0, 1.0) * margin
    return Square(((x0 + x1) / 2, (y0 + y1) / 2), side)


def cut(pixels: Pixels, square: Square, size: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """The square's content as ``size`` x ``size`` pixels; black outside the picture."""
    import cv2

    matrix = square.to_frame(size)
    # Bilinear sampling skips pixels when it shrinks by more than two: average those first.
    factor = int(square.side / size)
    if factor >= 2:
        pixels, matrix = _shrunk(pixels, square, matrix, factor)
    return cv2.warpAffine(
        pixels,
        between_centres(matrix),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )


def _shrunk(
    pixels: Pixels, square: Square, matrix: Float[np.ndarray, "2 3"], factor: int
) -> tuple[UInt8[np.ndarray, "rows columns 3"], Float[np.ndarray, "2 3"]]:
    """The surroundings of the square, ``factor`` times smaller, and the map into them."""
    import cv2

    height, width = pixels.shape[:2]
    reach = square.side / np.sqrt(2) + factor
    low = np.floor(np.asarray(square.centre) - reach).astype(int)
    high = np.ceil(np.asarray(square.centre) + reach).astype(int)
    x0, y0 = np.clip(low, 0, (width - 1, height - 1))
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height))
    part = pixels[y0:y1, x0:x1]
    columns, rows = max((x1 - x0) // factor, 1), max((y1 - y0) // factor, 1)
    small = cv2.resize(part, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    scale = np.array([columns / (x1 - x0), rows / (y1 - y0)])
    moved = matrix.copy()
    moved[:, 2] -= (x0, y0)
    return small, moved * scale[:, None]


Window = Square

"""Square windows on a picture, turned so that a person stands upright in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam.records import Pixels

Points = Float[np.ndarray, "points 2"]


@dataclass(frozen=True, slots=True)
class Window:
    """A square of the picture: centre and side in picture pixels.

    ``angle`` (radians, clockwise on the screen) is how far the window is turned: at 0 its up is
    the picture's up, at pi / 2 its up points to the picture's right.
    """

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    def to_frame(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Affine map from window pixels (``size`` x ``size``) to picture pixels."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        linear = np.array([[cosine, -sine], [sine, cosine]]) * (self.side / size)
        shift = np.asarray(self.centre) - linear @ np.full(2, size / 2)
        return np.column_stack([linear, shift])

    def place(self, points: Points, size: int) -> Float[np.ndarray, "points 2"]:
        """Window pixels -> picture pixels."""
        matrix = self.to_frame(size)
        return points @ matrix[:, :2].T + matrix[:, 2]


def around_box(box: Float[np.ndarray, "4"], margin: float) -> Window:
    """Upright window centred on a box, ``margin`` times as large as its longer side."""
    x0, y0, x1, y1 = map(float, box)
    side = max(x1 - x0, y1 - y0, 1.0) * margin
    return Window(((x0 + x1) / 2, (y0 + y1) / 2), side)


def cut(pixels: Pixels, window: Window, size: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """The window's content as ``size`` x ``size`` pixels; black outside the picture."""
    import cv2

    matrix = window.to_frame(size)
    # Bilinear sampling skips pixels when it shrinks by more than two: average those first.
    factor = int(window.side / size)
    if factor >= 2:
        pixels, matrix = _shrunk(pixels, window, matrix, factor)
    return cv2.warpAffine(
        pixels,
        between_centres(matrix),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )


def _shrunk(
    pixels: Pixels, window: Window, matrix: Float[np.ndarray, "2 3"], factor: int
) -> tuple[UInt8[np.ndarray, "rows columns 3"], Float[np.ndarray, "2 3"]]:
    """The surroundings of the window, ``factor`` times smaller, and the map into them."""
    import cv2

    height, width = pixels.shape[:2]
    reach = window.side / np.sqrt(2) + factor
    low = np.floor(np.asarray(window.centre) - reach).astype(int)
    high = np.ceil(np.asarray(window.centre) + reach).astype(int)
    x0, y0 = np.clip(low, 0, (width - 1, height - 1))
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height))
    part = pixels[y0:y1, x0:x1]
    columns, rows = max((x1 - x0) // factor, 1), max((y1 - y0) // factor, 1)
    small = cv2.resize(part, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    scale = np.array([columns / (x1 - x0), rows / (y1 - y0)])
    moved = matrix.copy()
    moved[:, 2] -= (x0, y0)
    return small, moved * scale[:, None]


def between_centres(matrix: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """The same map for OpenCV, which counts from the centre of the first pixel."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    return moved

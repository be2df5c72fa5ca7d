"""The crops of the original's video demo: bilinear, without rounding the box (no antialiasing)."""

import numpy as np
from jaxtyping import UInt8

from pymafsam.crops import SIZE
from pymafsam.geometry.affine import Affine
from pymafsam.records import Pixels


def cut_upright_box(
    pixels: Pixels, centre: tuple[float, float], side: float, scale: float = 1.0, size: int = SIZE
) -> UInt8[np.ndarray, "size size 3"]:
    """The crop of the video demo: bilinear, without rounding the box (no antialiasing)."""
    import cv2

    # OpenCV solves for the map from three points in float32; a few pixels hang on its last bit.
    half = side * scale / 2
    corners = np.array([[0, 0], [0, half], [half, 0]]) + np.array(centre)
    targets = np.array([[0, 0], [0, size / 2], [size / 2, 0]]) + size / 2
    affine = cv2.getAffineTransform(corners.astype(np.float32), targets.astype(np.float32))
    return cv2.warpAffine(pixels, affine, (size, size), flags=cv2.INTER_LINEAR)


def upright_to_frame(
    centre: tuple[float, float], side: float, scale: float = 1.0, size: int = SIZE
) -> Affine:
    """Crop -> picture of ``cut_upright_box``, in OpenCV's pixels (centres at whole numbers)."""
    zoom = side * scale / size
    offset = np.array(centre) - zoom * size / 2
    return np.column_stack([np.eye(2) * zoom, offset])

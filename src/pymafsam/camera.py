"""Cameras: the whole picture's pinhole, and the weak perspective of a crop.

OpenCV axes: x right, y down, z forward; metres. Pictures in pixels, where pixel (i, j) covers
[i, i + 1) x [j, j + 1).
"""

import numpy as np
from jaxtyping import Float

from pymafsam.records import Camera, WeakCamera

# Of phones, webcams and compact cameras the diagonal field of view is mostly 60 to 75 degrees,
# and the photographs people keep are often cropped; the diagonal itself (53 degrees) is the usual
# compromise of the field.
DEFAULT_FOCAL_PER_DIAGONAL = 1.0


def whole_picture(size: tuple[int, int], focal: float | None = None) -> Camera:
    """The picture's camera; without ``focal`` (pixels) the picture's diagonal is assumed."""
    width, height = size
    if focal is None:
        focal = DEFAULT_FOCAL_PER_DIAGONAL * float(np.hypot(width, height))
    return Camera(focal=float(focal), centre=(width / 2, height / 2), size=(width, height))


def project(points: Float[np.ndarray, "*batch 3"], camera: Camera) -> Float[np.ndarray, "*batch 2"]:
    """Metres in camera axes -> picture pixels. Points need z > 0."""
    return camera.focal * points[..., :2] / points[..., 2:] + np.asarray(camera.centre)


def weak_camera(
    translation: Float[np.ndarray, "3"], crop_box: tuple[float, float, float, float], camera: Camera
) -> WeakCamera:
    """PyMAF's (s, tx, ty) of a square crop that shows a body the way ``camera`` does.

    A body at ``translation`` appears with the same size and place in the crop: s is crop half
    widths per metre, and the shift is added to the body in metres before scaling.
    """
    x0, y0, x1, y1 = crop_box
    half = (x1 - x0) / 2
    depth = float(translation[2])
    scale = camera.focal / (depth * half)
    per_metre = camera.focal / depth
    shift = (
        float(translation[0] + (camera.centre[0] - (x0 + x1) / 2) / per_metre),
        float(translation[1] + (camera.centre[1] - (y0 + y1) / 2) / per_metre),
    )
    return WeakCamera(scale=float(scale), shift=shift, crop_box=crop_box)


def translation_of(weak: WeakCamera, camera: Camera) -> Float[np.ndarray, "3"]:
    """Where a body seen by a crop's weak camera stands before the whole picture's camera, metres.

    Inverse of ``weak_camera``.
    """
    x0, y0, x1, y1 = weak.crop_box
    half = (x1 - x0) / 2
    depth = camera.focal / (weak.scale * half)
    per_metre = camera.focal / depth
    return np.array(
        [
            weak.shift[0] + ((x0 + x1) / 2 - camera.centre[0]) / per_metre,
            weak.shift[1] + ((y0 + y1) / 2 - camera.centre[1]) / per_metre,
            depth,
        ]
    )

"""Cameras: the whole picture's pinhole, and the weak perspective of a crop.

OpenCV axes: x right, y down, z forward; metres. Pictures in pixels, where pixel (i, j) covers
[i, i + 1) x [j, j + 1).
"""

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.records import Camera, WeakCamera

# Of phones, webcams and compact cameras the diagonal field of view is mostly 60 to 75 degrees,
# and the photographs people keep are often cropped; the diagonal itself (53 degrees) is the usual
# compromise of the field.
DEFAULT_FOCAL_PER_DIAGONAL = 1.0

# Focal lengths per diagonal that are believed: from a fisheye's to where rays are parallel for all
# purposes. Beyond, float32 no longer tells a body's front from its back.
FOCAL_PER_DIAGONAL = (0.05, 10_000.0)

# The camera of the trained networks' crops: 224 pixels, seen from so far that rays are parallel.
CROP_FOCAL = 5000.0  # pixels of the crop
CROP_SIDE = 224


def picture_camera(size: tuple[int, int], focal: float | None = None) -> Camera:
    """The picture's camera; without ``focal`` (pixels) the picture's diagonal is assumed.

    Raises BadInput for a focal length that no camera has.
    """
    width, height = size
    diagonal = float(np.hypot(width, height))
    if focal is None:
        focal = DEFAULT_FOCAL_PER_DIAGONAL * diagonal
    least, most = (ratio * diagonal for ratio in FOCAL_PER_DIAGONAL)
    if not least <= focal <= most:  # not a number is no focal length either
        raise BadInput(
            f"A focal length of {focal:g} pixels is none of a picture of {width} x {height}: "
            f"wanted {least:.0f} to {most:.0f}.\n  Usual is about the diagonal, {diagonal:.0f}."
        )
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


def orig_cam(weak: WeakCamera, size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """The crop's camera for the whole picture: (sx, sy, tx, ty), a scale per axis.

    Both axes of the picture run from -1 to 1; PyMAF's video results call it ``orig_cam``.
    """
    at_distance = Camera(focal=1.0, centre=(size[0] / 2, size[1] / 2), size=size)
    x, y, _ = translation_of(weak, at_distance)
    side = weak.crop_box[2] - weak.crop_box[0]
    return np.array([weak.scale * side / size[0], weak.scale * side / size[1], x, y])


def estimate_translation(
    points: Float[np.ndarray, "points 3"],
    seen: Float[np.ndarray, "points 2"],
    weights: Float[np.ndarray, "points"],
    camera: Camera,
) -> Float[np.ndarray, "3"]:
    """The shift of ``points`` (metres) whose projection is nearest to ``seen`` (picture pixels).

    Linear in the shift: each axis of each point gives f t_axis + (c - u) t_z = (u - c) Z - f X,
    a row weighted by the square root of the point's weight. Raises BadInput where fewer than two
    points have weight, which leaves the distance open.
    """
    if np.count_nonzero(weights > 0) < 2:
        raise BadInput(
            "To place a body before the camera, at least two of its points must be seen."
        )
    offset = seen.astype(np.float64) - np.asarray(camera.centre)
    root = np.sqrt(weights.astype(np.float64))
    rows, values = [], []
    for axis in range(2):
        row = np.zeros((len(points), 3))
        row[:, axis], row[:, 2] = camera.focal, -offset[:, axis]
        rows.append(row * root[:, None])
        value = offset[:, axis] * points[:, 2] - camera.focal * points[:, axis]
        values.append(value * root)
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(values), rcond=None)[0]

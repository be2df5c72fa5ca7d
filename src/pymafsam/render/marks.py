"""Boxes and keypoints drawn on a picture, to show what was found or asked for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from pymafsam.geometry import joints
from pymafsam.records import Pixels

Colour = tuple[int, int, int]
YELLOW: Colour = (255, 214, 64)
SHADOW: Colour = (24, 24, 28)
SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel

BONES = (
    "left_shoulder-right_shoulder left_hip-right_hip nose-left_eye nose-right_eye "
    "left_eye-left_ear right_eye-right_ear left_shoulder-left_elbow left_elbow-left_wrist "
    "right_shoulder-right_elbow right_elbow-right_wrist left_shoulder-left_hip "
    "right_shoulder-right_hip left_hip-left_knee left_knee-left_ankle right_hip-right_knee "
    "right_knee-right_ankle"
).split()
LEFT: Colour = (92, 190, 255)
RIGHT: Colour = (255, 150, 80)
MIDDLE: Colour = (238, 238, 238)


def draw_box(
    pixels: Pixels,
    box: Float[np.ndarray, "4"],
    *,
    colour: Colour = YELLOW,
    thickness: float | None = None,
) -> Pixels:
    """A copy of the picture with the outline of a box (x0, y0, x1, y1 in pixels)."""
    import cv2

    out = pixels.copy()
    width = _line_width(pixels) if thickness is None else thickness
    corners = fixed_point(np.array(box).reshape(2, 2))
    for stroke, ink in ((width * 2, SHADOW), (width, colour)):
        line = max(1, round(stroke))
        cv2.rectangle(out, tuple(corners[0]), tuple(corners[1]), ink, line, cv2.LINE_AA, SHIFT)
    return out


def draw_keypoints(
    pixels: Pixels,
    keypoints: Float[np.ndarray, "keypoints 3"],
    *,
    layout: str = "coco17",
    minimum: float = 0.3,
) -> Pixels:
    """A copy of the picture with points and bones: the person's left blue, right orange.

    ``keypoints`` rows are x, y in picture pixels and confidence; those below ``minimum`` are left
    out. ``layout`` is a key of ``joints.LAYOUTS``.
    """
    import cv2

    out = pixels.copy()
    names = joints.LAYOUTS[layout]
    shown = {
        name: tuple(fixed_point(point[:2]))
        for name, point in zip(names, keypoints, strict=True)
        if np.isfinite(point).all() and point[2] >= minimum
    }
    width = _line_width(pixels)
    bones = [bone.split("-") for bone in BONES]
    for stroke in (width * 2, width):
        for start, end in bones:
            if start in shown and end in shown:
                ink = SHADOW if stroke > width else _side_colour((start, end))
                line = max(1, round(stroke))
                cv2.line(out, shown[start], shown[end], ink, line, cv2.LINE_AA, SHIFT)
    for name, point in shown.items():
        for radius, ink in ((width * 1.9, SHADOW), (width * 1.35, _side_colour((name,)))):
            cv2.circle(out, point, round(radius * 2**SHIFT), ink, -1, cv2.LINE_AA, SHIFT)
    return out


def _side_colour(names: Sequence[str]) -> Colour:
    if all("left" in name for name in names):
        return LEFT
    return RIGHT if all("right" in name for name in names) else MIDDLE


def _line_width(pixels: Pixels) -> float:
    """Pixels: two in a small picture, growing with its size."""
    return max(1.5, max(pixels.shape[:2]) / 400)


def fixed_point(points: Float[np.ndarray, "*batch 2"]) -> Int[np.ndarray, "*batch 2"]:
    """Picture pixels -> OpenCV's fixed point (``SHIFT`` bits), where whole numbers are centres."""
    limited = np.clip(points - 0.5, -(2**14), 2**14)
    return np.rint(limited * 2**SHIFT).astype(int)

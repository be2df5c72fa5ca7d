"""Masks over the picture in colours, with what prompted them: boxes, stars for clicks, dots."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pymafsam.records import Mask, Pixels, Prompt
from pymafsam.render.marks import SHIFT, fixed_point

Drawn = UInt8[np.ndarray, "rows columns 3"]

# Okabe and Ito's colours, which stay apart for colour-blind eyes; orange, blue, green ... (RGB).
COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
INSIDE, OUTSIDE, WHITE = (40, 200, 60), (220, 40, 40), (255, 255, 255)
OPACITY = 0.5


def draw_masks(
    pixels: Pixels,
    masks: Sequence[Mask | None],
    prompts: Sequence[Prompt] = (),
    points: Sequence[Float[np.ndarray, "points 2"]] = (),
    *,
    smallest: int = 640,
) -> Drawn:
    """The picture with masks, prompts and sampling points (picture pixels) drawn over it.

    Pictures whose longer side is below ``smallest`` are enlarged to it, so that marks stay clear.
    """
    import cv2

    zoom = max(1.0, smallest / max(pixels.shape[:2]))
    size = (round(pixels.shape[1] * zoom), round(pixels.shape[0] * zoom))
    canvas = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_CUBIC)
    for k, mask in enumerate(masks):
        if mask is not None:
            shown = cv2.resize(mask.inside.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
            _tint(canvas, shown > 0, COLOURS[k % len(COLOURS)])
    thick = max(1, round(max(size) / 400))
    for k, some in enumerate(points):
        for point in some:
            _dot(canvas, point * zoom, 1.1 * thick, COLOURS[(k + 3) % len(COLOURS)])
    for k, prompt in enumerate(prompts):
        _prompt(canvas, prompt, zoom, thick, COLOURS[k % len(COLOURS)])
    return np.asarray(canvas, np.uint8)


def _tint(
    canvas: UInt8[np.ndarray, "height width 3"],
    inside: Bool[np.ndarray, "height width"],
    colour: tuple[int, int, int],
) -> None:
    import cv2

    mixed = canvas[inside] * (1 - OPACITY) + np.array(colour) * OPACITY
    canvas[inside] = np.rint(mixed).astype(np.uint8)
    outline, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outline, -1, colour, max(1, max(canvas.shape) // 500), cv2.LINE_AA)


def _prompt(
    canvas: UInt8[np.ndarray, "height width 3"],
    prompt: Prompt,
    zoom: float,
    thick: int,
    colour: tuple[int, int, int],
) -> None:
    import cv2

    if prompt.box is not None:
        low, high = fixed_point(np.asarray(prompt.box, float).reshape(2, 2) * zoom)
        cv2.rectangle(canvas, tuple(low), tuple(high), colour, thick, cv2.LINE_AA, SHIFT)
    if prompt.keypoints is not None:
        for x, y, confidence in prompt.keypoints:
            if confidence >= 0.5:
                _dot(canvas, np.array([x, y]) * zoom, 2.2 * thick, WHITE)
                _dot(canvas, np.array([x, y]) * zoom, 1.5 * thick, colour)
    if prompt.clicks is not None:
        inside = np.ones(len(prompt.clicks), bool) if prompt.inside is None else prompt.inside
        for click, label in zip(prompt.clicks, inside, strict=True):
            _star(canvas, click * zoom, 7.0 * thick, INSIDE if label else OUTSIDE)


def _dot(
    canvas: UInt8[np.ndarray, "height width 3"],
    centre: Float[np.ndarray, "2"],
    radius: float,
    colour: tuple[int, ...],
) -> None:
    import cv2

    cv2.circle(
        canvas, tuple(fixed_point(centre)), round(radius * 2**SHIFT), colour, -1, cv2.LINE_AA, SHIFT
    )


def _star(
    canvas: UInt8[np.ndarray, "height width 3"],
    centre: Float[np.ndarray, "2"],
    radius: float,
    colour: tuple[int, ...],
) -> None:
    """A five-pointed star with a white edge."""
    import cv2

    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    reach = np.where(np.arange(10) % 2 == 0, radius, 0.45 * radius)
    star = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = fixed_point(star).astype(np.int32)
    cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA, SHIFT)
    edge = max(1, round(radius / 8))
    cv2.polylines(canvas, [corners], True, WHITE, edge, cv2.LINE_AA, SHIFT)

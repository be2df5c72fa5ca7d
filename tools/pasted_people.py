"""Somebody else beside, before or behind the person of a window: COCO's outlines, pasted.

Of two people who overlap the keypoint network often describes the wrong one, and few of those it
is taught with overlap (cut and paste: Dwibedi et al., 2017; for keypoints: Bin et al., 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pymafsam.files import rle
from pymafsam.geometry.affine import Square, cut

LEAST_SIDE = 60  # pixels: smaller people would be pasted as blurs
LEAST_KNOWN = 40  # pixels of the window that the known points take up
HEIGHTS = (0.7, 1.4)  # of the person's own size
AWAY = (0.25, 0.75)  # of the person's own size, from middle to middle
MOST_HIDDEN = 0.5  # share of known points that may lie behind the other
EDGE = 0.8  # pixels: deviation of the blur of the outline


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOut:
    """Somebody: RGB, and the outline with the same rows and columns, 0 to 1."""

    pixels: np.ndarray
    opacity: np.ndarray

    def resized(self, scale: float, flipped: bool) -> "CutOut":
        """Another size; ``flipped`` as in a mirror."""
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        both = [
            cv2.resize(part, None, fx=scale, fy=scale, interpolation=how)
            for part in (self.pixels, self.opacity)
        ]
        pixels, opacity = (part[:, ::-1] for part in both) if flipped else both
        return CutOut(pixels=pixels, opacity=opacity)


def outline(segmentation: object, size: tuple[int, int]) -> np.ndarray:
    """COCO's polygons or run lengths as opacity, 0 to 1."""
    return rle.decode(segmentation, size).astype(np.float32)


def cut_out(pixels: np.ndarray, opacity: np.ndarray, box: np.ndarray) -> CutOut | None:
    """Somebody out of their picture; None where they are too small."""
    low = np.floor(np.maximum(box[:2], 0)).astype(int)
    high = np.ceil(box[2:]).astype(int)
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    if min(high - low) < LEAST_SIDE / 2 or max(high - low) < LEAST_SIDE:
        return None
    soft = cv2.GaussianBlur(opacity, (0, 0), EDGE)
    return CutOut(pixels=pixels[rows, columns], opacity=soft[rows, columns])


def place(
    seen: np.ndarray,
    own: np.ndarray | None,
    points: np.ndarray,
    others: Sequence[CutOut],
    random: np.random.Generator,
) -> np.ndarray:
    """The window with one of the others in it.

    ``own``: the person's outline in the window; somebody who stands behind shows only beside it.
    ``points``: the person's known points in the window. Unchanged where too many would be hidden.
    """
    behind = own is not None and random.uniform() < 0.5
    low, high = points.min(0), points.max(0)
    size = float((high - low).max())
    if size < LEAST_KNOWN:
        return seen  # a face or less: how large the person is cannot be told
    other = others[random.integers(len(others))]
    scale = size * random.uniform(*HEIGHTS) / max(other.opacity.shape)
    other = other.resized(scale, bool(random.integers(2)))
    # Mostly beside: people stand next to each other, not on top of each other.
    away = size * random.uniform(*AWAY) * np.array([random.choice([-1, 1]), random.normal(0, 0.3)])
    corner = np.rint((low + high) / 2 + away - np.array(other.opacity.shape[::-1]) / 2).astype(int)
    layer = laid(other, corner, seen.shape[:2])
    opacity = layer.opacity * (1 - own) if behind and own is not None else layer.opacity
    at = np.clip(np.rint(points).astype(int), 0, np.array(seen.shape[1::-1]) - 1)
    if (opacity[at[:, 1], at[:, 0]] > 0.5).mean() > MOST_HIDDEN:
        return seen
    mixed = seen + opacity[..., None] * (layer.pixels.astype(np.float32) - seen)
    return np.rint(mixed).astype(np.uint8)


def laid(other: CutOut, corner: np.ndarray, shape: tuple[int, int]) -> CutOut:
    """The cut-out on an empty window, its upper left corner at x, y."""
    pixels = np.zeros((*shape, 3), np.uint8)
    opacity = np.zeros(shape, np.float32)
    low = np.maximum(corner, 0)
    high = np.minimum(corner + other.opacity.shape[::-1], shape[::-1])
    if (high > low).all():
        to = slice(low[1], high[1]), slice(low[0], high[0])
        start, stop = low - corner, high - corner
        part = slice(start[1], stop[1]), slice(start[0], stop[0])
        pixels[to], opacity[to] = other.pixels[part], other.opacity[part]
    return CutOut(pixels=pixels, opacity=opacity)


def in_window(opacity: np.ndarray, square: Square, side: int) -> np.ndarray:
    """An outline cut as the window's picture is."""
    bytes_ = np.rint(255 * opacity).astype(np.uint8)
    return cut(np.repeat(bytes_[..., None], 3, axis=2), square, side)[..., 0] / np.float32(255)

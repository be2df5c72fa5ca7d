"""How far the camera moved from one frame to the next, whoever moves before it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.records import Person, Pixels

Grey = Float[np.ndarray, "rows columns"]

WIDTH = 160  # pixels of the small picture in which it is measured
BLOCK = 16  # side of its blocks
STILL = 0.0015  # shares of the picture's width by which a camera that stands still seems to move
BEYOND = 4  # pixels around a box that may show the person, too
# Noise of brightness and of its slopes; squared slope from which a block says how it moves.
NOISE, TEXTURE = 0.05, 0.5


def grey(pixels: Pixels) -> Grey:
    """The small grey picture that is compared."""
    import cv2

    height, width = pixels.shape[:2]
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float64), (0, 0), 1.0)


def moved(now: Grey, past: Grey | None, people: Sequence[Person], width: int) -> float:
    """How far the background moved, in shares of the picture's width; 1 where nothing is known.

    In every block of the picture, change is slope times motion (Lucas and Kanade, 1981), beside a
    change of light and contrast (Jin et al., "Real-time feature tracking and outlier rejection with
    changes in illumination", 2001): a camera that adapts its exposure does not move. The median of
    the blocks is taken, those of ``people`` (boxes in a picture of ``width``) left out.
    """
    if past is None or past.shape != now.shape or min(now.shape) < BLOCK:
        return 1.0
    down, across = np.gradient((now + past) / 2)
    channels = (across, down, past, past - now)
    right, below, light, change = (_blocks(np.asarray(one)) for one in channels)
    contrast = light - light.mean(axis=1, keepdims=True)
    rows = np.stack([right, below, contrast, np.ones_like(light)], axis=2)
    normal = rows.swapaxes(1, 2) @ rows + BLOCK**2 * np.diag([NOISE, NOISE, NOISE, 1e-9])
    found = np.linalg.solve(normal, rows.swapaxes(1, 2) @ change[..., None])[..., 0]
    tells = (right**2 + below**2).mean(axis=1) > TEXTURE
    tells &= (
        _blocks(_beside(now.shape, people, WIDTH / width).astype(np.float64)).mean(axis=1) > 0.5
    )
    if not tells.any():
        return 0.0
    return float(np.median(np.hypot(*found[tells, :2].T))) / WIDTH


def _blocks(picture: Grey) -> Float[np.ndarray, "blocks pixels"]:
    """The picture cut into squares; a rim that fills none is left out."""
    high, wide = (length // BLOCK for length in picture.shape)
    whole = picture[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK)
    return whole.swapaxes(1, 2).reshape(high * wide, BLOCK**2)


def _beside(
    shape: tuple[int, ...], people: Sequence[Person], zoom: float
) -> Bool[np.ndarray, "rows columns"]:
    """The pixels that show nobody."""
    out = np.ones(shape, bool)
    for person in people:
        x0, y0, x1, y1 = (person.box * zoom).round().astype(int)
        rows = slice(max(y0 - BEYOND, 0), max(y1 + BEYOND, 0))
        out[rows, max(x0 - BEYOND, 0) : max(x1 + BEYOND, 0)] = False
    return out

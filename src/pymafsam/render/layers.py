"""What a tile's samples see as light: shaded, dimmed in hollows, a mean for every pixel.

Two engines again: ``lighting`` is compiled, ``composed`` plain numpy. They agree but for rounding.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Integer, Shaped

from pymafsam.ahead import Once
from pymafsam.records import Camera
from pymafsam.render import raster as rasters
from pymafsam.render.occlusion import OCCLUSION_DEPTH, OCCLUSION_LOSS, SMOOTH
from pymafsam.render.raster import Raster
from pymafsam.render.shade import Studio, shade

log = logging.getLogger(__name__)

Window = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """Everybody's surface before one camera, ready to be drawn.

    ``points`` are x, y in pixels and depth in metres; ``colours`` (linear) is one row per
    surface, ``owner`` the row of each face.
    """

    points: Float[np.ndarray, "vertices 3"]
    normals: Float32[np.ndarray, "vertices 3"]
    faces: Integer[np.ndarray, "faces 3"]
    owner: Integer[np.ndarray, "faces"]
    colours: Float32[np.ndarray, "surfaces 3"]
    camera: Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Mean depth around every point of a window, at a coarser grid (``step`` pixels apart)."""

    depth: Float32[np.ndarray, "rows columns"]
    window: Window
    step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the samples of a tile see, ``samples`` to a pixel's side.

    The tile's corner is at ``left``, ``top`` of the picture; ``nearby`` are the faces of the
    surfaces that ``raster`` numbers.
    """

    raster: Raster
    nearby: Int[np.ndarray, "chosen"]
    left: int
    top: int
    samples: int


Layer = tuple[Float32[np.ndarray, "height width 3"], Float32[np.ndarray, "height width"]]


def compose(seen: Seen, scene: Surfaces, around: Surroundings, studio: Studio) -> Layer:
    """Linear light (premultiplied) and cover 0..1 of every pixel of a tile.

    All samples of pixels with an edge are shaded, one of those that see one smooth surface.
    """
    return (_compiled() or composed)(seen, scene, around, studio)


def composed(seen: Seen, scene: Surfaces, around: Surroundings, studio: Studio) -> Layer:
    """``compose`` in plain numpy."""
    raster, samples = seen.raster, seen.samples
    height, width = (length // samples for length in raster.face.shape)
    row, column = np.nonzero(_worth_shading(raster.depth, samples))
    face = seen.nearby[raster.face[row, column]]
    weights = raster.barycentric[row, column]
    normals = np.einsum("nk,nkc->nc", weights, scene.normals[scene.faces[face]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    across, down = seen.left + (column + 0.5) / samples, seen.top + (row + 0.5) / samples
    xy = np.stack([across, down], axis=1)
    ray = np.ones((len(xy), 3), np.float32)
    ray[:, :2] = (xy - scene.camera.centre) / scene.camera.focal
    toward_viewer = -ray / np.linalg.norm(ray, axis=1, keepdims=True)
    openness = _openness(around, xy, raster.depth[row, column])
    light = shade(normals, toward_viewer, scene.colours[scene.owner[face]], openness, studio)
    pixel = (row // samples) * width + column // samples
    # Highlights are cut before the mean: one bright sample must not spoil an edge.
    sums = [np.bincount(pixel, np.minimum(light[:, c], 1), height * width) for c in range(3)]
    shaded = np.bincount(pixel, minlength=height * width)
    mean = np.stack(sums, axis=1) / np.maximum(shaded, 1)[:, None]
    covered = [part >= 0 for part in _samples_of(raster.face, samples)]
    cover = functools.reduce(np.add, covered, np.zeros((height, width), np.float32)) / len(covered)
    return mean.reshape(height, width, 3).astype(np.float32) * cover[..., None], cover


def _samples_of(
    values: Shaped[np.ndarray, "rows columns"], samples: int
) -> list[Shaped[np.ndarray, "height width"]]:
    """The first samples of all pixels, their second samples ...; each (height, width)."""
    places = range(samples)
    return [values[row::samples, column::samples] for row in places for column in places]


def _worth_shading(
    depth: Float[np.ndarray, "rows columns"], samples: int
) -> Bool[np.ndarray, "rows columns"]:
    """All samples of pixels with an edge; one of those that see one smooth surface."""
    each = _samples_of(depth, samples)
    nearest, farthest = functools.reduce(np.minimum, each), functools.reduce(np.maximum, each)
    smooth = (farthest < np.inf) & (farthest - np.minimum(nearest, 1e9) < SMOOTH)
    wanted = np.zeros(depth.shape, bool)
    for place, own in zip(_samples_of(wanted, samples), each, strict=True):
        place[:] = ~smooth & (own < np.inf)
    middle = slice(samples // 2, None, samples)
    wanted[middle, middle] |= smooth
    return wanted


def _openness(
    around: Surroundings, xy: Float[np.ndarray, "points 2"], depth: Float[np.ndarray, "points"]
) -> Float[np.ndarray, "points"]:
    """The share of light that reaches points seen at ``xy`` (pixels) and ``depth``."""
    import cv2

    if not len(xy):
        return np.ones(0, np.float32)
    grid = ((xy - around.window[:2]) / around.step - 0.5).astype(np.float32)
    count, columns = len(grid), 1024  # remap takes at most 32767 rows
    filled = np.zeros((-(-count // columns) * columns, 2), np.float32)
    filled[:count] = grid
    x, y = filled.reshape(-1, columns, 2).transpose(2, 0, 1)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    mean = cv2.remap(around.depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mean = mean.ravel()[:count]
    behind = np.clip((depth - mean) / OCCLUSION_DEPTH, 0, 1)
    return (1 - OCCLUSION_LOSS * behind * (2 - behind)).astype(np.float32)


@Once
def _compiled() -> Callable[..., Layer] | None:
    """The compiled engine where it works; else None, told once."""
    from pymafsam.render import machine_code

    try:
        run = machine_code.load(machine_code.LIGHT)
    except Exception as error:  # whatever a broken compiler raises, drawing goes on without it
        log.warning("numba cannot be used (%s); shading with numpy, slower", error)
        return None

    def compose(seen: Seen, scene: Surfaces, around: Surroundings, studio: Studio) -> Layer:
        raster, samples = seen.raster, seen.samples
        height, width = (length // samples for length in raster.face.shape)
        light = np.empty((height, width, 3), np.float32)
        cover = np.empty((height, width), np.float32)
        read = _read(seen, scene, around, studio)
        sizes = (samples, len(seen.nearby), len(scene.faces), len(scene.normals))
        more = (len(scene.colours), *around.depth.shape, len(studio.lights), studio.gloss_exponent)
        pointers = [array.ctypes.data for array in (*read, light, cover)]
        run(height, width, *sizes, *more, *pointers)
        return light, cover

    return compose


def _read(
    seen: Seen, scene: Surfaces, around: Surroundings, studio: Studio
) -> list[Shaped[np.ndarray, "..."]]:
    """The arrays that the compiled engine reads, in its order and types."""
    raster, camera = seen.raster, scene.camera
    numbers = (seen.left, seen.top, *camera.centre, camera.focal)
    numbers = (*numbers, *around.window[:2], around.step, studio.gloss)
    lamps = [(*_unit(lamp.toward), *lamp.colour, lamp.wrap) for lamp in studio.lights]
    sky, ground = np.array(studio.sky), np.array(studio.ground)
    given = {
        np.int32: (raster.face, scene.faces),
        np.int64: (seen.nearby, scene.owner),
        np.float32: (raster.barycentric, raster.depth, scene.normals, scene.colours, around.depth),
        np.float64: (numbers, lamps, np.stack([ground, sky - ground])),
    }
    return [np.ascontiguousarray(a, kind) for kind, arrays in given.items() for a in arrays]


def _unit(direction: tuple[float, float, float]) -> Float[np.ndarray, "3"]:
    return np.array(direction) / np.linalg.norm(direction)


def prepare() -> None:
    """Load the compiled engines now instead of with the first picture; a thread may do it."""
    rasters.prepare()
    _compiled()

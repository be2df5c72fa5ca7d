"""Surfaces before a camera, shaded and laid over a picture tile by tile.

Only tiles in which somebody stands are worked on, at several samples per pixel, so memory and
time follow the people and not the picture.
"""

import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Integer, Shaped

from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Pixels
from pymafsam.render.raster import rasterise
from pymafsam.render.shade import Studio, shade, to_linear, to_srgb, vertex_normals

NEAR = 0.05  # metres; what is nearer to the camera is not drawn
TILE = 256  # pixels
FEW_TILES = 8  # are drawn by the caller itself; more are shared between threads
MOST_THREADS = 4
# Light from all around is shut off where a point lies behind its surroundings: the depth minus
# the blurred depth, after Luft et al., "Image Enhancement by Unsharp Masking the Depth Buffer".
OCCLUSION_WIDTH = 0.10  # metres of surroundings
OCCLUSION_DEPTH = 0.22  # metres behind them at which it is darkest
OCCLUSION_LOSS = 0.50  # of the light, there
SMOOTH = 0.03  # metres of depth within a pixel that one sample of its light may stand for
COARSE = 320  # pixels of the longer side of the blurred depth

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


def surfaces(
    shapes: Sequence[Float[np.ndarray, "vertices 3"]],
    faces: Integer[np.ndarray, "faces 3"],
    camera: Camera,
    colours: Sequence[Float32[np.ndarray, "3"]],
) -> Surfaces:
    """Meshes that share ``faces`` (metres, camera axes), each in its linear colour."""
    count = len(shapes[0])
    return Surfaces(
        points=np.concatenate([on_screen(shape, camera) for shape in shapes]),
        normals=np.concatenate([vertex_normals(shape, faces) for shape in shapes]),
        faces=np.concatenate([faces + k * count for k in range(len(shapes))]),
        owner=np.repeat(np.arange(len(shapes)), len(faces)),
        colours=np.stack(list(colours)),
        camera=camera,
    )


def on_screen(
    vertices: Float[np.ndarray, "vertices 3"], camera: Camera
) -> Float[np.ndarray, "vertices 3"]:
    """Metres in camera axes -> x, y in pixels and depth; what is too near gets depth 0."""
    seen = vertices[:, 2:] > NEAR
    xy = project(np.where(seen, vertices, 1.0), camera)
    return np.concatenate([xy, np.where(seen, vertices[:, 2:], 0)], axis=1)


def window_of(points: Float[np.ndarray, "vertices 3"], size: tuple[int, int]) -> Window | None:
    """The part of a picture of ``size`` (width, height) in which points can be seen, if any."""
    seen = points[points[:, 2] > 0, :2]
    if not len(seen):
        return None
    low = np.clip(np.floor(seen.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0)), 0, size).astype(int)
    if not (low < high).all():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def paint(pixels: Pixels, scene: Surfaces, opacity: float, samples: int, studio: Studio) -> None:
    """Lay the surfaces over ``pixels``, in place; the nearest one counts."""
    window = window_of(scene.points, (pixels.shape[1], pixels.shape[0]))
    if window is None:
        return
    around = _surroundings(scene, window)

    def lay(tile: Window, nearby: Int[np.ndarray, "chosen"]) -> None:
        light, cover = _layer(scene, nearby, tile, samples, around, studio)
        x0, y0, x1, y1 = tile
        touched = cover > 0
        share, part = cover[touched][:, None], pixels[y0:y1, x0:x1]
        # ``light`` holds only the share of the covered samples.
        mixed = to_linear(part[touched]) * (1 - opacity * share) + opacity * light[touched]
        part[touched] = to_srgb(mixed)

    tiles = list(_tiles(scene, window))
    if len(tiles) <= FEW_TILES:
        for tile, nearby in tiles:
            lay(tile, nearby)
        return
    # Every tile is its own: the same bits come out, whoever draws it and when.
    with ThreadPoolExecutor(max_workers=MOST_THREADS) as threads:
        list(threads.map(lambda one: lay(*one), tiles))


def _tiles(scene: Surfaces, window: Window) -> Iterator[tuple[Window, np.ndarray]]:
    """Tiles of the window with the indices of the faces that may touch them, none without."""
    corners = scene.points[scene.faces]
    usable = (corners[..., 2] > 0).all(axis=1)
    low, high = corners[..., :2].min(axis=1), corners[..., :2].max(axis=1)
    x0, y0, x1, y1 = window
    for top in range(y0, y1, TILE):
        bottom = min(top + TILE, y1)
        band = np.flatnonzero(usable & (low[:, 1] < bottom) & (high[:, 1] > top))
        for left in range(x0, x1, TILE):
            right = min(left + TILE, x1)
            nearby = band[(low[band, 0] < right) & (high[band, 0] > left)]
            if len(nearby):
                yield (left, top, right, bottom), nearby


def _layer(
    scene: Surfaces,
    nearby: Int[np.ndarray, "chosen"],
    tile: Window,
    samples: int,
    around: Surroundings,
    studio: Studio,
) -> tuple[np.ndarray, np.ndarray]:
    """Linear light (premultiplied) and cover 0..1 of every pixel of a tile."""
    x0, y0, x1, y1 = tile
    width, height = x1 - x0, y1 - y0
    points = (scene.points - [x0, y0, 0]) * [samples, samples, 1]
    raster = rasterise(points, scene.faces[nearby], (width * samples, height * samples), near=NEAR)
    row, column = np.nonzero(_worth_shading(raster.depth, samples))
    face = nearby[raster.face[row, column]]
    weights = raster.barycentric[row, column]
    normals = np.einsum("nk,nkc->nc", weights, scene.normals[scene.faces[face]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    xy = np.stack([x0 + (column + 0.5) / samples, y0 + (row + 0.5) / samples], axis=1)
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
    seen = [part >= 0 for part in _samples_of(raster.face, samples)]
    cover = functools.reduce(np.add, seen, np.zeros((height, width), np.float32)) / len(seen)
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


def _surroundings(scene: Surfaces, window: Window) -> Surroundings:
    """The scene's depth, blurred over ``OCCLUSION_WIDTH``."""
    import cv2

    x0, y0, x1, y1 = window
    step = max(1.0, max(x1 - x0, y1 - y0) / COARSE)
    size = (int(np.ceil((x1 - x0) / step)), int(np.ceil((y1 - y0) / step)))
    points = (scene.points - [x0, y0, 0]) / [step, step, 1]
    raster = rasterise(points, scene.faces, size, near=NEAR)
    seen = raster.face >= 0
    distance = float(np.median(raster.depth[seen])) if seen.any() else 1.0
    sigma = max(OCCLUSION_WIDTH * scene.camera.focal / distance / step, 0.5)
    depth = cv2.GaussianBlur(np.where(seen, raster.depth, 0), (0, 0), sigma)
    share = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), sigma)
    return Surroundings(
        depth=(depth / np.maximum(share, 1e-6)).astype(np.float32), window=window, step=step
    )


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

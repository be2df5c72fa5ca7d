"""Surfaces before a camera, shaded and laid over a picture tile by tile.

Only tiles in which somebody stands are worked on, at several samples per pixel, so memory and
time follow the people and not the picture.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Float32, Int, Integer

from pymafsam.ahead import abreast
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Pixels
from pymafsam.render.layers import Seen, Surfaces, Surroundings, Window, compose
from pymafsam.render.occlusion import OCCLUSION_WIDTH
from pymafsam.render.raster import rasterise
from pymafsam.render.shade import Studio, to_linear, to_srgb, vertex_normals

NEAR = 0.05  # metres; what is nearer to the camera is not drawn
TILE = 256  # pixels
FEW_TILES = 8  # are drawn by the caller itself; more are shared between threads
MOST_THREADS = 4
COARSE = 320  # pixels of the longer side of the blurred depth


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
    for _ in abreast(lambda one: lay(*one), tiles, MOST_THREADS):
        pass


def _tiles(scene: Surfaces, window: Window) -> Iterator[tuple[Window, np.ndarray]]:
    """Tiles of the window with the indices of the faces that may touch them, none without."""
    # Corner by corner: reductions over an axis of three take several times as long.
    corners = [scene.points[corner] for corner in scene.faces.T]
    nearest = functools.reduce(np.minimum, corners)
    low, high, usable = nearest, functools.reduce(np.maximum, corners), nearest[:, 2] > 0
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
) -> tuple[Float32[np.ndarray, "height width 3"], Float32[np.ndarray, "height width"]]:
    """Linear light (premultiplied) and cover 0..1 of every pixel of a tile."""
    x0, y0, x1, y1 = tile
    points = (scene.points - [x0, y0, 0]) * [samples, samples, 1]
    size = ((x1 - x0) * samples, (y1 - y0) * samples)
    raster = rasterise(points, scene.faces[nearby], size, near=NEAR)
    seen = Seen(raster=raster, nearby=nearby, left=x0, top=y0, samples=samples)
    return compose(seen, scene, around, studio)


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

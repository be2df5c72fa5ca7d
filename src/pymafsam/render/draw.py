"""Bodies on the photograph, and their silhouettes."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Integer, UInt8

from pymafsam.records import Body, Camera, Inside, Pixels, Scene
from pymafsam.render.bands import bands
from pymafsam.render.materials import COLOURS, Material
from pymafsam.render.paint import NEAR, on_screen, paint, surfaces, window_of
from pymafsam.render.raster import Raster, rasterise

OPACITY = 0.85
ROWS_AT_ONCE = 512


def overlay(
    pixels: Pixels,
    scene: Scene,
    *,
    opacity: float = OPACITY,
    samples: int = 3,
    material: Material = COLOURS,
) -> Pixels:
    """The photograph with everybody's body over it, each in a colour of their own (``material``).

    Whoever is nearer hides whoever is behind. Somebody tracked through a video keeps their
    colour. ``opacity`` 0..1; ``samples`` per pixel side smooth the edges. The photograph itself
    is not changed; ``scene.camera`` belongs to a picture of the same size.
    """
    out = pixels.copy()
    if scene.bodies:
        shapes = [body.mesh.vertices + body.translation for body in scene.bodies]
        everybody = surfaces(shapes, scene.faces, scene.camera, material.colours(scene.bodies))
        paint(out, everybody, opacity, samples, material.studio)
    return out


def colours_of(bodies: Sequence[Body]) -> list[Float32[np.ndarray, "3"]]:
    """The linear colours that overlays have: by track where there is one, else by place."""
    return COLOURS.colours(bodies)


def silhouettes(scene: Scene) -> list[Inside]:
    """Everybody's outline alone, as if nobody stood before them; whole picture."""
    return [silhouette(body, scene.faces, scene.camera) for body in scene.bodies]


def silhouette(body: Body, faces: Integer[np.ndarray, "faces 3"], camera: Camera) -> Inside:
    """The pixels whose centre sees the body; what lies outside the picture is cut off."""
    inside = np.zeros(camera.size[::-1], bool)
    for window, raster in _rasters(body, faces, camera):
        inside[window] = raster.face >= 0
    return inside


def labelled(
    body: Body,
    faces: Integer[np.ndarray, "faces 3"],
    labels: Integer[np.ndarray, "vertices"],
    camera: Camera,
) -> UInt8[np.ndarray, "height width"]:
    """The label (1 to 255) of the vertex that is nearest to what each pixel's centre sees of the
    body; 0 beside it.
    """
    seen = np.zeros(camera.size[::-1], np.uint8)
    for window, raster in _rasters(body, faces, camera):
        row, column = np.nonzero(raster.face >= 0)
        corners = faces[raster.face[row, column]]
        nearest = raster.barycentric[row, column].argmax(axis=1)
        seen[window][row, column] = labels[corners[np.arange(len(row)), nearest]]
    return seen


def _rasters(
    body: Body, faces: Integer[np.ndarray, "faces 3"], camera: Camera
) -> Iterator[tuple[tuple[slice, slice], Raster]]:
    """What the body's part of the picture sees of it, a band of rows after the other."""
    points = on_screen(body.mesh.vertices + body.translation, camera)
    window = window_of(points, camera.size)
    if window is None:
        return
    x0, y0, x1, y1 = window
    for rows in bands(y1 - y0, ROWS_AT_ONCE):
        top, size = y0 + rows.start, (x1 - x0, rows.stop - rows.start)
        place = slice(top, top + size[1]), slice(x0, x1)
        yield place, rasterise(points - [x0, top, 0], faces, size, near=NEAR)

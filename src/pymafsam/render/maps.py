"""What every pixel of the photograph sees of the bodies, as numbers rather than light.

For compositing and for training other networks: depth, surface normals, body parts, and the bodies
cut out on a transparent ground. Whoever is nearer hides whoever is behind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Shaped, UInt8, UInt16

from pymafsam.records import Scene
from pymafsam.render.bands import bands
from pymafsam.render.draw import overlay
from pymafsam.render.materials import COLOURS, Material
from pymafsam.render.paint import NEAR, on_screen
from pymafsam.render.raster import Raster, rasterise
from pymafsam.render.shade import vertex_normals

FARTHEST = 65.535  # metres that 16 bits of millimetres hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everybody's surfaces as one, and what each pixel of some rows sees of them.

    ``corners`` are the vertices of the triangle each pixel sees (those of the first one where
    ``inside`` is False), numbered through all bodies; ``vertices`` in camera axes, metres.
    """

    raster: Raster
    corners: Int32[np.ndarray, "height width 3"]
    vertices: Float[np.ndarray, "vertices 3"]
    rows: slice

    @staticmethod
    def bands(scene: Scene) -> Iterator["Seen"]:
        """What the scene's own camera sees, a band of rows after the other."""
        shapes = [body.mesh.vertices + body.translation for body in scene.bodies]
        starts = np.cumsum([0, *(len(shape) for shape in shapes)])
        faces = [scene.faces + start for start in starts[:-1]]
        vertices = np.concatenate(shapes) if shapes else np.zeros((0, 3))
        triangles = np.concatenate(faces) if faces else np.zeros((0, 3), np.int64)
        points, (width, height) = on_screen(vertices, scene.camera), scene.camera.size
        for rows in bands(height):
            size = (width, rows.stop - rows.start)
            raster = rasterise(points - [0, rows.start, 0], triangles, size, near=NEAR)
            corners = np.zeros((*raster.face.shape, 3), np.int32)
            if len(triangles):
                corners = triangles[np.maximum(raster.face, 0)].astype(np.int32)
            yield Seen(raster=raster, corners=corners, vertices=vertices, rows=rows)

    @property
    def inside(self) -> Bool[np.ndarray, "height width"]:
        """Where there is somebody."""
        return self.raster.face >= 0

    def mixed(
        self, values: Float[np.ndarray, "vertices n"]
    ) -> Float32[np.ndarray, "height width n"]:
        """Numbers of the vertices, mixed by where in its triangle each pixel looks; else 0."""
        if not len(values):
            return np.zeros((*self.inside.shape, values.shape[1]), np.float32)
        picked = values[self.corners] * self.raster.barycentric[..., None]
        return np.where(self.inside[..., None], picked.sum(axis=2), 0).astype(np.float32)


def depth(scene: Scene) -> UInt16[np.ndarray, "height width"]:
    """Millimetres along the camera's axis; 0 where nobody is, and no more than 65,535."""

    def millimetres(seen: Seen) -> Float32[np.ndarray, "height width"]:
        metres = np.where(seen.inside, np.clip(seen.raster.depth, 0, FARTHEST), 0)
        return np.rint(1000 * metres)

    return _drawn(scene, millimetres, np.zeros(_shape(scene), np.uint16))


def normals(scene: Scene) -> UInt8[np.ndarray, "height width 3"]:
    """Surface normals as colours: red to the right, green up, blue towards the camera.

    -1 to 1 become 0 to 255, as in tangent-space maps; black where nobody is.
    """
    each = [vertex_normals(body.mesh.vertices, scene.faces) for body in scene.bodies]
    outward = np.concatenate(each) if each else np.zeros((0, 3))

    def colours(seen: Seen) -> Float32[np.ndarray, "height width 3"]:
        mixed = seen.mixed(outward)
        mixed /= np.maximum(np.linalg.norm(mixed, axis=2, keepdims=True), 1e-9)
        turned = np.rint(127.5 + 127.5 * mixed * np.array([1, -1, -1], np.float32))
        return np.where(seen.inside[..., None], turned, np.float32(0))

    return _drawn(scene, colours, np.zeros((*_shape(scene), 3), np.uint8))


def parts(
    scene: Scene, weights: Float[np.ndarray, "vertices joints"]
) -> UInt8[np.ndarray, "height width"]:
    """1 + the joint (``joints.SMPL24``) that moves what each pixel sees most; 0 where nobody is.

    ``weights`` are the body model's skinning weights.
    """
    everybody = np.tile(weights, (len(scene.bodies), 1))
    out = np.zeros(_shape(scene), np.uint8)
    for seen in Seen.bands(scene):
        inside, band = seen.inside, out[seen.rows]
        if inside.any():
            corners, shares = seen.corners[inside], seen.raster.barycentric[inside]
            mixed = (everybody[corners] * shares[..., None]).sum(axis=1)
            band[inside] = 1 + mixed.argmax(axis=1)
    return out


def silhouette(scene: Scene) -> UInt8[np.ndarray, "height width"]:
    """255 where there is somebody, 0 elsewhere."""

    def white(seen: Seen) -> Float32[np.ndarray, "height width"]:
        return np.where(seen.inside, np.float32(255), np.float32(0))

    return _drawn(scene, white, np.zeros(_shape(scene), np.uint8))


def _shape(scene: Scene) -> tuple[int, int]:
    width, height = scene.camera.size
    return height, width


def _drawn(
    scene: Scene,
    draw: Callable[[Seen], Float32[np.ndarray, "..."]],
    out: Shaped[np.ndarray, "height width *channels"],
) -> Shaped[np.ndarray, "height width *channels"]:
    """``out``, filled with what ``draw`` makes of every band of rows."""
    for seen in Seen.bands(scene):
        out[seen.rows] = draw(seen)
    return out


def cut_out(
    scene: Scene, samples: int = 3, material: Material = COLOURS
) -> UInt8[np.ndarray, "height width 4"]:
    """The bodies as ``overlay`` draws them, opaque, on a transparent ground (RGBA).

    What is drawn over black and over white differs by what lets the ground through: so edges keep
    exactly the transparency they were smoothed with.
    """
    width, height = scene.camera.size
    black, white = (
        overlay(ground, scene, opacity=1.0, samples=samples, material=material)
        for ground in (np.full((height, width, 3), value, np.uint8) for value in (0, 255))
    )
    out = np.empty((height, width, 4), np.uint8)
    for rows in bands(height):
        change = white[rows].astype(np.float32) - black[rows]
        alpha = 255 - change.mean(axis=2).clip(0, 255)
        colour = black[rows] * (255 / np.maximum(alpha, 1))[..., None]
        out[rows, :, :3] = np.rint(np.minimum(colour, 255))
        out[rows, :, 3] = np.rint(alpha)
    return out

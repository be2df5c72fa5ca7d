"""What every pixel of the photograph sees of the bodies, as numbers rather than light.

For compositing and for training other networks: depth, surface normals, body parts, and the bodies
cut out on a transparent ground. Whoever is nearer hides whoever is behind.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8, UInt16

from pymafsam.records import Scene
from pymafsam.render.draw import overlay
from pymafsam.render.paint import NEAR, on_screen
from pymafsam.render.raster import Raster, rasterise
from pymafsam.render.shade import vertex_normals

FARTHEST = 65.535  # metres that 16 bits of millimetres hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everybody's surfaces as one, and what each pixel sees of them.

    ``corners`` are the vertices of the triangle each pixel sees (those of the first one where
    ``inside`` is False), numbered through all bodies; ``vertices`` in camera axes, metres.
    """

    raster: Raster
    corners: Int[np.ndarray, "height width 3"]
    vertices: Float[np.ndarray, "vertices 3"]

    @staticmethod
    def of(scene: Scene) -> "Seen":
        """What the scene's own camera sees."""
        shapes = [body.mesh.vertices + body.translation for body in scene.bodies]
        starts = np.cumsum([0, *(len(shape) for shape in shapes)])
        faces = [scene.faces + start for start in starts[:-1]]
        vertices = np.concatenate(shapes) if shapes else np.zeros((0, 3))
        triangles = np.concatenate(faces) if faces else np.zeros((0, 3), np.int64)
        points = on_screen(vertices, scene.camera)
        raster = rasterise(points, triangles, scene.camera.size, near=NEAR)
        if not len(triangles):
            return Seen(
                raster=raster, corners=np.zeros((*raster.face.shape, 3), int), vertices=vertices
            )
        corners = triangles[np.maximum(raster.face, 0)].astype(int)
        return Seen(raster=raster, corners=corners, vertices=vertices)

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
    raster = Seen.of(scene).raster
    metres = np.where(raster.face >= 0, np.clip(raster.depth, 0, FARTHEST), 0)
    return np.rint(1000 * metres).astype(np.uint16)


def normals(scene: Scene) -> UInt8[np.ndarray, "height width 3"]:
    """Surface normals as colours: red to the right, green up, blue towards the camera.

    -1 to 1 become 0 to 255, as in tangent-space maps; black where nobody is.
    """
    seen = Seen.of(scene)
    each = [vertex_normals(body.mesh.vertices, scene.faces) for body in scene.bodies]
    mixed = seen.mixed(np.concatenate(each) if each else np.zeros((0, 3)))
    mixed /= np.maximum(np.linalg.norm(mixed, axis=2, keepdims=True), 1e-9)
    colours = np.rint(127.5 + 127.5 * mixed * (1, -1, -1))
    return np.where(seen.inside[..., None], colours, 0).astype(np.uint8)


def parts(
    scene: Scene, weights: Float[np.ndarray, "vertices joints"]
) -> UInt8[np.ndarray, "height width"]:
    """1 + the joint (``joints.SMPL24``) that moves what each pixel sees most; 0 where nobody is.

    ``weights`` are the body model's skinning weights.
    """
    seen = Seen.of(scene)
    mixed = seen.mixed(np.tile(weights, (len(scene.bodies), 1)))
    return np.where(seen.inside, 1 + mixed.argmax(axis=2), 0).astype(np.uint8)


def cut_out(scene: Scene, samples: int = 3) -> UInt8[np.ndarray, "height width 4"]:
    """The bodies as ``overlay`` draws them, opaque, on a transparent ground (RGBA).

    What is drawn over black and over white differs by what lets the ground through: so edges keep
    exactly the transparency they were smoothed with.
    """
    width, height = scene.camera.size
    black, white = (
        overlay(np.full((height, width, 3), value, np.uint8), scene, opacity=1.0, samples=samples)
        for value in (0, 255)
    )
    alpha = 255 - (white.astype(int) - black).mean(axis=2).clip(0, 255)
    colour = black * (255 / np.maximum(alpha, 1))[..., None]
    both = np.concatenate([np.minimum(colour, 255), alpha[..., None]], axis=2)
    return np.rint(both).astype(np.uint8)

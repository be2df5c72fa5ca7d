"""Dressed people before a camera, lit and laid over a background; then what a camera adds.

One rasterising pass for everybody; per pixel the place on the average body at rest says which
cloth is seen (``outfit``, ``surface``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int64

from pymafsam.data.synthetic.dressed import Wardrobe
from pymafsam.data.synthetic.outfit import Outfit
from pymafsam.data.synthetic.surface import Prints, colours
from pymafsam.records import Camera, Mesh, Pixels, Pose
from pymafsam.render.paint import NEAR, on_screen
from pymafsam.render.raster import Raster, rasterise
from pymafsam.render.shade import to_linear, to_srgb, vertex_normals

Generator = np.random.Generator
OCCLUSION_DEPTH, OCCLUSION_LOSS = 0.18, 0.55  # metres, and the share of light lost there


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A posed person (camera axes, metres) with their clothes on."""

    pose: Pose
    translation: Float[np.ndarray, "3"]
    outfit: Outfit
    prints: Prints
    naked: Float32[np.ndarray, "own 3"]  # the truth, translation included
    joints: Float[np.ndarray, "24 3"]
    vertices: Float32[np.ndarray, "vertices 3"]  # with clothes
    normals: Float32[np.ndarray, "vertices 3"]
    faces: Int64[np.ndarray, "faces 3"]
    wobble: Float32[np.ndarray, "vertices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """One far light with light from all around; linear RGB, ``toward`` it in camera axes."""

    toward: Float[np.ndarray, "3"]
    colour: Float[np.ndarray, "3"]
    sky: Float[np.ndarray, "3"]
    ground: Float[np.ndarray, "3"]
    wrap: float
    up: Float[np.ndarray, "3"]  # the world's, in camera axes


def dressed(
    wardrobe: Wardrobe,
    pose: Pose,
    mesh: Mesh,
    translation: Float[np.ndarray, "3"],
    outfit: Outfit,
    prints: Prints,
) -> Figure:
    """Blow the clothes up along the normals of the posed body with its tubes (``mesh``)."""
    faces = wardrobe.faces(outfit)
    wobble = outfit.wobble(wardrobe.places)
    cloth = wardrobe.cloth(outfit, wobble)
    lift = wardrobe.lift(outfit, cloth).astype(np.float32)
    normals = vertex_normals(mesh.vertices, faces)
    shift = translation.astype(np.float32)
    vertices = mesh.vertices + shift + normals * lift[:, None]
    return Figure(
        pose=pose,
        translation=translation,
        outfit=outfit,
        prints=prints,
        naked=mesh.vertices[: wardrobe.own] + shift,
        joints=mesh.joints + translation,
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        faces=faces,
        wobble=wobble,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The raster of several figures: whose face each pixel sees (-1: nobody's)."""

    raster: Raster
    owner: Int[np.ndarray, "height width"]
    first: tuple[int, ...]  # number of each figure's first face


def seen(figures: Sequence[Figure], camera: Camera) -> Seen:
    """Rasterise everybody."""
    points = np.concatenate([on_screen(one.vertices, camera) for one in figures])
    offsets = np.cumsum([0, *(len(one.vertices) for one in figures)])
    counts = np.cumsum([0, *(len(one.faces) for one in figures)])
    faces = np.concatenate([one.faces + k for one, k in zip(figures, offsets, strict=False)])
    raster = rasterise(points, faces, camera.size, near=NEAR)
    owner = np.searchsorted(counts, raster.face, side="right") - 1
    return Seen(raster=raster, owner=owner, first=tuple(int(c) for c in counts[:-1]))


def paint(
    pixels: Pixels,
    figures: Sequence[Figure],
    what: Seen,
    wardrobe: Wardrobe,
    lamp: Lamp,
) -> None:
    """Lay everybody over ``pixels``, in place."""
    openness = _openness(what.raster, figures)
    for number, one in enumerate(figures):
        rows, columns = np.nonzero(what.owner == number)
        face = one.faces[what.raster.face[rows, columns] - what.first[number]]
        weights = what.raster.barycentric[rows, columns]
        place = _blend(weights, wardrobe.places, face)
        wobble = np.einsum("nk,nk->n", weights, one.wobble[face])
        cloth = one.outfit.cloth(place, wobble)
        tube = face[:, 0] >= wardrobe.own
        cloth[tube] = wardrobe.tube_cloth(face[tube, 0])
        normals = _blend(weights, one.normals, face)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        light = _light(normals, lamp) * openness[rows, columns][:, None]
        pixels[rows, columns] = to_srgb(colours(one.outfit, one.prints, place, cloth) * light)


def _blend(
    weights: Float32[np.ndarray, "pixels 3"],
    values: Float32[np.ndarray, "vertices 3"],
    face: Int64[np.ndarray, "pixels 3"],
) -> Float32[np.ndarray, "pixels 3"]:
    out = weights[:, :1] * values[face[:, 0]]
    out += weights[:, 1:2] * values[face[:, 1]]
    out += weights[:, 2:] * values[face[:, 2]]
    return out


def _light(normals: Float32[np.ndarray, "pixels 3"], lamp: Lamp) -> Float32[np.ndarray, "pixels 3"]:
    """Wrapped Lambert, and light from above and below. Inner sides of tubes face the viewer."""
    normals = np.where(normals[:, 2:] > 0.15, -normals, normals)
    direct = np.maximum((normals @ lamp.toward + lamp.wrap) / (1 + lamp.wrap), 0)
    above = 0.5 + 0.5 * (normals @ lamp.up)
    out = direct[:, None] * lamp.colour + lamp.ground + above[:, None] * (lamp.sky - lamp.ground)
    return out.astype(np.float32)


def _openness(raster: Raster, figures: Sequence[Figure]) -> Float32[np.ndarray, "height width"]:
    """The share of light that reaches each pixel: little where it lies behind its surroundings."""
    import cv2

    inside = raster.face >= 0
    depth = np.where(inside, raster.depth, 0).astype(np.float32)
    radius = max(3, round(0.035 * np.sqrt(inside.sum()) * 2))
    ksize = (2 * radius + 1, 2 * radius + 1)
    share = cv2.blur(inside.astype(np.float32), ksize)
    mean = cv2.blur(depth, ksize) / np.maximum(share, 1e-6)
    behind = np.clip((depth - mean) / OCCLUSION_DEPTH, 0, 1)
    return (1 - OCCLUSION_LOSS * behind * (2 - behind)).astype(np.float32)


def shadow(pixels: Pixels, one: Figure, lamp: Lamp, camera: Camera, strength: float) -> None:
    """The figure's shadow on the floor under its lowest point, softened; in place."""
    import cv2

    heights = one.vertices @ lamp.up
    floor = heights.min()
    fall = float(lamp.toward @ lamp.up)
    if fall < 0.25:
        return
    on_floor = one.vertices - ((heights - floor) / fall)[:, None] * lamp.toward
    shrink = 3
    small = Camera(
        focal=camera.focal / shrink,
        centre=(camera.centre[0] / shrink, camera.centre[1] / shrink),
        size=(camera.size[0] // shrink, camera.size[1] // shrink),
    )
    raster = rasterise(on_screen(on_floor, small), one.faces, small.size, near=NEAR)
    dark = cv2.GaussianBlur((raster.face >= 0).astype(np.float32), (0, 0), 1.5)
    dark = np.asarray(cv2.resize(dark, camera.size))[..., None] * strength
    pixels[:] = (pixels * (1 - dark)).astype(np.uint8)


def lamp(turn: Float[np.ndarray, "3 3"], background: Pixels, generator: Generator) -> Lamp:
    """A light from above, rather from the camera's side; about as bright as the background."""
    g = generator
    up = turn @ np.array([0.0, 1.0, 0.0])
    toward = g.normal((0.0, 0.0, -0.35), (1.0, 0.2, 0.8)) + up * abs(g.normal(0.7, 0.5))
    toward /= np.linalg.norm(toward)
    mean = float(to_linear(background[::16, ::16]).mean())
    exposure = g.uniform(0.75, 1.35) * np.clip((mean / 0.2) ** 0.4, 0.45, 1.7)
    warm = g.normal(0, 0.12)
    tint = np.array([1 + warm, 1.0, 1 - warm])
    key, around = g.uniform(0.25, 1.25), g.uniform(0.3, 0.75)
    return Lamp(
        toward=toward,
        colour=exposure * key * tint,
        sky=exposure * around * tint[::-1] ** 0.5,
        ground=exposure * around * g.uniform(0.25, 0.7) * np.ones(3),
        wrap=g.uniform(0, 0.35),
        up=up,
    )


def exposed(
    pixels: Pixels, noise: Float32[np.ndarray, "rows columns 3"], generator: Generator
) -> Pixels:
    """What a camera adds: blur, a lower resolution, grain, contrast, JPEG."""
    import cv2

    g = generator
    height, width = pixels.shape[:2]
    sigma = g.uniform(0.45, 0.9) if g.random() < 0.85 else g.uniform(0.9, 2.2)
    out = cv2.GaussianBlur(pixels, (0, 0), sigma)
    if g.random() < 0.15:
        scale = g.uniform(0.35, 0.8)
        small = cv2.resize(out, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        out = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    grain = g.uniform(0, 5) if g.random() < 0.8 else g.uniform(5, 14)
    row = g.integers(0, noise.shape[0] - height + 1)
    column = g.integers(0, noise.shape[1] - width + 1)
    values = out.astype(np.float32)
    values += grain * noise[row : row + height, column : column + width]
    values = (values - 128) * g.uniform(0.8, 1.15) + 128 + g.uniform(-18, 18)
    if g.random() < 0.06:
        values[:] = values.mean(axis=2, keepdims=True)
    out = np.clip(values, 0, 255).astype(np.uint8)
    quality = int(g.integers(45, 97))
    coded = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])

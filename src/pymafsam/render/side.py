"""The people seen from the side, on a plain stage with a floor."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from pymafsam.records import Camera, Pixels, Scene
from pymafsam.render.bands import bands
from pymafsam.render.materials import COLOURS, Material
from pymafsam.render.paint import on_screen, paint, surfaces
from pymafsam.render.shade import to_srgb

BACK = (0.86, 0.87, 0.89)  # linear light at the top of the wall
FLOOR = (0.62, 0.62, 0.63)
LONGEST = 1280  # pixels
KEPT = 2_000_000  # pixels of a stage that is kept for the next picture
ABOVE = -1.0  # a horizon out of the picture: floor alone is seen
# Seen from this many times the people's extent away: little perspective, but some.
DISTANCE = 3.5
MARGIN = 0.09  # of the framed extent, on each side
Bounds = tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]  # lowest, highest; metres
GAP = 0.5  # metres between neighbours in depth that are kept; what is more is drawn closer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """How dark the floor is (0..1) in a part of the picture that begins at ``left``, ``top``."""

    dark: Float32[np.ndarray, "rows columns"]
    left: int
    top: int


def side_view(
    scene: Scene,
    *,
    size: tuple[int, int] | None = None,
    within: Bounds | None = None,
    samples: int = 3,
    material: Material = COLOURS,
    standing: bool = True,
) -> Pixels:
    """Everybody turned by 90 degrees about the vertical axis, seen from the picture's right.

    The photographer stands to the left: who faces the camera looks left, and who is farther away
    stands farther right. Relative depths are true until the empty space between two neighbours
    exceeds ``GAP`` metres; beyond it grows with the logarithm. ``size`` (width, height) in pixels;
    without it as high as the photograph, at most 1280, and as wide as the people need. ``within``:
    the space that is shown, in the photograph's camera axes, so that the frames of a film are all
    seen from one place, in true depth. ``standing``: on a floor before a wall; else before a plain
    ground.
    """
    if not scene.bodies and within is None:
        return _stage(size or _stage_size(scene.camera, 1.0))
    shapes = [body.mesh.vertices + body.translation for body in scene.bodies]
    turned = [turn(shape) for shape in (_closed_up(shapes) if within is None else shapes)]
    low, high = _bounds(turned if within is None else [turn(np.stack(within))])
    extent = np.maximum(high - low, 0.3)
    size = size or _stage_size(scene.camera, float(extent[0] / extent[1]))
    camera, shift = _framing(low, high, size)
    moved = [shape + shift for shape in turned]
    floor = moved if within is None else [np.stack([low, high]) + shift]
    if standing:
        out = _stage(size, _shadows(moved, camera, size), _horizon(floor, camera))
    else:
        out = _stage(size, horizon=ABOVE)
    if not moved:
        return out
    people = surfaces(moved, scene.faces, camera, material.colours(scene.bodies))
    paint(out, people, 1.0, samples, material.studio)
    return out


def _bounds(
    shapes: Sequence[Float[np.ndarray, "_ 3"]],
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """The lowest and highest coordinates of all."""
    low = np.min([shape.min(axis=0) for shape in shapes], axis=0)
    return low, np.max([shape.max(axis=0) for shape in shapes], axis=0)


def turn(shape: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "vertices 3"]:
    """Camera axes of the photograph -> of a viewer at its right: depth runs to the right."""
    return np.stack([shape[:, 2], shape[:, 1], -shape[:, 0]], axis=1)


def _closed_up(
    shapes: Sequence[Float[np.ndarray, "vertices 3"]],
) -> list[Float[np.ndarray, "vertices 3"]]:
    """The shapes with wide gaps in depth drawn closer; order and short distances stay."""
    spans = [(float(shape[:, 2].min()), float(shape[:, 2].max())) for shape in shapes]
    moved = list(shapes)
    shift, reach = 0.0, None
    for k in sorted(range(len(shapes)), key=lambda k: spans[k]):
        near, far = spans[k]
        if reach is not None and near - reach > GAP:
            gap = near - reach
            shift += gap - (GAP + np.log1p(gap - GAP) / 2)
        moved[k] = shapes[k] - np.array([0, 0, shift])
        reach = far if reach is None else max(reach, far)
    return moved


def _stage_size(camera: Camera, aspect: float) -> tuple[int, int]:
    height = min(max(camera.size[1], 320), LONGEST)
    width = height * float(np.clip(aspect * 1.1, 0.7, 3.0))
    shrink = min(1.0, LONGEST / width)
    return round(width * shrink), round(height * shrink)


def _framing(
    low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], size: tuple[int, int]
) -> tuple[Camera, Float[np.ndarray, "3"]]:
    """A camera far enough away, and what moves the people before its middle."""
    width, height = size
    extent = np.maximum(high - low, 0.3)
    away = DISTANCE * float(extent[:2].max()) + float(extent[2]) / 2
    # The nearest side of the box must fit: it looks largest.
    nearest = away - float(extent[2]) / 2
    room = 1 - 2 * MARGIN
    focal = nearest * room * min(width / float(extent[0]), height / float(extent[1]))
    shift = np.array([0, 0, away]) - (low + high) / 2
    return Camera(focal=focal, centre=(width / 2, height / 2), size=size), shift


def _horizon(shapes: Sequence[Float[np.ndarray, "vertices 3"]], camera: Camera) -> float:
    """Where the floor begins, as a share of the height: just above everybody's feet."""
    soles = [on_screen(shape[[shape[:, 1].argmax()]], camera)[0, 1] for shape in shapes]
    return float(np.clip(min(soles) / camera.size[1] - 0.02, 0.5, 0.85))


def _stage(
    size: tuple[int, int],
    shadows: Sequence[Shadow] = (),
    horizon: float = 0.8,
) -> Pixels:
    """A wall that runs softly into the floor, with shadows on it."""
    # Frames of a film stand on one stage; a large picture's is not kept.
    out = (_kept_ground if size[0] * size[1] <= KEPT else _ground)(size, horizon).copy()
    if shadows:
        y0, x0 = min(one.top for one in shadows), min(one.left for one in shadows)
        y1 = max(one.top + one.dark.shape[0] for one in shadows)
        x1 = max(one.left + one.dark.shape[1] for one in shadows)
        dark = np.zeros((y1 - y0, x1 - x0), np.float32)
        for one in shadows:
            height, width = one.dark.shape
            part = dark[one.top - y0 :, one.left - x0 :][:height, :width]
            np.maximum(part, one.dark, out=part)
        for rows in bands(y1 - y0):
            whole = slice(y0 + rows.start, y0 + rows.stop)
            light = _light(size, horizon, whole, slice(x0, x1))
            out[whole, x0:x1] = to_srgb(light * (1 - dark[rows, :, None]))
    return out


def _light(
    size: tuple[int, int], horizon: float, rows: slice, columns: slice
) -> Float[np.ndarray, "rows columns 3"]:
    """The stage's linear light in a part of the picture."""
    width, height = size
    across = ((np.arange(width)[columns] + 0.5) / width - 0.5)[None, :, None]
    down = ((np.arange(height)[rows] + 0.5) / height)[:, None, None]
    bend = 1 / (1 + np.exp(-(down - horizon) * 22))
    light = (1 - bend) * np.array(BACK) + bend * np.array(FLOOR)
    return light * (1 - 0.22 * (across**2 * 2 + (down - 0.45) ** 2))


def _ground(size: tuple[int, int], horizon: float) -> Pixels:
    """The stage without anybody."""
    width, height = size
    out = np.empty((height, width, 3), np.uint8)
    for rows in bands(height):  # a large picture's light need not be there all at once
        out[rows] = to_srgb(_light(size, horizon, rows, slice(None)))
    return out


_kept_ground = functools.lru_cache(maxsize=2)(_ground)


def _shadows(
    shapes: Sequence[Float[np.ndarray, "vertices 3"]], camera: Camera, size: tuple[int, int]
) -> list[Shadow]:
    """Soft spots on the floor where each body comes near its own lowest point."""
    import cv2

    if max(size) > LONGEST:  # they need no more, and their blur grows with the cube
        share = LONGEST / max(size)
        coarse = (max(round(size[0] * share), 1), max(round(size[1] * share), 1))
        zoom = np.array(coarse) / size
        x, y = (zoom * camera.centre).tolist()
        smaller = Camera(focal=camera.focal * zoom[1], centre=(x, y), size=coarse)
        dark = np.zeros(coarse[::-1], np.float32)
        for one in _shadows(shapes, smaller, coarse):
            rows = slice(one.top, one.top + one.dark.shape[0])
            columns = slice(one.left, one.left + one.dark.shape[1])
            dark[rows, columns] = np.maximum(dark[rows, columns], one.dark)
        large = cv2.resize(dark, size, interpolation=cv2.INTER_LINEAR)
        return [Shadow(dark=large, left=0, top=0)]
    return [one for shape in shapes if (one := _shadow(shape, camera, size)) is not None]


def _shadow(
    shape: Float[np.ndarray, "vertices 3"], camera: Camera, size: tuple[int, int]
) -> Shadow | None:
    """One body's; None where it falls out of the picture."""
    import cv2

    floor = float(shape[:, 1].max())
    lying = shape.copy()
    rise = floor - lying[:, 1]
    lying[:, 1] = floor
    spots = on_screen(lying[rise < 0.6], camera)
    weight = np.exp(-rise[rise < 0.6] / 0.12)
    per_metre = camera.focal / float(np.median(spots[:, 2]))
    # The floor is seen almost edge on; a little height makes its shadow visible.
    y = spots[:, 1] + (np.median(spots[:, 2]) - spots[:, 2]) * per_metre * 0.12
    x, sigma = spots[:, 0], max(per_metre * 0.07, 1.0)
    # Only the part that the blur reaches is worked on.
    reach = int(np.ceil(4 * sigma)) + 2
    low = np.clip(np.floor([x.min(), y.min()]).astype(int) - reach, 0, size)
    high = np.clip(np.ceil([x.max(), y.max()]).astype(int) + reach, 0, size)
    if not (low < high).all():
        return None
    (left, top), (width, height) = low.tolist(), (high - low).tolist()
    within = ((top, top + height), (left, left + width))
    spot, _, _ = np.histogram2d(y, x, bins=(height, width), range=within, weights=weight)
    blurred = cv2.GaussianBlur(spot.astype(np.float32), (0, 0), sigma, sigmaY=sigma * 0.32)
    peak = float(blurred.max())
    if peak <= 0:
        return None
    dark = (0.55 * np.minimum(blurred / peak * 1.4, 1)).astype(np.float32)
    return Shadow(dark=dark, left=left, top=top)

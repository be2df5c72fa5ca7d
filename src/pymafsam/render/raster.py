"""Which triangle each pixel sees, and where in it: the one rasteriser for everything drawn.

Corners are snapped to 1/1024 of a pixel and sides are decided in whole numbers, so that a pixel
centre on an edge that two triangles share belongs to exactly one of them, and both engines (the
compiled ``kernel`` and the plain ``reference``) give the same bits on every run.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32, Integer

from pymafsam.ahead import Once
from pymafsam.render import reference

log = logging.getLogger(__name__)

# (points, faces, near, width, height) -> face, barycentric, depth, as ``Raster`` has them
Draw = Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]

MOST_KEPT = 1 << 20  # pixels
NEAR = 0.01  # metres; what is nearer, or behind the camera, cannot be projected


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """What the centre of every pixel sees.

    ``face`` is the index of the nearest triangle, -1 where there is none; ``barycentric`` the
    weights of its three corners on the surface itself (perspective-correct, sum 1; all 0 where
    there is none); ``depth`` in the unit of the input, infinity where there is none.
    """

    face: Int32[np.ndarray, "height width"]
    barycentric: Float32[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]


def rasterise(
    points: Float[np.ndarray, "vertices 3"],
    faces: Integer[np.ndarray, "faces 3"],
    size: tuple[int, int],
    *,
    near: float = NEAR,
    engine: str = "auto",
) -> Raster:
    """The nearest triangle at every pixel centre (+0.5) of a picture of ``size`` (width, height).

    ``points`` are x, y in pixels and depth (metres along the camera's axis). The nearest surface
    wins, the lower face index when two are equally near; triangles count from both sides. A pixel
    centre exactly on an edge belongs to the triangle for which it is a top or left edge. Dropped:
    triangles without area, and those with a corner nearer than ``near``, not finite, or more than
    2^19 pixels away. ``engine``: "numba", "numpy", or "auto" (numba where it works).

    Raises IndexError when ``faces`` names a vertex that does not exist.
    """
    if len(faces) and (faces.min() < 0 or faces.max() >= len(points)):
        raise IndexError(f"faces name vertices outside 0..{len(points) - 1}")
    draw = _compiled() if engine == "auto" else ENGINES[engine]()
    given = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(faces, np.int32)
    face, barycentric, depth = draw(*given, near, *size)
    return Raster(face=face, barycentric=barycentric, depth=depth)


class _Scratch(threading.local):
    """Zeros that the kernel leaves as it found them, so that a thread's next picture can have them.

    What a large picture needs is not kept: fresh memory costs little beside drawing that.
    """

    def __init__(self):
        self._kept = np.zeros(0)

    def zeros(self, count: int) -> Float[np.ndarray, "_"]:
        """At least so many zeros."""
        if count > MOST_KEPT:
            return np.zeros(count)
        if count > len(self._kept):
            self._kept = np.zeros(count)
        return self._kept


@Once
def _numba() -> Draw:
    """The compiled counterpart of ``reference.draw``."""
    from pymafsam.render import machine_code

    run = machine_code.load(machine_code.RASTER)

    scratch = _Scratch()

    def draw(points, faces, near, width, height):
        xy, inverse = np.empty((len(points), 2), np.int64), np.empty(len(points))
        nearest = scratch.zeros(height * width)
        face = np.full((height, width), -1, np.int32)
        barycentric = np.zeros((height, width, 3), np.float32)
        depth = np.full((height, width), np.inf, np.float32)
        made = [a.ctypes.data for a in (xy, inverse, face, nearest, barycentric, depth)]
        corners, triangles = points.ctypes.data, faces.ctypes.data
        run(corners, len(points), near, triangles, len(faces), width, height, *made)
        return face, barycentric, depth

    return draw


ENGINES: dict[str, Callable[[], Draw]] = {"numba": _numba, "numpy": lambda: reference.draw}


@Once
def _compiled() -> Draw:
    """The compiled engine if it works here, else the plain one; decided and told once."""
    try:
        draw = _numba()
        draw(np.zeros((3, 3)), np.zeros((1, 3), np.int32), NEAR, 1, 1)
    except Exception as error:  # whatever a broken compiler raises, drawing goes on without it
        log.warning("numba cannot be used (%s); drawing with numpy, about 20 times slower", error)
        return reference.draw
    return draw


def prepare() -> None:
    """Load the engine now instead of with the first triangle."""
    _compiled()

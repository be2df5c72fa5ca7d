"""The compiled rasteriser is kept as machine code, and draws the same without numba."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

DRAW = """
import hashlib, sys
import numpy as np
from pymafsam.render.raster import rasterise
rng = np.random.default_rng(0)
points = rng.uniform((-5, -5, 0.5), (70, 60, 4), (60, 3))
drawn = rasterise(points, rng.integers(0, 60, (200, 3)), (64, 48))
content = drawn.face.tobytes() + drawn.barycentric.tobytes() + drawn.depth.tobytes()
print(hashlib.sha256(content).hexdigest(), "numba" in sys.modules)
"""


LIGHT = """
import hashlib, sys
import numpy as np
from pymafsam.geometry.camera import picture_camera
from pymafsam.render.paint import paint, surfaces
from pymafsam.render.shade import Studio, colour_of
rng = np.random.default_rng(0)
shape, faces = rng.uniform((-1, -1, 2), (1, 1, 3), (60, 3)), rng.integers(0, 60, (200, 3))
pixels = np.full((48, 64, 3), 90, np.uint8)
paint(pixels, surfaces([shape], faces, picture_camera((64, 48)), [colour_of(0)]), 1.0, 3, Studio())
print(hashlib.sha256(pixels.tobytes()).hexdigest(), "numba" in sys.modules)
"""


def drawn(cache, code=DRAW):
    environment = os.environ | {"PYMAFSAM_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_later_process_draws_the_same_bits_without_numba(tmp_path):
    first, with_numba = drawn(tmp_path)
    (kept,) = (tmp_path / "compiled").iterdir()
    second, again = drawn(tmp_path)
    assert (with_numba, again) == ("True", "False")
    assert first == second
    kept.write_bytes(kept.read_bytes()[:-1])
    assert drawn(tmp_path) == [first, "True"]


def test_light_is_kept_too(tmp_path):
    first, with_numba = drawn(tmp_path, LIGHT)
    kept = {path.name.split("-")[0] for path in (tmp_path / "compiled").iterdir()}
    assert (kept, with_numba) == ({"raster", "light"}, "True")
    assert drawn(tmp_path, LIGHT) == [first, "False"]

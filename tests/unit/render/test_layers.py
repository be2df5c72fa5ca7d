"""Both engines put the same light on a tile, but for rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.geometry.camera import picture_camera
from pymafsam.render import layers, paint
from pymafsam.render.materials import MATERIALS
from pymafsam.render.raster import rasterise
from pymafsam.render.shade import colour_of

pytest.importorskip("numba")

SIZE = (40, 30)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from(sorted(MATERIALS)))
@settings(deadline=None, max_examples=20)
def test_the_compiled_engine_agrees_with_the_plain_one(seed, samples, material):
    rng = np.random.default_rng(seed)
    camera = picture_camera(SIZE)
    shapes = [rng.uniform((-1, -1, 1.5), (1, 1, 3), (30, 3)) for _ in range(2)]
    colours = [colour_of(k) for k in range(2)]
    scene = paint.surfaces(shapes, rng.integers(0, 30, (40, 3)), camera, colours)
    points = (scene.points - [3, 2, 0]) * [samples, samples, 1]
    nearby = np.arange(1, len(scene.faces))
    size = (32 * samples, 24 * samples)
    seen = layers.Seen(
        raster=rasterise(points, scene.faces[nearby], size),
        nearby=nearby,
        left=3,
        top=2,
        samples=samples,
    )
    depth = rng.uniform(1.5, 3, (10, 12)).astype(np.float32)
    around = layers.Surroundings(depth=depth, window=(1, 1, 37, 31), step=3.0)
    studio = MATERIALS[material].studio
    compiled = layers._compiled()
    assert compiled is not None
    light, cover = compiled(seen, scene, around, studio)
    expected, covered = layers.composed(seen, scene, around, studio)
    np.testing.assert_allclose(cover, covered, atol=1e-6)
    # The plain one finds depths around a point by steps of 1/32.
    np.testing.assert_allclose(light, expected, atol=0.05)
    assert np.abs(light - expected).mean() < 0.005


def test_without_numba_light_is_put_on_by_numpy(monkeypatch):
    monkeypatch.setattr(layers, "_compiled", lambda: None)
    camera = picture_camera(SIZE)
    shape = np.array([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
    scene = paint.surfaces([shape], np.array([[0, 1, 2]]), camera, [colour_of(0)])
    pixels = np.zeros((*SIZE[::-1], 3), np.uint8)
    paint.paint(pixels, scene, 1.0, 3, MATERIALS["colours"].studio)
    assert pixels.any()

"""What is read of MoveNet's inner maps: where, in which order, and how it is pressed together."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.fitting.lifter import Lifter
from pymafsam.geometry.affine import Square
from pymafsam.geometry.joints import COCO17, flip_permutation
from pymafsam.people.features import Features, all_channels
from pymafsam.people.movenet import MAPS, SIZE, Heads, Seen
from pymafsam.pretrained.conversions import KEYPOINTS

POINTS = len(COCO17)


def heads(maps: tuple[np.ndarray, ...]) -> Heads:
    nothing = np.zeros((64, 64, POINTS, 2), np.float32)
    return Heads(
        heat=nothing[..., 0], offsets=nothing, regressed=nothing, centre=nothing[:, :, 0, 0],
        maps=maps,
    )  # fmt: skip


def ramps() -> tuple[np.ndarray, ...]:
    """Maps whose two channels are the place itself, x and y in the window's pixels."""
    cells = [np.arange(SIZE // cell, dtype=np.float32) * cell for cell in MAPS.values()]
    return tuple(np.stack(np.meshgrid(row, row), axis=-1) for row in cells)


def at(points: np.ndarray, ways: int, window: Square) -> np.ndarray:
    seen = Seen(readings=np.zeros((1, POINTS, 3)), ways=(heads(ramps()),) * ways, window=window)
    return seen.at(points).reshape(ways, POINTS, len(MAPS), 2)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3))
def test_maps_are_read_where_the_points_are(seed, angle):
    generator = np.random.default_rng(seed)
    window = Square((50.0, 70.0), 120.0, angle)
    inside = generator.uniform(0, SIZE - max(MAPS.values()), size=(POINTS, 2))
    (own,) = at(window.place(inside, SIZE), 1, window)
    assert np.allclose(own, inside[:, None], atol=1e-3)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_the_mirror_image_is_read_at_its_own_points(seed):
    generator = np.random.default_rng(seed)
    window = Square((50.0, 70.0), 120.0)
    inside = generator.uniform(40, SIZE - 40, size=(POINTS, 2))
    own, mirrored = at(window.place(inside, SIZE), 2, window)
    there = own[flip_permutation("coco17")]  # what is its left shoulder is the right one here
    assert np.allclose(mirrored[..., 0], SIZE - there[..., 0], atol=1e-3)
    assert np.allclose(mirrored[..., 1], there[..., 1], atol=1e-3)


def test_points_outside_the_window_are_read_at_its_rim():
    window = Square((128.0, 128.0), 256.0)
    (own,) = at(np.full((POINTS, 2), [-500.0, 900.0]), 1, window)
    last = np.array([SIZE - cell for cell in MAPS.values()])
    assert (own[..., 0] == 0).all()
    assert (own[..., 1] == last).all()


def test_features_are_a_product_kept_in_16_bits():
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(30, 5)).astype(np.float32)
    bias = generator.normal(size=5).astype(np.float32)
    sampled = generator.normal(size=(2, POINTS, 30)).astype(np.float32)
    features = Features(weight, bias)(sampled)
    assert features.dtype == np.float16
    assert np.allclose(features, sampled @ weight + bias, atol=0.02)
    assert (all_channels(sampled) == sampled.astype(np.float16)).all()


def test_what_comes_with_the_package_fits_together():
    shapes = dict(KEYPOINTS.outputs.values())
    channels = [shapes[name][-1] for name in MAPS]
    assert [SIZE // shapes[name][1] for name in MAPS] == list(MAPS.values())
    shipped = Features.load()
    assert shipped.weight.shape[0] == sum(channels)
    assert Lifter.load().weights["join.weight"].shape[1] == POINTS * shipped.weight.shape[1]

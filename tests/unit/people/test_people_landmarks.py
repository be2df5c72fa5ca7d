"""Reading the landmark network's answers, with a stand-in for the network."""

import numpy as np
import pytest

from pymafsam.geometry.affine import Window
from pymafsam.geometry.joints import flip_permutation
from pymafsam.people.landmarks import CELL, CELL_SHIFT, POINTS, SIZE, decode, read


def blobs(places: np.ndarray, side: int = 64) -> np.ndarray:
    """Heatmaps with a Gaussian at each place (in cells)."""
    y, x = np.mgrid[0:side, 0:side]
    return np.stack(
        [0.8 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 2.0) for u, v in places], -1
    ).astype(np.float32)


class Eye:
    """A network that sees bright spots: point k lies at the brightest pixel of colour k.

    Left and right of a pair are told apart by the side of the picture, as a network does.
    """

    def __init__(self, places: np.ndarray):
        self.places = places
        self.runs = 0

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self.runs += 1
        bright = values[0].sum(-1)
        mirrored = bright[:, : SIZE // 2].sum() < bright[:, SIZE // 2 :].sum()
        places = self.places.copy()
        if mirrored:
            order = np.append(flip_permutation("blazepose33"), np.arange(POINTS, 39))
            places = places[order]
            places[:, 0] = 64 - places[:, 0]
        heat = np.clip(blobs(places), 1e-6, 1 - 1e-6)
        points = np.zeros((39, 5), np.float32)
        points[:, :2] = places * CELL
        world = np.zeros((39, 3), np.float32)
        world[:, 0] = places[:, 0] - 32
        mask = np.full((1, SIZE, SIZE, 1), -9, np.float32)
        mask[0, :, : SIZE // 2] = 9
        if mirrored:
            mask = mask[:, :, ::-1]
        return [
            points.reshape(1, -1),
            np.array([[0.9]], np.float32),
            mask,
            np.log(heat / (1 - heat))[None],
            world.reshape(1, -1),
        ]


@pytest.fixture
def places() -> np.ndarray:
    return np.random.default_rng(3).uniform(6, 58, (39, 2))


def test_a_blob_is_found_where_it_is_within_a_fifth_of_a_cell(places):
    points, strength = decode(blobs(places))
    np.testing.assert_allclose(points / CELL - CELL_SHIFT, places, atol=0.2)
    assert (strength > 0.6).all()
    assert (strength <= 0.8).all()


def test_a_blob_at_the_rim_is_found_there():
    heat = np.zeros((64, 64, 39), np.float32)
    heat[0, 63] = 0.7
    points, strength = decode(heat)
    np.testing.assert_allclose(
        points, np.tile([(63 + CELL_SHIFT) * CELL, CELL_SHIFT * CELL], (39, 1))
    )
    np.testing.assert_allclose(strength, 0.7)


def half_bright() -> np.ndarray:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, :50] = 200
    return pixels


def test_the_mirrored_reading_agrees_with_the_plain_one(places):
    """A network that treats both sides alike says the same of the mirror image."""
    eye = Eye(places)
    window = Window((50.0, 50.0), 100.0)
    plain = read(eye, half_bright(), window)
    both = read(eye, half_bright(), window, mirror=True)
    assert eye.runs == 3
    np.testing.assert_allclose(both.heat[:, 1:], plain.heat[:, 1:], atol=1e-4)
    np.testing.assert_allclose(both.regressed, plain.regressed, atol=1e-4)
    np.testing.assert_allclose(both.world, plain.world, atol=1e-4)
    np.testing.assert_allclose(both.mask, plain.mask, atol=1e-4)


def test_points_land_in_the_picture(places):
    window = Window((30.0, 40.0), 50.0, 0.5)
    reading = read(Eye(places), half_bright(), window)
    points, _ = reading.points()
    expected = window.place(places * CELL, SIZE)
    assert np.abs(points - expected).max() < 0.4 * CELL * 50 / SIZE

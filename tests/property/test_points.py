"""Sampling points: they keep to the mask, to their order, and to themselves."""

import random

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam import crops, points
from pymafsam.errors import BadInput
from pymafsam.geometry import affine
from pymafsam.legacy.bank import from_bank

SIDE = crops.SIZE


@st.composite
def masks(draw):
    """A few ellipses and bars, as a body with limbs might be; sometimes nearly nothing."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    place = st.integers(0, SIDE - 1)
    for _ in range(draw(st.integers(1, 5))):
        centre, size = (
            (draw(place), draw(place)),
            (draw(st.integers(1, 70)), draw(st.integers(1, 70))),
        )
        cv2.ellipse(canvas, centre, size, draw(st.integers(0, 180)), 0, 360, 1, -1)
    if draw(st.booleans()):
        cv2.line(canvas, (draw(place), draw(place)), (draw(place), draw(place)), 1, 6)
    return canvas.astype(bool)


def figure() -> np.ndarray:
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(canvas, (112, 40), 18, 1, -1)
    cv2.ellipse(canvas, (112, 100), (28, 50), 0, 0, 360, 1, -1)
    for start, end in (((100, 130), (80, 205)), ((124, 130), (140, 205)), ((90, 75), (40, 110))):
        cv2.line(canvas, start, end, 1, 14)
    return canvas.astype(bool)


def pixels_of(chosen: np.ndarray) -> np.ndarray:
    return (chosen.astype(np.float64) + 1) / 2 * (SIDE - 1)


def test_the_grid_is_walked_column_by_column():
    grid = points.grid()
    assert grid.shape == (441, 2)
    np.testing.assert_allclose(grid[[0, 1, 21]], [[-1, -1], [-1, -0.9], [-0.9, -1]])


def test_the_grid_is_the_references(parity_pack):
    with np.load(parity_pack / "net_pymaf.npz") as golden:
        np.testing.assert_array_equal(points.grid(), golden["points_0"][0])


@given(masks())
def test_four_hundred_points_lie_in_the_mask_and_all_in_the_crop(inside):
    chosen = points.from_mask(inside)
    assert chosen.shape == (441, 2)
    assert chosen.dtype == np.float32
    assert np.abs(chosen).max() <= 1
    if np.array_equal(chosen, points.grid()):
        return  # too little was left to draw a grid into
    x, y = np.rint(pixels_of(chosen[: points.WITHIN])).astype(int).T
    assert inside[y, x].all()


def test_a_point_between_two_pixels_stays_in_the_mask_after_rounding():
    inside = np.zeros((SIDE, SIDE), bool)
    for row in range(0, SIDE - 1, 2):  # every other row: points fall on edges of rows
        inside[row, 30:200] = True
    inside[:, 100:103] = True
    x, y = np.rint(pixels_of(points.from_mask(inside)[: points.WITHIN])).astype(int).T
    assert inside[y, x].all()


@given(masks())
def test_the_same_mask_gives_the_same_points_bit_for_bit(inside):
    assert points.from_mask(inside).tobytes() == points.from_mask(inside.copy()).tobytes()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_specks_do_not_move_a_point(seed, count):
    inside = figure()
    far = np.argwhere(cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0)
    generator = np.random.default_rng(seed)
    sprinkled = inside.copy()
    rows, columns = far[generator.choice(len(far), count, replace=False)].T
    sprinkled[rows, columns] = True
    assert points.from_mask(sprinkled).tobytes() == points.from_mask(inside).tobytes()


@given(st.integers(-25, 25), st.integers(-15, 10))
def test_points_travel_with_the_mask(dx, dy):
    inside = figure()
    moved = np.roll(inside, (dy, dx), (0, 1))
    before, after = pixels_of(points.from_mask(inside)), pixels_of(points.from_mask(moved))
    shift = (after - before)[: points.WITHIN]
    np.testing.assert_allclose(shift, np.broadcast_to([dx, dy], shift.shape), atol=1e-3)


def test_points_keep_their_side_and_height():
    chosen = pixels_of(points.from_mask(figure()))[: points.WITHIN].reshape(20, 20, 2)
    assert (np.diff(chosen[..., 0], axis=0) >= -1e-3).mean() > 0.97  # columns left to right
    assert (np.diff(chosen[..., 1], axis=1) > 0).mean() > 0.97  # rows downwards


def test_points_around_stand_outside_clockwise_from_the_top():
    inside = figure()
    around = pixels_of(points.from_mask(inside)[points.WITHIN :])
    assert len(around) == 41
    x, y = np.rint(around).astype(int).T
    assert not inside[y, x].any()
    middle = np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2])
    angles = np.arctan2(*(around - middle).T * np.array([[1], [-1]]))
    assert abs(angles[0]) < 0.2
    assert (np.diff(np.unwrap(angles)) > 0).all()


@pytest.mark.parametrize("pixels", [0, 1, 63])
def test_too_small_a_mask_falls_back_to_the_grid(pixels):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[100, 20 : 20 + pixels] = True
    np.testing.assert_array_equal(points.from_mask(inside), points.grid())


@pytest.mark.parametrize(
    "shape", [(slice(100, 101), slice(20, 120)), (slice(0, 224), slice(0, 224))]
)
def test_a_line_and_a_full_crop_are_masks_too(shape):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[shape] = True
    chosen = pixels_of(points.from_mask(inside))
    x, y = np.rint(chosen[: points.WITHIN]).astype(int).T
    assert inside[y, x].all()
    assert len(np.unique(x)) >= 15


@given(st.floats(30, 200), st.floats(30, 200), st.floats(20, 300), st.integers(0, 2**32 - 1))
def test_the_mask_in_the_crop_is_the_pixel_under_each_centre(x, y, side, seed):
    square = affine.Square(centre=(x, y), side=side)
    inside = np.random.default_rng(seed).random((180, 240)) < 0.5
    seen = crops.labels_under(inside, crops.to_frame(square))
    np.testing.assert_array_equal(seen, crops.cut_labels(inside, square))


def test_what_lies_outside_the_crop_does_not_matter():
    square = affine.Square(centre=(150.0, 130.0), side=180.0)
    way = crops.to_frame(square)
    inside = np.zeros((400, 500), bool)
    inside[60:200, 100:190] = True
    other = inside.copy()
    other[300:] = other[:, 320:] = True
    one, two = (points.from_mask(crops.labels_under(m, way)) for m in (inside, other))
    np.testing.assert_array_equal(one, two)


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(8, 60))
def test_a_seeded_bank_starts_where_the_2024_code_would(seed, count, rows):
    bank = np.random.default_rng(0).uniform(-1, 1, (rows, 441, 2))
    random.seed(seed)
    first = random.randint(0, rows - count)
    chosen = from_bank(bank, seed=seed, count=count)
    assert chosen.dtype == np.float32
    np.testing.assert_array_equal(chosen, bank[first : first + count].astype(np.float32))
    np.testing.assert_array_equal(chosen, from_bank(bank, row=first, count=count))


@pytest.mark.parametrize(
    "wish",
    [{"row": 9, "count": 2}, {"row": -1}, {"seed": 1, "count": 11}, {}, {"row": 1, "seed": 1}],
)
def test_rows_that_a_bank_does_not_have_are_refused(wish):
    with pytest.raises(BadInput):
        from_bank(np.zeros((10, 441, 2)), **wish)

"""Windows on a picture: where a pixel of the window lies in the picture, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.geometry.affine import Window, around_box, cut

windows = st.builds(
    Window,
    st.tuples(st.floats(20, 80), st.floats(20, 80)),
    st.floats(10, 120),
    st.floats(-3.1, 3.1),
)


@given(windows, st.floats(0, 256), st.floats(0, 256))
def test_distances_in_a_window_are_those_of_the_picture_times_its_scale(window, x, y):
    points = np.array([[128.0, 128.0], [x, y]])
    placed = window.place(points, 256)
    np.testing.assert_allclose(placed[0], window.centre, atol=1e-9)
    expected = np.linalg.norm(points[1] - points[0]) * window.side / 256
    assert np.linalg.norm(placed[1] - placed[0]) == pytest.approx(expected, abs=1e-9)


@given(windows)
def test_up_in_a_turned_window_is_where_its_angle_points(window):
    low, high = window.place(np.array([[128.0, 256.0], [128.0, 0.0]]), 256)
    up = (high - low) / window.side
    np.testing.assert_allclose(up, [np.sin(window.angle), -np.cos(window.angle)], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(windows)
def test_the_window_shows_what_lies_at_its_place_in_the_picture(window):
    """On a picture of linear ramps every window pixel's value says where it came from."""
    y, x = np.mgrid[0:100, 0:100] + 0.5
    ramps = np.stack([x * 2, y * 2, np.full_like(x, 50)], -1).round().astype(np.uint8)
    seen = cut(ramps, window, 64).astype(float)
    v, u = np.mgrid[0:64, 0:64] + 0.5
    places = window.place(np.stack([u.ravel(), v.ravel()], -1), 64).reshape(64, 64, 2)
    inside = ((places > 2) & (places < 98)).all(-1)
    assert np.abs(seen[..., :2] - places * 2)[inside].max(initial=0) <= 3


def test_outside_the_picture_a_window_is_black():
    white = np.full((40, 30, 3), 255, np.uint8)
    seen = cut(white, Window((0.0, 20.0), 40.0), 64)
    assert seen[:, :30].max() == 0
    assert seen[1:-1, 34:60].min() == 255


@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_a_shrinking_window_averages_instead_of_skipping_pixels(angle):
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255
    seen = cut(stripes, Window((500.0, 500.0), 640.0, angle), 64).astype(float)
    assert np.abs(seen - 127.5).max() < 30


def test_the_window_around_a_box_has_its_centre_and_longer_side():
    window = around_box(np.array([10.0, 20.0, 30.0, 80.0]), 1.5)
    assert window.centre == (20.0, 50.0)
    assert window.side == 90.0

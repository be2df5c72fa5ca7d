"""Laws of crops: maps invert, the affine says where pixels went, mirrored twice is not mirrored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam import crops
from pymafsam.errors import BadInput
from pymafsam.geometry import affine, mirror, rotation
from pymafsam.geometry.joints import LAYOUTS

near = st.floats(-300, 900, allow_nan=False)
turns = st.one_of(st.just(0.0), st.floats(-180, 180, allow_nan=False))
squares = st.builds(
    lambda x, y, side, turn: affine.Square((x, y), side, np.deg2rad(turn)),
    near,
    near,
    st.floats(8, 800),
    turns,
)
places = arrays(np.float64, (5, 2), elements=st.floats(-500, 1500))


@given(squares, places)
def test_maps_between_crop_and_picture_invert(square, points):
    there = crops.to_frame(square)
    back = affine.apply(affine.inverse(there), affine.apply(there, points))
    np.testing.assert_allclose(back, points, atol=1e-6)


@given(squares)
def test_the_exact_map_stays_within_two_pixels_of_the_unrounded_one(square):
    corners = np.array([[0.0, 0.0], [224.0, 0.0], [0.0, 224.0], [224.0, 224.0]])
    unrounded = affine.inverse(crops.training_transform(square)[:2])
    apart = affine.apply(crops.to_frame(square), corners) - affine.apply(unrounded, corners)
    assert np.abs(apart).max() < 3


def ramp(size: int) -> np.ndarray:
    """A picture whose red is x and whose green is y, at pixel centres."""
    line = np.arange(size, dtype=np.uint8)
    red, green = np.meshgrid(line, line)
    return np.stack([red, green, np.zeros_like(red)], -1)


@pytest.mark.parametrize("turn", [0.0, 30.0, -75.0, 90.0])
@pytest.mark.parametrize("side", [60.0, 101.0, 224.0])
def test_the_map_says_where_each_pixel_came_from(side, turn):
    square = affine.Square(centre=(121.0, 130.0), side=side, angle=np.deg2rad(turn))
    cut = crops.cut(ramp(256), square).astype(np.float64)
    rows, columns = np.mgrid[30:194:7, 30:194:7]
    centres = np.stack([columns, rows], -1) + 0.5
    came_from = affine.apply(crops.to_frame(square), centres) - 0.5
    # The turned canvas is cut off to whole grey levels before it is resized.
    low = -1.6 if turn else -0.6
    apart = cut[rows, columns, :2] - came_from
    assert low < apart.min()
    assert apart.max() < 0.6


@pytest.mark.parametrize("turn", [0.0, 20.0])
def test_labels_go_where_the_pixels_go(turn):
    labels = np.zeros((200, 300), np.uint8)
    labels[60:140, 90:210] = 255
    square = affine.Square(centre=(150.0, 100.0), side=180.0, angle=np.deg2rad(turn))
    pixels = crops.cut(np.repeat(labels[..., None], 3, 2), square)[..., 0] > 127
    found = crops.cut_labels(labels > 0, square)
    assert (pixels != found).mean() < 0.01
    again = crops.paste_labels_back(found, square, labels.shape)
    assert (again != (labels > 0)).mean() < 0.01


def test_uncut_labels_are_never_mixed():
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 7, 200], np.uint8), (224, 224))
    square = affine.Square(centre=(80.0, 70.0), side=90.0)
    laid = crops.paste_back(labels, square, (150, 160), labels=True)
    assert set(np.unique(laid)) <= {0, 7, 200}


def test_outside_the_picture_is_black():
    white = np.full((40, 40, 3), 255, np.uint8)
    far = crops.cut(white, affine.Square(centre=(500.0, -300.0), side=60.0))
    assert not far.any()
    turned = crops.cut(
        white, affine.Square(centre=(500.0, -300.0), side=60.0, angle=np.deg2rad(33.0))
    )
    assert not turned.any()


@pytest.mark.parametrize("side", [0.0, 0.4])
def test_squares_without_a_pixel_are_refused(side):
    with pytest.raises(BadInput, match="too small"):
        crops.to_frame(affine.Square(centre=(10.5, 10.5), side=side or 1e-9))


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (9, 0, 3, 5), (0, 0, np.nan, 4)])
def test_boxes_without_extent_are_refused(box):
    with pytest.raises(BadInput, match="x0 < x1"):
        crops.square_around(np.array(box, np.float32))


@given(
    st.sampled_from([n for n in LAYOUTS if n != "blazepose33"]).flatmap(
        lambda layout: st.tuples(
            st.just(layout),
            arrays(np.float64, (len(LAYOUTS[layout]), 3), elements=st.floats(-2, 2)),
        )
    )
)
def test_mirrored_twice_is_not_mirrored(case):
    layout, points = case
    np.testing.assert_array_equal(mirror.points(mirror.points(points, layout), layout), points)


@given(arrays(np.float64, (24, 3), elements=st.floats(-1.5, 1.5)))
def test_poses_mirrored_twice_are_not_mirrored(pose):
    np.testing.assert_array_equal(mirror.axis_angles(mirror.axis_angles(pose)), pose)
    matrices = rotation.from_axis_angle(pose)
    np.testing.assert_allclose(mirror.rotations(mirror.rotations(matrices)), matrices, atol=1e-15)
    # Both forms of a pose are mirrored alike.
    same = rotation.from_axis_angle(mirror.axis_angles(pose))
    np.testing.assert_allclose(mirror.rotations(matrices), same, atol=1e-12)


@given(st.floats(-180, 180))
def test_turning_a_pose_turns_its_points_as_the_crop_does(degrees):
    point = np.array([0.4, -0.7, 0.2])
    turned = mirror.rotate_root(np.eye(3), degrees) @ point
    # A picture's content turned by the same angle about the middle of the square.
    square = affine.Square(centre=(112.0, 112.0), side=224.0, angle=np.deg2rad(degrees))
    moved = affine.apply(crops.training_transform(square)[:2], point[:2] * 100 + 112) - 112
    np.testing.assert_allclose(turned[:2] * 100, moved, atol=1e-9)
    assert turned[2] == pytest.approx(point[2])

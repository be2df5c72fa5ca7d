"""Laws of the rasteriser, for any triangles."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam.render.raster import rasterise

SIZE = (23, 17)


def soups():
    """Points in and around a small picture, often on pixel centres and edges, and triangles."""
    whole = st.integers(-8, 60).map(lambda n: n / 2)
    anywhere = st.floats(-40, 60, width=32)
    depth = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 1e6]) | st.floats(0.03125, 10, width=32)
    point = st.tuples(whole | anywhere, whole | anywhere, depth)

    @st.composite
    def soup(draw):
        points = np.array(draw(st.lists(point, min_size=3, max_size=12)), float)
        number = draw(st.integers(0, 40))
        corner = st.integers(0, len(points) - 1)
        return points, draw(arrays(np.int32, (number, 3), elements=corner))

    return soup()


@settings(max_examples=150, deadline=None)
@given(soups())
def test_the_compiled_engine_gives_the_bits_of_the_plain_one(soup):
    points, faces = soup
    fast = rasterise(points, faces, SIZE, engine="numba")
    slow = rasterise(points, faces, SIZE, engine="numpy")
    np.testing.assert_array_equal(fast.face, slow.face)
    np.testing.assert_array_equal(fast.barycentric, slow.barycentric)
    np.testing.assert_array_equal(fast.depth, slow.depth)


@settings(max_examples=60, deadline=None)
@given(soups(), st.permutations([0, 1, 2]))
def test_neither_winding_nor_the_first_corner_changes_what_is_covered(soup, order):
    points, faces = soup
    one = rasterise(points, faces, SIZE)
    other = rasterise(points, np.ascontiguousarray(faces[:, order]), SIZE)
    np.testing.assert_array_equal(one.face >= 0, other.face >= 0)
    np.testing.assert_allclose(one.depth, other.depth, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(soups())
def test_the_weights_are_a_share_of_the_surface_and_give_back_the_depth(soup):
    points, faces = soup
    raster = rasterise(points, faces, SIZE)
    seen = raster.face >= 0
    weights = raster.barycentric[seen]
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    corner_depth = points[faces[raster.face[seen]], 2]
    # The weights are shares on the surface itself, so depth mixes linearly.
    np.testing.assert_allclose((weights * corner_depth).sum(axis=1), raster.depth[seen], rtol=2e-5)
    assert np.isinf(raster.depth[~seen]).all()
    assert (raster.barycentric[~seen] == 0).all()


@settings(max_examples=60, deadline=None)
@given(
    arrays(float, (4, 2), elements=st.floats(-4, 28, width=16)),
    st.integers(0, 3),
)
def test_a_polygon_cut_into_triangles_is_covered_once_and_whole(corners, apex):
    """A fan over the convex hull of points: the triangles' covers add up to 0 or 1, and the sum
    does not depend on how the polygon was cut."""
    centre = corners.mean(axis=0)
    angle = np.arctan2(*(corners - centre).T)
    corners = np.round(corners[np.argsort(angle)] * 8) / 8
    ring = [(apex + k) % 4 for k in range(4)]
    assume(_convex(corners))
    points = np.column_stack([corners, np.ones(4)])
    fan = np.array([[ring[0], ring[1], ring[2]], [ring[0], ring[2], ring[3]]], np.int32)
    covers = [rasterise(points, face[None], SIZE).face >= 0 for face in fan]
    total = sum(cover.astype(int) for cover in covers)
    assert total.max() <= 1
    other = np.array([[ring[1], ring[2], ring[3]], [ring[1], ring[3], ring[0]]], np.int32)
    np.testing.assert_array_equal(total > 0, rasterise(points, other, SIZE).face >= 0)


def _convex(corners):
    edge = np.roll(corners, -1, axis=0) - corners
    after = np.roll(edge, -1, axis=0)
    turn = edge[:, 0] * after[:, 1] - edge[:, 1] * after[:, 0]
    return bool((turn > 0).all() or (turn < 0).all())


@settings(max_examples=40, deadline=None)
@given(soups(), st.integers(-5, 5), st.integers(-5, 5))
def test_moving_everything_by_whole_pixels_moves_the_picture(soup, right, down):
    points, faces = soup
    wide = (SIZE[0] + 20, SIZE[1] + 20)
    still = rasterise(points + [10, 10, 0], faces, wide).face
    moved = rasterise(points + [10 + right, 10 + down, 0], faces, wide).face
    np.testing.assert_array_equal(still[5:-5, 5:-5], _window(moved, right, down))


def _window(face, right, down):
    height, width = face.shape
    return face[5 + down : height - 5 + down, 5 + right : width - 5 + right]


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_a_face_that_names_no_vertex_is_refused(engine):
    with pytest.raises(IndexError, match="vertices outside"):
        rasterise(np.zeros((3, 3)), np.array([[0, 1, 3]]), SIZE, engine=engine)

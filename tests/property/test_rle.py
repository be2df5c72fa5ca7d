"""Masks survive their run lengths."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask

from pymafsam.errors import BadInput
from pymafsam.files import rle


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_masks_round_trip(inside):
    height, width = inside.shape
    np.testing.assert_array_equal(rle.decode(rle.encode(inside), (width, height)), inside)


def test_a_polygon_fills_its_inside():
    inside = rle.decode([[1, 1, 5, 1, 5, 4, 1, 4]], (8, 6))
    expected = np.zeros((6, 8), bool)
    expected[1:4, 1:5] = True
    np.testing.assert_array_equal(inside, expected)


@pytest.mark.parametrize("bad", [{"size": [6, 8]}, [["a"]], {"counts": "x"}, [[1, 2]], 3.0])
def test_nonsense_is_refused_in_words(bad):
    with pytest.raises(BadInput, match="COCO"):
        rle.decode(bad, (8, 6))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_run_lengths_are_read_as_pycocotools_reads_them(inside):
    height, width = inside.shape
    packed = rle.encode(inside)
    np.testing.assert_array_equal(rle.decode(packed, (width, height)), mask.decode(packed))
    flat = inside.T.ravel()
    ends = np.r_[0, np.flatnonzero(np.diff(flat)) + 1, flat.size]
    counts = [0] * int(flat[0]) + np.diff(ends).tolist()
    plain = {"size": [height, width], "counts": counts}
    np.testing.assert_array_equal(rle.decode(plain, (width, height)), inside)


@given(st.text(max_size=12))
def test_any_text_as_counts_is_a_mask_or_refused(text):
    with contextlib.suppress(BadInput):
        assert rle.decode({"size": [6, 8], "counts": text}, (8, 6)).shape == (6, 8)


@given(
    st.lists(st.lists(st.floats() | st.sampled_from([1e8, -1e300, 3.0]), max_size=8), max_size=3)
)
def test_any_numbers_as_polygons_are_a_mask_or_refused(polygons):
    with contextlib.suppress(BadInput):
        assert rle.decode(polygons, (8, 6)).shape == (6, 8)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[float("nan"), 1, 20, 1, 20, 20]],
        [[float("inf"), 1, 20, 1, 20, 20]],
        [[1e8, 1, 20, 1, 20, 20]],
        [[1, 1, 2, 1, 2, 2, 1]],
        [["1", 1, 2, 1, 2, 2]],
        [[True, True, False, True, False, False]],
        [[0, 0, 24, 18] * 10_000],
        [],
        {"size": [6, 8], "counts": [10, 10]},
        {"size": [6, 8], "counts": [58, -10]},
        {"size": [6, 8], "counts": [24.0, 24.0]},
        {"size": [6, 8], "counts": ""},
        {"size": [6, 8], "counts": []},
        {"size": [6, 8], "counts": "0" * 48 + "o"},
        {"size": [6, 8], "counts": "o" * 40},
        {"size": [6, 8], "counts": None},
        {"size": [6], "counts": [48]},
        {"size": "68", "counts": [48]},
        {"size": [6, 8]},
    ],
)
def test_what_would_bring_pycocotools_down_is_refused(segmentation):
    with pytest.raises(BadInput, match="COCO"):
        rle.decode(segmentation, (8, 6))


def test_a_mask_of_no_pictures_size_is_refused():
    with pytest.raises(BadInput, match="none of a picture"):
        rle.decode({"size": [10**9, 10**9], "counts": [10**18]}, (10**9, 10**9))


def test_another_size_is_named():
    with pytest.raises(BadInput, match="8 x 6"):
        rle.decode(rle.encode(np.zeros((3, 3), bool)), (8, 6))

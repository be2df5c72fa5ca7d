"""Masks survive their run lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

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


def test_another_size_is_named():
    with pytest.raises(BadInput, match="8 x 6"):
        rle.decode(rle.encode(np.zeros((3, 3), bool)), (8, 6))

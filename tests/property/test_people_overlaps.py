"""Overlapping boxes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pymafsam.geometry.boxes import intersection_over_union, nms

# Corners on whole pixels, so that areas can be counted.
boxes = arrays.arrays(
    np.int64, st.tuples(st.integers(1, 6), st.just(4)), elements=st.integers(0, 9)
)


def ordered(raw: np.ndarray) -> np.ndarray:
    low, high = np.minimum(raw[:, :2], raw[:, 2:]), np.maximum(raw[:, :2], raw[:, 2:])
    return np.concatenate([low, high], 1).astype(float)


def pixels_of(box: np.ndarray) -> np.ndarray:
    grid = np.zeros((10, 10), bool)
    x0, y0, x1, y1 = box.astype(int)
    grid[y0:y1, x0:x1] = True
    return grid


@settings(deadline=None)
@given(boxes, boxes)
def test_overlap_is_the_share_of_pixels_in_both(first, second):
    first, second = ordered(first), ordered(second)
    found = intersection_over_union(first, second)
    for i, a in enumerate(map(pixels_of, first)):
        for j, b in enumerate(map(pixels_of, second)):
            union = (a | b).sum()
            assert found[i, j] == ((a & b).sum() / union if union else 0)


@settings(deadline=None)
@given(boxes, st.floats(0.1, 0.9), st.randoms(use_true_random=False))
def test_kept_boxes_are_apart_and_every_other_has_a_surer_one_near(raw, overlap, random):
    found = ordered(raw)
    scores = np.array([random.random() for _ in found])
    chosen = nms(found, scores, overlap)
    overlaps = intersection_over_union(found, found)
    assert list(scores[chosen]) == sorted(scores[chosen], reverse=True)
    assert all(overlaps[a, b] <= overlap for a in chosen for b in chosen if a != b)
    for other in set(range(len(found))) - set(chosen):
        assert any(scores[c] >= scores[other] and overlaps[c, other] > overlap for c in chosen)

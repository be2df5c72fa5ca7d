"""Specks go, holes close, nobody shares a pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam.geometry.boxes import bounds
from pymafsam.masks.tidy import (
    disjoint,
    grey_out_others,
    resolve_containment,
    without_holes,
    without_specks,
)
from pymafsam.records import Mask

MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))
FIELDS = arrays(np.float32, (3, 9, 11), elements=st.floats(-4, 4, width=16).map(float))


@given(FIELDS)
def test_people_never_share_a_pixel_and_lose_none_that_somebody_wanted(logits):
    parts = disjoint(list(logits), [None, None, None])
    assert (np.sum(parts, axis=0) == (logits > 0).any(axis=0)).all()
    assert all((logits[k][part] > 0).all() for k, part in enumerate(parts))


@given(FIELDS)
def test_a_contested_pixel_goes_to_the_largest_logit_that_does_not_concede_it(logits):
    parts = np.array(disjoint(list(logits), [None, None, None]))
    lost = np.array(resolve_containment(list(logits > 0)))
    left = np.where(lost, -1, logits)
    won = np.where(parts, left, -np.inf).max(axis=0)
    claimed = (logits > 0).any(axis=0)
    np.testing.assert_array_equal(won[claimed], left.max(axis=0)[claimed])


def test_equal_claims_go_to_the_nearer_box():
    both = np.ones((4, 10), np.float32)
    left, right = disjoint([both, both], [np.array([0.0, 0, 4, 4]), np.array([4.0, 0, 10, 4])])
    assert left[:, :4].all()
    assert right[:, 6:].all()


@given(MASKS, st.integers(0, 30))
def test_specks_and_holes_below_the_area_are_gone(inside, area):
    import cv2

    cleaned = without_specks(inside, area)
    assert not (cleaned & ~inside).any()
    assert cleaned.any() == inside.any()
    count, _, statistics, _ = cv2.connectedComponentsWithStats(cleaned.astype(np.uint8))
    assert count <= 2 or (statistics[1:, cv2.CC_STAT_AREA] >= area).all()
    filled = without_holes(inside, area)
    assert not (inside & ~filled).any()
    assert filled.any() == inside.any()
    count, _, statistics, _ = cv2.connectedComponentsWithStats((~filled).astype(np.uint8))
    assert not inside.any() or (statistics[1:, cv2.CC_STAT_AREA] >= area).all()


@given(MASKS)
def test_bounds_hold_the_mask_and_touch_it(inside):
    x0, y0, x1, y1 = bounds(inside).astype(int)
    assert inside.sum() == inside[y0:y1, x0:x1].sum()
    if inside.any():
        assert inside[y0].any()
        assert inside[y1 - 1].any()
        assert inside[:, x0].any()
        assert inside[:, x1 - 1].any()


def test_alone_hides_the_others_and_nobody_else():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    masks = [Mask(inside=np.eye(4, dtype=bool), score=1.0, source="mobilesam"), None]
    masks.append(Mask(inside=np.eye(4, dtype=bool)[::-1].copy(), score=1.0, source="mobilesam"))
    seen = grey_out_others(pixels, masks, 0)
    assert (seen[masks[2].inside] == 128).all()
    np.testing.assert_array_equal(seen[~masks[2].inside], pixels[~masks[2].inside])
    np.testing.assert_array_equal(grey_out_others(pixels, masks[:2], 0), pixels)


def test_a_mask_around_two_people_leaves_the_other_alone():
    both, child = np.full((10, 20), 5.0), np.full((10, 20), -1.0)
    child[4:, 12:18] = 0.5
    parent_part, child_part = disjoint([both, child], [None, None])
    np.testing.assert_array_equal(child_part, child > 0)
    np.testing.assert_array_equal(parent_part, ~child_part)

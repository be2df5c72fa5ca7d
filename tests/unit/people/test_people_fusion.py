"""Two answers made one: places lie between the two, and confidences follow what is said."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam.geometry.joints import BLAZEPOSE33, COCO17, flip_permutation
from pymafsam.people.fusion import Compared, calibrated, merged
from pymafsam.people.looks import COCO

BOX = np.array([0.0, 0.0, 100.0, 200.0])
places = arrays(np.float64, (33, 2), elements=st.floats(-50, 250))
chances = arrays(np.float64, 33, elements=st.floats(0, 1))


@settings(deadline=None, max_examples=30)
@given(places, places, chances, chances)
def test_a_merged_point_lies_between_the_two_answers(first, second, one, other):
    coco, blazepose = np.column_stack([first, one])[:17], np.column_stack([second, other])
    found = merged(coco, blazepose, BOX)
    low = np.minimum(coco[:, :2], blazepose[COCO, :2]) - 1e-9
    high = np.maximum(coco[:, :2], blazepose[COCO, :2]) + 1e-9
    assert ((found[COCO, :2] >= low) & (found[COCO, :2] <= high)).all()
    assert ((found[:, 2] >= 0) & (found[:, 2] <= 1)).all()
    only = [k for k in range(33) if k not in set(COCO)]
    np.testing.assert_array_equal(found[only, :2], blazepose[only, :2])


@settings(deadline=None, max_examples=30)
@given(places, places, chances, chances)
def test_left_and_right_are_treated_alike(first, second, one, other):
    coco, blazepose = np.column_stack([first, one])[:17], np.column_stack([second, other])
    swapped = merged(
        coco[flip_permutation("coco17")], blazepose[flip_permutation("blazepose33")], BOX
    )
    found = merged(coco, blazepose, BOX)[flip_permutation("blazepose33")]
    np.testing.assert_allclose(swapped, found, atol=1e-9)


def answers(gap: float, movenet: float = 0.5, blazepose: float = 0.8):
    """Everything at one place, but BlazePose's left ankle ``gap`` person's sizes away."""
    coco = np.tile([50.0, 100.0, movenet], (17, 1))
    there = np.tile([50.0, 100.0, blazepose], (33, 1))
    foot = [BLAZEPOSE33.index(f"left_{part}") for part in ("ankle", "heel", "foot_index")]
    there[foot, 0] += gap * np.sqrt(100 * 200)
    return coco, there


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1))
def test_who_is_surer_is_believed_more(one, other):
    for network in ("movenet", "blazepose"):
        chance = [
            merged(*answers(0.0, **{network: value}), BOX)[BLAZEPOSE33.index("left_ankle"), 2]
            for value in (one, other)
        ]
        assert (chance[0] - chance[1]) * (one - other) >= 0


def test_points_far_apart_are_believed_less_and_heels_follow_their_ankles():
    near, far = (merged(*answers(gap), BOX) for gap in (0.0, 0.5))
    for name in ("left_ankle", "left_heel", "left_foot_index"):
        row = BLAZEPOSE33.index(name)
        assert far[row, 2] < near[row, 2] - 0.05
    untouched = BLAZEPOSE33.index("right_ankle")
    assert abs(far[untouched, 2] - near[untouched, 2]) < 0.04


def test_far_apart_the_share_is_nearly_a_choice():
    row = COCO17.index("left_ankle")
    for movenet, blazepose, meant in ((0.9, 0.1, 0.0), (0.05, 0.95, 1.0)):
        coco, there = answers(0.5)
        coco[row, 2], there[COCO[row], 2] = movenet, blazepose
        share = Compared.of(coco, there[COCO], BOX).share()[row]
        assert abs(share - meant) < 0.1


@settings(deadline=None, max_examples=30)
@given(chances)
def test_alone_blazepose_keeps_its_places_and_its_order(strength):
    answer = np.column_stack([np.zeros((33, 2)), strength])
    found = calibrated(answer, BOX)
    np.testing.assert_array_equal(found[:, :2], answer[:, :2])
    ankles = [BLAZEPOSE33.index(f"{side}_ankle") for side in ("left", "right")]
    assert np.diff(found[ankles, 2]) * np.diff(strength[ankles]) >= 0

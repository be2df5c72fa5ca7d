"""LSP-Extended's joints as prompts, and how many of them a mask holds."""

import numpy as np
import pytest

from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import lspet

SIZE = (80, 60)


def joints(*places):
    rows = np.tile([-21.0, -27.0, 0.0], (14, 1))
    rows[: len(places)] = [[x, y, 1.0] for x, y in places]
    return rows


def test_visible_joints_prompt_and_the_box_has_room_around_them():
    prompt = lspet.prompt(joints((20, 10), (40, 50)), SIZE)
    assert prompt.keypoints is not None
    np.testing.assert_array_equal(prompt.keypoints[:, 2], [1, 1, *[0] * 12])
    np.testing.assert_allclose(prompt.box, [20 - 4.8, 10 - 4.8, 40 + 4.8, 50 + 4.8])


def test_joints_outside_the_picture_do_not_prompt_and_the_box_stays_inside():
    prompt = lspet.prompt(joints((1, 1), (79, 59), (90, 20)), SIZE)
    assert prompt.keypoints is not None
    assert prompt.keypoints[:, 2].sum() == 2
    np.testing.assert_array_equal(prompt.box, [0, 0, 80, 60])
    with pytest.raises(BadInput, match="no joint of the annotation is visible"):
        lspet.prompt(joints((90, 20)), SIZE)


def test_a_joint_counts_up_to_the_tolerance_from_the_mask():
    inside = np.zeros((60, 80), bool)
    inside[20:30, 20:30] = True
    found = joints((25.5, 25.5), (32.5, 25.5), (33.5, 25.5), (79, 59))
    assert lspet.joints_inside(inside, found) == (2, 4)
    assert lspet.joints_inside(inside, found, tolerance=4.0) == (3, 4)
    assert lspet.joints_inside(np.zeros((60, 80), bool), found) == (0, 4)


def test_ranges_pass_over_absent_pictures_single_ones_must_be_there():
    assert lspet.indices("2-5,9, 3", [1, 2, 3, 5, 9]) == [2, 3, 5, 9]
    with pytest.raises(BadUsage, match=r"no picture 4 .*5 pictures, 1 to 9"):
        lspet.indices("4", [1, 2, 3, 5, 9])
    with pytest.raises(BadUsage, match='"b" is neither a number nor a range'):
        lspet.indices("1,b", [1])

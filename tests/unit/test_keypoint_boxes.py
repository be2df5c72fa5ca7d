"""Boxes of a track of keypoints."""

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.legacy import keypoint_boxes as boxes


def track(frames: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    keypoints = rng.uniform(50, 150, (frames, 17, 3))
    keypoints[..., 2] = 1
    return keypoints


def test_gaps_are_bridged_in_a_straight_line():
    keypoints = track(5)
    keypoints[1:4, :, 2] = 0
    rows = boxes.boxes_from_keypoints(keypoints).rows
    np.testing.assert_allclose(rows, np.linspace(rows[0], rows[4], 5))


def test_frames_before_and_after_the_sightings_are_dropped():
    keypoints = track(8)
    keypoints[:2, :, 2] = 0.3
    keypoints[6:, :, 2] = 0
    found = boxes.boxes_from_keypoints(keypoints)
    assert (found.first, found.end, len(found.rows)) == (2, 6, 4)


def test_a_single_keypoint_is_no_box():
    keypoints = track(3)
    keypoints[1, 1:, 2] = 0
    assert np.isfinite(boxes.boxes_from_keypoints(keypoints).rows).all()


def test_smoothing_leaves_what_stands_still_except_at_the_ends():
    rows = np.tile([10.0, 20.0, 1.0], (200, 1))
    np.testing.assert_allclose(boxes.smooth(rows)[60:140], rows[60:140], rtol=1e-6)


def test_a_track_without_sightings_is_refused():
    keypoints = track(4)
    keypoints[..., 2] = 0
    with pytest.raises(BadInput, match="No frame"):
        boxes.boxes_from_keypoints(keypoints)

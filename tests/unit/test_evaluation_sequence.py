"""Metrics of motions and of following: known motions have known figures."""

import json

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.evaluation.sequence import (
    Present,
    acceleration_error,
    bone_length_variation,
    following,
    foot_sliding,
    jitter,
    read_mot,
    read_posetrack,
    root_acceleration,
)

UNEVEN = np.array([0.0, 0.03, 0.07, 0.1, 0.14, 0.2, 0.23])


def test_a_body_that_falls_has_gravity_and_no_jitter_at_any_frame_times():
    fall = np.zeros((7, 2, 3))
    fall[:, :, 1] = (4.905 * UNEVEN**2)[:, None]
    assert jitter(fall, UNEVEN) == pytest.approx(0, abs=0.6)
    even = np.arange(7) / 30
    fall[:, :, 1] = (4.905 * even**2)[:, None]
    assert jitter(fall, even) == pytest.approx(0, abs=1e-6)
    assert root_acceleration(fall[:, 0], even) == pytest.approx(9.81)
    assert acceleration_error(fall, np.zeros_like(fall), even) == pytest.approx(9.81)


def test_jitter_of_a_cubic_is_its_third_derivative():
    seconds = np.arange(8) / 25
    points = np.zeros((8, 1, 3))
    points[:, 0, 0] = 2 * seconds**3
    assert jitter(points, seconds) == pytest.approx(12)


def test_bones_that_stretch_are_seen():
    joints = np.zeros((4, 2, 3))
    joints[:, 1, 0] = [0.4, 0.4, 0.5, 0.5]
    assert bone_length_variation(joints, np.array([-1, 0])) == pytest.approx(0.05)


def test_only_standing_feet_slide():
    feet = np.zeros((6, 1, 3))
    feet[:, 0, 0] = [0, 0, 0.02, 0.02, 5, 9]
    standing = np.array([[1.0], [1], [1], [0], [0]])
    assert foot_sliding(feet, standing) == pytest.approx(0.01)
    assert foot_sliding(feet, np.zeros((5, 1))) == 0


def people(**numbers):
    """Frame -> who: a number stands at 100 times its place in the string."""
    return {
        int(frame[1:]): Present(
            numbers=np.array([n for n in who if n], np.int64),
            boxes=np.array(
                [[100.0 * k, 0, 100 * k + 50, 80] for k, n in enumerate(who) if n]
            ).reshape(-1, 4),
        )
        for frame, who in numbers.items()
    }


def test_an_exchange_of_numbers_is_two_switches():
    true = people(f0=(1, 2), f1=(1, 2), f2=(1, 2), f3=(1, 2))
    found = people(f0=(7, 8), f1=(7, 8), f2=(8, 7), f3=(8, 7))
    told = following(true, found)
    assert (told.switches, told.fragments, told.missed, told.extra) == (2, 0, 0, 0)
    assert told.idf1 == pytest.approx(0.5)
    assert told.mota == pytest.approx(1 - 2 / 8)


def test_who_is_lost_and_found_again_is_a_fragment():
    true = people(f0=(1,), f1=(1,), f2=(1,), f3=(1,))
    told = following(true, people(f0=(7,), f1=(0,), f2=(0,), f3=(7,)))
    assert (told.switches, told.fragments, told.missed) == (0, 1, 2)
    assert told.everybody == pytest.approx(0.5)


def test_a_perfect_answer_is_perfect():
    true = people(f0=(1, 2, 0), f5=(0, 2, 3))
    told = following(true, true)
    assert (told.mota, told.idf1, told.everybody) == (1, 1, 1)


def test_mot_text_and_posetrack_json_say_the_same(tmp_path):
    text, document = tmp_path / "gt.txt", tmp_path / "gt.json"
    text.write_text("1,4,10,20,30,40,1\n1,5,0,0,9,9,0\n2,4,12,20,30,40,1\n")
    rows = [(10, 4, [10, 20, 30, 40]), (11, 4, [12, 20, 30, 40])]
    document.write_text(
        json.dumps(
            {
                "images": [{"id": 10}, {"id": 11}],
                "annotations": [
                    {"image_id": image, "track_id": track, "bbox": box}
                    for image, track, box in rows
                ],
            }
        )
    )
    one, other = read_mot(text), read_posetrack(document)
    for frame in (0, 1):
        assert one[frame].numbers.tolist() == other[frame].numbers.tolist() == [4]
        assert one[frame].boxes.tolist() == other[frame].boxes.tolist()


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("1,4,10,20,30,40\nhello\n")
    with pytest.raises(BadInput, match="line 2"):
        read_mot(path)

"""People pasted beside others for the keypoints' training."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import pasted_people

SIDE = 96
WINDOW = np.full((SIDE, SIDE, 3), 40, np.uint8)
KNOWN = np.array([[30.0, 10.0], [40.0, 50.0], [50.0, 90.0], [35.0, 70.0]])
OTHER = pasted_people.CutOut(
    pixels=np.full((80, 40, 3), 200, np.uint8), opacity=np.ones((80, 40), np.float32)
)


def placed(seed: int, own: np.ndarray | None = None, points: np.ndarray = KNOWN) -> np.ndarray:
    return pasted_people.place(WINDOW, own, points, [OTHER], np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(12))
def test_somebody_is_pasted_and_most_known_points_stay_in_sight(seed):
    seen = placed(seed)
    assert set(np.unique(seen)) <= set(range(40, 201))
    at = KNOWN.astype(int)
    hidden = (seen[at[:, 1], at[:, 0]] != 40).all(-1)
    assert hidden.mean() <= pasted_people.MOST_HIDDEN


def test_windows_differ_by_the_generator_and_agree_for_the_same_one():
    assert (placed(1) == placed(1)).all()
    pictures = {placed(seed).tobytes() for seed in range(12)}
    assert len(pictures) > 6
    assert all((WINDOW == 40).all() for _ in pictures)  # the window itself is not written to


def test_who_stands_behind_never_covers_the_person():
    own = np.zeros((SIDE, SIDE), np.float32)
    own[:, 20:60] = 1.0
    pictures = [placed(seed, own) for seed in range(40)]
    behind = [seen for seen in pictures if (seen[:, 20:60] == 40).all() and (seen != 40).any()]
    in_front = [seen for seen in pictures if (seen[:, 20:60] != 40).any()]
    assert len(behind) > 5
    assert len(in_front) > 5


def test_a_person_of_whom_only_a_face_is_known_is_left_alone():
    face = np.array([[40.0, 40.0], [44.0, 41.0]])
    assert all((placed(seed, points=face) == WINDOW).all() for seed in range(8))


def test_small_people_are_not_cut_out_and_larger_ones_have_soft_outlines():
    pixels = np.zeros((200, 200, 3), np.uint8)
    inside = np.zeros((200, 200), np.float32)
    inside[20:180, 60:140] = 1
    assert pasted_people.cut_out(pixels, inside, np.array([0.0, 0.0, 40.0, 50.0])) is None
    one = pasted_people.cut_out(pixels, inside, np.array([50.0, 10.0, 150.0, 190.0]))
    assert one is not None
    assert one.pixels.shape[:2] == one.opacity.shape == (180, 100)
    assert 0 < one.opacity[10, 50] < 1 == one.opacity[90, 50]


def test_a_cut_out_lies_where_it_is_put_and_is_cut_by_the_window():
    layer = pasted_people.laid(OTHER, np.array([-10, 50]), (SIDE, SIDE))
    rows, columns = np.nonzero(layer.opacity)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, SIDE - 1, 0, 29)
    nowhere = pasted_people.laid(OTHER, np.array([200, 0]), (SIDE, SIDE))
    assert not nowhere.opacity.any()

"""Two networks on one person: who is asked what, how often, and what is kept of the answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.geometry.joints import BLAZEPOSE33, COCO17
from pymafsam.people import movenet
from pymafsam.people.describe import Describer, own_window
from pymafsam.people.detector import TwoSteps, without_mirror_images
from pymafsam.people.landmarks import SIZE
from pymafsam.people.movenet import CELLS, Heads, Seen, agreed
from pymafsam.records import Person

# A standing figure in a window of 64 x 64 cells: row, column of COCO's 17 points.
FIGURE = {
    "nose": (14, 32), "left_eye": (13, 33), "right_eye": (13, 31), "left_ear": (14, 34),
    "right_ear": (14, 30), "left_shoulder": (20, 36), "right_shoulder": (20, 28),
    "left_elbow": (27, 37), "right_elbow": (27, 27), "left_wrist": (34, 37),
    "right_wrist": (34, 27), "left_hip": (34, 34), "right_hip": (34, 30), "left_knee": (44, 34),
    "right_knee": (44, 30), "left_ankle": (54, 34), "right_ankle": (54, 30),
}  # fmt: skip
CENTRE = (32, 32)


class MoveNet:
    """Says that the figure stands in the window, as surely as told."""

    def __init__(self, confidence: float):
        self.confidence, self.runs, self.figure = confidence, 0, FIGURE
        self.in_mirror = FIGURE  # where the figure is found when the mirror image is looked at

    def __call__(self, seen: np.ndarray) -> Heads:
        self.runs += 1
        mirrored = seen[:, : SIZE // 2].mean() < seen[:, SIZE // 2 :].mean()
        figure = self.in_mirror if mirrored else self.figure
        heat = np.zeros((CELLS, CELLS, 17), np.float32)
        regressed = np.zeros((CELLS, CELLS, 17, 2), np.float32)
        for k, name in enumerate(COCO17):
            heat[(*figure[name], k)] = self.confidence
            regressed[(*CENTRE, k)] = np.subtract(figure[name], CENTRE)
        centre = np.zeros((CELLS, CELLS), np.float32)
        centre[CENTRE] = 1.0
        heads = Heads(
            heat=heat, offsets=np.zeros_like(regressed), regressed=regressed, centre=centre
        )
        return heads.unmirrored() if mirrored else heads


class BlazePose:
    """Says that all points lie in one cell, the middle if not told otherwise."""

    def __init__(self, cell: tuple[int, int] = (32, 32), logit: float = 3.0):
        self.cell, self.logit, self.runs = cell, logit, 0

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self.runs += 1
        heat = np.full((1, 64, 64, 39), -20.0, np.float32)
        heat[0, self.cell[0], self.cell[1]] = self.logit
        return [
            np.zeros((1, 195), np.float32),
            np.array([[0.8]], np.float32),
            np.zeros((1, SIZE, SIZE, 1), np.float32),
            heat,
            np.zeros((1, 117), np.float32),
        ]


PIXELS = np.zeros((100, 100, 3), np.uint8)
PIXELS[:, :50] = 200  # so that the mirror image is another picture
PERSON = Person(box=np.array([26.0, 20.0, 74.0, 80.0]), score=0.7)


def described(movenet: MoveNet, blazepose: BlazePose, *, thorough: bool = True) -> Person:
    describer = Describer(movenet, blazepose, thorough=thorough, mirrored=thorough)
    (person,) = describer.describe(PIXELS, [PERSON])
    return person


def test_where_movenet_is_surer_places_are_its_own_and_the_rest_is_blazeposes():
    person = described(MoveNet(0.9), BlazePose(logit=-3.0))
    assert person.keypoints is not None
    assert person.presence == pytest.approx(0.8)
    # The windows are 66 and 60 pixels around (50, 50); cell i is at i / 64 of them. The figure is
    # as sure in both, so its points are nearer to where the first has them.
    nose, closer = (50 - side / 2 + side / 64 * np.array([32, 14]) for side in (66, 60))
    nose = nose + (closer - nose) * 0.3
    np.testing.assert_allclose(person.keypoints[BLAZEPOSE33.index("nose"), :2], nose, atol=1)
    heel = BLAZEPOSE33.index("left_heel")
    there = person.answers["blazepose33"]
    np.testing.assert_array_equal(person.keypoints[heel, :2], there[heel, :2])


def test_the_answers_are_kept_as_they_came():
    person = described(MoveNet(0.8), BlazePose())
    assert set(person.answers) == {"coco17", "blazepose33"}
    np.testing.assert_allclose(person.answers["coco17"][:, 2], 0.8)
    assert person.answers["blazepose33"][0, 2] == pytest.approx(1 / (1 + np.exp(-3)))


def test_whoever_is_clear_is_looked_at_once_by_each_network():
    movenet = MoveNet(0.8)
    blazepose = BlazePose()
    person = described(movenet, blazepose, thorough=False)
    assert (movenet.runs, blazepose.runs) == (1, 1)
    assert person.keypoints is not None


def test_whoever_is_looked_at_thoroughly_is_looked_at_mirrored_and_closer():
    movenet = MoveNet(0.8)
    described(movenet, BlazePose())
    assert movenet.runs == 4


def test_of_two_figures_the_one_in_the_box_is_meant_not_their_mean():
    beside = {name: (row, column + 25) for name, (row, column) in FIGURE.items()}
    for ways in ((FIGURE, beside), (beside, FIGURE)):
        divided = MoveNet(0.8)
        divided.figure, divided.in_mirror = ways
        found = described(divided, BlazePose()).answers["coco17"]
        agreed = described(MoveNet(0.8), BlazePose()).answers["coco17"]
        np.testing.assert_allclose(found, agreed, atol=1e-9)


def test_two_looks_agree_on_what_is_between_them_or_on_the_surer():
    box = np.array([0.0, 0.0, 50.0, 100.0])
    one = np.column_stack([np.full((17, 2), 40.0), np.full(17, 0.8)])
    np.testing.assert_allclose(agreed(one, one, box), one)
    near = one + (1.0, 0.0, -0.2)
    between = agreed(one, near, box)
    assert ((between[:, 0] > 40.0) & (between[:, 0] < 40.5)).all()
    np.testing.assert_allclose(between[:, 2], 0.7)
    np.testing.assert_allclose(agreed(near, one, box), between)
    far = one + (30.0, 0.0, -0.1)
    np.testing.assert_allclose(agreed(far, one, box)[:, :2], one[:, :2], atol=1e-6)
    np.testing.assert_allclose(agreed(one * (1, 1, 0), far * (1, 1, 0), box)[:, :2], one[:, :2])


def test_a_detector_can_do_without_mirror_images():
    movenet = MoveNet(0.8)
    detector = without_mirror_images(TwoSteps(lambda pixels: [], Describer(movenet, BlazePose())))
    detector.describe(PIXELS, [PERSON])
    assert movenet.runs == 1


def test_the_unclear_are_looked_at_turned_too():
    movenet = MoveNet(0.1)
    described(movenet, BlazePose())
    # Upright, turned three times, and closer, each with the mirror image.
    assert movenet.runs == 10
    assert described(MoveNet(0.1), BlazePose(), thorough=False).keypoints is not None


def test_whoever_lies_is_looked_at_turned():
    lying = MoveNet(0.8)
    lying.figure = {name: (column, row) for name, (row, column) in FIGURE.items()}
    described(lying, BlazePose())
    assert lying.runs == 10


def test_a_look_at_somebody_else_is_taken_again():
    far_off = BlazePose((2, 2))
    described(MoveNet(0.8), far_off)
    assert far_off.runs == 4  # two windows, each with its mirror image
    nearby = BlazePose((2, 2))
    described(MoveNet(0.8), nearby, thorough=False)
    assert nearby.runs == 1


@given(st.floats(-3, 3), st.floats(5, 40))
def test_the_own_window_turns_with_the_person_and_holds_all_sure_points(angle, size):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = np.array([FIGURE[name][::-1] for name in COCO17], float) / 20
    points = np.column_stack([upright @ turn.T * size, np.full(17, 0.9)])
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    window = own_window(points, np.concatenate([low, high]))
    assert window.angle == pytest.approx(angle, abs=1e-6)
    away = (points[:, :2] - window.centre) @ np.array([np.cos(angle), np.sin(angle)])
    assert np.abs(away).max() < window.side / 2


def test_who_watches_is_told_what_was_seen_and_changes_nothing():
    told: list[Seen] = []
    describer = Describer(MoveNet(0.1), BlazePose(), watch=told.append)
    (person,) = describer.describe(PIXELS, [PERSON])
    plain = described(MoveNet(0.1), BlazePose())
    np.testing.assert_array_equal(person.keypoints, plain.keypoints)
    (seen,) = told  # of the chosen window alone, not of all ten looks
    assert len(seen.ways) == 2
    assert seen.window.side == pytest.approx(66)


@pytest.mark.parametrize(("turned", "seen"), [(0.1, 0.0), (0.5, 0.5), (-0.5, -0.5)])
def test_the_closer_look_is_turned_as_people_are_who_are_aslant(turned, seen, monkeypatch):
    angles: list[float] = []

    def read(network, pixels, window, *, mirror):
        angles.append(window.angle)
        return movenet.Seen(readings=np.stack([points] * 3), ways=(), window=window)

    upright = np.array([FIGURE[name][::-1] for name in COCO17], float) - 32
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    points = np.column_stack([upright @ turn.T + 50, np.full(17, 0.9)])
    monkeypatch.setattr(movenet, "read", read)
    described(MoveNet(0.9), BlazePose())
    assert angles == pytest.approx([0.0, seen])

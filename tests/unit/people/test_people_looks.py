"""BlazePose's looks at a person: where the second goes, and which one is believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.geometry.affine import Window
from pymafsam.people.landmarks import CIRCLE, HIPS, SIZE, Reading
from pymafsam.people.looks import (
    HIP_PAIR,
    SHOULDER_PAIR,
    Look,
    agreement,
    in_picture_axes,
    whole_person,
    whole_picture_mask,
)
from pymafsam.people.solo import SoloDescriber
from pymafsam.records import Person


def reading(window: Window, **changes) -> Reading:
    parts = {
        "window": window,
        "heat": np.zeros((64, 64, 39), np.float32),
        "regressed": np.zeros((39, 2)),
        "visibility": np.ones(39),
        "presence": 0.9,
        "world": np.zeros((39, 3)),
        "mask": np.zeros((SIZE, SIZE), np.float32),
    }
    return Reading(**(parts | changes))


def look(points: np.ndarray) -> Look:
    return Look(reading(Window((0.0, 0.0), 1.0)), points, np.ones(39), 1.0)


@given(st.floats(-3, 3), st.floats(5, 40), st.floats(-50, 50))
def test_the_second_window_turns_and_grows_with_the_person(angle, radius, shift):
    up = np.array([np.sin(angle), -np.cos(angle)])
    hips = np.array([60.0 + shift, 70.0])
    points = np.zeros((39, 2))
    points[HIPS], points[CIRCLE] = hips, hips + up * radius
    points[HIP_PAIR], points[SHOULDER_PAIR] = hips, hips + up * radius / 2
    window = whole_person(look(points), np.array([50.0, 50.0, 60.0, 70.0]))
    np.testing.assert_allclose(window.centre, hips)
    assert window.angle == pytest.approx(angle, abs=1e-9)
    assert window.side == pytest.approx(max(radius, 6.0) * 2.5)


points17 = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1)), min_size=17, max_size=17
)


@settings(deadline=None)
@given(points17)
def test_agreement_is_the_mean_strength_that_lies_in_the_box(rows):
    table = np.array(rows)
    box = np.array([20.0, 20.0, 60.0, 80.0])
    inside = [w for x, y, w in rows if 17 <= x <= 63 and 17 <= y <= 83]
    found = agreement(table[:, :2], table[:, 2], box)
    assert found == pytest.approx(sum(inside) / 17)
    assert 0 <= found <= 1


def test_metres_turn_with_the_window():
    world = np.zeros((39, 3))
    world[0] = [0, -1, 0.5]  # above the hips, as the window sees it
    turned = in_picture_axes(reading(Window((0.0, 0.0), 1.0, np.pi / 2), world=world))
    np.testing.assert_allclose(turned[0], [1, 0, 0.5], atol=1e-12)  # the window's up points right


@pytest.mark.parametrize("angle", [0.0, 1.1])
def test_a_mask_returns_to_its_place_in_the_picture(angle):
    window = Window((40.0, 30.0), 32.0, angle)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[SIZE // 2 :] = 1.0  # the lower half of the window
    laid = whole_picture_mask(reading(window, mask=mask), (60, 80))
    assert laid.shape == (60, 80)
    y, x = np.mgrid[0:60, 0:80] + 0.5
    down = (x - 40) * -np.sin(angle) + (y - 30) * np.cos(angle)
    right = (x - 40) * np.cos(angle) + (y - 30) * np.sin(angle)
    clear = (np.abs(down) > 1) & (np.abs(np.abs(down) - 16) > 1) & (np.abs(np.abs(right) - 16) > 1)
    expected = (down > 0) & (down < 16) & (np.abs(right) < 16)
    np.testing.assert_array_equal(laid[clear], expected[clear])


class Two:
    """A network whose first answer lies in the box; the second, elsewhere if told to."""

    def __init__(self, second_astray: bool):
        self.second_astray = second_astray
        self.runs = 0

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self.runs += 1
        astray = self.second_astray and self.runs > 1
        heat = np.full((1, 64, 64, 39), -20.0, np.float32)
        heat[0, 2 if astray else 32, 2 if astray else 32] = 3.0
        heat[0, 32, 32, HIPS] = heat[0, 20, 32, CIRCLE] = 3.0
        return [
            np.zeros((1, 195), np.float32),
            np.array([[0.1 if astray else 0.8]], np.float32),
            np.zeros((1, SIZE, SIZE, 1), np.float32),
            heat,
            np.zeros((1, 117), np.float32),
        ]


def described(network: Two) -> Person:
    pixels = np.zeros((100, 100, 3), np.uint8)
    person = Person(box=np.array([40.0, 40.0, 60.0, 60.0]), score=0.7)
    (found,) = SoloDescriber(network).describe(pixels, [person])
    return found


def test_a_second_look_that_strays_from_the_box_is_not_believed():
    network = Two(second_astray=True)
    person = described(network)
    assert network.runs == 3  # the first look, the second and its mirror image
    assert person.presence == pytest.approx(0.8)
    assert person.keypoint_score is not None
    assert person.keypoint_score > 0.9


def test_a_second_look_that_agrees_is_taken():
    person = described(Two(second_astray=False))
    assert person.keypoint_score is not None
    assert person.keypoint_score > 0.4
    assert person.score == 0.7

"""Whether the camera stands: people who walk and light that changes do not move it."""

import cv2
import numpy as np
import pytest

from pymafsam.clips.still import STILL, grey, moved
from pymafsam.records import Person

WIDTH = 640


@pytest.fixture
def room():
    rough = np.random.default_rng(0).integers(40, 200, (9, 16, 3)).astype(np.uint8)
    return cv2.resize(rough, (WIDTH, 360), interpolation=cv2.INTER_CUBIC)


def noisy(pixels, seed):
    noise = np.random.default_rng(seed).normal(0, 3, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def far(one, other, people=()):
    return moved(grey(noisy(other, 2)), grey(noisy(one, 1)), people, WIDTH)


def panned(pixels, right, down=0.0):
    step = np.array([[1.0, 0, right], [0, 1, down]])
    return cv2.warpAffine(pixels, step, (WIDTH, 360), borderMode=cv2.BORDER_REFLECT)


def test_a_camera_that_stands_does_not_move(room):
    assert far(room, room) < STILL / 3


@pytest.mark.parametrize("step", [(2.0, 0.0), (0.0, -2.0), (1.0, 1.0)])
def test_a_pan_is_as_long_as_it_is(room, step):
    assert far(room, panned(room, *step)) == pytest.approx(np.hypot(*step) / WIDTH, rel=0.25)


def test_changing_light_is_no_motion(room):
    assert far(room, cv2.convertScaleAbs(room, alpha=0.92, beta=8)) < STILL


def test_somebody_who_walks_is_no_motion_of_the_camera(room):
    one, other = room.copy(), room.copy()
    one[60:340, 200:300] = other[60:340, 212:312] = 20
    assert far(one, other) < STILL / 2
    box = Person(box=np.array([0.0, 0.0, WIDTH, 360.0]), score=1.0)
    assert far(one, other, [box]) == 0.0


def test_without_a_frame_before_nothing_is_known(room):
    assert moved(grey(room), None, (), WIDTH) == 1.0

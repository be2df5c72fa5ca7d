"""Outlines followed through a video: they go where the pixels go, also by parts of a pixel."""

import itertools

import cv2
import numpy as np
import pytest

from pymafsam.masks.followed import Outline
from pymafsam.records import Mask

SIZE = (160, 120)


def patterned(shape, generator):
    rough = generator.integers(0, 255, (shape[0] // 4, shape[1] // 4, 3), np.uint8)
    return cv2.resize(rough, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def film(speed, frames):
    """Somebody of a pattern of their own before another, (dx, dy) pixels farther in each frame."""
    generator = np.random.default_rng(0)
    ground, cloth = patterned((120, 160), generator), patterned((120, 160), generator)
    shape = np.zeros((120, 160), np.float32)
    cv2.ellipse(shape, (60, 60), (16, 36), 0, 0, 360, 1, -1)
    for k in range(frames):
        moved = np.array([[1.0, 0, speed[0] * k], [0, 1, speed[1] * k]])
        inside = cv2.warpAffine(shape, moved, SIZE) > 0.5
        pixels = np.where(inside[..., None], cv2.warpAffine(cloth, moved, SIZE), ground)
        yield pixels, inside


def overlap(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("speed", [(0.3, 0.1), (3.0, -0.5), (0.0, 0.0)])
def test_an_outline_stays_with_whom_it_is_of(speed):
    frames = list(film(speed, 16))
    outline = Outline.of(Mask(inside=frames[0][1], score=0.8, source="mobilesam"))
    for (before, _), (now, _) in itertools.pairwise(frames):
        outline = outline.moved_on(before, now)
    mask = outline.mask()
    assert (mask.score, mask.source) == (0.8, "followed")
    assert overlap(mask.inside, frames[-1][1]) > 0.95


def test_a_mask_and_its_outline_are_the_same_pixels():
    inside = np.random.default_rng(1).random((40, 50)) > 0.4
    outline = Outline.of(Mask(inside=inside, score=1.0, source="given"))
    assert (outline.mask().inside == inside).all()


def test_nothing_is_followed_to_nothing():
    nobody = Outline.of(Mask(inside=np.zeros((120, 160), bool), score=0.1, source="given"))
    (before, _), (now, _) = film((1, 0), 2)
    assert nobody.moved_on(before, now).mask() is None

"""Who is found in no upright picture is looked for in turned ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.people.detector import TwoSteps, unturned
from pymafsam.people.solo import SoloDescriber
from pymafsam.records import Person


@given(
    st.integers(0, 3), st.integers(0, 20), st.integers(0, 20), st.integers(1, 9), st.integers(1, 9)
)
def test_boxes_come_back_around_the_same_pixels(quarters, x, y, width, height):
    pixels = np.zeros((30, 40), np.uint8)
    pixels[y : y + height, x : x + width] = 1
    turned = np.rot90(pixels, quarters)
    rows, columns = np.nonzero(turned)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
    back = unturned(box, quarters, (turned.shape[1], turned.shape[0]))
    assert back.tolist() == [x, y, x + width, y + height]


# Nobody is described here.
NOBODY = SoloDescriber(lambda values: [])


def finder_of_heads_up(pixels):
    """Sees a person only where the mark (the head) lies above the middle of the picture."""
    rows, columns = np.nonzero(pixels[..., 0] == 255)
    if not len(rows) or rows.mean() > pixels.shape[0] / 4:
        return []
    box = np.array([columns.min(), rows.min(), columns.max() + 1, pixels.shape[0]], float)
    return [Person(box=box, score=0.8)]


@pytest.mark.parametrize("quarters", range(4))
def test_people_are_found_however_the_picture_is_turned(quarters):
    upright = np.zeros((80, 60, 3), np.uint8)
    upright[4:10, 20:30] = 255
    detector = TwoSteps(finder_of_heads_up, NOBODY)
    turned = np.ascontiguousarray(np.rot90(upright, quarters))
    (person,) = detector.find(turned)
    inside = np.zeros(turned.shape[:2], bool)
    x0, y0, x1, y1 = person.box.astype(int)
    inside[y0:y1, x0:x1] = True
    assert inside[turned[..., 0] == 255].all()
    assert inside.sum() == 10 * 76


def test_an_empty_picture_stays_empty():
    detector = TwoSteps(finder_of_heads_up, NOBODY)
    assert detector.find(np.zeros((30, 40, 3), np.uint8)) == []

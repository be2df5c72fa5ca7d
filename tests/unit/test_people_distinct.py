"""Two boxes around one person are one person; two people who touch are two."""

import numpy as np
import pytest

from pymafsam.people.same import distinct, likeness
from pymafsam.records import Person


def person(shift=0.0, scale=1.0, score=0.5, keypoint_score=None):
    spread = np.random.default_rng(3).uniform(0, 100, (33, 2)) * scale + shift
    box = np.array([0.0, 0, 100, 100]) * scale + shift
    return Person(
        box=box,
        score=score,
        keypoints=np.column_stack([spread, np.ones(33)]),
        keypoint_score=keypoint_score,
    )


def test_the_later_of_two_boxes_around_one_person_is_dropped():
    first, again, other = person(), person(shift=2.0), person(shift=80.0)
    assert distinct([first, again, other]) == [first, other]


def test_likeness_does_not_depend_on_the_pictures_size():
    small = likeness(person(), person(shift=5.0))
    large = likeness(person(scale=4.0), person(scale=4.0, shift=20.0))
    assert small == pytest.approx(large)
    assert likeness(person(), person()) == 1


def test_people_without_keypoints_are_never_the_same():
    bare = Person(box=np.zeros(4), score=1.0)
    assert len(distinct([bare, bare])) == 2

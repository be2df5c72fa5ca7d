"""Whoever has somebody else's pixels in their box is looked at again, alone."""

import dataclasses

import numpy as np
import pytest

from pymafsam.observe import Observer, touched
from pymafsam.records import Frame, Mask, Person, Request


def mask(x0, x1):
    inside = np.zeros((100, 200), bool)
    inside[10:90, x0:x1] = True
    return Mask(inside=inside, score=1.0, source="mobilesam")


LEFT = Person(box=np.array([10.0, 10, 90, 90]), score=1.0, keypoint_score=0.5)
RIGHT = Person(box=np.array([80.0, 10, 160, 90]), score=1.0, keypoint_score=0.5)


@dataclasses.dataclass
class Detector:
    """Remembers what it was shown and gives everybody the same keypoint score."""

    keypoint_score: float
    seen: list

    def find(self, pixels):
        return []

    def describe(self, pixels, people):
        self.seen.append(pixels)
        return [dataclasses.replace(p, keypoint_score=self.keypoint_score) for p in people]


class NoMasks:
    """Plays no role here."""

    def segment(self, pixels, prompts):
        return [None] * len(prompts)


def look(detector, people, masks):
    observer = Observer(detector=detector, segmenter=NoMasks())
    frame = Frame(pixels=np.full((100, 200, 3), 7, np.uint8), name="a")
    return observer.describe_touching(frame, people, masks)


def test_others_pixels_are_grey_in_the_second_look():
    detector = Detector(0.6, [])
    people = look(detector, [LEFT, RIGHT], [mask(10, 90), mask(70, 160)])
    assert [p.keypoint_score for p in people] == [0.6, 0.6]
    first, second = detector.seen
    assert (first[50, 75] != 7).all()
    assert (first[50, 30] == 7).all()
    assert (second[50, 30] != 7).all()


def test_people_apart_are_left_alone():
    detector = Detector(0.9, [])
    assert look(detector, [LEFT, RIGHT], [mask(10, 60), mask(100, 160)]) == [LEFT, RIGHT]
    assert detector.seen == []


def test_a_second_look_that_shows_less_is_not_believed():
    people = look(Detector(0.3, []), [LEFT, RIGHT], [mask(10, 90), mask(70, 160)])
    assert people == [LEFT, RIGHT]


class Halves:
    """Masks that touch, and how often it was asked for them."""

    def __init__(self):
        self.asked = 0

    def segment(self, pixels, prompts):
        self.asked += 1
        return [mask(10, 90), mask(70, 160)]


@pytest.mark.parametrize(("second", "times"), [(0.6, 2), (0.3, 1)])
def test_masks_are_made_again_of_people_who_were_described_again(second, times):
    segmenter = Halves()
    observer = Observer(detector=Better(0.5, second), segmenter=segmenter)
    frame = Frame(pixels=np.zeros((100, 200, 3), np.uint8), name="a")
    observer.observe(Request(frame=frame, people=(LEFT, RIGHT)), {"keypoints", "masks"})
    assert segmenter.asked == times


class Better:
    """One keypoint score at the first look, another at later ones."""

    def __init__(self, first, second):
        self.first, self.second, self.looked = first, second, False

    def find(self, pixels):
        return []

    def describe(self, pixels, people):
        score, self.looked = (self.second if self.looked else self.first), True
        return [dataclasses.replace(p, keypoint_score=score) for p in people]


class Behind:
    """Describes everybody as the person in front while nothing is grey; then as told."""

    def __init__(self, second: Person):
        self.second = second

    def find(self, pixels):
        return [FRONT, HIDDEN]

    def describe(self, pixels, people):
        if (pixels == 128).any():
            return [self.second for _ in people]
        return [dataclasses.replace(p, **ONE, keypoint_score=p.score) for p in people]


ONE = {
    "keypoints": np.column_stack([np.linspace(20, 80, 33), np.linspace(15, 85, 33), np.ones(33)]),
    "mask": mask(10, 90).inside,
}
OTHER = np.column_stack([np.linspace(90, 150, 33), np.linspace(85, 15, 33), np.ones(33)])
FRONT = dataclasses.replace(LEFT, score=0.8)
HIDDEN = dataclasses.replace(RIGHT, score=0.5)


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (dataclasses.replace(HIDDEN, keypoints=OTHER, keypoint_score=0.6), 2),
        (dataclasses.replace(HIDDEN, keypoints=OTHER, keypoint_score=0.1), 1),
        (dataclasses.replace(HIDDEN, keypoints=ONE["keypoints"], keypoint_score=0.6), 1),
    ],
    ids=["somebody is there", "nobody is", "the same again"],
)
def test_whoever_was_described_as_another_is_looked_at_without_that_one(second, kept):
    observer = Observer(detector=Behind(second), segmenter=NoMasks())
    frame = Frame(pixels=np.zeros((100, 200, 3), np.uint8), name="a")
    people = observer.describe_requested(Request(frame=frame))
    assert len(people) == kept
    assert people[0].keypoint_score == 0.8
    if kept == 2:
        assert people[1] is second
    given = observer.describe_requested(Request(frame=frame, people=(FRONT, HIDDEN)))
    assert len(given) == 2, "whom the user means is never dropped"


def test_the_share_of_a_box_in_others_masks():
    assert touched(LEFT, [mask(10, 90), mask(50, 160)], 0) == pytest.approx(0.5)
    assert touched(LEFT, [mask(10, 90), None], 0) == 0
    assert touched(LEFT, [None, None], 0) == 0

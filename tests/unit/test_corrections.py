"""What visitors say of a person: kept in prompts, obeyed by keypoints and by the fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.fitting import corrections as leading
from pymafsam.geometry.joints import BLAZEPOSE33, COCO17, SMPL24
from pymafsam.masks import prompts
from pymafsam.masks.checks import WAYS
from pymafsam.people.corrections import corrected, exchanged, pinned
from pymafsam.records import Flip, Person, Prompt

SIZE = (400, 300)
PLACES = st.floats(0, 300).map(lambda x: round(x, 2))
UNITS = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.1)
FLIPS = st.sampled_from([(part, way) for way in WAYS for part in WAYS[way]])


def somebody(seed=0):
    random = np.random.default_rng(seed)
    points = np.column_stack([random.uniform(0, 300, (33, 2)), random.uniform(0, 1, 33)])
    coco = np.column_stack([random.uniform(0, 300, (17, 2)), random.uniform(0, 1, 17)])
    return Person(
        box=np.array([0.0, 0, 300, 300]),
        score=0.9,
        keypoints=points,
        world=random.normal(0, 0.4, (33, 3)),
        answers={"coco17": coco, "blazepose33": points.copy()},
    )


@given(
    st.dictionaries(st.sampled_from(BLAZEPOSE33), st.tuples(PLACES, PLACES), max_size=4),
    st.lists(FLIPS, max_size=3),
)
def test_corrections_are_kept_in_prompts(pins, flips):
    turned = tuple(Flip(part=part, way=way) for part, way in flips)
    said = Prompt(box=np.array([1.0, 2, 30, 40]), pins=pins, flips=turned)
    again = prompts.from_json(json.loads(json.dumps(prompts.to_json(said))), SIZE)
    assert (again.pins, again.flips) == (said.pins, said.flips)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"pins": {"left_writs": [1, 2]}}, 'did you mean "left_wrist"'),
        ({"pins": {"left_wrist": [1]}}, "2 numbers"),
        ({"pins": [[1, 2]]}, "left_wrist"),
        ({"pins": {"left_wrist": [99999, 2]}}, "far outside"),
        ({"flips": [{"part": "left_arm", "way": "sides"}]}, "whole, arms, legs"),
        ({"flips": [{"part": "legs", "way": "up"}]}, "sides or depth"),
        ({"flips": "legs"}, "wants a list"),
    ],
)
def test_corrections_that_make_no_sense_are_told(row, said):
    with pytest.raises(BadInput, match=said):
        prompts.from_json(row, SIZE)


@pytest.mark.parametrize("part", WAYS["sides"])
def test_exchanging_sides_twice_changes_nothing(part):
    person = somebody()
    again = exchanged(exchanged(person, part), part)
    assert np.array_equal(again.keypoints, person.keypoints)
    assert np.allclose(again.world, person.world)
    assert all(np.array_equal(again.answers[k], person.answers[k]) for k in person.answers)


def test_exchanged_legs_leave_arms_as_they_are():
    person = somebody()
    other = exchanged(person, "legs")
    for name in BLAZEPOSE33:
        legs = name.endswith(("knee", "ankle", "heel", "foot_index"))
        row = BLAZEPOSE33.index(name)
        assert np.array_equal(other.keypoints[row], person.keypoints[row]) != legs


@given(st.sampled_from(COCO17), PLACES, PLACES)
def test_a_pin_is_certain_in_every_answer_and_moves_nothing_else(name, x, y):
    person = somebody()
    other = pinned(person, {name: (x, y)})
    row, coco = BLAZEPOSE33.index(name), COCO17.index(name)
    assert other.keypoints[row].tolist() == [x, y, 1.0]
    assert other.answers["coco17"][coco].tolist() == [x, y, 1.0]
    assert np.array_equal(np.delete(other.keypoints, row, 0), np.delete(person.keypoints, row, 0))


def test_who_says_nothing_changes_nobody():
    person = somebody()
    assert corrected(person) is person
    blank = replace(person, keypoints=None, prompt=Prompt(pins={"nose": (1.0, 2.0)}))
    assert corrected(blank) is blank


def test_whoever_is_described_is_described_as_their_prompt_says():
    from pymafsam.observe import Observer

    class Sees:
        def find(self, pixels):
            return []

        def describe(self, pixels, people):
            return [replace(somebody(k), box=p.box, prompt=p.prompt) for k, p in enumerate(people)]

    class Nothing:
        def segment(self, pixels, prompts):
            return [None for _ in prompts]

    observer = Observer(detector=Sees(), segmenter=Nothing())
    said = Person(box=np.zeros(4), score=1.0, prompt=Prompt(pins={"nose": (7.0, 8.0)}))
    plain = Person(box=np.zeros(4), score=1.0)
    led, other = observer.describe(np.zeros((9, 9, 3), np.uint8), [said, plain])
    assert led.keypoints[0].tolist() == [7, 8, 1]
    assert np.array_equal(other.keypoints, somebody(1).keypoints)


@given(UNITS, UNITS, UNITS)
def test_mirroring_two_bones_is_a_rotation_that_leaves_their_depths_reversed(one, other, ray):
    ray = ray / np.linalg.norm(ray)
    turn = leading.mirroring(one, other, ray)
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(turn), 1)
    mirror = np.eye(3) - 2 * np.outer(ray, ray)
    assert np.allclose(turn @ one, mirror @ one, atol=1e-6)
    straight = np.linalg.norm(np.cross(one, other)) < leading.STRAIGHT * np.linalg.norm(
        one
    ) * np.linalg.norm(other)
    if not straight:
        assert np.allclose(turn @ other, mirror @ other, atol=1e-6)


def test_parts_are_limbs():
    assert leading.limbs_of("left_arm") == ("left_arm",)
    assert set(leading.limbs_of("legs")) == {"left_leg", "right_leg"}
    assert len(leading.limbs_of("whole")) == 4
    assert all(name in SMPL24 for chain in leading.LIMBS.values() for name in chain)

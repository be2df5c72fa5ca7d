"""People glanced at: lines between two descriptions, and who is described after all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam import body as bodies
from pymafsam.clips.between import Seen, completed
from pymafsam.clips.looking import Looker
from pymafsam.geometry.camera import picture_camera
from pymafsam.masks.plain import load_none
from pymafsam.observe import Observer
from pymafsam.people.fusion import RELATIVE
from pymafsam.people.glances import between, glanced, unison
from pymafsam.people.looks import COCO
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Frame, Observation, Person, Request

SIZE = (200, 200)
STILL = np.random.default_rng(0).uniform((60, 20), (120, 180), (33, 2))


def standing(right: float = 0.0, *, apart: float = 0.0) -> Person:
    """Somebody moved to the right by pixels; MoveNet's answer lies ``apart`` from BlazePose's."""
    places = STILL + (right, 0)
    landmarks = np.column_stack([places, np.full(33, 0.9)])
    coco = landmarks[COCO] + (apart, 0, 0)
    return Person(
        box=np.array([50.0 + right, 10, 130 + right, 190]),
        score=0.9,
        keypoints=landmarks,
        world=np.full((33, 3), right / 100),
        answers={"coco17": coco, "blazepose33": landmarks},
        presence=1.0,
        keypoint_score=0.9,
    )


def seen(k: int, people: list[Person], before: tuple[Person, ...] = ()) -> Seen:
    frame = Frame(pixels=np.zeros((*SIZE, 3), np.uint8), name="f", index=k, seconds=k / 30)
    observation = Observation(
        frame=frame,
        camera=picture_camera(SIZE),
        people=tuple(people),
        masks=(None,) * len(people),
    )
    return Seen(
        frame=frame,
        observation=observation,
        said=(None,) * len(people),
        masks=(None,) * len(people),
        moved=0.0,
        before=before,
        since=0.0,
    )


def glance(at: float, before: Person) -> Person:
    now = standing(at)
    return glanced(replace(before, box=now.box), now.answers["coco17"])


@given(st.floats(0, 1), st.floats(-40, 40))
def test_who_moves_on_a_line_is_described_as_they_are(share, way):
    before, true = standing(), standing(share * way)
    person = between(glance(share * way, before), before, standing(way), share)
    np.testing.assert_allclose(
        person.answers["blazepose33"], true.answers["blazepose33"], atol=1e-9
    )
    np.testing.assert_allclose(person.world, true.world, atol=1e-12)


def test_points_are_moved_along_with_those_they_belong_to():
    before = standing(apart=3)
    places = before.answers["coco17"].copy()
    places[:, :2] += np.random.default_rng(1).normal(0, 5, (17, 2))
    now = glanced(before, places)
    moved = now.answers["blazepose33"] - before.answers["blazepose33"]
    away = places - before.answers["coco17"]
    np.testing.assert_allclose(moved[:, :2], away[RELATIVE, :2], atol=1e-9)
    assert now.mask is None
    assert now.world is before.world


def test_two_networks_that_say_the_same_are_in_unison():
    assert unison(standing()) == pytest.approx(1, abs=1e-3)
    assert unison(standing(apart=60)) < 0.2


def described_never(pixels, people):
    raise AssertionError("nobody need be described")


def run(frames, describe=described_never):
    return list(completed(iter(frames), describe))


def test_frames_between_are_completed_in_order():
    before = standing()
    known = (before,)
    frames = [
        seen(0, [before]),
        seen(1, [glance(2, before)], known),
        seen(2, [glance(4, before)], known),
        seen(3, [standing(6)]),
    ]
    done = run(frames)
    assert [one.frame.index for one in done] == [0, 1, 2, 3]
    for k, one in enumerate(done):
        (person,) = one.observation.people
        np.testing.assert_allclose(
            person.answers["blazepose33"], standing(2 * k).answers["blazepose33"], atol=1e-9
        )


def test_two_people_keep_their_own_lines_whatever_order_they_are_found_in():
    one, other = standing(), standing(60)
    known = (one, other)
    frames = [
        seen(0, [one, other]),
        seen(1, [glance(2, one), glance(58, other)], known),
        seen(3, [standing(54), standing(6)]),
    ]
    _, between_them, _ = run(frames)
    found = [p.answers["blazepose33"][0, 0] for p in between_them.observation.people]
    assert found == pytest.approx([STILL[0, 0] + 2, STILL[0, 0] + 58])


@pytest.mark.parametrize("last", [[], [standing(150)]])
def test_who_is_gone_afterwards_is_described_after_all(last):
    before, true, asked = standing(), standing(2), []

    def describe(pixels, people):
        asked.extend(people)
        return [true]

    frames = [seen(0, [before]), seen(1, [glance(2, before)], (before,)), seen(3, last)]
    _, middle, _ = run(frames, describe)
    assert middle.observation.people == (true,)
    assert len(asked) == 1


def test_who_is_glanced_at_last_of_all_is_described_after_all():
    before, true = standing(), standing(2)
    frames = [seen(0, [before]), seen(1, [glance(2, before)], (before,))]
    _, last = run(frames, lambda pixels, people: [true])
    assert last.observation.people == (true,)


def test_who_moved_otherwise_than_on_the_line_is_described_after_all():
    before, true = standing(), standing(40)
    # MoveNet sees them aside, and back where they were in the frame after.
    frames = [
        seen(0, [before]),
        seen(1, [glance(40, before)], (before,)),
        seen(2, [glance(0, before)], (before,)),
        seen(3, [before]),
    ]
    asked = []

    def describe(pixels, people):
        asked.append(people)
        return [true]

    _, aside, back, _ = run(frames, describe)
    assert aside.observation.people == (true,)
    assert back.observation.people[0] is not true
    assert len(asked) == 1


def test_frames_nobody_looked_at_keep_their_place():
    before = standing()
    empty = replace(seen(2, []), observation=None)
    frames = [
        replace(empty, frame=replace(empty.frame, index=7)),
        seen(0, [before]),
        seen(1, [glance(2, before)], (before,)),
        empty,
        seen(3, [standing(6)]),
    ]
    assert [one.frame.index for one in run(frames)] == [7, 0, 1, 2, 3]


class Watching:
    """One person, who is where the picture is; counts how often they are described."""

    def __init__(self):
        self.looked = 0

    def find(self, pixels):
        return [standing(float(pixels[0, 0, 0]))]

    def describe(self, pixels, people):
        self.looked += 1
        right = float(pixels[0, 0, 0])
        return [replace(standing(right), box=person.box) for person in people]

    def glance(self, pixels, people):
        now = standing(float(pixels[0, 0, 0])).answers["coco17"]
        return [glanced(person, now) for person in people]


class Nobody:
    """Fits no bodies."""

    needs = frozenset({"keypoints"})

    def estimate(self, observations, start=None):
        for _ in observations:
            yield []


@pytest.mark.parametrize(("rate", "looks"), [(30, 3), (10, 7)])
def test_people_are_glanced_at_only_where_frames_are_near(rate, looks):
    detector = Watching()
    observer = Observer(detector=detector, segmenter=load_none())
    looker = Looker(
        reconstructor=Reconstructor(
            model=bodies.load("anny24"), observer=observer, estimator=Nobody()
        ),
        ask=lambda frame: Request(frame=frame),
        with_masks=False,
    )
    frames = [
        Frame(pixels=np.full((*SIZE, 3), 2 * k, np.uint8), name="f", index=k, seconds=k / rate)
        for k in range(7)
    ]
    seen = looker.looks(frames, None)
    assert detector.looked == looks
    for k, look in enumerate(seen):
        (sighting,) = look.sightings
        places = sighting.person.answers["blazepose33"]
        np.testing.assert_allclose(places, standing(2 * k).answers["blazepose33"], atol=1e-9)

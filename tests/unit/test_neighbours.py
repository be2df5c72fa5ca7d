"""Where somebody is, said in one frame of a clip, goes on to the frames around it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_clips import SIZE, RedPeople, Upright, clip, reconstructor, short_chunks, write

from pymafsam.body import load
from pymafsam.clips import looking, reconstruct
from pymafsam.clips.neighbours import Told, moved, taken_along
from pymafsam.clips.shelf import Shelf
from pymafsam.export.sequence import load as load_clip
from pymafsam.files import made
from pymafsam.geometry.boxes import bounds
from pymafsam.masks.plain import load_none
from pymafsam.observe import Observer
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Mask, Person, Prompt, Request

__all__ = ["reconstructor", "short_chunks"]  # fixtures
SAID, FRAMES = 6, 14  # ten frames a second: half a second is five of them
BAG = (5, 30)  # where it hangs, seen from the box' corner: inside of the box, at its edge


@pytest.fixture(autouse=True)
def found_everywhere(monkeypatch):
    """Red people's keypoints follow their box, so the box must follow the people."""
    monkeypatch.setattr(looking, "FIND", 1)


class Careless:
    """Segments what is red in the box, and a bag beside it, unless told that it is none of it."""

    def __init__(self, seen=range(FRAMES)):
        self.seen = seen

    def segment(self, pixels, prompts):
        masks = []
        for prompt in prompts:
            x0, y0, x1, y1 = np.asarray(prompt.box).round().astype(int)
            inside = np.zeros(pixels.shape[:2], bool)
            inside[y0:y1, x0:x1] = True
            beside = prompt.inside is not None and not prompt.inside.all()
            if beside or (x0 - 10) // 2 not in self.seen:
                inside[y0 + 26 : y0 + 34, x0 + 1 : x0 + 9] = False
            masks.append(Mask(inside=inside, score=0.9, source="mobilesam"))
        return masks


class Looking(RedPeople):
    """Describes the red that is in a box; where there is none, hardly anybody."""

    def describe(self, pixels, people):
        return [self._seen(pixels, person) for person in people]

    def _seen(self, pixels, person):
        crop = person.box + (-3, -3, 3, 3)  # a network sees a little more than the box
        x0, y0, x1, y1 = np.clip(crop, 0, [*SIZE, *SIZE]).round().astype(int)
        red = np.zeros(pixels.shape[:2], bool)
        there = pixels[y0:y1, x0:x1].astype(int)
        red[y0:y1, x0:x1] = there[..., 0] - there[..., 1] > 90
        if np.count_nonzero(red) < 60:
            return replace(self._described(person), keypoint_score=0.02)
        around = bounds(red)
        seen = self._described(replace(person, box=around))
        return replace(
            seen, box=person.box, keypoint_score=min(float(np.ptp(around[1::2])) / 44, 0.99)
        )


class Shy(Looking):
    """Finds the first of the red people alone."""

    def find(self, pixels):
        return super().find(pixels)[:1]


class Short(Looking):
    """Finds no legs of anybody."""

    def find(self, pixels):
        return [
            replace(one, box=one.box * (1, 1, 1, 0.5) + (0, 0, 0, 12))
            for one in super().find(pixels)
        ]


def one_with(detector, segmenter):
    model = load("anny24")
    observer = Observer(detector=detector, segmenter=segmenter)
    return Reconstructor(model=model, observer=observer, estimator=Upright(model))


def amended(tmp_path, maker, prompt, people=1, **options):
    """The looks that one prompt on the frame ``SAID`` changes, by frame."""
    path = write(tmp_path / "walk.mp4", FRAMES, people=people)
    job = replace(clip(path, tmp_path, maker, **options), ask=asking(prompt))
    shelf = Shelf.open(tmp_path / "walk.work", {})
    job.carry(shelf, job.look(shelf))
    return shelf.amended


def asking(prompt):
    return lambda frame: Request(frame=frame, prompts=(prompt,) if frame.index == SAID else None)


def box_at(frame, person=0):
    x = 10.0 + 2 * frame + 45 * person
    return np.array([x, 12, x + 12, 52])


WITHOUT = Prompt(box=box_at(SAID), clicks=box_at(SAID)[None, :2] + BAG, inside=np.array([False]))
MASKED = {"with_masks": True, "mask_every": 0.0}


def test_a_click_goes_on_with_the_person_for_half_a_second_both_ways(tmp_path):
    found = amended(tmp_path, one_with(RedPeople(), Careless()), WITHOUT, **MASKED)
    assert sorted(found) == [k for k in range(1, 12) if k != SAID]
    for frame, look in found.items():
        assert look.led == {0}
        x, y = box_at(frame)[:2].astype(int) + BAG
        mask = look.masks[0].mask().inside
        assert not mask[y, x]
        assert mask[y - 20, x + 3]


def test_it_ends_where_the_look_does_without(tmp_path):
    seldom = Careless(seen=range(SAID - 1, SAID + 3))
    found = amended(tmp_path, one_with(RedPeople(), seldom), WITHOUT, **MASKED)
    assert sorted(found) == [SAID - 1, SAID + 1, SAID + 2]


def test_whom_nobody_found_is_followed_from_where_they_were_meant(tmp_path):
    prompt = Prompt(box=box_at(SAID, person=1))
    maker = one_with(Shy(), load_none())
    found = amended(tmp_path, maker, prompt, people=2)
    assert sorted(found) == [k for k in range(1, 12) if k != SAID]
    for frame, look in found.items():
        assert look.sightings[-1].person.box == pytest.approx(box_at(frame, 1), abs=2)


def test_a_box_that_was_moved_moves_the_neighbours_boxes(tmp_path):
    found = amended(tmp_path, one_with(Short(), load_none()), Prompt(box=box_at(SAID)))
    assert sorted(found) == [k for k in range(1, 12) if k != SAID]
    for frame, look in found.items():
        (sighting,) = look.sightings
        assert sighting.person.box == pytest.approx(box_at(frame), abs=3)


def test_boxes_that_everybody_finds_change_nothing(tmp_path):
    assert amended(tmp_path, one_with(RedPeople(), load_none()), Prompt(box=box_at(SAID))) == {}


def test_another_frame_that_was_named_is_left_as_it_is(tmp_path):
    path = write(tmp_path / "walk.mp4", FRAMES)
    later = replace(WITHOUT, box=box_at(8), clicks=None, inside=None)

    def ask(frame):
        said = {SAID: (WITHOUT,), 8: (later,)}.get(frame.index)
        return Request(frame=frame, prompts=said)

    job = clip(path, tmp_path, one_with(RedPeople(), Careless()), **MASKED)
    shelf = Shelf.open(tmp_path / "walk.work", {})
    job = replace(job, ask=ask)
    job.carry(shelf, job.look(shelf))
    assert max(shelf.amended) == 7


def test_a_clip_with_the_same_clicks_has_the_same_bytes(tmp_path):
    path = write(tmp_path / "walk.mp4", FRAMES, people=2)
    prompt = Prompt(box=box_at(SAID, person=1))
    for name in ("one", "other"):
        job = clip(path, tmp_path / name, one_with(Shy(), load_none()), smooth=True)
        reconstruct(replace(job, ask=asking(prompt)), made.origin(path, {}))
    one, other = (tmp_path / name / "walk.npz" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    (motion,) = load_clip(one).motions
    assert (motion.frames[0], motion.frames[-1]) == (SAID - 5, SAID + 5)


NUMBERS = st.floats(-20, 20)


@given(st.integers(0, 99), NUMBERS, NUMBERS)
def test_clicks_move_as_all_points_do(seed, x, y):
    random = np.random.default_rng(seed)
    points = np.column_stack([random.uniform(30, 60, (17, 2)), random.uniform(0, 1, 17)])
    person = Person(box=np.array([30.0, 30, 60, 60]), score=1.0, keypoints=points)
    later = replace(person, keypoints=points + (x, y, 0))
    told = Told(named=person, person=person, clicks=((40.0, 50.0, 1), (59.0, 31.0, 0)))
    found = moved(told, later, (96, 96))
    assert np.allclose(found, [(40 + x, 50 + y, 1), (59 + x, 31 + y, 0)], atol=1e-6)


def test_a_click_moves_with_the_points_near_it_and_goes_with_the_picture():
    points = np.array([[10.0, 10, 1], [90.0, 10, 1]])
    person = Person(box=np.array([0.0, 0, 100, 40]), score=1.0, keypoints=points)
    later = replace(person, keypoints=points + np.array([[0.0, 5, 0], [30.0, 0, 0]]))
    told = Told(named=person, person=person, clicks=((11.0, 12.0, 1), (90.0, 12.0, 0)))
    (left,) = moved(told, later, (100, 50))
    assert left == pytest.approx((11, 17, 1), abs=0.01)


def test_a_mask_goes_along_with_its_box():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 10:20] = True
    then = np.array([10.0, 10, 20, 20])
    assert np.array_equal(taken_along(mask, then, then), mask)
    now = taken_along(mask, then, np.array([20.0, 5, 40, 25]))
    assert bounds(now) == pytest.approx((20, 5, 40, 25), abs=1)

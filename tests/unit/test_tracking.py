"""Following people: on rendered clips with exact truth, nobody becomes somebody else."""

from dataclasses import replace

import numpy as np
import pytest
from walkers import RATE, SIZE, Walker, film

from pymafsam.errors import BadInput
from pymafsam.records import Frame, Person, Prompt
from pymafsam.tracking import Settings, Tracker
from pymafsam.tracking.cuts import CutFinder, small
from pymafsam.tracking.meant import meant
from pymafsam.tracking.merge import Piece, gap_fillers, rejoined
from pymafsam.tracking.motion import Motion
from pymafsam.tracking.tracker import assign

RED, BLUE, GREY = (180, 40, 40), (40, 60, 170), (60, 60, 60)


def tracks_of(walkers, seconds, *, step=1):
    """For every walker the tracks they were given, in order and without repeats."""
    generator = np.random.default_rng(0)
    tracker = Tracker()
    given = {k: [] for k in range(len(walkers))}
    for truth in film(walkers, seconds, generator):
        if truth.frame.index % step:
            continue
        people = tracker.step(truth.frame, [person for _, person in truth.detected])
        for (k, _), person in zip(truth.detected, people, strict=True):
            if not given[k] or given[k][-1] != person.track:
                given[k].append(person.track)
    return given


def crossing(shirts, gap=0.6):
    left = Walker(lambda t: (-1.3 + 1.1 * t, 0.0, 4.0), shirts[0], GREY)
    right = Walker(lambda t: (1.3 - 1.1 * t, 0.0, 4.0 + gap), shirts[1], GREY)
    return [left, right]


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("shirts", [(RED, BLUE), (RED, RED)], ids=["other clothes", "same clothes"])
def test_two_who_cross_stay_who_they_are(shirts, step):
    given = tracks_of(crossing(shirts), 2.4, step=step)
    assert given == {0: [1], 1: [2]}


def test_who_disappears_behind_somebody_for_a_second_is_found_again():
    # The one behind stops behind the other and comes out again on the other side.
    def behind(t):
        return (np.clip(-1.2 + 1.2 * t, -9, 0.0) + max(0.0, 1.2 * (t - 2.2)), 0.0, 5.0)

    before = Walker(lambda t: (0.0, 0.0, 3.2), BLUE, GREY)
    given = tracks_of([before, Walker(behind, RED, GREY)], 3.2)
    assert given == {0: [1], 1: [2]}


def test_two_who_meet_and_turn_back_stay_who_they_are():
    left = Walker(lambda t: (-1.0 + 0.9 * min(t, 2.0 - t), 0.0, 4.0), RED, GREY)
    right = Walker(lambda t: (1.0 - 0.9 * min(t, 2.0 - t), 0.0, 4.3), BLUE, GREY)
    assert tracks_of([left, right], 2.0) == {0: [1], 1: [2]}


def test_who_leaves_the_picture_and_comes_back_is_mended_to_one_track():
    # 4.5 seconds away: longer than the tracker remembers, so a second track begins.
    away = Walker(lambda t: (0.5 + 1.5 * min(t, 5.7 - t), 0.0, 4.0), RED, GREY)
    stays = Walker(lambda t: (-1.2, 0.0, 4.0), BLUE, GREY)
    tracker, generator = Tracker(), np.random.default_rng(0)
    rows: dict[int, list] = {}
    for truth in film([away, stays], 5.7, generator):
        for person in tracker.step(truth.frame, [p for _, p in truth.detected]):
            rows.setdefault(person.track, []).append((truth.frame.seconds, person.box))
    assert len(rows) == 3
    pieces = [
        Piece.of(
            number,
            np.array([second for second, _ in seen]),
            np.array([box for _, box in seen]),
            tracker.worn[number],
            SIZE,
        )
        for number, seen in rows.items()
    ]
    assert rejoined(pieces) == {1: 1, 2: 2, 3: 1}


def test_pieces_are_not_joined_over_a_cut():
    second = np.arange(8) / RATE
    box = np.tile([100.0, 50.0, 140.0, 150.0], (8, 1))
    colours = tracked_colours()
    early = Piece.of(1, second, box, colours, SIZE)
    late = Piece.of(2, second + 1, box, colours, SIZE)
    assert rejoined([early, late]) == {1: 1, 2: 1}
    assert rejoined([early, replace(late, shot=1)]) == {1: 1, 2: 2}


def test_a_track_in_anothers_gap_and_place_is_theirs():
    frames = np.arange(30)
    box = np.array([100.0, 50, 140, 150]) + np.stack([frames * 2.0, 0 * frames] * 2, axis=1)
    gap = (frames >= 12) & (frames < 15)
    seen = {4: frames[~gap], 7: frames[gap]}
    there = {4: box[~gap], 7: box[gap]}
    assert gap_fillers(seen, there) == {7: 4}
    assert gap_fillers(seen, there | {7: box[gap] + 90}) == {}, "somebody else's place"
    assert gap_fillers({4: frames, 7: frames[gap]}, {4: box, 7: box[gap]}) == {}, "two at once"
    beside = frames[13:15]
    both = gap_fillers(seen | {8: beside}, there | {8: box[beside]})
    assert both == {7: 4}, "nobody is in two places of a frame"


def tracked_colours():
    frame = Frame(pixels=np.full((240, 320, 3), 90, np.uint8), name="grey", seconds=0.0)
    tracker = Tracker()
    tracker.step(frame, [Person(box=np.array([100.0, 50, 140, 150]), score=0.9)])
    return tracker.worn[1]


def test_small_people_are_followed_through_missed_frames():
    frame = Frame(pixels=np.full((240, 320, 3), 90, np.uint8), name="grey")
    tracker, found = Tracker(), set()
    for index in range(40):
        if index % 3 == 2:
            continue  # the detector misses every third frame
        x = 50.0 + 1.5 * index
        person = Person(box=np.array([x, 100, x + 7, 118]), score=0.5)
        now = replace(frame, index=index, seconds=index / RATE)
        found |= {p.track for p in tracker.step(now, [person])}
    assert found == {1}


def test_an_unsure_detection_goes_on_with_a_track_but_begins_none():
    frame = Frame(pixels=np.full((240, 320, 3), 90, np.uint8), name="grey", seconds=0.0)
    box = np.array([100.0, 50, 140, 150])
    tracker = Tracker()
    (unsure,) = tracker.step(frame, [Person(box=box, score=0.2)])
    (sure,) = tracker.step(replace(frame, seconds=0.04), [Person(box=box, score=0.9)])
    (again,) = tracker.step(replace(frame, seconds=0.08), [Person(box=box, score=0.2)])
    assert (unsure.track, sure.track, again.track) == (None, 1, 1)


def test_a_person_at_constant_speed_is_expected_where_they_will_be():
    settings = Settings()
    box = lambda t: np.array([100.0, 50, 140, 150]) + np.array([60.0, 0, 60, 0]) * t  # noqa: E731
    motion = Motion.begin(box(0.0), 0.0, settings)
    for k in range(1, 25):
        motion = motion.at(k / RATE, settings).seen(box(k / RATE), settings)
    assert motion.at(1.0, settings).box == pytest.approx(box(1.0), abs=1.0)


def test_who_was_half_hidden_is_expected_no_smaller_later_on():
    settings = Settings()
    motion = Motion.begin(np.array([100.0, 50, 140, 150]), 0.0, settings)
    for k in range(1, 10):  # less and less of them is seen
        box = np.array([100.0 + 3 * k, 50, 140, 150])
        motion = motion.at(k / RATE, settings).seen(box, settings)
    assert motion.at(1.5, settings).place[2:] == pytest.approx(motion.place[2:])


def test_who_is_seen_whole_again_after_a_few_halves_is_nobody_new():
    frame = Frame(pixels=np.full((240, 320, 3), 90, np.uint8), name="grey")
    tracker, found = Tracker(), set()
    for index in range(26):
        half = 20 <= index < 23
        box = np.array([120.0, 120, 160, 200]) if half else np.array([100.0, 40, 180, 200])
        now = replace(frame, index=index, seconds=index / RATE)
        found |= {p.track for p in tracker.step(now, [Person(box=box, score=0.9)])}
    assert found == {1}


def test_who_is_taken_for_somebody_before_them_keeps_their_own_clothes():
    """Red passes behind blue; then one person is seen there, blue, in red's box."""
    tracker, worn = Tracker(), []
    for k in range(14):
        hidden = k >= 11
        red, blue = np.array([90 + 3 * k, 62, 128 + 3 * k, 158]), np.array([150, 60, 190, 160])
        boxes = [red] if hidden or k < 5 else [red, blue]
        pixels = np.full((240, 320, 3), 90, np.uint8)
        for (x0, y0, x1, y1), shirt in ((blue, BLUE), (red, BLUE if hidden else RED)):
            pixels[y0:y1, x0:x1] = shirt
        frame = Frame(pixels=pixels, name="room", index=k, seconds=k / RATE)
        people = [Person(box=box.astype(float), score=0.9) for box in boxes]
        numbers = [person.track for person in tracker.step(frame, people)]
        assert numbers == [1, 2][: len(boxes)]
        worn.append(tracker.worn[1])
    assert worn[-1].difference(worn[5]) < 0.01


@pytest.mark.parametrize(("score", "given"), [(0.1, [None]), (0.9, [1])])
def test_a_description_that_says_nothing_is_nobodys_where_two_are_expected(score, given):
    frame = Frame(pixels=np.full((240, 320, 3), 90, np.uint8), name="grey", seconds=0.0)
    one, other = np.array([100.0, 50, 140, 150]), np.array([115.0, 50, 155, 150])
    tracker = Tracker()
    two = [Person(box=box, score=0.9, keypoint_score=0.9) for box in (one, other)]
    assert [person.track for person in tracker.step(frame, two)] == [1, 2]
    doubtful = Person(box=one, score=0.9, keypoint_score=score)
    (seen,) = tracker.step(replace(frame, seconds=0.04), [doubtful])
    assert [seen.track] == given


def test_assignment_never_takes_a_pair_that_costs_too_much():
    costs = np.array([[0.1, np.inf], [0.2, 0.9]])
    assert assign(costs, 0.5) == [(0, 0)]


def test_a_cut_is_found_and_motion_is_none():
    generator = np.random.default_rng(1)
    walkers = crossing((RED, BLUE))
    first = [truth.frame.pixels for truth in film(walkers, 0.6, generator)]
    second = [truth.frame.pixels // 3 for truth in film(walkers[:1], 0.4, generator)]
    finder = CutFinder()
    cuts = [k for k, pixels in enumerate(first + second) if finder.step(small(pixels))]
    assert cuts == [len(first)]


def test_a_click_means_the_person_it_lies_on():
    people = [
        Person(box=np.array([0.0, 0, 100, 200]), score=0.9, track=4),
        Person(box=np.array([40.0, 50, 90, 150]), score=0.9, track=7),
    ]
    click = Prompt(clicks=np.array([[60.0, 100]]), inside=np.array([True]))
    assert meant(click, people, "frame 3") == 7
    assert meant(Prompt(box=np.array([0.0, 0, 90, 190])), people, "frame 3") == 4
    with pytest.raises(BadInput, match="track 4"):
        meant(Prompt(box=np.array([300.0, 0, 320, 90])), people, "frame 3")

"""Frame by frame: which of the people seen now is which of those seen before.

Everybody followed is expected somewhere (``motion``); the people of a frame are given to them so
that the sum of costs is smallest (Kuhn, "The Hungarian method", 1955). A cost is the weighted mean
of what the cues say; who is too far from where they are expected is out of the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.geometry.boxes import intersection_over_union, overlap
from pymafsam.people.same import likeness
from pymafsam.records import Frame, Inside, Mask, Person
from pymafsam.tracking.colours import Colours, colours_of
from pymafsam.tracking.motion import Motion, centred
from pymafsam.tracking.settings import Settings

COARSE = 8  # pixels of a picture in one cell of a coarse mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One person in one frame, as they are compared."""

    person: Person
    colours: Colours
    mask: Bool[np.ndarray, "rows columns"] | None  # coarse, whole picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Somebody who is being followed: how they move, how they looked last and what they wear."""

    number: int
    motion: Motion
    last: Sighting
    colours: Colours
    times: int = 1  # that they were seen

    def expected(self, seconds: float, size: tuple[int, int], settings: Settings) -> Person:
        """The person as last seen, moved to where they should be now.

        The box is cut at the edges of a picture of ``size``, as a detector's is.
        """
        motion = self.motion.at(seconds, settings)
        person = self.last.person
        box = np.clip(motion.box, 0, [*size, *size])
        if person.keypoints is None:
            return replace(person, box=box)
        was, now = centred(person.box), motion.place
        keypoints = person.keypoints.astype(np.float64)
        keypoints[:, :2] = (keypoints[:, :2] - was[:2]) * (now[3] / was[3]) + now[:2]
        return replace(person, box=box, keypoints=keypoints)


class Tracker:
    """Follows people through frames given in order; identities are numbered from 1.

    ``worn`` is what everybody ever followed wore last, by number.
    """

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.followed: list[Followed] = []
        self.worn: dict[int, Colours] = {}
        self.count = 0

    def step(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None] | None = None
    ) -> list[Person]:
        """The same people with ``track`` filled in; None for who is too unsure to begin with.

        ``frame.seconds`` must not fall; without them frames count as 1/25 s. ``masks`` stand for
        the people's own.
        """
        seconds = frame.index / 25 if frame.seconds is None else frame.seconds
        numbers = self.follow(sightings(frame, people, masks), seconds, frame.size)
        return [replace(p, track=number) for p, number in zip(people, numbers, strict=True)]

    def follow(
        self, seen: Sequence[Sighting], seconds: float, size: tuple[int, int]
    ) -> list[int | None]:
        """The numbers of everybody seen at ``seconds`` in a picture of ``size``: ``step`` where
        the picture is no longer at hand.
        """
        settings = self.settings
        self.followed = [
            one for one in self.followed if seconds - one.motion.seconds <= settings.forget
        ]
        expected = [one.expected(seconds, size, settings) for one in self.followed]
        young = np.array([one.times < settings.grown_up for one in self.followed], bool)
        found = costs(self.followed, expected, seen, seconds, settings)
        found[:, [_is_nobodys(one, expected, settings) for one in seen]] = np.inf
        pairs = assign(found, settings.most, settings.newborn * young)
        met = {old for old, _ in pairs}
        hidden = [one for k, one in enumerate(expected) if k not in met]
        crowded = overlapped([one.person for one in seen], hidden, settings.crowded)
        numbers: dict[int, int] = {}
        for old, new in pairs:
            known = self.followed[old]
            self.followed[old] = _seen_again(known, seen[new], seconds, crowded[new], settings)
            numbers[new] = known.number
        for new, sighting in enumerate(seen):
            if new not in numbers and _begins(sighting, expected, settings):
                numbers[new] = self._begin(sighting, seconds)
        self.worn |= {one.number: one.colours for one in self.followed}
        return [numbers.get(k) for k in range(len(seen))]

    def cut(self) -> None:
        """A new shot begins: nobody is expected any more."""
        self.followed = []

    def _begin(self, sighting: Sighting, seconds: float) -> int:
        self.count += 1
        motion = Motion.begin(sighting.person.box, seconds, self.settings)
        self.followed.append(
            Followed(number=self.count, motion=motion, last=sighting, colours=sighting.colours)
        )
        return self.count


def sightings(
    frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None] | None
) -> list[Sighting]:
    """Everybody in a frame as they are compared."""
    given = [None] * len(people) if masks is None else masks
    outlines = [
        p.mask if mask is None else mask.inside for p, mask in zip(people, given, strict=True)
    ]
    return [
        Sighting(
            person=person,
            colours=colours_of(frame.pixels, person),
            mask=None if inside is None else inside[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE],
        )
        for person, inside in zip(people, outlines, strict=True)
    ]


def costs(
    followed: Sequence[Followed],
    expected: Sequence[Person],
    seen: Sequence[Sighting],
    seconds: float,
    settings: Settings,
) -> Float[np.ndarray, "followed seen"]:
    """What it costs to take each sighting for each person followed; infinity: out of reach."""
    out = np.full((len(followed), len(seen)), np.inf)
    for row, one, there in zip(out, followed, expected, strict=True):
        for k, sighting in enumerate(seen):
            row[k] = cost(one, there, sighting, seconds, settings)
    return out


def cost(
    known: Followed, expected: Person, seen: Sighting, seconds: float, settings: Settings
) -> float:
    """The weighted mean of the cues there are, 0..1; infinity for who is out of reach."""
    away = seconds - known.motion.seconds
    far = _distance(expected, seen.person) / reach(away, settings)
    posed = _posed(expected, seen.person)
    # Of somebody half hidden a box may be of what is left of them; their keypoints tell.
    alike = posed is not None and posed < settings.alike
    if far > 1 or (_grown(expected, seen.person) > settings.grown and not alike):
        return np.inf
    fresh = float(np.exp(-away / settings.pose_fades))
    cues: list[tuple[float, float | None]] = [
        (settings.distance, far),
        (settings.overlap, 1 - overlap(expected.box, seen.person.box.astype(np.float64))),
        (settings.keypoints * fresh * _clear(seen.person, settings), posed),
        (settings.mask * fresh, _uncovered(known, expected, seen)),
        (settings.colours, known.colours.difference(seen.colours)),
    ]
    there = [(weight, value) for weight, value in cues if value is not None]
    return sum(w * v for w, v in there) / sum(w for w, _ in there)


def _clear(person: Person, settings: Settings) -> float:
    """How far a description is believed: one of somebody half hidden may be of somebody else."""
    if person.keypoint_score is None:
        return 1.0
    return min(person.keypoint_score / settings.clear, 1.0)


def _begins(seen: Sighting, expected: Sequence[Person], settings: Settings) -> bool:
    """Whether somebody new is seen; an unclear description where somebody is expected is none."""
    person = seen.person
    if person.score < settings.start:
        return False
    if person.keypoint_score is None or person.keypoint_score >= settings.begin:
        return True
    box = person.box.astype(np.float64)
    return all(overlap(one.box, box) < settings.crowded for one in expected)


def _is_nobodys(seen: Sighting, expected: Sequence[Person], settings: Settings) -> bool:
    """Whether a sighting says nothing about whom of several who are expected there it shows: its
    box may be of one and what it seems to wear of another, and either would be led astray.
    """
    person = seen.person
    if person.keypoint_score is None or person.keypoint_score >= settings.nobody:
        return False
    box = person.box.astype(np.float64)
    return sum(overlap(one.box, box) > settings.crowded for one in expected) > 1


def reach(away: float, settings: Settings) -> float:
    """How far, in heights, from the place expected somebody may be after ``away`` seconds."""
    return min(settings.reach + settings.reach_per_second * away, settings.farthest)


def assign(
    costs: Float[np.ndarray, "followed seen"],
    most: float,
    handicap: Float[np.ndarray, "followed"] | None = None,
) -> list[tuple[int, int]]:
    """Pairs (row, column) with the smallest sum of costs, none of them above ``most``.

    ``handicap`` is what the rows' pairs cost more than others, where others want the same.
    """
    from scipy.optimize import linear_sum_assignment

    allowed = costs <= most
    compared = costs if handicap is None else costs + handicap[:, None]
    # To leave somebody out costs no more than the worst pair: were it dearer, a doubtful sighting
    # would make two exchange their numbers, only to have somebody itself.
    rows, columns = linear_sum_assignment(np.where(allowed, np.minimum(compared, most), most))
    chosen = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j) for i, j in chosen if allowed[i, j]]


def overlapped(people: Sequence[Person], hidden: Sequence[Person], most: float) -> list[bool]:
    """Who is overlapped by somebody else's box by more than ``most`` of the joint area.

    Also by one of the ``hidden``, who should be there and were not seen: a single sighting where
    two should be may be of either.
    """
    if not people:
        return []
    boxes = np.stack([person.box for person in (*people, *hidden)]).astype(np.float64)
    shared = intersection_over_union(boxes[: len(people)], boxes)
    np.fill_diagonal(shared, 0)
    return [bool(one) for one in shared.max(axis=1) > most]


def _seen_again(
    known: Followed, seen: Sighting, seconds: float, crowded: bool, settings: Settings
) -> Followed:
    motion = known.motion.at(seconds, settings).seen(seen.person.box, settings)
    colours = known.colours if crowded else known.colours.learnt(seen.colours, settings.learnt)
    return Followed(
        number=known.number, motion=motion, last=seen, colours=colours, times=known.times + 1
    )


def _distance(expected: Person, seen: Person) -> float:
    one, other = centred(expected.box), centred(seen.box)
    return float(np.hypot(*(one[:2] - other[:2])) / max(one[3], other[3]))


def _grown(expected: Person, seen: Person) -> float:
    ratio = np.sqrt(np.prod(centred(expected.box)[2:]) / np.prod(centred(seen.box)[2:]))
    return float(max(ratio, 1 / ratio))


def _posed(expected: Person, seen: Person) -> float | None:
    if expected.keypoints is None or seen.keypoints is None or expected.layout != seen.layout:
        return None
    return 1 - likeness(expected, seen)


def _uncovered(known: Followed, expected: Person, seen: Sighting) -> float | None:
    """1 - IoU of the last mask, moved along, with the mask seen."""
    last = known.last.mask
    if last is None or seen.mask is None or last.shape != seen.mask.shape:
        return None
    by = (centred(expected.box) - centred(known.last.person.box))[:2] / COARSE
    moved = shifted(last, round(float(by[0])), round(float(by[1])))
    joint = np.count_nonzero(moved | seen.mask)
    return 1 - np.count_nonzero(moved & seen.mask) / joint if joint else None


def shifted(mask: Inside, right: int, down: int) -> Inside:
    """The mask moved by whole cells (or pixels); what leaves is gone, what enters is empty."""
    out = np.zeros_like(mask)
    height, width = mask.shape
    if abs(right) >= width or abs(down) >= height:
        return out
    y0, y1 = max(down, 0), height + min(down, 0)
    x0, x1 = max(right, 0), width + min(right, 0)
    out[y0:y1, x0:x1] = mask[y0 - down : y1 - down, x0 - right : x1 - right]
    return out

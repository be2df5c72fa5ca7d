"""From looks to tracks: who of the people seen in a frame is who, over the whole clip."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.clips.looks import Look
from pymafsam.clips.still import STILL
from pymafsam.errors import BadInput
from pymafsam.tracking import Settings, Tracker
from pymafsam.tracking.cuts import CutFinder
from pymafsam.tracking.merge import Piece, gap_fillers, rejoined


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The places of one track among the looks: ``frames`` and the person's row in each.

    ``named``: where a prompt on just that frame named them.
    """

    number: int
    frames: Int[np.ndarray, "sightings"]
    rows: Int[np.ndarray, "sightings"]
    scores: Float[np.ndarray, "sightings"]
    named: Bool[np.ndarray, "sightings"]

    def part(self, chosen: Int[np.ndarray, "chosen"]) -> "Course":
        """Some of the places."""
        return Course(
            number=self.number,
            frames=self.frames[chosen],
            rows=self.rows[chosen],
            scores=self.scores[chosen],
            named=self.named[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A clip followed from end to end: its tracks, times, cuts, and where the camera stood still.

    ``looked``: in which frames people were looked for.
    """

    courses: tuple[Course, ...]
    seconds: Float[np.ndarray, "frames"]
    looked: Bool[np.ndarray, "frames"]
    cuts: Int[np.ndarray, "cuts"]
    still: Bool[np.ndarray, "steps"]

    def row(self, track: int, frame: int) -> int | None:
        """Which person of a frame's look the track is; None where it was not seen."""
        for course in self.courses:
            if course.number == track:
                k = int(np.searchsorted(course.frames, frame))
                seen = k < len(course.frames) and course.frames[k] == frame
                return int(course.rows[k]) if seen else None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tracks are kept: seen in at least ``least`` frames, and, where said, only these."""

    least: int = 1
    tracks: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is gathered of one track while it is followed, as bare numbers: clips may be long.

    ``whole``: frame, row and whether it was named, of one sighting after the other; ``real``: its
    score, box and betas.
    """

    shot: int
    whole: "array[int]" = field(default_factory=lambda: array("q"))
    real: "array[float]" = field(default_factory=lambda: array("d"))

    def note(self, look: Look, row: int) -> None:
        """One more sighting."""
        single, box = look.singles[row], look.sightings[row].person.box
        self.whole.extend((look.index, row, look.said[row] is not None))
        self.real.extend((single.score, *box.tolist(), *single.pose.betas.tolist()))

    def take(self, other: "_Seen") -> None:
        """The other's sightings, too."""
        self.whole.extend(other.whole)
        self.real.extend(other.real)

    def told(self) -> "_Told":
        """All of it, in the order of the frames."""
        whole = np.array(self.whole, np.int64).reshape(-1, 3)
        real = np.array(self.real, np.float64).reshape(len(whole), -1)
        order = np.argsort(whole[:, 0], kind="stable")
        whole, real = whole[order], real[order]
        return _Told(
            frames=whole[:, 0],
            rows=whole[:, 1],
            named=whole[:, 2] > 0,
            scores=real[:, 0],
            boxes=real[:, 1:5],
            shape=np.median(real[:, 5:], axis=0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A track's sightings; ``shape`` is the middle one of the single bodies' shapes."""

    frames: Int[np.ndarray, "sightings"]
    rows: Int[np.ndarray, "sightings"]
    named: Bool[np.ndarray, "sightings"]
    scores: Float[np.ndarray, "sightings"]
    boxes: Float[np.ndarray, "sightings 4"]
    shape: Float[np.ndarray, "betas"]


def follow(
    looks: Iterable[Look],
    size: tuple[int, int],
    wanted: Wanted | None = None,
    settings: Settings | None = None,
) -> Followed:
    """Follow everybody through the looks at a clip, whose pictures are of ``size``.

    Where a prompt named somebody, only they are kept. Raises BadInput when a track asked for is
    not there.
    """
    wanted, settings = wanted or Wanted(), settings or Settings()
    tracker, finder = Tracker(settings), CutFinder(settings)
    seen: dict[int, _Seen] = {}
    times, looked, moved, cuts = [], [], [], []
    for look in looks:
        if finder.step(look.small):
            cuts.append(look.index)
            tracker.cut()
        times.append(look.seconds)
        looked.append(look.looked)
        moved.append(look.moved)
        numbers = tracker.follow(look.sightings, look.seconds, size)
        for row, number in enumerate(numbers):
            if number is not None:
                seen.setdefault(number, _Seen(shot=len(cuts))).note(look, row)
    _fill_gaps(seen, settings)
    seconds = np.array(times)
    told = {number: one.told() for number, one in seen.items()}
    pieces = [
        Piece.of(
            number,
            seconds[one.frames],
            one.boxes,
            tracker.worn[number],
            size,
            shot=seen[number].shot,
            shape=one.shape,
            settings=settings,
        )
        for number, one in told.items()
    ]
    courses = _courses(told, rejoined(pieces, settings))
    return Followed(
        courses=_kept(courses, wanted),
        seconds=seconds,
        looked=np.array(looked, bool),
        cuts=np.array(cuts, np.int64),
        still=np.array(moved[1:]) < STILL,
    )


def _fill_gaps(seen: dict[int, _Seen], settings: Settings) -> None:
    """Tracks in the gaps of longer ones become part of these."""
    for shot in {one.shot for one in seen.values()}:
        there = {number: one.told() for number, one in seen.items() if one.shot == shot}
        frames = {number: one.frames for number, one in there.items()}
        boxes = {number: one.boxes for number, one in there.items()}
        for number, owner in gap_fillers(frames, boxes, settings).items():
            seen[owner].take(seen.pop(number))


def _courses(told: Mapping[int, _Told], numbers: Mapping[int, int]) -> dict[int, Course]:
    """One course for every number that is left after mending, numbered anew from 1."""
    together: defaultdict[int, list[int]] = defaultdict(list)
    for piece, number in numbers.items():
        together[number].append(piece)
    courses = {}
    for count, (number, pieces) in enumerate(sorted(together.items()), start=1):
        frames = np.concatenate([told[p].frames for p in pieces])
        order = np.argsort(frames, kind="stable")
        courses[number] = Course(
            number=count,
            frames=frames[order],
            rows=np.concatenate([told[p].rows for p in pieces])[order],
            scores=np.concatenate([told[p].scores for p in pieces])[order],
            named=np.concatenate([told[p].named for p in pieces])[order],
        )
    return courses


def _kept(courses: dict[int, Course], wanted: Wanted) -> tuple[Course, ...]:
    """The tracks that are wanted."""
    if meant := tuple(course for course in courses.values() if course.named.any()):
        return meant
    lasting = tuple(c for c in courses.values() if len(c.frames) >= wanted.least)
    if not wanted.tracks:
        return lasting
    missing = sorted(set(wanted.tracks) - {course.number for course in courses.values()})
    if missing:
        there = ", ".join(f"{c.number} ({len(c.frames)} frames)" for c in courses.values())
        raise BadInput(f"--track {missing[0]}: there is no such track.\n  There are: {there}")
    return tuple(course for course in courses.values() if course.number in wanted.tracks)

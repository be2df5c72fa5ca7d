"""What a visitor says of one frame holds for its neighbours as long as they are mistaken alike.

From the frame corrected, both ways: the next look is compared with where the corrected person is
on the way to. Left and right stay exchanged until a look clearly has them the right way round; a
limb stays turned over until it leads the right way, or lies in the picture's plane, where both
readings meet and a mistake may have begun; a pin's shift fades, and ends where the keypoint jumps
to where the visitor had put it. Frames that were corrected themselves are left as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.clips.following import Course
from pymafsam.clips.sights import Correction, Sight, Sights, state_of
from pymafsam.fitting.chain import forward_kinematics
from pymafsam.fitting.corrections import LIMBS, TRUNK, limbs_of
from pymafsam.geometry import joints
from pymafsam.people.corrections import exchanged
from pymafsam.records import Flip, Person

CLEARLY = 0.5  # of the other reading's distance: from here on a look has left and right right
MEET = 0.05  # metres along the ray: nearer to the picture's plane, both readings are the same
FADING = 0.5  # seconds after which nothing is left of a pin's shift

Carried = dict[int, Correction]  # by frame


def carried(course: Course, sights: Sights, seconds: Float[np.ndarray, "frames"]) -> Carried:
    """What the frames of a course (one without long gaps) take over from those corrected in it.

    ``seconds``: of the clip's frames.
    """
    found: Carried = {}
    for k in np.flatnonzero(course.named).tolist():
        (begin,) = sights.of(course, np.array([k]))
        if begin.said is None:
            continue
        for way in (1, -1):
            walk = Walk(course=course, sights=sights, seconds=seconds, first=k, way=way)
            for flip in _limb_by_limb(begin.said.flips):
                for frame in walk.flipped(begin, flip):
                    known = found.get(frame, Correction())
                    if flip not in known.flips:
                        found[frame] = replace(known, flips=(*known.flips, flip))
            for name, shift in begin.said.shifts.items():
                for frame, by in walk.shifted(begin, name, shift, found):
                    known = found.get(frame, Correction())
                    # Of two frames that were corrected the nearer one's counts: less has faded.
                    nearer = np.hypot(*by) > np.hypot(*known.shifts.get(name, (0.0, 0.0)))
                    if nearer:
                        found[frame] = replace(known, shifts={**known.shifts, name: by})
    return found


def _limb_by_limb(flips: tuple[Flip, ...]) -> Iterator[Flip]:
    """Arms that are turned over are followed one by one; who is turned over whole, as one."""
    for flip in flips:
        if flip.way == "depth" and flip.part != "whole":
            yield from (Flip(part=limb, way="depth") for limb in limbs_of(flip.part))
        else:
            yield flip


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """From sighting ``first`` of a course to the next one corrected, on (1) or back (-1)."""

    course: Course
    sights: Sights
    seconds: Float[np.ndarray, "frames"]
    first: int
    way: int

    def steps(self) -> Iterator[tuple[int, float, Sight]]:
        """The frames, their seconds from the first one, and the sights, uncorrected."""
        frames = self.course.frames
        k = self.first + self.way
        while 0 <= k < len(frames) and not self.course.named[k]:
            frame = int(frames[k])
            (sight,) = self.sights.of(self.course, np.array([k]))
            away = float(self.seconds[frame] - self.seconds[frames[self.first]])
            yield frame, abs(away), sight
            k += self.way

    def flipped(self, begin: Sight, flip: Flip) -> Iterator[int]:
        """The frames that have the same the wrong way round as the first one had."""
        if flip.way == "sides":
            return self._exchanged(begin.person, flip.part)
        return self._turned_over(begin, flip.part)

    def _exchanged(self, begin: Person, part: str) -> Iterator[int]:
        heading = Heading(last=_points(begin))
        for frame, seconds, sight in self.steps():
            as_seen, turned = _points(sight.person), _points(exchanged(sight.person, part))
            expected = heading.at(seconds)
            moves = np.any(as_seen[:, :2] != turned[:, :2], axis=1)
            if not moves.any():
                return
            one, other = (_distance(seen, expected, moves) for seen in (as_seen, turned))
            if one < CLEARLY * other:
                return
            yield frame
            heading.go_on(turned, seconds)

    def _turned_over(self, begin: Sight, part: str) -> Iterator[int]:
        last = self._depths(begin, part)
        for frame, _, sight in self.steps():
            now = self._depths(sight, part)
            if now @ last >= 0 or np.abs(now).max() < MEET:
                return
            yield frame
            last = -now

    def _depths(self, sight: Sight, part: str) -> Float[np.ndarray, "bones"]:
        """How far the bones of a part lead away from the camera, metres."""
        skeleton = self.sights.fit.skeleton
        places = forward_kinematics(skeleton, state_of([sight])).places[0]
        names: list[str] = list(joints.SMPL24)
        chains = [LIMBS[limb] for limb in limbs_of(part)]
        pairs = [pair for chain in chains for pair in pairwise(chain)]
        if part == "whole":
            pairs += [(TRUNK[0], TRUNK[2]), (TRUNK[1], TRUNK[3]), TRUNK[:2]]
        rows = np.array([[names.index(name) for name in pair] for pair in pairs])
        ray = places[0] / np.linalg.norm(places[0])
        return (places[rows[:, 1]] - places[rows[:, 0]]) @ ray

    def shifted(
        self, begin: Sight, name: str, shift: tuple[float, float], flipped: Mapping[int, Correction]
    ) -> Iterator[tuple[int, tuple[float, float]]]:
        """The frames whose keypoint strays as the first one's did, and by how much it is moved."""
        k = joints.LAYOUTS[begin.person.layout].index(name)
        whole, share = np.array(shift), 1.0
        last = _points(begin.person)[k, :2] - whole
        for frame, seconds, sight in self.steps():
            now = _points(flipped.get(frame, Correction()).of(sight.person))[k, :2]
            if np.linalg.norm(now - last - share * whole) < np.linalg.norm(now - last):
                return
            share, last = 1 - seconds / FADING, now
            if share <= 0:
                return
            x, y = (share * whole).tolist()
            yield frame, (x, y)


@dataclass(slots=True, kw_only=True)
class Heading:
    """Where corrected keypoints are on the way to, at constant velocity; pixels."""

    last: Float[np.ndarray, "points 3"]
    then: float = 0.0
    speed: Float[np.ndarray, "points 2"] | float = field(default=0.0)

    def at(self, seconds: float) -> Float[np.ndarray, "points 3"]:
        """The places expected, as sure as they were when last seen."""
        there = self.last.copy()
        there[:, :2] += self.speed * (seconds - self.then)
        return there

    def go_on(self, points: Float[np.ndarray, "points 3"], seconds: float) -> None:
        """Somebody was seen there."""
        passed = max(seconds - self.then, 1e-6)
        self.speed = (points[:, :2] - self.last[:, :2]) / passed
        self.last, self.then = points, seconds


def _points(person: Person) -> Float[np.ndarray, "points 3"]:
    assert person.keypoints is not None
    return person.keypoints.astype(np.float64)


def _distance(
    seen: Float[np.ndarray, "points 3"],
    expected: Float[np.ndarray, "points 3"],
    chosen: Bool[np.ndarray, "points"],
) -> float:
    """The mean distance of the points chosen, weighted by how sure both are; pixels."""
    weight = (seen[:, 2] * expected[:, 2])[chosen]
    gaps = np.linalg.norm(seen[chosen, :2] - expected[chosen, :2], axis=1)
    return float((weight * gaps).sum() / max(weight.sum(), 1e-9))

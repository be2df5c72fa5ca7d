"""From tracks to motions: everybody's body in every frame, calm or as each frame alone has it.

Gaps up to ``BRIDGED`` seconds within a shot are filled, and marked; over longer ones a motion has
no rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.clips.carrying import carried
from pymafsam.clips.following import Course, Followed
from pymafsam.clips.memory import give_back
from pymafsam.clips.sights import Sights, state_of
from pymafsam.fitting.chain import State
from pymafsam.fitting.sequence import SequenceFit, Stretch, bridged, spread
from pymafsam.records import Camera, Motion, Person

BRIDGED = 1.0  # seconds
SURE = 0.2  # keypoint score below which a look is no evidence for a pose
CERTAIN = 0.6  # confidence of a keypoint that a box is to hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What motions are made from: what was seen, how it was followed, the clip's one camera."""

    sights: Sights
    followed: Followed
    camera: Camera

    def motion(self, course: Course, fit: SequenceFit | None) -> Motion:
        """A track's body in every frame from its first to its last; without ``fit`` as it was."""
        return self._carrying(course)._motion(course, fit)

    def _carrying(self, course: Course) -> "Studio":
        """With what visitors said of single frames carried on to their neighbours."""
        if not course.named.any():
            return self
        seconds = self.followed.seconds
        found = {
            frame: correction
            for run in self._runs(course)
            for frame, correction in carried(run, self.sights, seconds).items()
        }
        return replace(self, sights=replace(self.sights, carried=found))

    def _motion(self, course: Course, fit: SequenceFit | None) -> Motion:
        shape = None if fit is None else self._shape(course, fit)
        runs = list(self._runs(course))
        if fit is not None:
            runs = [self._held(run) for run in runs]
        parts = [self._run(run, fit, shape) for run in runs]
        rows = np.concatenate([part.frames for part in parts])
        return Motion(
            track=course.number,
            frames=rows,
            rotations=np.concatenate([part.rotations for part in parts]),
            betas=np.concatenate([part.betas for part in parts]),
            translation=np.concatenate([part.translation for part in parts]),
            boxes=np.concatenate([part.boxes for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            filled=np.concatenate([part.filled for part in parts]),
        )

    def _shape(self, course: Course, fit: SequenceFit) -> Float[np.ndarray, "betas"]:
        """The person's one shape, from their best frames."""
        sights = self.sights.of(course, spread(course.scores))
        return fit.shape([sight.person for sight in sights], state_of(sights), self.camera)

    def _runs(self, course: Course) -> Iterator[Course]:
        """The stretches between gaps that are too long to be filled, and between shots."""
        seconds = self.followed.seconds[course.frames]
        shot = np.searchsorted(self.followed.cuts, course.frames, side="right")
        broken = (np.diff(seconds) > BRIDGED) | (np.diff(shot) > 0)
        for part in np.split(np.arange(len(course.frames)), np.flatnonzero(broken) + 1):
            yield course.part(part)

    def _held(self, run: Course) -> Course:
        """The run less the looks at either end that say nothing: no body would be held there."""
        looks = range(len(run.frames))
        known = [run.named[k] or _is_sure(self.sights.person(run, k)) for k in looks]
        sure = np.flatnonzero(known)
        return run.part(np.arange(sure[0], sure[-1] + 1)) if len(sure) else run

    def _run(
        self, run: Course, fit: SequenceFit | None, shape: Float[np.ndarray, "betas"] | None
    ) -> Motion:
        """One stretch without a long gap, a row for every frame."""
        first, end = int(run.frames[0]), int(run.frames[-1]) + 1
        frames = np.arange(first, end)
        windows = [(0, len(frames))] if fit is None else None
        if fit is None or shape is None:
            states = [_stored(self._begin(run, *window).begin) for window in windows or []]
        else:
            part = lambda low, high: self._begin(run, low, high)  # noqa: E731
            states = list[State]()
            for state, _ in fit.solve(part, len(frames), shape):
                states.append(_stored(state))
                give_back()  # what one window took is not to lie between what the next keeps
        boxes = np.stack([_box(self.sights.person(run, k)) for k in range(len(run.frames))])
        seen = np.zeros(len(frames), bool)
        seen[run.frames - first] = True
        between = lambda values: np.interp(frames, run.frames, values)  # noqa: E731
        return Motion(
            track=run.number,
            frames=frames,
            rotations=np.concatenate([state.rotations for state in states]),
            betas=np.concatenate([state.betas for state in states]),
            translation=np.concatenate([state.translation for state in states]),
            boxes=np.stack([between(column) for column in boxes.T], axis=1),
            scores=between(run.scores),
            filled=~seen & self.followed.looked[first:end],
        )

    def _begin(self, run: Course, low: int, high: int) -> Stretch:
        """The frames ``low`` to ``high`` of a run, with single bodies bridged over gaps."""
        first = int(run.frames[0])
        frames = np.arange(first + low, first + high)
        near = _around(run.frames, int(frames[0]), int(frames[-1]))
        sights = self.sights.of(run, near)
        state = state_of(sights)
        seconds = self.followed.seconds
        reach = np.arange(
            min(int(run.frames[near[0]]), int(frames[0])),
            max(int(run.frames[near[-1]]), int(frames[-1])) + 1,
        )
        whole = bridged(state, run.frames[near] - reach[0], seconds[reach])
        people: dict[int, Person] = {
            int(run.frames[k]): sight.person for k, sight in zip(near, sights, strict=True)
        }
        return Stretch(
            seconds=seconds[frames],
            people=tuple(_evidence(people.get(int(frame))) for frame in frames),
            begin=whole.take(frames - reach[0]),
            camera=self.camera,
            still=_still(self.followed.still, frames),
        )


def _stored(state: State) -> State:
    """Half as large, as motions are kept; places stay as exact as they are."""
    return State(
        rotations=state.rotations.astype(np.float32),
        betas=state.betas.astype(np.float32),
        translation=state.translation,
    )


def _box(person: Person) -> Float[np.ndarray, "4"]:
    """The box with all that was surely seen of the person: finders cut outstretched arms off."""
    box = person.box.astype(np.float64)
    if person.keypoints is None:
        return box
    points = person.keypoints[person.keypoints[:, 2] > CERTAIN, :2].astype(np.float64)
    low, high = np.vstack([points, box[:2]]).min(axis=0), np.vstack([points, box[2:]]).max(axis=0)
    return np.concatenate([low, high])


def _evidence(person: Person | None) -> Person | None:
    """A look at somebody who was hardly seen says nothing about their pose; a visitor does."""
    if person is None:
        return None
    told = person.prompt is not None and bool(person.prompt.pins)
    return person if told or _is_sure(person) else None


def _is_sure(person: Person) -> bool:
    return (person.keypoint_score or 0.0) >= SURE


def _around(frames: Int[np.ndarray, "sightings"], low: int, high: int) -> Int[np.ndarray, "near"]:
    """The sightings from ``low`` to ``high``, and the next beyond either end."""
    begin = max(int(np.searchsorted(frames, low, side="right")) - 1, 0)
    end = min(int(np.searchsorted(frames, high)) + 1, len(frames))
    return np.arange(begin, end)


def _still(still: Bool[np.ndarray, "steps"], frames: Int[np.ndarray, "_"]) -> Bool[np.ndarray, "_"]:
    return still[frames[0] : frames[-1]]

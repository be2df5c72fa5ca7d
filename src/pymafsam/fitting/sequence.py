"""One person through a clip: one shape, and poses and places that belong together.

First the shape, from frames spread over the whole track; then window after window of frames, each
going on from the last two frames of the one before, which stay as they are, and looking a little
ahead, so that windows meet without a jump and memory does not grow with the length.
``docs/video.md`` measures what it does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.fitting.chain import Points, State, forward_kinematics, skinned_points
from pymafsam.fitting.contacts import ROWS, standing
from pymafsam.fitting.evidence import landmark_points, landmarks_of
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.fitting.temporal import Calm, Ties, minimise
from pymafsam.fitting.temporal import Sequence as Problem
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Person

SHAPE_FRAMES = 48  # of a track, from which its shape is found
SHAPE_STEPS, STEPS = 12, 12
AGAIN = 2  # times that a window is solved again with feet that were only then seen to stand
UNSEEN = 0.003  # of a frame's priors are left where nobody was seen, so that nothing is singular


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How many frames are solved at once: ``kept``, and those ``ahead`` that are solved again."""

    kept: int = 90
    ahead: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One person in consecutive frames.

    ``people`` is None where they were not looked at or not found; ``begin`` are bodies to start
    from (bridged there); ``still`` whether the camera stood still from a frame to the next.
    """

    seconds: Float[np.ndarray, "frames"]
    people: tuple[Person | None, ...]
    begin: State
    camera: Camera
    still: Bool[np.ndarray, "steps"]

    def part(self, first: int, end: int) -> "Stretch":
        """Frames ``first`` up to, not including, ``end``."""
        return Stretch(
            seconds=self.seconds[first:end],
            people=self.people[first:end],
            begin=self.begin.take(np.arange(first, min(end, len(self.people)))),
            camera=self.camera,
            still=self.still[first : end - 1],
        )


class SequenceFit:
    """Fits a body to a person over time, on top of the ``KeypointFit`` of single frames."""

    def __init__(self, fit: KeypointFit, calm: Calm | None = None, windows: Windows | None = None):
        self.fit = fit
        self.calm = calm or Calm()
        self.windows = windows or Windows()
        self.joints = Points.on_joints(fit.model, range(len(fit.model.parents)))
        # What stands is the body's own toes and heels, not the places where networks see them.
        landmarks = landmark_points(fit.model)
        self.feet = Points(
            offsets=landmarks.offsets[:, :, ROWS],
            offset_dirs=landmarks.offset_dirs.reshape(
                len(landmarks.offset_dirs), *landmarks.offsets.shape
            )[..., ROWS].reshape(len(landmarks.offset_dirs), -1),
            share=landmarks.share[:, ROWS],
        )

    def shape(
        self, people: Sequence[Person], begin: State, camera: Camera
    ) -> Float[np.ndarray, "betas"]:
        """The shape that explains a person in all these frames together (few are enough)."""
        betas = np.median(begin.betas, axis=0)
        state = replace(begin, betas=np.tile(betas, (len(people), 1)))
        problem = self._problem(people, camera, None)
        solved, _ = minimise(problem, state, SHAPE_STEPS, free_shape=True)
        return solved.betas[0]

    def solve(
        self, part: Callable[[int, int], Stretch], count: int, betas: Float[np.ndarray, "betas"]
    ) -> Iterator[tuple[State, Float[np.ndarray, "frames"]]]:
        """Poses and places of ``count`` frames, a window at a time, in order.

        ``part`` gives the frames from one up to, not including, another; so nobody need hold them
        all. Given with each window: what each frame's evidence is left with (the fit's energy).
        """
        before: State | None = None
        for first in range(0, count, self.windows.kept):
            end = min(first + self.windows.kept, count)
            held = 0 if before is None else min(2, len(before.betas))
            window = part(first - held, min(end + self.windows.ahead, count))
            frames = len(window.people)
            begin = replace(calmed(window.begin), betas=np.tile(betas, (frames, 1)))
            if before is not None:
                last = np.arange(len(before.betas) - held, len(before.betas))
                begin = begin.put(np.arange(held), before.take(last))
            state, energy = self._window(replace(window, begin=begin), held)
            kept = np.arange(held, held + end - first)
            before = state.take(kept)
            yield before, energy[kept]

    def _window(self, part: Stretch, held: int) -> tuple[State, Float[np.ndarray, "frames"]]:
        """One window; the first ``held`` frames stay as they are."""
        if all(person is None for person in part.people):
            return part.begin, np.zeros(len(part.people))
        people = _filled_in(part.people)
        feet = np.stack([_feet(one) for one in part.people])
        height = float(np.median([_height(one) for one in people]))
        pinned = np.arange(len(people)) < held
        ties = Ties(
            seconds=part.seconds,
            standing=standing(feet, part.seconds, height, part.still),
            pinned=pinned,
        )
        problem = self._problem(people, part.camera, ties)
        seen = np.array([one is not None for one in part.people])
        problem = replace(problem, believed=np.where(seen, 1.0, UNSEEN))
        state, energy = minimise(problem, part.begin, STEPS, free_shape=False)
        for _ in range(AGAIN):
            now = standing(self._feet_of(state, part.camera), part.seconds, height, part.still)
            if (now <= ties.standing).all():
                break
            ties = replace(ties, standing=np.maximum(ties.standing, now))
            problem = replace(problem, ties=ties)
            state, energy = minimise(problem, state, STEPS, free_shape=False)
        return state, energy

    def _feet_of(self, state: State, camera: Camera) -> Float[np.ndarray, "frames feet 3"]:
        """The body's own feet in the picture. Their keypoints tremble, or are not sure enough to
        say that they stand, where a body that is calm already shows it.
        """
        posed = forward_kinematics(self.fit.skeleton, state)
        places = skinned_points(self.feet, posed, state.betas).sum(axis=1).swapaxes(1, 2)
        return np.concatenate([project(places, camera), np.ones((*places.shape[:2], 1))], axis=2)

    def _problem(self, people: Sequence[Person], camera: Camera, ties: Ties | None) -> Problem:
        frames = self.fit.objective(people, [camera] * len(people))
        evidence = replace(frames.evidence, pixel=self.calm.pixel * frames.evidence.pixel)
        return Problem(
            frames=replace(frames, evidence=evidence),
            believed=np.ones(len(people)),
            joints=self.joints,
            feet=self.feet,
            ties=ties,
            calm=self.calm,
        )


def spread(scores: Float[np.ndarray, "frames"], count: int = SHAPE_FRAMES) -> Int[np.ndarray, "_"]:
    """At most ``count`` frames spread over a track, the best-scored of each part of it."""
    parts = np.array_split(np.arange(len(scores)), min(count, len(scores)))
    return np.array([part[np.argmax(scores[part])] for part in parts])


def bridged(
    state: State, known: Int[np.ndarray, "known"], seconds: Float[np.ndarray, "frames"]
) -> State:
    """Bodies for all frames from those known (rows of ``state``): turned and moved in between."""
    after = np.clip(np.searchsorted(known, np.arange(len(seconds))), 0, len(known) - 1)
    before = np.maximum(after - (known[after] > np.arange(len(seconds))), 0)
    span = seconds[known[after]] - seconds[known[before]]
    share = np.where(span > 0, (seconds - seconds[known[before]]) / np.where(span > 0, span, 1), 0)
    share = np.clip(share, 0, 1)
    one, other = state.take(before), state.take(after)
    way = rotation.to_axis_angle(other.rotations @ one.rotations.swapaxes(-1, -2))
    turned = rotation.from_axis_angle(share[:, None, None] * way) @ one.rotations
    mix = lambda a, b: a + share[:, None] * (b - a)  # noqa: E731
    return State(
        rotations=turned,
        betas=mix(one.betas, other.betas),
        translation=mix(one.translation, other.translation),
    )


def calmed(state: State) -> State:
    """A start without spikes: each rotation and place the middle one of five frames.

    The middle one is the frame nearest to its neighbours (a median of rotations).
    """
    count = len(state.betas)
    if count < 3:
        return state
    near = np.clip(np.arange(count)[:, None] + np.arange(-2, 3), 0, count - 1)
    around = state.rotations[near]
    gaps = np.linalg.norm(around[:, :, None] - around[:, None], axis=(-2, -1)).sum(axis=2)
    best = np.take_along_axis(near, np.argmin(gaps, axis=1), axis=1)
    rotations = state.rotations[best, np.arange(state.rotations.shape[1])]
    translation = np.median(state.translation[near], axis=1)
    return State(rotations=rotations, betas=state.betas, translation=translation)


def _filled_in(people: Sequence[Person | None]) -> list[Person]:
    """Who was seen last (first: next) stands in where nobody was seen, without their keypoints.

    What else is known of them stays, so that everybody can be lifted alike; it counts next to
    nothing there (``UNSEEN``). What was said of them in another frame is not said of this one.
    """
    last = next(person for person in people if person is not None)
    filled = []
    for person in people:
        if person is not None:
            last = person
            filled.append(person)
            continue
        assert last.keypoints is not None
        nothing = np.zeros_like(last.keypoints)
        filled.append(replace(last, keypoints=nothing, mask=None, prompt=None))
    return filled


def _feet(person: Person | None) -> Float[np.ndarray, "feet 3"]:
    if person is None:
        return np.zeros((len(ROWS), 3))
    seen = landmarks_of(person)
    return np.column_stack([seen.picture, seen.confidence * seen.known])[ROWS]


def _height(person: Person) -> float:
    return float(max(person.box[3] - person.box[1], person.box[2] - person.box[0]))

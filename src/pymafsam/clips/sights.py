"""What is believed of somebody in the frames of their track: the looks, and what visitors say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int

from pymafsam.clips.following import Course
from pymafsam.clips.looks import Said, Single
from pymafsam.clips.shelf import Shelf
from pymafsam.fitting.chain import State
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.people.corrections import exchanged, shifted
from pymafsam.records import Camera, Flip, Mask, Person, Pose, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a frame takes over from another in which a visitor said it: flips, pixels of shifts."""

    flips: tuple[Flip, ...] = ()
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, person: Person) -> Person:
        """The person corrected so. Depths are turned over by the fit, which reads the prompt."""
        for flip in self.flips:
            if flip.way == "sides":
                person = exchanged(person, flip.part)
        return replace(shifted(person, self.shifts), prompt=Prompt(flips=self.flips))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Somebody in one frame, and the body of that frame alone; ``said``: of just this frame."""

    person: Person
    single: Single
    said: Said | None
    mask: Mask | None = None  # of whom a prompt named, on this frame or near it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """The sights of a clip's tracks. ``carried``: what frames (by index) take over from others."""

    shelf: Shelf
    camera: Camera
    fit: KeypointFit
    carried: Mapping[int, Correction] = field(default_factory=dict)

    def of(self, course: Course, chosen: Int[np.ndarray, "chosen"]) -> list[Sight]:
        """The sightings ``chosen`` of a course; those that are corrected have new bodies.

        Also in the frame in which it was said: whoever made its body may obey no prompts.
        """
        sights = [self._seen(course, k) for k in chosen.tolist()]
        mended = [k for k, sight in enumerate(sights) if sight.person.prompt is not None]
        for k, single in zip(mended, self._singles([sights[k] for k in mended]), strict=True):
            sights[k] = replace(sights[k], single=single)
        return sights

    def person(self, course: Course, k: int) -> Person:
        """Whom a sighting of a course shows, as described."""
        return self.shelf.look(int(course.frames[k])).sightings[int(course.rows[k])].person

    def _seen(self, course: Course, k: int) -> Sight:
        frame, row = int(course.frames[k]), int(course.rows[k])
        look = self.shelf.look(frame)
        person, said, mask = look.sightings[row].person, look.said[row], look.masks[row]
        if frame in self.carried:
            person = self.carried[frame].of(person)
        elif said is not None and (said.flips or said.pins):
            person = replace(person, prompt=Prompt(flips=said.flips, pins=said.pins))
        return Sight(
            person=person,
            single=look.singles[row],
            said=said,
            mask=mask.mask()
            if mask is not None and (said is not None or row in look.led)
            else None,
        )

    def _singles(self, sights: Sequence[Sight]) -> list[Single]:
        """Their bodies, each frame fitted alone; scores stay."""
        if not sights:
            return []
        state, _ = self.fit.solve(
            [sight.person for sight in sights],
            [sight.mask for sight in sights],
            [self.camera] * len(sights),
        )
        return [
            Single(
                pose=Pose(rotations=state.rotations[k], betas=state.betas[k]),
                translation=state.translation[k],
                score=sight.single.score,
            )
            for k, sight in enumerate(sights)
        ]


def state_of(sights: Sequence[Sight]) -> State:
    """The single bodies as the fit has them."""
    singles = [sight.single for sight in sights]
    return State(
        rotations=np.stack([one.pose.rotations for one in singles]).astype(np.float64),
        betas=np.stack([one.pose.betas for one in singles]).astype(np.float64),
        translation=np.stack([one.translation for one in singles]).astype(np.float64),
    )

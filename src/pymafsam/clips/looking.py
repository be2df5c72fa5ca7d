"""Looking at the frames of a chunk: who is there, how they look, what bodies they have.

Finding people costs as much as describing one, and people go on from frame to frame: they are
found anew every ``FIND`` frames looked at, and in between looked at where they were. Masks are
made once in a while; in between the keypoint network's own stand, or the last ones as followed
(``masks.followed``). Those that were made speak for bodies, the others for who is who. Where people
are not looked for they are only glanced at, if frames are near enough (``people.glances``).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from pymafsam.clips.between import Seen, completed
from pymafsam.clips.known import (
    Known,
    glanced_at,
    outlines_moved_on,
    outlines_of,
    remembered,
    shown,
)
from pymafsam.clips.looks import Look, Packed, Said, Single, bare
from pymafsam.clips.still import grey, moved
from pymafsam.errors import PymafsamError
from pymafsam.fitting.lifter import described
from pymafsam.geometry.boxes import overlap
from pymafsam.geometry.camera import picture_camera
from pymafsam.masks.followed import Outline
from pymafsam.people.corrections import corrected, shifts
from pymafsam.people.detector import Glances, glancing
from pymafsam.people.same import distinct
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Body, Frame, Mask, Observation, Person, Pixels, Request
from pymafsam.tracking.cuts import small
from pymafsam.tracking.tracker import Sighting, sightings

FIND = 3  # of the frames looked at, every how many people are looked for in the whole picture
UNSURE = 0.25  # score of somebody who is believed where somebody was before
LOST = 0.12  # keypoint score below which nobody is thought to be where somebody was
SAME_PLACE = 0.3  # overlap with where somebody was
SPAN = 0.13  # seconds at most between descriptions of somebody who is glanced at in between

Ask = Callable[[Frame], Request]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """Looks at chunks of frames; every chunk is a function of its own frames alone.

    ``every``: people are looked at in each so manieth frame. ``mask_every``: seconds from one
    mask to the next, 0 for every frame looked at. ``ask`` says who is meant in a frame (a request
    with people or prompts) or that everybody is. A frame where that makes no sense is passed over.
    """

    reconstructor: Reconstructor
    ask: Ask
    every: int = 1
    mask_every: float = 1.0
    with_masks: bool = True

    def looks(self, frames: Iterable[Frame], before: Frame | None) -> list[Look]:
        """What is seen in consecutive frames; ``before`` is the frame before the first."""
        waiting: deque[_Pending] = deque()
        done: list[Look] = []

        def observed() -> Iterator[Observation]:
            seen = completed(self._seen(frames, before), self._describe)
            for one in seen:
                waiting.append(_Pending.of(one))
                if one.observation is not None:
                    yield one.observation

        for bodies in self.reconstructor.estimator.estimate(observed()):
            while not waiting[0].looked:
                done.append(waiting.popleft().look([]))
            done.append(waiting.popleft().look(bodies))
        return done + [pending.look([]) for pending in waiting]

    def _describe(self, pixels: Pixels, people: list[Person]) -> list[Person]:
        return self.reconstructor.observer.detector.describe(pixels, people)

    def _seen(self, frames: Iterable[Frame], before: Frame | None) -> Iterator[Seen]:
        """Every frame as seen, with its observation where it is looked at."""
        memory = _Memory()
        past = None if before is None else grey(before.pixels)
        pixels: Pixels | None = None
        for k, frame in enumerate(frames):
            if pixels is not None:
                memory.known = outlines_moved_on(memory.known, pixels, frame.pixels)
            seen = self._seen_in(frame, k, memory)
            now = grey(frame.pixels)
            people = () if seen.observation is None else seen.observation.people
            yield replace(seen, moved=moved(now, past, people, frame.size[0]))
            past, pixels = now, frame.pixels

    def _seen_in(self, frame: Frame, k: int, memory: "_Memory") -> Seen:
        """The ``k``-th frame of the chunk as seen, but for the camera's motion."""
        nothing = Seen(frame=frame, observation=None, said=(), masks=(), moved=0.0)
        named = self._is_named(frame)
        if frame.index % self.every and not named:
            return nothing
        how = self._how(frame, k, memory, named=named)
        try:
            observation, said = self._observe(frame, memory.known, how)
        except PymafsamError as error:
            return replace(nothing, failed=str(error))
        outlines, since = _outlines(observation, memory.known), memory.described
        memory.note(observation, outlines, how)
        return replace(
            nothing,
            observation=observation,
            said=said,
            masks=_made_or_followed(observation, outlines),
            before=() if how.glances is None else tuple(one.described for one in memory.known),
            since=since,
        )

    def _how(self, frame: Frame, k: int, memory: "_Memory", *, named: bool) -> "_How":
        """How the ``k``-th frame of a chunk is to be looked at."""
        seconds = frame.seconds or 0.0
        # What a visitor clicked at is to be segmented in just this frame.
        masks = self.with_masks and (named or seconds - memory.masked >= self.mask_every)
        anew = (k // self.every) % FIND == 0
        whole = anew or masks or named or not self._is_free(frame) or not memory.is_near(seconds)
        glances = None if whole else glancing(self.reconstructor.observer.detector)
        return _How(anew=anew, masks=masks, glances=glances)

    def _is_free(self, frame: Frame) -> bool:
        """Whether nobody says who is in a frame."""
        request = self.ask(frame)
        return request.people is None and request.masks is None

    def _is_named(self, frame: Frame) -> bool:
        """Whether somebody is named in just this frame, which must then be looked at."""
        try:
            return self.ask(frame).prompts is not None
        except PymafsamError:
            return True  # looking at it will tell why

    def _observe(
        self, frame: Frame, known: Sequence[Known], how: "_How"
    ) -> tuple[Observation, tuple[Said | None, ...]]:
        """Everybody in a frame, and what a prompt says of those whom it names."""
        request = self.ask(frame)
        if how.glances is None:
            people, said = self._people(request, known, anew=how.anew)
        else:
            people = _believed(glanced_at(how.glances, frame.pixels, known))
            said = (None,) * len(people)
        found: Sequence[Mask | None] = [None] * len(people)
        if request.masks is not None:
            found = request.masks
        elif how.masks:
            found = self.reconstructor.observer.segment(frame, people)
        observer = self.reconstructor.observer
        observation = Observation(
            frame=frame,
            camera=picture_camera(frame.size, observer.focal or frame.focal),
            people=tuple(people),
            masks=tuple(found),
        )
        return observation, said

    def _people(
        self, request: Request, known: Sequence[Known], *, anew: bool
    ) -> tuple[list[Person], tuple[Said | None, ...]]:
        """The people of a frame, described; nobody twice."""
        observer, frame = self.reconstructor.observer, request.frame
        if request.people is not None:
            people = observer.describe(frame.pixels, list(request.people))
            return people, (None,) * len(people)
        asked = [] if request.prompts is None else observer.from_prompts(frame, request.prompts)
        places = (
            self._found(frame, known) if anew or not known else [one.moved_on() for one in known]
        )
        said = observer.detector.describe(frame.pixels, [*asked, *places])
        people = [corrected(person) for person in said]
        before = {id(now): then for now, then in zip(people, said, strict=True)}
        sure = _believed(people)
        return sure, tuple(_said(before[id(person)], person) for person in sure)

    def _found(self, frame: Frame, known: Sequence[Known]) -> list[Person]:
        """Whom the detector is sure of, and whom it half sees where somebody was before."""
        observer = self.reconstructor.observer
        found = observer.detector.find(frame.pixels)
        return [
            person
            for person in found
            if person.score >= observer.minimum_score
            or (person.score >= UNSURE and any(_is_at(person, other.person) for other in known))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How a frame is looked at: people found anew, masks made, or only glanced at."""

    anew: bool
    masks: bool
    glances: Glances | None


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What is remembered from frame to frame; times in seconds."""

    known: Sequence[Known] = ()
    masked: float = -np.inf  # when masks were last made,
    described: float = -np.inf  # people last described by all networks,
    looked: float = -np.inf  # and last looked at in any way

    def is_near(self, seconds: float) -> bool:
        """Whether everybody is known from just before, so that a glance may be enough."""
        near = FIND * (seconds - self.looked) <= SPAN
        return near and bool(self.known) and all(described(one.person) for one in self.known)

    def note(self, observation: Observation, outlines: Sequence[Outline | None], how: _How) -> None:
        """Keep what was seen."""
        seconds, known = observation.frame.seconds or 0.0, () if how.anew else self.known
        glanced = how.glances is not None
        self.known = remembered(observation.people, known, outlines, glanced=glanced)
        self.masked = seconds if how.masks and self.known else self.masked
        self.described = self.described if glanced else seconds
        self.looked = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """A frame that has been seen and waits for its bodies; its pixels are gone."""

    index: int
    seconds: float
    looked: bool
    failed: str
    sightings: tuple[Sighting, ...]
    said: tuple[Said | None, ...]
    masks: tuple[Packed | None, ...]
    small: UInt8[np.ndarray, "rows columns 3"]
    moved: float

    @staticmethod
    def of(one: Seen) -> "_Pending":
        people = () if one.observation is None else one.observation.people
        seen = sightings(one.frame, people, one.masks)
        return _Pending(
            index=one.frame.index,
            seconds=one.seconds,
            looked=one.observation is not None,
            failed=one.failed,
            sightings=tuple(replace(s, person=bare(s.person)) for s in seen),
            said=one.said,
            masks=tuple(None if mask is None else Packed.of(mask) for mask in one.masks),
            small=small(one.frame.pixels),
            moved=one.moved,
        )

    def look(self, bodies: Sequence[Body]) -> Look:
        """With the bodies of its people."""
        return Look(
            index=self.index,
            seconds=self.seconds,
            looked=self.looked,
            failed=self.failed,
            sightings=self.sightings,
            singles=tuple(
                Single(pose=b.pose, translation=b.translation, score=b.score) for b in bodies
            ),
            said=self.said,
            masks=self.masks,
            small=self.small,
            moved=self.moved,
        )


def _believed(people: Sequence[Person]) -> list[Person]:
    """The people less those who are somebody else or no longer there; whom a prompt names stay."""
    chosen = distinct(people)
    return [p for p in chosen if (p.keypoint_score or 0) >= LOST or p.prompt is not None]


def _said(before: Person, person: Person) -> Said | None:
    """What the prompt of a person says of how they were described ``before``."""
    if person.prompt is None:
        return None
    prompt = person.prompt
    clicks = [] if prompt.clicks is None else prompt.clicks.tolist()
    inside = [True] * len(clicks) if prompt.inside is None else prompt.inside.tolist()
    return Said(
        flips=prompt.flips,
        pins=dict(prompt.pins),
        shifts=shifts(before, person),
        clicks=tuple((x, y, int(label)) for (x, y), label in zip(clicks, inside, strict=True)),
        outlined=prompt.mask is not None,
    )


def _outlines(observation: Observation, known: Sequence[Known]) -> list[Outline | None]:
    """Everybody's outline: of the mask just made, or as it was followed."""
    followed = outlines_of(observation.people, known)
    pairs = zip(observation.masks, followed, strict=True)
    return [old if mask is None else Outline.of(mask) for mask, old in pairs]


def _made_or_followed(
    observation: Observation, outlines: Sequence[Outline | None]
) -> list[Mask | None]:
    """Everybody's mask: the one just made, else the keypoint network's own, else as followed.

    The network's is there in every frame, and nearer the truth than one followed for a third of a
    second (docs/results/video.md).
    """
    rows = zip(observation.masks, observation.people, shown(outlines), strict=True)
    return [made or _own(person) or followed for made, person, followed in rows]


def _own(person: Person) -> Mask | None:
    """What the keypoint network takes for the person."""
    if person.mask is None or not person.mask.any():
        return None
    return Mask(inside=person.mask, score=person.keypoint_score or 0.0, source="detector")


def _is_at(person: Person, other: Person) -> bool:
    return overlap(person.box.astype(float), other.box.astype(float)) > SAME_PLACE

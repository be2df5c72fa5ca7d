"""Frames in which people were only glanced at, completed from the frames on either side.

A frame waits until people have been described again (never more than a few frames, so memory does
not grow); then everybody's answers are laid on the line between the two descriptions. Who is gone
by then, or moved otherwise than a line says, is described in the frame itself after all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pymafsam.clips.looks import Said
from pymafsam.people.glances import between, unison
from pymafsam.people.same import SAME, likeness
from pymafsam.records import Frame, Mask, Observation, Person, Pixels
from pymafsam.tracking.tracker import assign

UNISON = 0.8  # likeness of both networks' answers below which the line is not believed

Describe = Callable[[Pixels, list[Person]], list[Person]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A frame as it was seen; without ``observation`` nobody was looked for, where that ``failed``
    for the reason given.

    ``before``: how the people were described in an earlier frame, at ``since`` seconds, where they
    were only glanced at in this one; else empty. ``moved``: how far the camera did.
    """

    frame: Frame
    observation: Observation | None
    said: tuple[Said | None, ...]
    masks: Sequence[Mask | None]
    moved: float
    before: tuple[Person, ...] = ()
    since: float = 0.0
    failed: str = ""

    @property
    def seconds(self) -> float:
        """When."""
        return self.frame.seconds or 0.0


def completed(frames: Iterable[Seen], describe: Describe) -> Iterator[Seen]:
    """The frames in order, those with glances completed; ``describe`` as a detector does."""
    waiting: list[Seen] = []
    for seen in frames:
        if seen.before or (waiting and seen.observation is None):
            waiting.append(seen)
            continue
        yield from _filled(waiting, seen, describe)
        waiting = []
        yield seen
    yield from _filled(waiting, None, describe)


def _filled(waiting: Sequence[Seen], after: Seen | None, describe: Describe) -> Iterator[Seen]:
    """The waiting frames, people's answers on lines to how they are described in ``after``."""
    later = {} if after is None else _again(waiting, after)
    for seen in waiting:
        if seen.observation is None or after is None:
            share = 0.0
        else:
            share = (seen.seconds - seen.since) / max(after.seconds - seen.since, 1e-9)
        yield _complete(seen, later, share, describe)


def _complete(seen: Seen, later: Mapping[int, Person], share: float, describe: Describe) -> Seen:
    if seen.observation is None:
        return seen
    people = []
    for person, before in zip(seen.observation.people, seen.before, strict=True):
        after = later.get(id(before))
        line = None if after is None else between(person, before, after, share)
        if line is None or unison(line) < UNISON:
            (line,) = describe(seen.frame.pixels, [person])
        people.append(line)
    return replace(seen, observation=replace(seen.observation, people=tuple(people)))


def _again(waiting: Sequence[Seen], after: Seen) -> dict[int, Person]:
    """How everybody glanced at in the frame before is described in ``after``.

    By the identity (``id``) of how they were described earlier.
    """
    last = next((one for one in reversed(waiting) if one.before), None)
    if last is None or last.observation is None or after.observation is None:
        return {}
    olds, news = last.observation.people, after.observation.people
    unlike = [[1 - likeness(old, new) for new in news] for old in olds]
    pairs = assign(np.array(unlike).reshape(len(olds), len(news)), 1 - SAME)
    return {id(last.before[old]): news[new] for old, new in pairs}

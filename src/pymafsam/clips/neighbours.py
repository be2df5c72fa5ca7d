"""What a visitor says of where somebody is in one frame goes on to the frames around it.

Clicks, a mask, a box, somebody nobody had found: from the frame in which it was said, both ways,
for ``REACH`` seconds, as long as the looks are mistaken alike. A box lies to the person's points as
it was given; where another one was found, the person is described again in it. Clicks move with
the points near them (weighted as Schaefer et al., "Image deformation using moving least squares",
2006) and prompt the segmenter anew, with the mask as it has moved. It ends where a look does
without: the box is found, the mask obeys the clicks by itself. And where the two contradict each
other: the new mask leaves where the last one was, or another is described in the box.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from pymafsam.clips.known import Known
from pymafsam.clips.looking import LOST
from pymafsam.clips.looks import Click, Look, Packed, Single, bare
from pymafsam.clips.shelf import Shelf
from pymafsam.evaluation.metrics import iou
from pymafsam.geometry.boxes import overlap
from pymafsam.observe import clearer
from pymafsam.people.same import doubles
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Camera, Frame, Inside, Mask, Observation, Person, Prompt
from pymafsam.tracking.cuts import CutFinder
from pymafsam.tracking.settings import Settings
from pymafsam.tracking.tracker import sightings

REACH = 0.5  # seconds, as a pin's shift has
MINE = 0.5  # overlap of boxes from which whoever was found is the person on the way
FOUND = 0.7  # overlap of boxes from which they were found without help
NEAR = 0.1  # of the box's longer side: how near to a click points lie that say how it moves
ALIKE = 0.8  # overlap of masks from which a mask that was said is made without help
APART = 0.5  # overlap of masks below which the new one is of something else
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody on the way from the frame in which they were ``named`` (as described there).

    ``person``, ``clicks`` (picture pixels) and ``mask`` are those of the last frame seen.
    ``mask`` is None where nothing was said of it, or nothing holds any more.
    """

    named: Person
    person: Person
    clicks: tuple[Click, ...] = ()
    mask: Inside | None = None
    outlined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction from a named frame: when and in which shot it began."""

    told: Told
    since: float
    shot: int


@dataclass(kw_only=True)
class Neighbours:
    """Amends the looks on a ``shelf`` around the frames in which somebody was named.

    ``held``: so many frames before a named one are kept in memory, and reached.
    """

    shelf: Shelf
    reconstructor: Reconstructor
    camera: Camera
    held: int
    settings: Settings = field(default_factory=Settings)
    away: dict[tuple[int, int], float] = field(default_factory=dict)  # frame, row -> seconds
    shots: list[int] = field(default_factory=list)  # of every frame

    def carry(self, frames: Iterable[Frame]) -> None:
        """Go through the clip's frames once, as far as there is somebody to be carried."""
        begins = self._begins()
        past: deque[Frame] = deque(maxlen=self.held)
        on: list[Way] = []
        for frame in frames if begins else ():
            if frame.index in begins:
                on = begins.pop(frame.index)  # whoever comes from an earlier one ends here
                for way in on:
                    self._back(way, past)
            else:
                on = [later for way in on if (later := self._step(way, frame)) is not None]
            past.append(frame)
            if not on and not begins:
                return

    def _begins(self) -> dict[int, list[Way]]:
        """By frame, whom a prompt named in it."""
        finder, shot = CutFinder(self.settings), 0
        found: dict[int, list[Way]] = {}
        for look in self.shelf.all():
            shot += finder.step(look.small)
            self.shots.append(shot)
            if told := list(_told(look)):
                found[look.index] = [Way(told=one, since=look.seconds, shot=shot) for one in told]
        return found

    def _back(self, way: Way, past: Iterable[Frame]) -> None:
        """From a named frame to the last ones before it, nearest first."""
        for frame in reversed(list(past)):
            if any(said is not None for said in self.shelf.look(frame.index).said):
                return
            later = self._step(way, frame)
            if later is None:
                return
            way = later

    def _step(self, way: Way, frame: Frame) -> Way | None:
        """The way after one more frame, whose look is amended; None where it ends."""
        look, told = self.shelf.look(frame.index), way.told
        away = abs(look.seconds - way.since)
        if away > REACH + 1e-6 or self.shots[frame.index] != way.shot:
            return None
        if not look.looked:
            return way
        row, person = self._found(told, look, frame)
        if person is None or self.away.get((frame.index, -1 if row is None else row), away) < away:
            return None
        told = replace(told, person=person, clicks=moved(told, person, frame.size))
        mask = self._mask(way.told, told, look, row, frame)
        if mask is None and row is not None and person is look.sightings[row].person:
            return None  # this look needed no help
        row = len(look.sightings) if row is None else row
        self.away[frame.index, row] = away
        self.shelf.amended[frame.index] = self._amended(look, row, person, mask, frame)
        told = replace(told, mask=None if mask is None else mask.inside)
        return replace(way, told=told)

    def _found(self, told: Told, look: Look, frame: Frame) -> tuple[int | None, Person | None]:
        """Who is on the way in a frame, and their row in its look (None: nobody had found them)."""
        there = _known(told.person, told).moved_on()
        row, share = _nearest(there, look)
        if row is not None and share >= FOUND:
            return row, look.sightings[row].person
        (seen,) = self.reconstructor.observer.describe(frame.pixels, [there])
        seen = replace(seen, box=_known(seen, told).moved_on().box)
        row, share = _nearest(seen, look)
        row = row if share >= MINE else None
        found = None if row is None else look.sightings[row].person
        others = [one.person for k, one in enumerate(look.sightings) if k != row]
        lost = (seen.keypoint_score or 0.0) < LOST or doubles(seen, others)
        better = not lost and (found is None or clearer(seen, found))
        return row, seen if better else found

    def _mask(
        self, before: Told, told: Told, look: Look, row: int | None, frame: Frame
    ) -> Mask | None:
        """The mask as the visitor would have it; None where the look's own is, or none is."""
        if before.mask is None:
            return None
        expected = taken_along(before.mask, before.person.box, told.person.box)
        own = None if row is None else look.masks[row]
        if own is not None and _agrees(own.mask().inside, told, expected):
            return None
        inside = np.array([bool(one[2]) for one in told.clicks], bool)
        said = Prompt(
            clicks=np.array([one[:2] for one in told.clicks]) if told.clicks else None,
            inside=inside if told.clicks else None,
            mask=expected,
        )
        people = [replace(told.person, prompt=said), *_beside(told.person, look, row)]
        made = self.reconstructor.observer.segment(frame, people)[0]
        if made is None or not _obeys(made.inside, told.clicks):
            return None
        return made if iou(made.inside, expected) >= APART else None

    def _amended(
        self, look: Look, row: int, person: Person, mask: Mask | None, frame: Frame
    ) -> Look:
        """A look with somebody seen otherwise, or more."""
        seen = Observation(frame=frame, camera=self.camera, people=(person,), masks=(mask,))
        ((body,),) = self.reconstructor.estimator.estimate([seen])
        (sighting,) = sightings(frame, [person], [mask])
        single = Single(pose=body.pose, translation=body.translation, score=body.score)
        packed = None if mask is None else Packed.of(mask)
        if mask is None and row < len(look.masks):
            packed = look.masks[row]
        return replace(
            look,
            sightings=_put(look.sightings, row, replace(sighting, person=bare(person))),
            singles=_put(look.singles, row, single),
            said=_put(look.said, row, None),
            masks=_put(look.masks, row, packed),
            led=look.led if mask is None else look.led | {row},
        )


def _known(person: Person, told: Told) -> Known:
    """Whom a visitor named, as ``person`` shows them now."""
    return Known(person=person, found=told.named, described=told.named)


def _nearest(person: Person, look: Look) -> tuple[int | None, float]:
    """Whose box in a look overlaps the person's most, and by how much."""
    box = person.box.astype(float)
    shares = [overlap(box, one.person.box.astype(float)) for one in look.sightings]
    return (int(np.argmax(shares)), max(shares)) if shares else (None, 0.0)


def _told(look: Look) -> Iterator[Told]:
    """Whom prompts named in just this frame."""
    for sighting, said, packed in zip(look.sightings, look.said, look.masks, strict=True):
        if said is None or sighting.person.keypoints is None:
            continue
        about = packed is not None and (said.clicks or said.outlined)
        yield Told(
            named=sighting.person,
            person=sighting.person,
            clicks=said.clicks if about else (),
            mask=packed.mask().inside if about and packed is not None else None,
            outlined=said.outlined,
        )


def moved(told: Told, person: Person, size: tuple[int, int]) -> tuple[Click, ...]:
    """The clicks where the points near them have moved to; those that left the picture are gone."""
    then, now = told.person.keypoints, person.keypoints
    if not told.clicks or then is None or now is None or then.shape != now.shape:
        return ()
    places = np.array([one[:2] for one in told.clicks])
    reach = NEAR * float(np.ptp(told.person.box.reshape(2, 2), axis=0).max())
    squares = ((places[:, None] - then[None, :, :2]) ** 2).sum(axis=2)
    # The small constant: a click far from everything moves as the whole person does.
    weights = (np.exp(-squares / (2 * reach**2)) + 1e-6) * (then[:, 2] * now[:, 2] + 1e-6)
    shifts = weights @ (now[:, :2] - then[:, :2]) / weights.sum(axis=1, keepdims=True)
    return tuple(
        (float(x), float(y), label)
        for (x, y), (_, _, label) in zip(places + shifts, told.clicks, strict=True)
        if 0 <= x < size[0] and 0 <= y < size[1]
    )


def taken_along(mask: Inside, then: Float[np.ndarray, "4"], now: Float[np.ndarray, "4"]) -> Inside:
    """A mask moved and stretched as its box was."""
    import cv2

    stretch = (now[2:] - now[:2]) / np.maximum(then[2:] - then[:2], 1.0)
    shift = now[:2] - stretch * then[:2]
    affine = np.column_stack([np.diag(stretch), shift])
    size = (mask.shape[1], mask.shape[0])
    return cv2.warpAffine(mask.astype(np.uint8), affine, size, flags=cv2.INTER_NEAREST) > 0


def _agrees(own: Inside, told: Told, expected: Inside) -> bool:
    """Whether a look's own mask is as the visitor would have it."""
    alike = not told.outlined or iou(own, expected) >= ALIKE
    return alike and _obeys(own, told.clicks)


def _obeys(mask: Inside, clicks: Sequence[Click]) -> bool:
    return all(mask[int(y), int(x)] == bool(label) for x, y, label in clicks)


def _beside(person: Person, look: Look, row: int | None) -> list[Person]:
    """The others whose boxes touch the person's: masks of different people share no pixels."""
    return [
        replace(one.person, mask=None if packed is None else packed.mask().inside)
        for k, (one, packed) in enumerate(zip(look.sightings, look.masks, strict=True))
        if k != row and overlap(one.person.box.astype(float), person.box.astype(float)) > 0
    ]


def _put(values: tuple[Value, ...], row: int, value: Value) -> tuple[Value, ...]:
    """The values with another one in a row, or one more."""
    return (*values[:row], value, *values[row + 1 :])

"""What is known of somebody from frame to frame, between those in which all is found anew.

Where they will be, until people are looked for again; their mask, until a segmenter makes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.clips.looks import bare
from pymafsam.geometry.boxes import bounds, overlap
from pymafsam.masks.followed import Outline
from pymafsam.people.detector import Glances
from pymafsam.records import Inside, Mask, Person, Pixels
from pymafsam.tracking.tracker import assign, shifted

BELIEVED = 0.35  # keypoint score from which somebody's points say where their box is
CLEAR = 0.3  # confidence of a keypoint that says where somebody is
BESIDE = 0.7  # of a person's box is not shared with an outline's: it is somebody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody as last seen, and their outline by now.

    ``found``: as they were when last found in the whole picture; ``described``: as both keypoint
    networks last described them, with their mask (they may only have been glanced at since).
    """

    person: Person
    found: Person
    described: Person
    outline: Outline | None = None

    def moved_on(self) -> Person:
        """Where they may be in the next frame: the box lies to their points as it was found."""
        now, then = _extent(self.person), _extent(self.found)
        box = self.person.box.astype(np.float64)
        # Points of somebody half hidden lie anywhere, also on whoever hides them.
        clear = (self.person.keypoint_score or 0.0) >= BELIEVED
        if clear and now is not None and then is not None:
            size, before = np.ptp(now, axis=0).max(), np.ptp(then, axis=0).max()
            zoom = float(np.clip(size / max(before, 1e-6), 0.8, 1.25))
            box = (now + zoom * (self.found.box.reshape(2, 2) - then)).reshape(4)
        return replace(bare(self.person), box=box)


def _extent(person: Person) -> Float[np.ndarray, "2 2"] | None:
    """The lowest and highest of the clear keypoints; None where there are too few."""
    if person.keypoints is None:
        return None
    sure = person.keypoints[person.keypoints[:, 2] > CLEAR, :2].astype(np.float64)
    return np.stack([sure.min(axis=0), sure.max(axis=0)]) if len(sure) > 3 else None


def remembered(
    people: Sequence[Person],
    known: Sequence[Known],
    outlines: Sequence[Outline | None],
    *,
    glanced: bool = False,
) -> list[Known]:
    """The people seen, each with their outline and with how they were found: just now, or as who
    was looked at there. Who was only ``glanced`` at is described as before.
    """
    places = [(one.moved_on().box, one) for one in known]
    seen = []
    for person, outline in zip(people, outlines, strict=True):
        was = next((one for box, one in places if np.array_equal(box, person.box)), None)
        found = person if was is None else was.found
        described = was.described if glanced and was is not None else person
        seen.append(Known(person=person, found=found, described=described, outline=outline))
    return seen


def glanced_at(glances: Glances, pixels: Pixels, known: Sequence[Known]) -> list[Person]:
    """The same people as a glance shows them, with their masks as described, moved along."""
    people = glances.glance(pixels, [one.moved_on() for one in known])
    return [
        replace(person, mask=_moved_along(one.described, person))
        for one, person in zip(known, people, strict=True)
    ]


def _moved_along(before: Person, now: Person) -> Inside | None:
    if before.mask is None:
        return None
    middle = (now.box.reshape(2, 2) - before.box.reshape(2, 2)).mean(axis=0)
    return shifted(before.mask, round(float(middle[0])), round(float(middle[1])))


def outlines_moved_on(known: Sequence[Known], before: Pixels, now: Pixels) -> list[Known]:
    """The same people with their outlines as they are in the next frame."""
    return [
        one if one.outline is None else replace(one, outline=one.outline.moved_on(before, now))
        for one in known
    ]


def outlines_of(people: Sequence[Person], known: Sequence[Known]) -> list[Outline | None]:
    """For each of the people the outline, as followed so far, that lies in their box."""
    there = [(one.outline, mask) for one in known if one.outline and (mask := one.outline.mask())]
    costs = [
        [1 - overlap(bounds(mask.inside), person.box.astype(np.float64)) for person in people]
        for _, mask in there
    ]
    pairs = assign(np.array(costs).reshape(len(there), len(people)), BESIDE)
    owned = {person: there[outline][0] for outline, person in pairs}
    return [owned.get(k) for k in range(len(people))]


def shown(outlines: Sequence[Outline | None]) -> list[Mask | None]:
    """The outlines as masks, as far as there is something of them."""
    return [None if outline is None else outline.mask() for outline in outlines]

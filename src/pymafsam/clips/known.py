"""Where somebody will be in the next frame, between two frames in which people are found anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.clips.looks import bare
from pymafsam.records import Person

CLEAR = 0.3  # confidence of a keypoint that says where somebody is


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody as last seen, and as last found in the whole picture."""

    person: Person
    found: Person

    def moved_on(self) -> Person:
        """Where they may be in the next frame: the box lies to their points as it was found."""
        now, then = _extent(self.person), _extent(self.found)
        box = self.person.box.astype(np.float64)
        if now is not None and then is not None:
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


def remembered(people: Sequence[Person], known: Sequence[Known]) -> list[Known]:
    """The people seen, each with how they were found: just now, or as who was looked at there."""
    places = [(one.moved_on().box, one.found) for one in known]
    return [
        Known(
            person=person,
            found=next((f for box, f in places if np.array_equal(box, person.box)), person),
        )
        for person in people
    ]

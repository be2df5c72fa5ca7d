"""A detector that remembers: whoever is corrected again and again is described once.

What it says is what the detector behind it would say, so corrections replay to the same bodies
without it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymafsam.people import Detector
from pymafsam.records import Person, Pixels

MOST = 48  # answers kept: one holds a mask as large as its picture


@dataclass(frozen=True)
class Remembered:
    """A ``Detector`` with a memory of its last answers."""

    detector: Detector
    known: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture, as found the first time."""
        return self._recall(digest(pixels), lambda: self.detector.find(pixels))

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people; what a picture shows in a box is looked at once."""
        picture = digest(pixels)
        return [self._one(pixels, picture, person) for person in people]

    def _one(self, pixels: Pixels, picture: bytes, person: Person) -> Person:
        key = (picture, person.box.tobytes(), str(person.box.dtype))
        seen: Person = self._recall(key, lambda: self.detector.describe(pixels, [person])[0])
        return replace(
            seen, box=person.box, score=person.score, track=person.track, prompt=person.prompt
        )

    def _recall(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self.known:
            self.known[key] = make()
            if len(self.known) > MOST:
                self.known.popitem(last=False)
        self.known.move_to_end(key)
        return self.known[key]


def digest(pixels: Pixels) -> bytes:
    """What a picture is known by."""
    return hashlib.blake2b(pixels.tobytes()).digest() + repr(pixels.shape).encode()

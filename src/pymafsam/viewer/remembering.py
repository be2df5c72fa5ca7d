"""Networks that remember: whoever is corrected again and again is looked at once.

What they say is what the networks behind them would say, so corrections replay to the same bodies
without them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.masks.sam import Engine, SamSegmenter
from pymafsam.masks.view import Logits
from pymafsam.observe import Observer
from pymafsam.people import Detector
from pymafsam.records import Person, Pixels

MOST = 48  # answers kept: one holds a mask as large as its picture
DECODED = 96  # of a segmenter's, a megabyte each


def remembering(observer: Observer) -> Observer:
    """The observer with a memory: of the detector, and of Segment Anything's decoder."""
    detector, segmenter = Remembered(observer.detector), observer.segmenter
    if isinstance(segmenter, SamSegmenter):
        engine = RememberedEngine(segmenter.engine)
        segmenter = SamSegmenter(engine, segmenter.settings, segmenter.source)
    return replace(observer, detector=detector, segmenter=segmenter)


@dataclass
class Memory:
    """The last ``most`` answers, by what was asked."""

    most: int
    known: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def recall(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was answered to ``key``, or what ``make`` answers now."""
        if key not in self.known:
            self.known[key] = make()
            if len(self.known) > self.most:
                self.known.popitem(last=False)
        self.known.move_to_end(key)
        return self.known[key]


@dataclass(frozen=True)
class Remembered:
    """A ``Detector`` with a memory of its last answers."""

    detector: Detector
    memory: Memory = field(default_factory=lambda: Memory(MOST))

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture, as found the first time."""
        return self.memory.recall(digest(pixels), lambda: self.detector.find(pixels))

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people; what a picture shows in a box is looked at once."""
        picture = digest(pixels)
        return [self._one(pixels, picture, person) for person in people]

    def _one(self, pixels: Pixels, picture: bytes, person: Person) -> Person:
        key = (picture, digest(person.box))
        seen: Person = self.memory.recall(key, lambda: self.detector.describe(pixels, [person])[0])
        return replace(
            seen, box=person.box, score=person.score, track=person.track, prompt=person.prompt
        )


@dataclass(frozen=True)
class RememberedEngine:
    """An ``Engine`` whose decoder is asked the same only once."""

    engine: Engine
    memory: Memory = field(default_factory=lambda: Memory(DECODED))

    def encode(self, canvas: Float[np.ndarray, "1 3 1024 1024"]) -> Any:
        """Features of a normalised canvas (``SamSegmenter`` keeps a picture's)."""
        return self.engine.encode(canvas)

    def decode(
        self,
        embedding: object,
        points: Float[np.ndarray, "points 2"],
        labels: Float[np.ndarray, "points"],
        previous: Logits | None,
    ) -> tuple[Float[np.ndarray, "4 256 256"], Float[np.ndarray, "4"]]:
        """Logits and expected overlaps of the four masks."""
        asked = [embedding, points, labels, *([] if previous is None else [previous])]
        return self.memory.recall(
            tuple(digest(np.asarray(one)) for one in asked),
            lambda: self.engine.decode(embedding, points, labels, previous),
        )


def digest(array: Shaped[np.ndarray, "..."]) -> bytes:
    """What an array is known by: its numbers, their kind and shape."""
    kind = f"{array.dtype} {array.shape}".encode()
    return hashlib.blake2b(array.tobytes(), digest_size=32).digest() + kind

"""Networks that remember: whoever is corrected again and again is looked at once.

What they say is what the networks behind them would say, so corrections replay to the same bodies
without them.
"""

import hashlib
import threading
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
        segmenter = SamSegmenter(
            RememberedEngine(segmenter.engine),
            segmenter.settings,
            segmenter.source,
            abreast=segmenter.abreast,
        )
    return replace(observer, detector=detector, segmenter=segmenter)


@dataclass
class Memory:
    """The last ``most`` answers, by what was asked."""

    most: int
    known: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    lock: threading.Lock = field(default_factory=threading.Lock)

    def recall(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was answered to ``key``, or what ``make`` answers now. Threads may ask at once."""
        with self.lock:
            if key in self.known:
                self.known.move_to_end(key)
                return self.known[key]
        made = make()
        with self.lock:
            self.known[key] = made
            while len(self.known) > self.most:
                self.known.popitem(last=False)
        return made


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


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture's features, and what they are known by: megabytes need be looked through once."""

    features: Any
    name: bytes


@dataclass(frozen=True)
class RememberedEngine:
    """An ``Engine`` whose decoder is asked the same only once."""

    engine: Engine
    memory: Memory = field(default_factory=lambda: Memory(DECODED))

    @property
    def is_local(self) -> bool:
        """As the engine behind it."""
        return self.engine.is_local

    def encode(
        self, canvas: Float[np.ndarray, "1 3 rows columns"], corner: tuple[int, int] = (0, 0)
    ) -> Encoded:
        """Features of a normalised canvas (``SamSegmenter`` keeps a picture's)."""
        features = self.engine.encode(canvas, corner)
        return Encoded(features, digest(np.asarray(features)))

    def decode(
        self,
        embedding: object,
        points: Float[np.ndarray, "points 2"],
        labels: Float[np.ndarray, "points"],
        previous: Logits | None,
    ) -> tuple[Float[np.ndarray, "4 256 256"], Float[np.ndarray, "4"]]:
        """Logits and expected overlaps of the four masks."""
        assert isinstance(embedding, Encoded)
        asked = [points, labels, *([] if previous is None else [previous])]
        return self.memory.recall(
            (embedding.name, *(digest(one) for one in asked)),
            lambda: self.engine.decode(embedding.features, points, labels, previous),
        )


def digest(array: Shaped[np.ndarray, "..."]) -> bytes:
    """What an array is known by: its numbers, their kind and shape."""
    kind = f"{array.dtype} {array.shape}".encode()
    return hashlib.blake2b(array.tobytes(), digest_size=32).digest() + kind

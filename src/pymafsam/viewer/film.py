"""Single frames of a film, asked for in any order, mostly one after the other."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pymafsam.errors import BadInput
from pymafsam.files import video
from pymafsam.files.names import without_ending
from pymafsam.records import Frame
from pymafsam.viewer.documents import jpeg_bytes

SIDE = 960  # pixels of a frame's longer side as shown
KEPT = 600  # frames


@dataclass(kw_only=True)
class Film:
    """A video whose frames are decoded as they are wanted; ``name`` is the clip's."""

    path: Path
    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    _running: Iterator[Frame] | None = None
    _last: Frame | None = None

    def jpeg(self, index: int) -> bytes:
        """A frame as JPEG. Raises BadInput for one that is not there."""
        with self.lock:
            if index not in self.shown:
                self.shown[index] = jpeg_bytes(self._frame(index).pixels, SIDE, 80)
                if len(self.shown) > KEPT:
                    self.shown.popitem(last=False)
            return self.shown[index]

    def frame(self, index: int) -> Frame:
        """A frame as it is. Raises BadInput for one that is not there."""
        with self.lock:
            return self._frame(index)

    def _frame(self, index: int) -> Frame:
        if self._running is None or self._last is None or self._last.index > index:
            self._running = video.frames(self.path, without_ending(self.name), _passed_over)
            self._last = None
        while self._last is None or self._last.index < index:
            self._last = next(self._running, None)
            if self._last is None:
                self._running = None
                raise BadInput(f"{self.path} has no frame {index + 1}.")
        return self._last


def _passed_over(index: int, why: str) -> None:
    """A frame that cannot be decoded: the next one is shown."""

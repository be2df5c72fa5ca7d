"""Where a new shot begins: the whole picture changes at once, far more than it usually does."""

from collections import deque

import numpy as np
from jaxtyping import UInt8

from pymafsam.records import Pixels
from pymafsam.tracking.settings import Settings

SIZE = (32, 18)  # of the small picture that is compared
REMEMBERED = 15  # frames by which the usual change is known


def small(pixels: Pixels) -> UInt8[np.ndarray, "rows columns 3"]:
    """The small picture that frames are compared by."""
    import cv2

    return np.asarray(cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA))


class CutFinder:
    """Looks at one frame after the other; says of each whether it begins a new shot."""

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.before: UInt8[np.ndarray, "rows columns 3"] | None = None
        self.changes: deque[float] = deque(maxlen=REMEMBERED)

    def step(self, small: UInt8[np.ndarray, "rows columns 3"]) -> bool:
        """Whether this frame, made ``small``, is the first of a shot (the first of all is not)."""
        before, self.before = self.before, small
        if before is None:
            return False
        change = float(np.abs(small.astype(np.float64) - before).mean()) / 255
        usual = float(np.median(self.changes)) if self.changes else 0.0
        settings = self.settings
        if change > max(settings.cut, settings.cut_unusual * usual):
            self.changes.clear()
            return True
        self.changes.append(change)
        return False

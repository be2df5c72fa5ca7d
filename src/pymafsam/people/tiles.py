"""BlazePose's own detector on overlapping tiles, for installations that have pip alone.

The network was made for one person who fills much of the picture; tiles of several sizes show it
smaller people. It answers with the middle of the hips and a point on the circle around the person;
the box is that of what the landmark network then sees in this circle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.affine import Window, cut
from pymafsam.geometry.boxes import nms
from pymafsam.people.landmarks import POINTS, Run, read
from pymafsam.people.litert import Network
from pymafsam.records import Person, Pixels

SIZE = 224
# Cells along a side of each output map, and guesses in each cell.
MAPS = ((28, 2), (14, 2), (7, 6))
CIRCLE_MARGIN = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TileOptions:
    """``score``: surer people are kept; ``overlap``: boxes sharing more are one person.

    ``halvings``: the whole picture, then tiles of half its size, and so on; neighbours overlap by
    half. ``strength``: keypoints this clear (0..1) span the box.
    """

    score: float = 0.5
    overlap: float = 0.5
    halvings: int = 2
    strength: float = 0.3
    presence: float = 0.3


@dataclass(frozen=True, slots=True)
class Circle:
    """Somebody's hips and a point on the circle that holds all of them, picture pixels."""

    hips: Float[np.ndarray, "2"]
    rim: Float[np.ndarray, "2"]
    score: float

    @property
    def radius(self) -> float:
        """Picture pixels."""
        return float(np.linalg.norm(self.rim - self.hips))

    def box(self) -> Float[np.ndarray, "4"]:
        """The square around the circle."""
        return np.concatenate([self.hips - self.radius, self.hips + self.radius])

    def window(self) -> Window:
        """Where the landmark network should look: the person upright, with some room."""
        right, down = self.rim - self.hips
        side = max(2 * self.radius * CIRCLE_MARGIN, 1.0)
        return Window(
            (float(self.hips[0]), float(self.hips[1])), side, float(np.arctan2(right, -down))
        )


class TiledDetector:
    """Both networks, ready to run."""

    def __init__(self, network: Network, landmarks: Run, options: TileOptions | None = None):
        self._network = network
        self._landmarks = landmarks
        self.options = options or TileOptions()
        self._cells = cells()

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture: boxes (picture pixels) and scores, the surest first."""
        people = [self._person(pixels, circle) for circle in self._circles(pixels)]
        found = [person for person in people if person is not None]
        if not found:
            return []
        boxes = np.stack([person.box for person in found])
        scores = np.array([person.score for person in found])
        return [found[i] for i in nms(boxes, scores, self.options.overlap)]

    def _circles(self, pixels: Pixels) -> list[Circle]:
        """What the detector says of all tiles, doubles removed."""
        height, width = pixels.shape[:2]
        circles = [
            c
            for tile in tiles(width, height, self.options.halvings)
            for c in self._read(pixels, tile)
        ]
        if not circles:
            return []
        boxes = np.stack([circle.box() for circle in circles])
        scores = np.array([circle.score for circle in circles])
        return [circles[i] for i in nms(boxes, scores, self.options.overlap)]

    def _read(self, pixels: Pixels, tile: Window) -> list[Circle]:
        seen = cut(pixels, tile, SIZE).astype(np.float32) / 127.5 - 1
        rows, logits = self._network(seen[None])
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -30, 30)))
        sure = np.flatnonzero(scores > self.options.score)
        found = []
        for index in sure.tolist():
            points = (
                rows[0, index, 4:8].astype(np.float64).reshape(2, 2) + self._cells[index] * SIZE
            )
            hips, rim = tile.place(points, SIZE)
            found.append(Circle(hips, rim, float(scores[index])))
        return found

    def _person(self, pixels: Pixels, circle: Circle) -> Person | None:
        reading = read(self._landmarks, pixels, circle.window())
        if reading.presence < self.options.presence:
            return None
        points, strength = reading.points()
        clear = points[:POINTS][strength[:POINTS] > self.options.strength]
        if len(clear) < 4:
            return None
        height, width = pixels.shape[:2]
        low, high = clear.min(0), clear.max(0)
        # Keypoints lie inside the body; the outline is a little further out, most of all the head.
        room = 0.06 * (high - low) + 0.02 * circle.radius
        limits = np.array([width, height, width, height], np.float64)
        box = np.concatenate([low - room, high + room]).clip(0, limits)
        if np.any(box[2:] - box[:2] < 1):
            return None
        # Where nobody is, the heatmaps are faint even if the other two scores are high.
        clearness = float(strength[:POINTS].mean())
        return Person(box=box, score=circle.score * reading.presence * clearness)


def cells() -> Float[np.ndarray, "2254 2"]:
    """Centre of each guess's cell, 0..1 of the input, in the network's order."""
    rows = []
    for side, guesses in MAPS:
        y, x = np.divmod(np.arange(side * side), side)
        rows.append(np.repeat((np.stack([x, y], -1) + 0.5) / side, guesses, axis=0))
    return np.concatenate(rows)


def tiles(width: int, height: int, halvings: int) -> Iterator[Window]:
    """The whole picture as one square, then rows of smaller squares that overlap by half."""
    longer = max(height, width)
    yield Window((width / 2, height / 2), float(longer))
    for halving in range(halvings):
        side = longer / 1.5 / 2**halving
        for y in _centres(height, side):
            for x in _centres(width, side):
                yield Window((x, y), side)


def _centres(length: int, side: float) -> list[float]:
    """Centres of squares that cover a length and overlap by half at most."""
    if side >= length:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return np.linspace(side / 2, length - side / 2, count).tolist()

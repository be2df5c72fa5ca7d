"""MoveNet thunder: one window of a picture -> COCO's 17 keypoints of the person in its middle.

Votel and Li, "Next-Generation Pose Detection with MoveNet and TensorFlow.js" (2021). After
CenterNet (Zhou et al., "Objects as Points", 2019): a centre is chosen, near the window's middle
rather than far; the points regressed from there say whose heatmap maxima are meant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from pymafsam.geometry.affine import Window, apply, cut, inverse
from pymafsam.geometry.joints import COCO17, flip_permutation
from pymafsam.people.litert import both_ways
from pymafsam.pretrained.networks import Runs
from pymafsam.records import Pixels

SIZE = 256  # pixels of the window as the network sees it
CELLS, CELL = 64, 4  # heatmap cells along a side, and pixels of one
POINTS = len(COCO17)
# Cells; what distances are increased by before they divide. For centres as in the network's own
# end. Where a keypoint is guessed from the centre counts for less than there: heatmaps have learned
# more since, and with 1.8 the nearer of two answers often won against the surer one.
NEARNESS = 1.8
GUESSED = 5.0
REACH = 3.0  # cells around a heatmap's best one that are asked, too, where the keypoint is
APART = 0.03  # of the box's longer side: looks this far from each other are half of two minds
LEAST = 1e-6  # confidence, so that two looks that are sure of nothing have shares, too
FLIP = flip_permutation("coco17")
# The inner maps that are handed on, and how many pixels of the window their cells stand for.
MAPS = {"map32": 32, "map16": 16, "up16": 16, "up8": 8, "up4": 4}

Run = Callable[[Float[np.ndarray, "batch 256 256 3"]], "Heads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What the network says of one window, cell by cell; vectors are (y, x) in cells.

    ``heat`` and ``centre`` lie in 0..1; ``offsets`` lead from a cell to a keypoint in it,
    ``regressed`` from a person's centre to their keypoints. ``maps`` are the network's inner ones,
    in the order of ``MAPS``; none where they were not asked for.
    """

    heat: Float[np.ndarray, "64 64 17"]
    offsets: Float[np.ndarray, "64 64 17 2"]
    regressed: Float[np.ndarray, "64 64 17 2"]
    centre: Float[np.ndarray, "64 64"]
    maps: tuple[Float[np.ndarray, "_ _ _"], ...] = ()

    def unmirrored(self) -> "Heads":
        """The heads of a mirrored window as if the window had not been mirrored; no maps."""

        # Cell i stands for pixel 4 i, so its mirror image is cell 64 - i; cell 0 has none.
        def turned(values: Shaped[np.ndarray, "rows columns ..."]) -> np.ndarray:
            out = np.zeros_like(values)
            out[:, 1:] = values[:, :0:-1]
            return out

        across = np.array([1.0, -1.0], np.float32)
        return Heads(
            heat=turned(self.heat)[:, :, FLIP],
            offsets=turned(self.offsets)[:, :, FLIP] * across,
            regressed=turned(self.regressed)[:, :, FLIP] * across,
            centre=turned(self.centre),
        )

    def mean(self, other: "Heads") -> "Heads":
        """The average of two readings of one window; no maps."""
        return Heads(
            heat=(self.heat + other.heat) / 2,
            offsets=(self.offsets + other.offsets) / 2,
            regressed=(self.regressed + other.regressed) / 2,
            centre=(self.centre + other.centre) / 2,
        )


class MoveNet:
    """The network, ready to run."""

    def __init__(self, session: Runs):
        self._session = session

    def __call__(self, seen: Pixels) -> Heads:
        """The heads of one window of 256 x 256 pixels (RGB)."""
        picture = seen[None].astype(np.float32) / 127.5 - 1
        heat, offsets, regressed, centre, *maps = self._session.run(
            ["heat", "offsets", "regressed", "centre", *MAPS], {"picture": picture}
        )
        shape = (CELLS, CELLS, POINTS, 2)
        return Heads(
            heat=_sigmoid(heat[0]),
            offsets=offsets[0].reshape(shape),
            regressed=regressed[0].reshape(shape),
            centre=_sigmoid(centre[0, :, :, 0]),
            maps=tuple(one[0] for one in maps),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was read in a window: COCO's keypoints in picture pixels with confidences, 0..1.

    ``ways`` are the heads they were read from: the window's, then its mirror image's as they came.
    """

    readings: Float[np.ndarray, "readings 17 3"]
    ways: tuple[Heads, ...]
    window: Window

    def at(self, points: Float[np.ndarray, "17 2"]) -> Float[np.ndarray, "ways 17 channels"]:
        """The inner maps' numbers at COCO's points (picture pixels), for every way.

        Those of the mirror image are of its own points: row 5 is the left shoulder there.
        """
        own = apply(inverse(self.window.to_frame(SIZE)), points)
        mirrored = np.column_stack([SIZE - own[:, 0], own[:, 1]])[FLIP]
        places = (own, mirrored)[: len(self.ways)]
        return np.stack(
            [_sampled(heads.maps, at) for heads, at in zip(self.ways, places, strict=True)]
        )


def _sampled(
    maps: tuple[Float[np.ndarray, "_ _ _"], ...], at: Float[np.ndarray, "17 2"]
) -> Float[np.ndarray, "17 channels"]:
    """All maps' channels at places of the window (pixels), bilinear; the rim goes on outside."""
    columns = []
    for values, cell in zip(maps, MAPS.values(), strict=True):
        place = np.clip(at / cell, 0, len(values) - 1)
        first = np.minimum(place.astype(int), len(values) - 2)
        right, down = (place - first).astype(values.dtype).T[..., None]
        column, row = first.T
        above = values[row, column] * (1 - right) + values[row, column + 1] * right
        below = values[row + 1, column] * (1 - right) + values[row + 1, column + 1] * right
        columns.append(above * (1 - down) + below * down)
    return np.concatenate(columns, axis=1)


def read(
    network: Callable[[Pixels], Heads], pixels: Pixels, window: Window, *, mirror: bool
) -> Seen:
    """What the network sees in a window of a picture.

    One reading; with ``mirror`` three: of the mean of the window's heads and its mirror image's,
    then of each alone.
    """
    seen = cut(pixels, window, SIZE)
    if mirror:
        plain, mirrored = both_ways(network, seen)
        back = mirrored.unmirrored()
        readings, ways = [plain.mean(back), plain, back], (plain, mirrored)
    else:
        plain = network(seen)
        readings, ways = [plain], (plain,)
    placed = np.stack([_placed(decode(heads), window) for heads in readings])
    return Seen(readings=placed, ways=ways, window=window)


def agreed(
    one: Float[np.ndarray, "17 3"], other: Float[np.ndarray, "17 3"], box: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "17 3"]:
    """Two looks' points made one: between them where they are near each other, else the surer.

    Shares go with the square of the confidences; the confidence is the mean of both.
    """
    size = float(max(box[2] - box[0], box[3] - box[1], 1.0))
    near = np.exp(-((np.linalg.norm(one[:, :2] - other[:, :2], axis=1) / size / APART) ** 2))
    is_surer = one[:, 2] >= other[:, 2]
    own = np.where(is_surer, 1.0, near) * (one[:, 2] + LEAST) ** 2
    theirs = np.where(is_surer, near, 1.0) * (other[:, 2] + LEAST) ** 2
    share = (theirs / (own + theirs))[:, None]
    places = one[:, :2] + share * (other[:, :2] - one[:, :2])
    return np.column_stack([places, (one[:, 2] + other[:, 2]) / 2])


def _placed(points: Float[np.ndarray, "17 3"], window: Window) -> Float[np.ndarray, "17 3"]:
    """Points of the window in the picture's pixels."""
    return np.column_stack([window.place(points[:, :2], SIZE), points[:, 2]])


def decode(heads: Heads) -> Float[np.ndarray, "17 3"]:
    """x, y (window pixels) and confidence of the keypoints of the person in the middle."""
    row, column = np.unravel_index(
        np.argmax(heads.centre / (_distance(CELLS / 2, CELLS / 2) + NEARNESS)), (CELLS, CELLS)
    )
    guess = heads.regressed[row, column] + np.array([row, column], np.float32)  # 17 (y, x)
    grid = np.arange(CELLS, dtype=np.float32)
    away = np.sqrt((grid[:, None, None] - guess[:, 0]) ** 2 + (grid[:, None] - guess[:, 1]) ** 2)
    best = (heads.heat / (away + GUESSED)).reshape(-1, POINTS).argmax(axis=0)
    cells = np.stack([best // CELLS, best % CELLS])
    places = _agreed(heads, cells) * CELL
    strength = heads.heat[cells[0], cells[1], np.arange(POINTS)]
    return np.column_stack([places[:, ::-1], strength]).astype(np.float64)


def _agreed(heads: Heads, best: Int[np.ndarray, "2 17"]) -> Float[np.ndarray, "17 2"]:
    """Row and column in cells that the best ones' surroundings name, the surest counting most."""
    reach = np.arange(-int(REACH), int(REACH) + 1)
    steps = np.stack(np.meshgrid(reach, reach, indexing="ij")).reshape(2, -1, 1)
    cells = best[:, None] + steps[:, np.hypot(*steps[..., 0]) <= REACH]
    is_inside = ((cells >= 0) & (cells < CELLS)).all(axis=0)
    rows, columns = np.clip(cells, 0, CELLS - 1)
    points = np.arange(POINTS)
    named = np.moveaxis(cells, 0, -1) + heads.offsets[rows, columns, points]
    weight = is_inside * heads.heat[rows, columns, points].astype(np.float64) ** 2
    return (weight[..., None] * named).sum(axis=0) / weight.sum(axis=0)[:, None]


def _distance(row: float, column: float) -> Float[np.ndarray, "64 64"]:
    grid = np.arange(CELLS, dtype=np.float32)
    return np.hypot(grid[:, None] - row, grid - column)


def _sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))

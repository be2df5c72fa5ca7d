"""The BlazePose landmark network: one window of a picture -> 39 points, metres, mask.

Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020. The first 33 points
are ``joints.BLAZEPOSE33``; of the other six two are used: 33, the middle of the hips, and 34, on
the circle that holds the whole person, above their head.

Points are read from the heatmaps, not from the regression beside them: on COCO that is worth .02
of AP (docs/results/people.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.affine import Window, cut
from pymafsam.geometry.joints import flip_permutation
from pymafsam.people.litert import both_ways
from pymafsam.pretrained import networks, tflite_onnx
from pymafsam.pretrained.networks import Runs
from pymafsam.records import Pixels

SIZE = 256  # pixels of the window as the network sees it
CELL = 4  # pixels of one heatmap cell
POINTS = 33
HIPS, CIRCLE = 33, 34
# Heatmap cell i stands for the pixel 4 i, not for its own middle 4 (i + .5): so say the regression
# and the mirrored window; the rest was tuned on COCO.
CELL_SHIFT = -0.1
REACH = 2  # cells around the maximum that are averaged

Heat = Float[np.ndarray, "64 64 39"]
Run = Callable[[Float[np.ndarray, "1 256 256 3"]], list[np.ndarray]]  # a BlazePose, say


class BlazePose:
    """The network, ready to run; several threads may use it at once."""

    def __init__(self, session: Runs):
        self._session = session

    def __call__(self, values: Float[np.ndarray, "1 256 256 3"]) -> list[np.ndarray]:
        """Points, presence, mask, heatmaps and metres, as the network has them."""
        return self._session.run(None, {tflite_onnx.INPUT: values})


def load(name: str) -> BlazePose:
    """The catalogue's landmark network called ``name``, fetched on first use.

    Raises MissingAsset for one that cannot be had.
    """
    return BlazePose(networks.opened(name, threads=1, cut=tflite_onnx.to_onnx))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the network says of one window.

    ``heat`` are the heatmaps (0..1), ``presence`` whether a whole person is there (0..1),
    ``mask`` the probability of every window pixel to be the person, ``visibility`` of each
    point to be seen; ``regressed`` are the points in window pixels as the regression has them,
    ``world`` the same in metres around the hips, in the window's axes.
    """

    window: Window
    heat: Heat
    regressed: Float[np.ndarray, "39 2"]
    visibility: Float[np.ndarray, "39"]
    presence: float
    world: Float[np.ndarray, "39 3"]
    mask: Float[np.ndarray, "256 256"]

    def points(self) -> tuple[Float[np.ndarray, "39 2"], Float[np.ndarray, "39"]]:
        """The points in picture pixels, and the maximum of each heatmap."""
        points, strength = decode(self.heat)
        return self.window.place(points, SIZE), strength


def read(network: Run, pixels: Pixels, window: Window, *, mirror: bool = False) -> Reading:
    """Run the network on a window; ``mirror``: and on its mirror image, and take the mean."""
    seen = cut(pixels, window, SIZE)
    if not mirror:
        return _run(network, seen, window)
    reading, mirrored = both_ways(lambda one: _run(network, one, window), seen)
    other = _unmirrored(mirrored)
    return replace(
        reading,
        heat=(reading.heat + other.heat) / 2,
        regressed=(reading.regressed + other.regressed) / 2,
        visibility=(reading.visibility + other.visibility) / 2,
        presence=(reading.presence + other.presence) / 2,
        world=(reading.world + other.world) / 2,
        mask=(reading.mask + other.mask) / 2,
    )


def decode(heat: Heat) -> tuple[Float[np.ndarray, "39 2"], Float[np.ndarray, "39"]]:
    """Window pixels of each heatmap's maximum, as the centroid of its surroundings; its value."""
    side = heat.shape[0]
    flat = heat.reshape(side * side, -1)
    best = flat.argmax(0)
    strength = flat[best, np.arange(flat.shape[1])]
    steps = np.arange(-REACH, REACH + 1)
    rows = (best // side)[:, None] + steps
    columns = (best % side)[:, None] + steps
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[
        :, None
    ]
    around = heat[
        rows.clip(0, side - 1)[:, :, None],
        columns.clip(0, side - 1)[:, None],
        np.arange(flat.shape[1])[:, None, None],
    ]
    weight = np.where(inside, around, 0).astype(np.float64)
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    x = (weight * columns[:, None]).sum((1, 2)) / total
    y = (weight * rows[:, :, None]).sum((1, 2)) / total
    return (np.stack([x, y], -1) + CELL_SHIFT) * CELL, strength


def _run(network: Run, seen: Pixels, window: Window) -> Reading:
    points, flag, mask, heat, world = network(seen[None].astype(np.float32) / 255)
    rows = points.reshape(-1, 5)
    return Reading(
        window=window,
        heat=_sigmoid(heat[0]),
        regressed=rows[:, :2].astype(np.float64),
        visibility=_sigmoid(rows[:, 3]),
        presence=float(flag.ravel()[0]),
        world=world.reshape(-1, 3).astype(np.float64),
        mask=_sigmoid(mask[0, :, :, 0]),
    )


def _unmirrored(reading: Reading) -> Reading:
    """The reading of a mirrored window as if the window had not been mirrored."""
    order = np.append(flip_permutation("blazepose33"), np.arange(POINTS, reading.heat.shape[2]))
    # Cell i stands for pixel 4 i, so its mirror image is cell 64 - i; cell 0 has none.
    heat = np.zeros_like(reading.heat)
    heat[:, 1:] = reading.heat[:, :0:-1][:, :, order]
    regressed, world = reading.regressed[order], reading.world[order]
    return replace(
        reading,
        heat=heat,
        regressed=np.stack([SIZE - regressed[:, 0], regressed[:, 1]], -1),
        visibility=reading.visibility[order],
        world=world * (-1, 1, 1),
        mask=reading.mask[:, ::-1],
    )


def _sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))

"""What somebody wears: colours of the torso and of the thighs, comparable across frames.

A few hundred points between the keypoints are looked at, so it costs next to nothing and hardly
any background is caught; without keypoints the middle of the box must do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.joints import LAYOUTS
from pymafsam.records import Person, Pixels

Quad = Float[np.ndarray, "2 2 2"]  # corners by row (up, down) and column

SURE = 0.35  # confidence of a keypoint that a corner may rest on
CELLS = 6  # of each of the two colour axes
SHADES = 6  # of lightness
GRID = 12  # points along each side of a part
INWARDS = 0.18  # of a part's size: its rim shows arms and background
# Colour axes of CIELAB reach from -128 to 127, but clothes rarely beyond 64.
COLOURFUL = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Shares of colours (first ``CELLS`` squared) and shades, by part: torso, thighs.

    A part that was not seen is all zero.
    """

    shares: Float[np.ndarray, "parts bins"]

    def difference(self, other: "Colours") -> float | None:
        """Hellinger's distance over the parts both have, 0..1; None without such a part."""
        both = self.shares.any(axis=1) & other.shares.any(axis=1)
        if not both.any():
            return None
        alike = np.sqrt(self.shares[both] * other.shares[both]).sum(axis=1)
        return float(np.sqrt(np.clip(1 - alike, 0, 1)).mean())

    def learnt(self, other: "Colours", share: float) -> "Colours":
        """Moved towards ``other`` by a share; what was not known is taken over."""
        fresh = ~self.shares.any(axis=1, keepdims=True)
        lacking = ~other.shares.any(axis=1, keepdims=True)
        mixed = (1 - share) * self.shares + share * other.shares
        shares = np.where(fresh, other.shares, np.where(lacking, self.shares, mixed))
        return Colours(shares=shares)


def colours_of(pixels: Pixels, person: Person) -> Colours:
    """The colours of a person in a picture."""
    parts = [_shares(_looked_at(pixels, quads)) for quads in _parts(person)]
    return Colours(shares=np.stack(parts))


def _parts(person: Person) -> Iterator[list[Quad]]:
    """Torso, then thighs, as quadrilaterals in the picture."""
    points = _named(person)
    if points is None:
        yield [_of_box(person, 0.2, 0.48)]
        yield [_of_box(person, 0.55, 0.78)]
        return
    left, right = points["left_shoulder"], points["right_shoulder"]
    hips = points["left_hip"], points["right_hip"]
    yield _quads([[left, right], list(hips)])
    across = (hips[1] - hips[0]) * 0.22
    thighs = []
    for side, hip in zip(("left", "right"), hips, strict=True):
        knee = points[f"{side}_knee"]
        thighs += _quads([[hip - across, hip + across], [knee - across, knee + across]])
    yield thighs


def _named(person: Person) -> dict[str, np.ndarray] | None:
    """x, y of the points needed, NaN where unsure; None when the person has no keypoints."""
    if person.keypoints is None:
        return None
    names = LAYOUTS[person.layout]
    out = {}
    for part in ("shoulder", "hip", "knee"):
        for side in ("left", "right"):
            name = f"{side}_{part}"
            row = person.keypoints[names.index(name)] if name in names else np.zeros(3)
            out[name] = row[:2].astype(np.float64) if row[2] > SURE else np.full(2, np.nan)
    return out


def _quads(corners: list[list[Float[np.ndarray, "2"]]]) -> list[Quad]:
    quad = np.array(corners)
    return [quad] if np.isfinite(quad).all() else []


def _of_box(person: Person, top: float, bottom: float) -> Quad:
    x0, y0, x1, y1 = person.box.astype(np.float64)
    across = x0 + np.array([0.33, 0.67]) * (x1 - x0)
    down = y0 + np.array([top, bottom]) * (y1 - y0)
    return np.stack(np.meshgrid(across, down), axis=-1)


def _looked_at(pixels: Pixels, quads: list[Quad]) -> Float[np.ndarray, "points 3"]:
    """Colours at a grid of points inside the quadrilaterals, as far as the picture goes."""
    along = INWARDS + (1 - 2 * INWARDS) * (np.arange(GRID) + 0.5) / GRID
    weight = np.stack([1 - along, along])
    points = [np.einsum("yj,xk,yxc->jkc", weight, weight, quad).reshape(-1, 2) for quad in quads]
    places = np.floor(np.concatenate(points) if points else np.zeros((0, 2))).astype(np.int64)
    height, width = pixels.shape[:2]
    inside = (places >= 0).all(axis=1) & (places[:, 0] < width) & (places[:, 1] < height)
    columns, rows = places[inside].T
    return pixels[rows, columns].astype(np.float64)


def _shares(rgb: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "bins"]:
    """Half of the histogram's mass goes to colour, half to lightness; all zero without points."""
    import cv2

    bins = CELLS * CELLS
    out = np.zeros(bins + SHADES)
    if len(rgb) < GRID:
        return out
    lab = cv2.cvtColor((rgb[None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    place = np.clip((lab[:, 1:] / COLOURFUL + 1) / 2, 0, 1) * (CELLS - 1)
    low = np.minimum(place.astype(np.int64), CELLS - 2)
    part = place - low
    # Soft bins: a shirt on the border of two cells must not change with the light.
    for down in (0, 1):
        for across in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - across - part[:, 1])
            cell = (low[:, 0] + down) * CELLS + low[:, 1] + across
            out[:bins] += np.bincount(cell, weight, bins)
    shade = np.clip(lab[:, 0] / 100, 0, 1) * (SHADES - 1)
    dark = np.minimum(shade.astype(np.int64), SHADES - 2)
    out[bins:] += np.bincount(dark, 1 - (shade - dark), SHADES)
    out[bins:] += np.bincount(dark + 1, shade - dark, SHADES)
    return out / (2 * len(rgb))

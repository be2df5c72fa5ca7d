"""What a synthetic person's surface looks like, place by place: cloth, patterns, faces, in colour.

All colours are linear light, 0..1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Shaped

from pymafsam.data.synthetic.outfit import GLOVES, HAIR, HAT, SKIN, Outfit

EYE = np.array([0.030, 0.648])  # |x|, y of the eyes on the average body at rest, metres
MOUTH = 0.578
NOSTRILS = np.array([0.009, 0.606])
PIXELS_PER_METRE = 260  # of prints and grain on cloth

Texture = Float32[np.ndarray, "rows columns 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prints:
    """Pictures that cloth repeats, and grain for everything; linear light."""

    cloth: Texture
    grain: Float32[np.ndarray, "grain_rows grain_columns"]


def colours(
    outfit: Outfit,
    prints: Prints,
    places: Float32[np.ndarray, "places 3"],
    cloth: Int[np.ndarray, "places"],
) -> Float32[np.ndarray, "places 3"]:
    """The colour of every place (on the average body at rest, metres) under white light."""
    out = outfit.colours.astype(np.float32)[cloth]
    along, across = _chart(places)
    pattern = outfit.pattern[cloth]
    second = _second(outfit, pattern, along, across)
    out = np.where(second[:, None], outfit.second.astype(np.float32)[cloth], out)
    printed = pattern == 4
    if printed.any():
        out[printed] = 0.35 * out[printed] + 0.65 * _lookup(
            prints.cloth, along[printed], across[printed]
        )
    _face(out, outfit, places, cloth)
    rough = 0.9 + 0.35 * (_lookup(prints.grain, along, across) - 0.5)
    rough[cloth == SKIN] = 0.5 + 0.5 * rough[cloth == SKIN]
    hair = cloth == HAIR  # strands
    rough[hair] = 0.55 + 0.9 * _lookup(prints.grain, 0.08 * along[hair], 2.0 * across[hair])
    return np.clip(out * rough[:, None], 0, 1).astype(np.float32)


def _chart(places: Float32[np.ndarray, "places 3"]) -> tuple[np.ndarray, np.ndarray]:
    """Two coordinates over the surface: along a limb or the trunk, and across it; metres."""
    x, y, z = places.T
    arm = (np.abs(x) > 0.17) & (y > 0.3)
    front = np.where(z > 0, 1.0, -1.0)
    return np.where(arm, x, y), np.where(arm, y + z, x * front + 0.5 * z)


def _second(
    outfit: Outfit,
    pattern: Shaped[np.ndarray, "..."],
    along: Float[np.ndarray, "..."],
    across: Float[np.ndarray, "..."],
) -> np.ndarray:
    """Where stripes and checks have their other colour."""
    first = (along / outfit.period) % 1 < 0.5
    other = (across / outfit.period) % 1 < 0.5
    return ((pattern == 1) & first) | ((pattern == 2) & other) | ((pattern == 3) & (first != other))


def _lookup(
    texture: Shaped[np.ndarray, "rows columns ..."],
    along: Float[np.ndarray, "..."],
    across: Float[np.ndarray, "..."],
) -> np.ndarray:
    rows, columns = texture.shape[:2]
    row = (-along * PIXELS_PER_METRE).astype(np.int64) % rows
    column = (across * PIXELS_PER_METRE).astype(np.int64) % columns
    return texture[row, column]


def _face(
    out: Float32[np.ndarray, "places 3"],
    outfit: Outfit,
    places: Float32[np.ndarray, "places 3"],
    cloth: Int[np.ndarray, "places"],
) -> None:
    """Eyes, brows, lips, nostrils and glasses, painted in place."""
    front = np.flatnonzero((places[:, 1] > 0.53) & (places[:, 2] > 0.02) & (cloth != HAT))
    if not len(front):
        return
    x, y, z = np.abs(places[front, 0]), places[front, 1], places[front, 2]
    right, up = (x - EYE[0]) / 0.0155, (y - EYE[1]) / 0.0065
    skin = cloth[front] == SKIN
    ahead = skin & (z > 0.09)
    white = ahead & (right**2 + up**2 < 1)
    lid = ahead & (np.abs(right**2 + (up - 0.15) ** 2 - 1.05) < 0.3) & (up > -0.2)
    iris = white & (np.hypot(x - EYE[0], y - EYE[1]) < 0.0062)
    arch = 0.671 - 0.12 * np.abs(x - 0.03)
    brow = ahead & (np.abs(y - arch) < 0.0035) & (x > 0.012) & (x < 0.05)
    lips = ahead & ((x / 0.024) ** 2 + ((y - MOUTH) / 0.0085) ** 2 < 1)
    slit = lips & (np.abs(y - MOUTH) < 0.0012)
    nostril = ahead & (np.hypot(x - NOSTRILS[0], y - NOSTRILS[1]) < 0.0042)
    hair = outfit.colours[HAIR]
    for where, colour in (
        (lid, outfit.colours[SKIN] * 0.35),
        (white, np.full(3, 0.6)),
        (iris, outfit.eyes),
        (brow, 0.7 * hair + 0.1 * outfit.colours[SKIN]),
        (lips, outfit.lips),
        (slit, outfit.lips * 0.3),
        (nostril, outfit.colours[SKIN] * 0.25),
    ):
        out[front[where]] = colour
    if outfit.glasses:
        glass = (z > 0.08) & (((x - EYE[0]) / 0.027) ** 2 + ((y - EYE[1]) / 0.02) ** 2 < 1)
        temple = (np.abs(y - EYE[1] - 0.004) < 0.0045) & (z > 0.03) & (x > 0.05)
        bridge = (np.abs(y - EYE[1] - 0.004) < 0.003) & (x < 0.01) & (z > 0.08)
        out[front[glass | temple | bridge]] = outfit.colours[GLOVES] * 0.15

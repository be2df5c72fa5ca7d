"""How a surface takes the light: smooth normals, a soft three-light studio, colours of people.

Everything here is linear light, 0..1; ``to_linear`` and ``to_srgb`` lead there and back.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Integer, UInt8

# Told apart also with the common colour deficiencies (hue and lightness alternate, after the
# sets of Okabe & Ito and of Paul Tol), light enough to keep their shading.
PALETTE = (
    (126, 166, 240),  # cornflower
    (247, 172, 88),  # apricot
    (96, 196, 164),  # jade
    (236, 130, 158),  # rose
    (240, 214, 110),  # straw
    (168, 138, 222),  # lilac
    (128, 208, 236),  # sky
    (206, 120, 92),  # terracotta
    (176, 204, 108),  # moss
    (206, 206, 214),  # pearl
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A lamp far away: ``toward`` it in camera axes, its linear RGB; ``wrap`` softens its edge."""

    toward: tuple[float, float, float]
    colour: tuple[float, float, float]
    wrap: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Lamps, the light from above and below (``sky``, ``ground``), and a faint gloss."""

    lights: tuple[Light, ...] = (
        Light(toward=(-0.55, -0.75, -0.65), colour=(0.80, 0.76, 0.70), wrap=0.15),
        Light(toward=(0.90, -0.10, -0.55), colour=(0.17, 0.20, 0.26), wrap=0.40),
        Light(toward=(0.45, -0.55, 0.75), colour=(0.42, 0.44, 0.48), wrap=0.0),
    )
    sky: tuple[float, float, float] = (0.30, 0.33, 0.37)
    ground: tuple[float, float, float] = (0.13, 0.11, 0.10)
    gloss: float = 0.10
    gloss_exponent: int = 28


def to_linear(srgb: UInt8[np.ndarray, "*any 3"]) -> Float32[np.ndarray, "*any 3"]:
    """sRGB bytes -> linear light."""
    return _LINEAR_OF_BYTE[srgb]


def to_srgb(linear: Float[np.ndarray, "*any 3"]) -> UInt8[np.ndarray, "*any 3"]:
    """Linear light (clipped to 0..1) -> sRGB bytes, rounded."""
    # A fine table of square roots of light: dense where the eye sees steps.
    steps = np.sqrt(np.clip(linear, 0, 1)) * (len(_BYTE_OF_ROOT) - 1)
    return _BYTE_OF_ROOT[(steps + 0.5).astype(np.int32)]


def colour_of(number: int) -> Float32[np.ndarray, "3"]:
    """The linear colour of the person with that number; repeats after the palette's end."""
    return to_linear(np.array(PALETTE[number % len(PALETTE)], np.uint8))


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Integer[np.ndarray, "faces 3"]
) -> Float32[np.ndarray, "vertices 3"]:
    """Unit normals, the mean of the adjacent faces weighted by area; outward as faces wind."""
    # Axis by axis: rows of three are what arrays are slowest at.
    first, second, third = (np.ascontiguousarray(vertices.T)[:, corner] for corner in faces.T)
    (ax, ay, az), (bx, by, bz) = second - first, third - first
    across = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    flat = faces.ravel()
    sums = [np.bincount(flat, np.repeat(along, 3), len(vertices)) for along in across]
    normals = np.stack(sums, axis=1)
    return (normals / np.maximum(lengths(normals), 1e-20)).astype(np.float32)


def lengths(vectors: Float[np.ndarray, "vectors 3"]) -> Float[np.ndarray, "vectors 1"]:
    """The length of every row (``np.linalg.norm`` takes several times as long)."""
    x, y, z = vectors.T
    return np.sqrt(x * x + y * y + z * z)[:, None]


def shade(
    normals: Float32[np.ndarray, "samples 3"],
    toward_viewer: Float32[np.ndarray, "samples 3"],
    colours: Float32[np.ndarray, "samples 3"],
    openness: Float32[np.ndarray, "samples"],
    studio: Studio,
) -> Float32[np.ndarray, "samples 3"]:
    """Linear light leaving the surface: wrapped Lambert, sky and ground, Blinn-Phong gloss.

    ``openness`` 0..1 dims what other surfaces shut off from the surrounding light.
    """
    up = (0.5 - 0.5 * normals[:, 1:2]).astype(np.float32)
    sky, ground = np.array(studio.sky, np.float32), np.array(studio.ground, np.float32)
    light = ground + up * (sky - ground)
    gloss = np.zeros(len(normals), np.float32)
    for lamp in studio.lights:
        toward = np.array(lamp.toward, np.float32)
        toward /= np.linalg.norm(toward)
        # einsum, not a matrix product: films are drawn by several threads, and products that are
        # shared out between threads round otherwise from run to run.
        facing = (np.einsum("nc,c->n", normals, toward) + lamp.wrap) / (1 + lamp.wrap)
        light += np.maximum(facing, 0)[:, None] * np.array(lamp.colour, np.float32)
        between = toward + toward_viewer
        between /= np.maximum(lengths(between), 1e-6)
        shine = np.maximum(np.einsum("nc,nc->n", normals, between), 0) ** studio.gloss_exponent
        gloss += max(lamp.colour) * shine
    out = colours * light + (studio.gloss * gloss)[:, None]
    return out * openness[:, None]


def _byte_to_linear() -> np.ndarray:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def _root_to_byte(steps: int = 8192) -> np.ndarray:
    light = np.linspace(0, 1, steps) ** 2
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(value * 255).astype(np.uint8)


_LINEAR_OF_BYTE = _byte_to_linear()
_BYTE_OF_ROOT = _root_to_byte()

"""High dynamic range videos as ordinary pictures: tone mapping of PQ (HDR10, Dolby Vision) and HLG.

Phones film in BT.2020's wide colours with one of two curves. Decoded as if they were ordinary, the
pictures are pale and flat; networks and eyes want them as a photograph would show the scene.

    code values -> light (203 cd/m^2, BT.2408's white of a page, = 1) -> BT.709's colours
                -> a shoulder for what is brighter -> sRGB
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt16

from pymafsam.records import Pixels

Light = Float[np.ndarray, "..."]
WHITE = 203.0  # cd/m^2 of diffuse white (ITU-R BT.2408)
HLG_WHITE = 0.75  # HLG's code value of the same white (BT.2408)
KNEE = 0.6  # light up to which nothing is changed; above it everything is drawn below 1
# BT.2020's primaries in BT.709's (ITU-R BT.2087).
TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def from_pq(code: Light) -> Light:
    """Light of PQ's code values 0..1 (SMPTE ST 2084's constants), white is 1."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = np.power(code, 1 / m2)
    return np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1) * (10_000 / WHITE)


def from_hlg(code: Light) -> Light:
    """Light of HLG's code values 0..1 (ARIB STD-B67's constants), white is 1.

    The scene's light: the system's gamma, which suits the screen to a dark room, is left out.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    low = np.square(code) / 3
    high = (np.exp((code - c) / a) + b) / 12
    white = (np.exp((HLG_WHITE - c) / a) + b) / 12
    return np.where(code <= 0.5, low, high) / white


# FFmpeg's numbers of transfer characteristics (ITU-T H.273, table 3).
CURVES: dict[int, Callable[[Light], Light]] = {16: from_pq, 18: from_hlg}


def curve_of(picture: object) -> Callable[[Light], Light] | None:
    """How the code values of a decoded picture become light; None where it is an ordinary one."""
    return CURVES.get(int(getattr(picture, "color_trc", 0) or 0))


def tone_mapped(
    rgb: UInt16[np.ndarray, "height width 3"], curve: Callable[[Light], Light]
) -> Pixels:
    """16-bit code values of a wide-gamut picture as sRGB."""
    table = curve(np.arange(65536) / 65535).astype(np.float32)
    light = np.clip(table[rgb] @ TO_709.T, 0, None)
    return _srgb(_shoulder(light))


def _shoulder(light: Light) -> Light:
    """What is above the knee drawn below 1, brighter still brighter; smooth at the knee."""
    above = np.maximum(light - KNEE, 0) / (1 - KNEE)
    return np.minimum(light, KNEE) + (1 - KNEE) * above / (1 + above)


def _srgb(light: Light) -> Pixels:
    steps = np.linspace(0, 1, 4096)
    codes = np.where(steps <= 0.0031308, 12.92 * steps, 1.055 * steps ** (1 / 2.4) - 0.055)
    table = np.round(255 * codes).astype(np.uint8)
    return table[np.round(light * 4095).astype(np.int32)]

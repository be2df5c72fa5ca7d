"""What is done to a crop on purpose: mirrored, turned, resized, recoloured, covered, blurred.

``Augmentation`` says what is done; the functions do it, to every answer alike. The ranges and the
order of draws are SPIN's, so that a generator of numpy's old kind (``np.random.RandomState``)
reproduces the reference's stream.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pymafsam.geometry import mirror, rotation
from pymafsam.records import Pixels

Random = np.random.Generator | np.random.RandomState  # both draw the same kinds of numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """From where augmentations are drawn; the defaults are SPIN's and PyMAF's.

    ``occluded`` and ``coarse`` are the chances of a covering patch and of low resolution.
    """

    mirrored: float = 0.5
    colour: float = 0.4  # a channel is multiplied by 1 - colour to 1 + colour
    degrees: float = 30.0  # standard deviation, cut off at twice as much
    upright: float = 0.6  # chance not to be turned at all
    scale: float = 0.25  # standard deviation and limit
    occluded: float = 0.0
    coarse: float = 0.0


SPIN = Ranges()
NONE = Ranges(mirrored=0.0, colour=0.0, degrees=0.0, scale=0.0)
PATCH = (0.15, 0.45)  # sides of a covering patch, shares of the crop's
COARSEST = 4.0  # times fewer pixels along a side


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """One draw. ``degrees``: the content turns counter-clockwise on the screen.

    ``patch``: x0, y0, x1, y1 of the crop's side, 0 to 1, filled with ``patch_seed``'s noise.
    """

    flipped: bool = False
    channels: tuple[float, float, float] = (1.0, 1.0, 1.0)
    degrees: float = 0.0
    scale: float = 1.0
    patch: tuple[float, float, float, float] | None = None
    patch_seed: int = 0
    coarse: float = 1.0  # times fewer pixels along a side

    @property
    def radians(self) -> float:
        """``degrees`` for ``affine.Square.angle``."""
        return float(np.deg2rad(self.degrees))


def draw(random: Random, ranges: Ranges) -> Augmentation:
    """An augmentation; numbers are drawn in the reference's order, ours after them."""
    flipped = bool(random.uniform() <= ranges.mirrored)
    channels = random.uniform(1 - ranges.colour, 1 + ranges.colour, 3)
    most = 2 * ranges.degrees
    degrees = float(np.clip(random.standard_normal() * ranges.degrees, -most, most))
    scale = 1 + float(np.clip(random.standard_normal() * ranges.scale, -ranges.scale, ranges.scale))
    if random.uniform() <= ranges.upright:
        degrees = 0.0
    patch, seed, coarse = None, 0, 1.0
    if ranges.occluded and random.uniform() <= ranges.occluded:
        patch = _patch(random)
        seed = int(random.uniform() * 2**31)
    if ranges.coarse and random.uniform() <= ranges.coarse:
        coarse = float(random.uniform(1.0, COARSEST))
    return Augmentation(
        flipped=flipped,
        channels=(float(channels[0]), float(channels[1]), float(channels[2])),
        degrees=degrees,
        scale=scale,
        patch=patch,
        patch_seed=seed,
        coarse=coarse,
    )


def _patch(random: Random) -> tuple[float, float, float, float]:
    width, height = random.uniform(*PATCH, 2)
    x, y = random.uniform(0.0, 1.0, 2)
    x0, y0 = x * (1 - width), y * (1 - height)
    return float(x0), float(y0), float(x0 + width), float(y0 + height)


def picture(pixels: Pixels, augmentation: Augmentation) -> Pixels:
    """The (turned and resized) crop mirrored, recoloured, coarsened and covered."""
    if augmentation.flipped:
        pixels = pixels[:, ::-1]
    if augmentation.channels != (1.0, 1.0, 1.0):
        # Cut off, not rounded, as the reference does it.
        pixels = np.clip(pixels * np.array(augmentation.channels), 0, 255).astype(np.uint8)
    if augmentation.coarse > 1:
        pixels = _coarsened(pixels, augmentation.coarse)
    if augmentation.patch is not None:
        pixels = _covered(pixels, augmentation)
    return np.ascontiguousarray(pixels)


def _coarsened(pixels: Pixels, times: float) -> UInt8[np.ndarray, "height width 3"]:
    import cv2

    side = max(round(len(pixels) / times), 8)
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _covered(pixels: Pixels, augmentation: Augmentation) -> Pixels:
    """A rectangle of one colour with some grain: no edge or texture tells what lies behind."""
    assert augmentation.patch is not None
    random = np.random.default_rng(augmentation.patch_seed)
    x0, y0, x1, y1 = (round(edge * len(pixels)) for edge in augmentation.patch)
    out = pixels.copy()
    colour = random.uniform(0, 255, 3)
    grain = random.normal(0, 12, (y1 - y0, x1 - x0, 1))
    out[y0:y1, x0:x1] = np.clip(colour + grain, 0, 255).astype(np.uint8)
    return out


def mask(
    inside: Bool[np.ndarray, "side side"], augmentation: Augmentation
) -> Bool[np.ndarray, "side side"]:
    """The crop of a mask as the augmented crop shows the person: mirrored, and less the patch."""
    out = np.ascontiguousarray(inside[:, ::-1]) if augmentation.flipped else inside.copy()
    if augmentation.patch is not None:
        x0, y0, x1, y1 = (round(edge * len(inside)) for edge in augmentation.patch)
        out[y0:y1, x0:x1] = False
    return out


def keypoints(
    points: Float[np.ndarray, "points 3"], layout: str, augmentation: Augmentation
) -> Float[np.ndarray, "points 3"]:
    """Keypoints of the (turned and resized) crop, -1 to 1, mirrored where the crop is."""
    return mirror.points(points, layout) if augmentation.flipped else points


def joints_3d(
    points: Float[np.ndarray, "24 4"], augmentation: Augmentation
) -> Float[np.ndarray, "24 4"]:
    """Joints in metres (j24) turned and mirrored with the picture."""
    out = points.copy()
    if augmentation.degrees:
        out[:, :2] = out[:, :2] @ _turn(augmentation)[:2, :2].T
    return mirror.points(out, "j24") if augmentation.flipped else out


def rotations(
    pose: Float[np.ndarray, "24 3 3"], augmentation: Augmentation
) -> Float[np.ndarray, "24 3 3"]:
    """A pose turned and mirrored with the picture."""
    out = pose.copy()
    if augmentation.degrees:
        out[0] = mirror.rotate_root(out[0], augmentation.degrees)
    return mirror.rotations(out) if augmentation.flipped else out


def shift(moved: Float[np.ndarray, "2"], augmentation: Augmentation) -> Float[np.ndarray, "2"]:
    """The (tx, ty) of an upright crop's weak camera, turned and mirrored with the picture."""
    out = _turn(augmentation)[:2, :2] @ moved
    return out * (-1, 1) if augmentation.flipped else out


def _turn(augmentation: Augmentation) -> Float[np.ndarray, "3 3"]:
    """Camera axes have y down: counter-clockwise on the screen is about -z."""
    return rotation.from_axis_angle(np.array([0.0, 0.0, -augmentation.radians]))

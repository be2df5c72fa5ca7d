"""One box per frame from a track of keypoints: gaps bridged, jumps removed, motion smoothed.

The rows are (centre x, centre y, scale) with scale = 150 / diagonal of the seen keypoints, as
tracks of keypoints were turned into crops for VIBE and PyMAF.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput

SEEN = 0.3  # confidence above which a keypoint counts
DIAGONAL = 150.0  # pixels that the seen keypoints' diagonal has in a crop at scale 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Rows of boxes for the frames ``first`` up to, not including, ``end``."""

    rows: Float[np.ndarray, "frames 3"]
    first: int
    end: int


def boxes_from_keypoints(
    keypoints: Float[np.ndarray, "frames keypoints 3"], seen: float = SEEN
) -> Track:
    """Boxes about the keypoints with confidence above ``seen``; x, y in picture pixels.

    Frames before the first and after the last sighting are dropped, gaps between are interpolated.
    Raises BadInput when nothing is seen anywhere.
    """
    visible = keypoints[..., 2] > seen
    frames = np.flatnonzero([_has_extent(k[v]) for k, v in zip(keypoints, visible, strict=True)])
    if not len(frames):
        raise BadInput(f"No frame of the track has keypoints with confidence above {seen}.")
    found = np.stack([_row(keypoints[f][visible[f]]) for f in frames])
    wanted = np.arange(frames[0], frames[-1] + 1)
    rows = np.stack([np.interp(wanted, frames, column) for column in found.T], axis=1)
    return Track(rows=rows, first=int(frames[0]), end=int(frames[-1]) + 1)


def smooth(
    rows: Float[np.ndarray, "frames 3"], median: int = 11, deviation: float = 8.0
) -> Float[np.ndarray, "frames 3"]:
    """A running median of ``median`` frames, then a Gaussian of ``deviation`` frames.

    Beyond the ends the median sees zeros and the Gaussian a mirror image, as the reference's do.
    """
    half = median // 2
    padded = np.pad(rows, [(half, half), (0, 0)])
    steady = np.median(np.lib.stride_tricks.sliding_window_view(padded, median, axis=0), axis=-1)
    radius = int(4 * deviation + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    mirrored = np.pad(steady, [(radius, radius), (0, 0)], mode="symmetric")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in mirrored.T], axis=1)


def _has_extent(points: Float[np.ndarray, "seen 3"]) -> bool:
    return len(points) > 0 and bool((np.ptp(points[:, :2], axis=0) > 0).any())


def _row(points: Float[np.ndarray, "seen 3"]) -> Float[np.ndarray, "3"]:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    return np.array([*(low + high) / 2, DIAGONAL / np.linalg.norm(high - low)])

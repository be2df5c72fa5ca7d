"""Masks followed from one frame of a video to the next, between those that a segmenter makes.

Around a person it is measured where every pixel goes (dense optical flow: Farneback, "Two-Frame
Motion Estimation Based on Polynomial Expansion", 2003), and the outline is taken along.
In dark clothes flow sees nothing move, and the outline stays behind: what that loses against a
segmenter in every frame stands in docs/results/video.md.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam.geometry.boxes import bounds
from pymafsam.records import Inside, Mask, Pixels

SIDE = 160  # pixels of the longer side of the window in which motion is measured
MARGIN = 0.2  # of the person's size, around them: what moves into the outline must be seen
REACH = 16.0  # pixels of distance from the outline that are told apart
LEAST = 20  # pixels: nobody is followed who is hardly there
# In pixels of the window: what is nearer to the outline does not say how the person moves, and
# how far it is carried what the rest says; where there is no rest, from farther away.
EDGE, NEAR, FAR = 2.0, 6.0, 20.0
FAINT = 1e-4
Distance = Float[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A person's mask in a frame as it is followed: pixels' distance to the outline, inside > 0.

    A distance stays as sharp however often it is resampled, and remembers parts of pixels: a mask
    of yes and no would not move with somebody who moves by less than half a pixel per frame.
    """

    distance: Distance
    score: float

    @staticmethod
    def of(mask: Mask) -> "Outline":
        """The outline of a segmenter's mask."""
        import cv2

        inside = mask.inside.astype(np.uint8)
        within = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        beside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
        # Distances count from the middle of the nearest pixel beyond: half a pixel less.
        distance = np.where(mask.inside, within - 0.5, 0.5 - beside)
        return Outline(
            distance=np.clip(distance, -REACH, REACH).astype(np.float32), score=mask.score
        )

    def mask(self) -> Mask | None:
        """As a mask; None where next to nothing is left of it."""
        inside = self.distance > 0
        if np.count_nonzero(inside) < LEAST:
            return None
        return Mask(inside=inside, score=self.score, source="followed")

    def moved_on(self, before: Pixels, now: Pixels) -> "Outline":
        """The outline in the next frame."""
        import cv2

        if not (self.distance > 0).any():
            return self
        window = _around(self.distance > 0)
        within = self.distance[window]
        motion = _motion(before[window], now[window], within)
        rows, columns = np.indices(within.shape, np.float32)
        distance = np.full_like(self.distance, -REACH)
        distance[window] = cv2.remap(
            within,
            columns - motion[..., 0],
            rows - motion[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return Outline(distance=distance, score=self.score)


def _around(inside: Inside) -> tuple[slice, slice]:
    """Rows and columns around a mask, with some more on each side."""
    x0, y0, x1, y1 = bounds(inside).astype(int)
    more = round(MARGIN * max(x1 - x0, y1 - y0)) + 2
    return slice(max(y0 - more, 0), y1 + more), slice(max(x0 - more, 0), x1 + more)


def _motion(before: Pixels, now: Pixels, distance: Distance) -> Float[np.ndarray, "height width 2"]:
    """How far (x, y) the person moves, in pixels, at every pixel on and around them.

    Only what lies well inside the outline says so, and is spread outwards: the flow at an edge is a
    mixture of both sides', and background that comes into sight has none at all. A mask taken
    along by the flow as it is leaves a trail.
    """
    import cv2

    height, width = now.shape[:2]
    zoom = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    flow = _flow(*(_grey(pixels, size) for pixels in (before, now)))
    depth = zoom * np.asarray(cv2.resize(distance, size, interpolation=cv2.INTER_AREA))
    weight = np.square(np.clip(depth - EDGE, 0, None)) + FAINT * (depth > 0)
    spread = np.zeros_like(flow)
    total = np.full(weight.shape, FAINT**2, np.float32)
    for share, deviation in ((1.0, NEAR), (FAINT, FAR)):
        weighted = flow * weight[..., None]
        spread += share * np.asarray(cv2.GaussianBlur(weighted, (0, 0), deviation))
        total += share * np.asarray(cv2.GaussianBlur(weight, (0, 0), deviation))
    longer = np.array([width / size[0], height / size[1]], np.float32)
    return np.asarray(cv2.resize(spread / total[..., None], (width, height))) * longer


def _grey(pixels: Pixels, size: tuple[int, int]) -> UInt8[np.ndarray, "height width"]:
    import cv2

    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _flow(
    before: UInt8[np.ndarray, "height width"], now: UInt8[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width 2"]:
    """Where every pixel of ``before`` goes, x and y, by Farneback's method."""
    import cv2

    return cv2.calcOpticalFlowFarneback(
        before,
        now,
        np.zeros((*before.shape, 2), np.float32),
        pyr_scale=0.5,
        levels=4,
        winsize=9,
        iterations=3,
        poly_n=5,
        poly_sigma=1.1,
        flags=0,
    )

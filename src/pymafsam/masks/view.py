"""How a picture, or a part of one, lies on the square canvas that Segment Anything encodes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam.geometry.affine import between_centres
from pymafsam.records import Pixels

CANVAS = 1024
LOGITS = 256
# A canvas is cut off at a multiple of STEP pixels, BEYOND or more below and right of the picture:
# networks should see that it ends there.
STEP, BEYOND = 32, 32
# Around a person's box that much is seen at least: a share of its longer side, and canvas pixels.
ROOM, LEAST_ROOM = 0.15, 64
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)

Logits = Float[np.ndarray, "256 256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a canvas."""

    top: int = 0
    left: int = 0
    bottom: int = CANVAS
    right: int = CANVAS

    def of(self, canvas: UInt8[np.ndarray, "1024 1024 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
        """These rows and columns."""
        return canvas[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Canvas pixels = ``scale`` * picture pixels + ``shift``; ``region`` is the part seen.

    ``region`` is x0, y0, x1, y1 in whole picture pixels. ``size`` is the picture's (width, height).
    ``part`` is what of the canvas is encoded, for nothing beyond it is asked about.
    """

    scale: float
    shift: tuple[float, float]
    region: tuple[int, int, int, int]
    size: tuple[int, int]
    part: Part = Part()

    def to_canvas(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Picture pixels to canvas pixels, both with pixel centres at +0.5."""
        return points * self.scale + np.asarray(self.shift)

    def place(self, canvas: UInt8[np.ndarray, "1024 1024 3"], pixels: Pixels) -> None:
        """Draw the region of the picture into the canvas."""
        import cv2

        x0, y0, x1, y1 = self.region
        left, top, right, bottom = self.place_of_region()
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        part = np.ascontiguousarray(pixels[y0:y1, x0:x1])
        canvas[top:bottom, left:right] = cv2.resize(
            part, (right - left, bottom - top), interpolation=method
        )

    def place_of_region(self) -> tuple[int, int, int, int]:
        """Where the region lies on the canvas: left, top, right, bottom in whole canvas pixels."""
        x0, y0, x1, y1 = self.region
        left, top = np.rint(self.to_canvas(np.array([[x0, y0]], float))[0]).astype(int).tolist()
        right, bottom = np.rint(self.to_canvas(np.array([[x1, y1]], float))[0]).astype(int).tolist()
        right, bottom = min(max(right, left + 1), CANVAS), min(max(bottom, top + 1), CANVAS)
        return left, top, right, bottom

    def cut(self, boxes: Float[np.ndarray, "people 4"] | None = None) -> "View":
        """The same without what says nothing: what lies BEYOND the region and more.

        Of people only their surroundings are kept, in which all ``boxes`` lie (picture pixels).
        """
        *_, right, bottom = self.place_of_region()
        first, last = np.zeros(2), np.ceil((np.array([right, bottom]) + BEYOND) / STEP)
        if boxes is not None:
            corners = boxes * self.scale + np.tile(self.shift, 2)
            sides = (corners[:, 2:] - corners[:, :2]).max(axis=1, keepdims=True)
            room = np.maximum(ROOM * sides, LEAST_ROOM)
            corners = np.clip(corners, 0, (right, bottom) * 2)
            low, high = (corners[:, :2] - room).min(axis=0), (corners[:, 2:] + room).max(axis=0)
            first = np.clip(np.floor(low / STEP), 0, last - 1)
            last = np.clip(np.ceil(high / STEP), first + 1, last)
        left, top = (STEP * first).astype(int).tolist()
        right, bottom = np.minimum(STEP * last, CANVAS).astype(int).tolist()
        return replace(self, part=Part(top=top, left=left, bottom=bottom, right=right))

    def seen(self) -> tuple[int, int, int, int]:
        """What of the region lies in the part, x0, y0, x1, y1 in whole picture pixels."""
        part = np.array([self.part.left, self.part.top, self.part.right, self.part.bottom])
        within = (part - np.tile(self.shift, 2)) / self.scale
        low = np.maximum(self.region[:2], np.floor(within[:2])).astype(int)
        high = np.minimum(self.region[2:], np.ceil(within[2:])).astype(int)
        return (*low.tolist(), *high.tolist())

    def to_picture(self, logits: Logits) -> Float[np.ndarray, "height width"]:
        """The decoder's logits at every pixel of the picture, bilinear; -inf where none is seen."""
        import cv2

        x0, y0, x1, y1 = self.seen()
        scale = self.scale * LOGITS / CANVAS
        shift = (np.array(self.shift) + self.scale * np.array([x0, y0])) * LOGITS / CANVAS
        matrix = between_centres(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]))
        whole = np.full((self.size[1], self.size[0]), -np.inf, np.float32)
        whole[y0:y1, x0:x1] = cv2.warpAffine(
            logits.astype(np.float32),
            matrix,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return whole

    def to_logits(self, field: Float[np.ndarray, "height width"], outside: float) -> Logits:
        """A picture-sized field resampled to the decoder's ``mask_input``; inverse of the above."""
        import cv2

        scale = CANVAS / LOGITS / self.scale
        shift = -np.array(self.shift) / self.scale
        matrix = between_centres(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]))
        return cv2.warpAffine(
            field.astype(np.float32),
            matrix,
            (LOGITS, LOGITS),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,  # pyright: ignore[reportArgumentType, reportCallIssue]
        )


def whole(size: tuple[int, int]) -> View:
    """The entire picture in the canvas' top left corner, its longer side filling the canvas."""
    scale, region = CANVAS / max(size), (0, 0, *size)
    return View(scale=scale, shift=(0.0, 0.0), region=region, size=size).cut()


def around(box: Float[np.ndarray, "4"], size: tuple[int, int], margin: float) -> View:
    """The surroundings of a box, ``margin`` times as wide and high, cut at the picture's edge."""
    half = (box[2:] - box[:2]) / 2 * margin
    centre = (box[:2] + box[2:]) / 2
    low = np.clip(np.floor(centre - half), 0, np.array(size) - 1).astype(int)
    high = np.clip(np.ceil(centre + half), low + 1, size).astype(int)
    scale = CANVAS / float((high - low).max())
    return View(
        scale=scale,
        shift=(-scale * float(low[0]), -scale * float(low[1])),
        region=(int(low[0]), int(low[1]), int(high[0]), int(high[1])),
        size=size,
    ).cut()


def cells(sizes: Sequence[tuple[int, int]], across: int) -> list[View]:
    """Up to ``across`` x ``across`` small pictures side by side on one canvas, row by row."""
    side = CANVAS // across
    return [
        View(
            scale=side / max(size),
            shift=(float(side * (k % across)), float(side * (k // across))),
            region=(0, 0, *size),
            size=size,
        )
        for k, size in enumerate(sizes)
    ]


def blank() -> UInt8[np.ndarray, "1024 1024 3"]:
    """An empty canvas of the mean colour, which normalises to (almost) zero."""
    row = np.tile(np.rint(MEAN).astype(np.uint8), (1, CANVAS, 1))
    return np.repeat(row, CANVAS, axis=0)


def normalise(
    canvas: UInt8[np.ndarray, "rows columns 3"],
) -> Float[np.ndarray, "1 3 rows columns"]:
    """Channels first, ImageNet mean and deviation."""
    planes = np.empty((1, 3, *canvas.shape[:2]), np.float32)
    for channel in range(3):  # plane by plane: faster than all at once and turned
        values = canvas[:, :, channel].astype(np.float32)
        values -= np.float32(MEAN[channel])
        np.divide(values, np.float32(DEVIATION[channel]), out=planes[0, channel])
    return planes


def completed(
    planes: Float[np.ndarray, "1 3 rows columns"],
) -> Float[np.ndarray, "1 3 1024 1024"]:
    """A normalised canvas that was cut off, with the blank rest."""
    rows, columns = planes.shape[2:]
    if rows == columns == CANVAS:
        return planes
    out = normalise(blank())
    out[:, :, :rows, :columns] = planes
    return out

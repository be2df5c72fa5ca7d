"""Cut the square around a person out of a picture, the way the trained networks expect it.

The square is rounded to whole pixels, filled with black outside the picture, turned if asked, and
resized by Pillow's antialiased bicubic: bit for bit what SPIN and PyMAF were trained on. What was
done is known exactly: ``to_frame`` maps crop pixels to picture pixels, and its inverse goes back.
Pixel (i, j) covers [i, i + 1) x [j, j + 1) in the picture and in the crop alike.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image

from pymafsam.errors import BadInput
from pymafsam.geometry.affine import Affine, Points, Square, apply, around_box, inverse, rotation
from pymafsam.geometry.boxes import bounds
from pymafsam.geometry.camera import CROP_SIDE
from pymafsam.records import Crop, Inside, Pixels

SIZE = CROP_SIDE  # pixels; side of the official networks' input
MARGIN = 1.2  # the square's side over the person's box, as in the training rows
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet's RGB
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

Labels = Shaped[np.ndarray, "height width"]


def square_around(box: Float[np.ndarray, "4"], margin: float = MARGIN) -> Square:
    """The square about a box x0 y0 x1 y1, ``margin`` times its longer side.

    Raises BadInput for a box without extent.
    """
    x0, y0, x1, y1 = map(float, box)
    longer = max(x1 - x0, y1 - y0)
    if not np.isfinite(longer) or longer <= 0 or min(x1 - x0, y1 - y0) < 0:
        raise BadInput(f"A box needs x0 < x1 and y0 < y1; found {x0}, {y0}, {x1}, {y1}.")
    return around_box(box, margin)


def crop(pixels: Pixels, square: Square, size: int = SIZE) -> Crop:
    """The square as a network wants it, with the way back; ``points`` are left open."""
    return Crop(
        pixels=normalise(cut(pixels, square, size)), points=None, to_frame=to_frame(square, size)
    )


def cut(
    pixels: UInt8[np.ndarray, "height width *channels"],
    square: Square,
    size: int = SIZE,
    origin: tuple[int, int] = (0, 0),
) -> UInt8[np.ndarray, "size size *channels"]:
    """The square, ``size`` pixels wide; black where the picture ends.

    ``pixels`` may be a part of the picture, whose top left pixel is the picture's ``origin``.
    """
    box = _truncated_box(square, size)
    box = _Box(box.left - origin[0], box.top - origin[1], box.width, box.height)
    canvas = _turned(pixels, box, square.angle) if square.angle else _window(pixels, box)
    return np.asarray(Image.fromarray(canvas).resize((size, size), Image.Resampling.BICUBIC))


def cut_labels(labels: Labels, square: Square, size: int = SIZE) -> Shaped[np.ndarray, "size size"]:
    """Labels or a mask [height width] under the same square; nothing is mixed, outside is 0."""
    return labels_under(labels, to_frame(square, size), size)


def square_of_person(inside: Inside, box: Float[np.ndarray, "4"] | None = None) -> Square:
    """The square a network would cut for a person: about their box, or else about their mask."""
    return square_around(bounds(inside) if box is None else np.asarray(box, float))


def cut_person(
    inside: Inside, box: Float[np.ndarray, "4"] | None = None
) -> Bool[np.ndarray, "side side"]:
    """A person's mask under the square a network would cut for them, 224 pixels wide."""
    return cut_labels(inside, square_of_person(inside, box))


def labels_under(
    labels: Labels, to_frame: Affine, size: int = SIZE
) -> Shaped[np.ndarray, "size size"]:
    """Labels or a mask as a crop sees them (``Crop.to_frame``): the one under each centre."""
    return _nearest(labels, apply(to_frame, _centres(size, size)))


def paste_back(
    pixels: UInt8[np.ndarray, "size size *channels"],
    square: Square,
    shape: tuple[int, int],
    *,
    labels: bool = False,
) -> UInt8[np.ndarray, "height width *channels"]:
    """An unturned crop laid back on a black picture of ``shape`` (height, width).

    Bicubic as the reference does it; ``labels`` keeps values unmixed. A crop of a turned square
    goes back by ``paste_labels_back``.
    """
    size = len(pixels)
    box = _truncated_box(square, size)
    way = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
    laid = np.asarray(Image.fromarray(pixels).resize((box.width, box.height), way))
    out = np.zeros((*shape, *pixels.shape[2:]), pixels.dtype)
    theirs, ours = _overlap(box, shape)
    out[theirs] = laid[ours]
    return out


def paste_labels_back(
    labels: Labels, square: Square, shape: tuple[int, int]
) -> Shaped[np.ndarray, "rows columns"]:
    """A crop's labels or mask on a picture of ``shape`` (height, width); outside is 0."""
    back = inverse(to_frame(square, len(labels)))
    return _nearest(labels, apply(back, _centres(*shape)))


def to_frame(square: Square, size: int = SIZE) -> Affine:
    """Crop pixels (x, y, 1) -> picture pixels, exactly as ``cut`` samples them."""
    box = _truncated_box(square, size)
    scale = np.diag([box.width / size, box.height / size])
    if not square.angle:
        return np.column_stack([scale, [box.left, box.top]]).astype(np.float64)
    # The canvas is turned about its own middle, which is the box's.
    middle = np.array([box.width, box.height]) / 2
    turn = rotation(square.angle)
    offset = np.array([box.left, box.top]) + middle - turn @ middle
    return np.column_stack([turn @ scale, offset])


def normalise(pixels: UInt8[np.ndarray, "size size 3"]) -> Float[np.ndarray, "3 size size"]:
    """0..255 to what the networks see: channels first, ImageNet's mean and deviation taken out."""
    scaled = pixels.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((scaled - MEAN) / DEVIATION).transpose(2, 0, 1))


def training_transform(square: Square, size: int = SIZE) -> Float[np.ndarray, "3 3"]:
    """Picture -> crop pixels without rounding the box: the map the training rows were made with.

    Turned by -``angle`` about the crop's centre.
    """
    zoom = size / square.side
    out = np.eye(3)
    out[0, 0] = out[1, 1] = zoom
    out[:2, 2] = size * (0.5 - np.array(square.centre) / square.side)
    if not square.angle:
        return out
    turn = np.eye(3)
    turn[:2, :2] = rotation(-square.angle)
    shift = np.eye(3)
    shift[:2, 2] = -size / 2
    back = np.eye(3)
    back[:2, 2] = size / 2
    return back @ turn @ shift @ out


def transform_truncated(
    points: Points, square: Square, size: int = SIZE, *, back: bool = False
) -> Int[np.ndarray, "*batch 2"]:
    """The reference's keypoint map: points counted from 1, cut off to whole numbers.

    ``back`` goes from the crop to the picture. Only for rows that were made this way: it loses up
    to a pixel, towards zero.
    """
    matrix = training_transform(square, size)
    matrix = np.linalg.inv(matrix) if back else matrix
    ones = np.ones((*points.shape[:-1], 1))
    moved = np.concatenate([points - 1, ones], -1) @ matrix.T
    return moved[..., :2].astype(np.int64) + 1


@dataclass(frozen=True, slots=True)
class _Box:
    """A window in whole picture pixels."""

    left: int
    top: int
    width: int
    height: int


def _truncated_box(square: Square, size: int) -> _Box:
    """The square's corners cut off towards zero, as the reference does it."""
    upright = Square(centre=square.centre, side=square.side)
    corners = np.array([[1.0, 1.0], [size + 1.0, size + 1.0]])
    (left, top), (right, bottom) = (
        transform_truncated(corners, upright, size, back=True) - 1
    ).tolist()
    if right <= left or bottom <= top:
        raise BadInput(
            f"A square of {square.side:.2f} pixels is too small to be cut out (one pixel at least)."
        )
    return _Box(left, top, right - left, bottom - top)


def _overlap(box: _Box, shape: tuple[int, ...]) -> tuple[tuple, tuple]:
    """Slices of the picture and of the window where they meet."""
    rows = max(0, box.top), max(0, min(shape[0], box.top + box.height))
    columns = max(0, box.left), max(0, min(shape[1], box.left + box.width))
    rows, columns = (rows[0], max(rows)), (columns[0], max(columns))
    theirs = slice(*rows), slice(*columns)
    inside = [r - box.top for r in rows], [c - box.left for c in columns]
    return theirs, tuple(slice(*pair) for pair in inside)


def _window(
    pixels: Shaped[np.ndarray, "height width *channels"], box: _Box
) -> Shaped[np.ndarray, "rows columns *channels"]:
    out = np.zeros((box.height, box.width, *pixels.shape[2:]), pixels.dtype)
    theirs, ours = _overlap(box, pixels.shape)
    out[ours] = pixels[theirs]
    return out


def _turned(
    pixels: Shaped[np.ndarray, "height width *channels"], box: _Box, angle: float
) -> UInt8[np.ndarray, "rows columns *channels"]:
    """The window after the content turned about its middle: bilinear, rounded down."""
    pad = int(np.hypot(box.width, box.height) / 2 - box.height / 2)
    wide = _Box(box.left - pad, box.top - pad, box.width + 2 * pad, box.height + 2 * pad)
    canvas = _window(pixels, wide)
    # A black frame, so that neighbours of the outermost pixels can be read without asking.
    canvas = np.pad(canvas, [(2, 2), (2, 2)] + [(0, 0)] * (pixels.ndim - 2))
    x, y = _sources(wide, pad, box, angle)
    return _bilinear(canvas, x + 2, y + 2)


def _sources(
    wide: _Box, pad: int, box: _Box, angle: float
) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:
    """Where on the wide canvas each pixel of the turned box comes from (centres are whole)."""
    middle = np.array([wide.width, wide.height]) / 2 - 0.5
    turn = rotation(angle)
    shift = middle - turn @ middle
    columns = np.arange(pad, pad + box.width, dtype=np.float64)[None]
    rows = np.arange(pad, pad + box.height, dtype=np.float64)[:, None]
    x = turn[0, 0] * columns + turn[0, 1] * rows + shift[0]
    y = turn[1, 0] * columns + turn[1, 1] * rows + shift[1]
    return x, y


def _bilinear(
    canvas: Shaped[np.ndarray, "height width *channels"],
    x: Float[np.ndarray, "rows columns"],
    y: Float[np.ndarray, "rows columns"],
) -> UInt8[np.ndarray, "rows columns *channels"]:
    height, width = canvas.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    shape = (*x.shape, *[1] * (canvas.ndim - 2))
    across, down = (x - left).reshape(shape), (y - top).reshape(shape)
    upper = (1 - across) * canvas[top, left] + across * canvas[top, left + 1]
    lower = (1 - across) * canvas[top + 1, left] + across * canvas[top + 1, left + 1]
    return ((1 - down) * upper + down * lower).astype(np.uint8)


def _centres(height: int, width: int) -> Float[np.ndarray, "height width 2"]:
    rows, columns = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    return np.stack([columns, rows], -1)


def _nearest(
    labels: Labels, places: Float[np.ndarray, "rows columns 2"]
) -> Shaped[np.ndarray, "rows columns"]:
    """The label under every place; 0 (False) outside."""
    columns, rows = np.floor(places).astype(np.int64).transpose(2, 0, 1)
    height, width = labels.shape[:2]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    found = labels[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    found[~inside] = 0
    return found

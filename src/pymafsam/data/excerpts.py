"""The part of a picture that a person's crops can ever show, kept on disk decoded.

Reading and decoding a large photograph for every crop of one person in it costs more than all that
is done with the crop afterwards.
"""

import hashlib
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pymafsam.data.augment import Ranges
from pymafsam.data.rows import Row
from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing
from pymafsam.files.frames import read_picture
from pymafsam.records import Pixels

log = logging.getLogger(__name__)

SLACK = 4  # pixels beyond: squares are cut to whole pixels and sampled between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Some of a picture: its top left pixel is ``origin`` (x, y) of the picture, which is
    ``size`` (width, height) large.
    """

    pixels: Pixels
    origin: tuple[int, int]
    size: tuple[int, int]

    @staticmethod
    def whole(pixels: Pixels) -> "Excerpt":
        """All of a picture."""
        return Excerpt(pixels=pixels, origin=(0, 0), size=(pixels.shape[1], pixels.shape[0]))


@dataclass(frozen=True, slots=True)
class Excerpts:
    """A folder of excerpts, made on first use; several processes may share it.

    They belong to a picture as it was (its time and length) and to what crops may show of it.
    """

    folder: Path

    def of(self, path: Path, row: Row, ranges: Ranges) -> Excerpt:
        """The row's excerpt of the picture at ``path``. Raises BadInput for a bad picture."""
        try:
            known = path.stat()
        except OSError as error:
            raise BadInput(f"There is no file {path}.") from error
        corners = reach(row, ranges)
        asked = f"{path.resolve()} {known.st_mtime_ns} {known.st_size} {corners}"
        key = hashlib.sha256(asked.encode()).hexdigest()[:32]
        kept = self.folder / key[:2] / f"{key}.npz"
        return _read(kept) or _write(kept, excerpt_of(read_picture(path).pixels, corners))


def reach(row: Row, ranges: Ranges) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of what a row's crops may show, however they are turned and scaled."""
    half = row.square.side / 2 * (1 + ranges.scale)
    half *= np.sqrt(2) if ranges.degrees else 1.0
    low, high = row.centre - half - SLACK, row.centre + half + SLACK
    return (*np.floor(low).astype(int).tolist(), *np.ceil(high).astype(int).tolist())


def excerpt_of(pixels: Pixels, corners: tuple[int, int, int, int]) -> Excerpt:
    """The excerpt between corners, as far as there is a picture (a pixel at least)."""
    height, width = pixels.shape[:2]
    x0, y0 = min(max(corners[0], 0), width - 1), min(max(corners[1], 0), height - 1)
    x1, y1 = min(max(corners[2], x0 + 1), width), min(max(corners[3], y0 + 1), height)
    return Excerpt(
        pixels=np.ascontiguousarray(pixels[y0:y1, x0:x1]), origin=(x0, y0), size=(width, height)
    )


def _read(kept: Path) -> Excerpt | None:
    """What is kept; None where there is nothing, or nothing whole."""
    try:
        with np.load(kept, allow_pickle=False) as content:
            x, y, width, height = content["frame"].tolist()
            return Excerpt(pixels=content["pixels"], origin=(x, y), size=(width, height))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(kept: Path, excerpt: Excerpt) -> Excerpt:
    """Keep it where that can be: with a full disk the picture is read again next time."""
    frame = np.array([*excerpt.origin, *excerpt.size])
    try:
        with writing(kept) as temporary, temporary.open("wb") as stream:
            np.savez(stream, pixels=excerpt.pixels, frame=frame)
    except BadInput as error:
        log.warning("An excerpt could not be kept: %s", error)
    return excerpt

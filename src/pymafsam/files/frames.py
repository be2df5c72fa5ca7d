"""Read pictures from files, folders and videos: upright RGB, whatever was in the file."""

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files import made
from pymafsam.files.folders import files_below
from pymafsam.records import Frame, Pixels

log = logging.getLogger(__name__)

PICTURES = frozenset(".jpg .jpeg .jpe .png .webp .bmp .tif .tiff .gif .ppm .pgm .avif .jp2".split())
VIDEOS = frozenset(".mp4 .mov .m4v .avi .mkv .webm .mpg .mpeg .ogv .wmv .flv .3gp".split())

# About the largest a camera makes; beyond it a file is more likely a trap than a photograph.
MOST_PIXELS = 178_000_000

# Diagonal of the 36 x 24 mm frame that "35 mm equivalent" focal lengths refer to.
FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)

Report = Callable[[str, PymafsamError], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture or video to be read; ``name`` is its path below the folder that was asked for."""

    path: Path
    name: str

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS


def find(paths: Iterable[str | Path]) -> list[Source]:
    """Every picture and video among ``paths``; folders are searched, subfolders too, by name.

    Hidden files are passed over, and in folders what pymafsam itself made. Raises BadInput for a
    path that does not exist and for a folder without pictures.
    """
    return [source for path in paths for source in _below(Path(path))]


def _below(path: Path) -> list[Source]:
    if path.is_file():
        return [Source(path=path, name=path.name)]
    if not path.exists():
        raise BadInput(
            f"There is no file or folder {path}.\n"
            "  Check the spelling; names with spaces need quotes in a shell."
        )
    known = PICTURES | VIDEOS
    found = [
        Source(path=file, name=file.relative_to(path).as_posix())
        for file in files_below(path)
        if file.suffix.lower() in known and made.read(file) is None
    ]
    if not found:
        raise BadInput(
            f"The folder {path} holds no pictures or videos.\n"
            f"  Looked for: {' '.join(sorted(known))}"
        )
    return found


def read(*paths: str | Path, failed: Report | None = None) -> Iterator[Frame]:
    """Every frame of the given pictures, folders and videos, one at a time.

    A source that cannot be read is told to ``failed`` (name, error) and passed over; without
    ``failed`` the error is raised.
    """
    for source in find(paths):
        try:
            yield from read_source(source)
        except PymafsamError as error:
            if failed is None:
                raise
            failed(source.name, error)


def read_source(source: Source) -> Iterator[Frame]:
    """The frames of one source: one for a picture, all for a video."""
    if source.is_video:
        yield from read_video(source.path, source.name)
    else:
        yield read_picture(source.path, source.name)


def read_picture(path: Path, name: str | None = None) -> Frame:
    """The picture in a file, upright (EXIF orientation applied), 8-bit RGB.

    Transparent pixels are laid over white, 16-bit and floating values scaled to 8 bits; of an
    animation the first picture is read. Raises BadInput when the file is missing, damaged, cut
    off, not a picture, or larger than ``MOST_PIXELS``.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns and refuses by size on its own; our limit below speaks more clearly,
            # and other oddities (broken EXIF, palette transparency) do not spoil the pixels.
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                _refuse_if_huge(path, picture.width * picture.height, picture.size)
                if getattr(picture, "is_animated", False):
                    log.info("%s is an animation: its first picture is used.", path)
                focal = _focal_from_exif(picture.getexif(), picture.size)
                pixels = _as_rgb8(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError as error:
        raise BadInput(_too_large(path, "it is")) from error
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.") from error
    except UnidentifiedImageError as error:
        raise BadInput(_not_a_picture(path)) from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise BadInput(
            f"The picture {path} is damaged or cut off ({error}).\n"
            "  Copy or download it again, or open and save it in a picture editor."
        ) from error
    return Frame(pixels=pixels, name=name or path.name, focal=focal)


def from_array(pixels: Any, name: str = "array", focal: float | None = None) -> Frame:
    """A frame from an array: (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; 8-bit, or floats 0..1.

    Raises BadInput for any other shape or type.
    """
    array = np.asarray(pixels)
    if array.dtype.kind == "f":
        array = (np.clip(np.nan_to_num(array), 0, 1) * 255 + 0.5).astype(np.uint8)
    grey = array.ndim == 2
    fits = grey or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or 0 in array.shape:
        raise BadInput(
            "A picture as an array must be 8-bit or float 0..1 of shape (h, w, 3), (h, w, 4) or "
            f"(h, w); this one is {array.dtype} of shape {array.shape}."
        )
    if grey:
        array = np.repeat(array[..., None], 3, axis=2)
    elif array.shape[2] == 4:
        array = _over_white(array)
    return Frame(pixels=np.ascontiguousarray(array), name=name, focal=focal)


def read_video(path: Path, name: str | None = None) -> Iterator[Frame]:
    """The frames of a video in order, turned upright; names are ``<stem>/<6 digits>``.

    Raises BadInput when the file is not a video or holds no frame; a video damaged half way gives
    the frames before the damage, then raises.
    """
    import av
    import av.error

    stem = Path(name or path.name).with_suffix("").as_posix()
    index = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BadInput(f"{path} holds no video, only sound or subtitles.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            _refuse_if_huge(path, stream.width * stream.height, (stream.width, stream.height))
            for index, picture in enumerate(container.decode(stream), start=1):
                pixels = picture.to_ndarray(format="rgb24")
                quarter_turns = round(getattr(picture, "rotation", 0) / 90)
                yield Frame(
                    pixels=np.ascontiguousarray(np.rot90(pixels, quarter_turns)),
                    name=f"{stem}/{index:06d}",
                    index=index - 1,
                    seconds=None if picture.time is None else float(picture.time),
                )
    except av.error.FFmpegError as error:
        raise BadInput(
            f"The video {path} cannot be read beyond frame {index} ({error.strerror})."
        ) from error
    if index == 0:
        raise BadInput(f"The video {path} holds no frames.")


def _as_rgb8(picture: Any) -> Pixels:
    """Any Pillow mode as 8-bit RGB."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return np.repeat(_to_8_bits(np.asarray(picture))[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return _over_white(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Grey values of 16-bit or floating files: by the range they can have, not the one they use."""
    if values.dtype.kind == "f":
        top = 1.0 if np.nanmax(values) <= 1 else 255.0 if np.nanmax(values) <= 255 else 65535.0
        return (np.clip(np.nan_to_num(values) / top, 0, 1) * 255 + 0.5).astype(np.uint8)
    return (np.clip(values, 0, 65535) // 257).astype(np.uint8)


def _over_white(rgba: np.ndarray) -> Pixels:
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _focal_from_exif(exif: Any, size: tuple[int, int]) -> float | None:
    """Focal length in pixels by the 35 mm equivalent, or None when the file does not tell.

    A picture cropped after the shot (its shape no longer the one recorded) tells nothing.
    """
    from PIL.ExifTags import IFD, Base

    details = exif.get_ifd(IFD.Exif)
    try:
        equivalent = float(details.get(Base.FocalLengthIn35mmFilm, 0))
        recorded = [
            float(details.get(tag, 0)) for tag in (Base.ExifImageWidth, Base.ExifImageHeight)
        ]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not 5 <= equivalent <= 2000:
        return None
    if min(recorded) > 0:
        shape, shot = max(size) / min(size), max(recorded) / min(recorded)
        if abs(shape / shot - 1) > 0.02:
            return None
    return equivalent / FULL_FRAME_DIAGONAL_MM * math.hypot(*size)


def _refuse_if_huge(path: Path, pixels: int, size: tuple[int, int]) -> None:
    if pixels > MOST_PIXELS:
        raise BadInput(_too_large(path, f"{size[0]} x {size[1]} pixels are"))


def _too_large(path: Path, what: str) -> str:
    return (
        f"{path}: {what} more than the {MOST_PIXELS // 1_000_000} million pixels a picture may "
        "have; it was not decoded.\n  Make it smaller first."
    )


def _not_a_picture(path: Path) -> str:
    if path.suffix.lower() in (".heic", ".heif"):
        return f"{path} is a HEIC picture, which is not read here. Convert it to JPEG or PNG first."
    return (
        f"{path} is not a picture in a known format.\n"
        f"  Known: {' '.join(sorted(PICTURES))}, and videos {' '.join(sorted(VIDEOS))}"
    )

"""Read pictures from files, folders and videos: upright RGB, whatever was in the file."""

import contextlib
import io
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Shaped, UInt8

from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files import limits, made, video
from pymafsam.files.folders import files_below
from pymafsam.records import Frame, Pixels

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.Image import Image as Picture

N = TypeVar("N", int, float)

log = logging.getLogger(__name__)

PICTURES = frozenset(".jpg .jpeg .jpe .png .webp .bmp .tif .tiff .gif .ppm .pgm .avif .jp2".split())
VIDEOS = frozenset(".mp4 .mov .m4v .avi .mkv .webm .mpg .mpeg .ogv .wmv .flv .3gp".split())

# Pillow's readers for what is meant above. Others know formats that run programs (PostScript).
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")

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
    # os.path's, unlike Path's, take names of any length.
    if os.path.isfile(path):
        return [Source(path=path, name=path.name)]
    if not os.path.exists(path):
        raise BadInput(
            f"There is no file or folder {path}.\n"
            "  Check the spelling; names with spaces need quotes in a shell."
        )
    if not os.path.isdir(path):
        raise BadInput(f"{path} is a device or a pipe, not a file.\n  Save it as a file first.")
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
        yield from video.read(source.path, PurePosixPath(source.name).with_suffix("").as_posix())
    else:
        yield read_picture(source.path, source.name)


def read_picture(path: Path, name: str | None = None, content: bytes | None = None) -> Frame:
    """The picture in a file, upright (EXIF orientation applied), 8-bit RGB.

    With ``content``, the file's bytes, ``path`` is only what it is called in errors.

    Transparent pixels are laid over white, 16-bit and floating values scaled to 8 bits; of an
    animation the first picture is read. Raises BadInput when the file is missing, damaged, cut
    off, not a picture, or larger than ``limits.MOST_PIXELS``.
    """
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns and refuses by size on its own; our limit below speaks more clearly,
            # and other oddities (broken EXIF, palette transparency) do not spoil the pixels.
            warnings.simplefilter("ignore")
            if content is None:
                limits.check_file(path, limits.LARGEST_ARCHIVE)
            with opened(path, content) as picture:
                if getattr(picture, "is_animated", False):
                    log.info("%s is an animation: its first picture is used.", path)
                exif = _exif(picture)
                pixels = _as_rgb8(_upright(picture, exif))
                focal = _focal_from_exif(exif, picture.size)
    except BadInput:
        raise
    except Image.DecompressionBombError as error:
        raise BadInput(limits.too_many_pixels(str(path), "it is")) from error
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.") from error
    except UnidentifiedImageError as error:
        raise BadInput(_not_a_picture(path)) from error
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        log.debug("%s", path, exc_info=True)
        raise BadInput(
            f"The picture {path} is damaged or cut off ({error}).\n"
            "  Copy or download it again, or open and save it in a picture editor."
        ) from error
    return Frame(pixels=pixels, name=name or path.name, focal=focal)


def opened(path: Path, content: bytes | None = None) -> "Picture":
    """The picture in a file, or in its ``content``, its pixels not yet decoded.

    Of Pillow's readers only those of ``PICTURE_FORMATS`` are used. Raises BadInput for one that is
    larger than ``limits.MOST_PIXELS``, else what Pillow raises.
    """
    from PIL import Image, UnidentifiedImageError

    # Of Pillow's forty readers the five commonest are there at once; the others take a while.
    for prepare in (Image.preinit, Image.init):
        prepare()
        formats = [name for name in PICTURE_FORMATS if name in Image.OPEN]  # AVIF may be absent
        with contextlib.suppress(UnidentifiedImageError):
            picture = Image.open(path if content is None else io.BytesIO(content), formats=formats)
            limits.check_pixels(str(path), picture.size)
            return picture
    raise UnidentifiedImageError(str(path))


def _exif(picture: "Picture") -> "Exif":
    """The EXIF tags; none when they are damaged, which does not spoil the pixels."""
    from PIL import Image

    try:
        return picture.getexif()
    except Exception as error:
        log.info("EXIF of %s is passed over (%s).", getattr(picture, "filename", ""), error)
        return Image.Exif()


def _upright(picture: "Picture", exif: "Exif") -> "Picture":
    """The picture turned and mirrored as EXIF's orientation (2 to 8) says.

    Pillow's own ``exif_transpose`` also writes the other tags anew, and fails where one of them
    has the wrong type.
    """
    from PIL.ExifTags import Base
    from PIL.Image import Transpose

    steps = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    orientation = exif.get(Base.Orientation)
    if not isinstance(orientation, int) or not 2 <= orientation <= 8:
        return picture
    return picture.transpose(steps[orientation - 2])


def from_array(pixels: object, name: str = "array", focal: float | None = None) -> Frame:
    """A frame from an array: (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; 8-bit, or floats.

    Floats are 0..1, 0..255 or 0..65535, whichever fits; NaN becomes black. Raises BadInput for any
    other shape or type.
    """
    array = np.asarray(pixels)
    if array.dtype.kind == "f":
        array = _to_8_bits(array)
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


def _as_rgb8(picture: "Picture") -> Pixels:
    """Any Pillow mode as 8-bit RGB."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return np.repeat(_to_8_bits(np.asarray(picture))[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return _over_white(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _to_8_bits(values: Shaped[np.ndarray, "..."]) -> np.ndarray:
    """Values of 16-bit, 32-bit or floating pictures: by the range they can have, not use.

    Which range that is, the largest value tells; floats may overshoot theirs (sharpening does).
    Infinities are the range's ends, NaN is black. Raises BadInput for values beyond all ranges.
    """
    if values.dtype.kind != "f":
        values = np.clip(values, 0, None)
        top = _range(int(values.max(initial=0)), (255, 65535, (1 << 32) - 1))
        return (values // (top // 255)).clip(0, 255).astype(np.uint8)
    finite = values[np.isfinite(values)]
    top = _range(float(finite.max(initial=0)) / 2, (1.0, 255.0, 65535.0))
    scaled = np.nan_to_num(values, nan=0.0, posinf=top, neginf=0.0) / top
    return (np.clip(scaled, 0, 1) * 255 + 0.5).astype(np.uint8)


def _range(largest: N, tops: Sequence[N]) -> N:
    """The least of the largest values of the known ranges that holds all of a picture's."""
    for top in tops:
        if largest <= top:
            return top
    raise BadInput(
        f"A picture has values of {largest:g} and more; known are pictures to "
        f"{', '.join(f'{top:g}' for top in tops)}."
    )


def _over_white(rgba: UInt8[np.ndarray, "height width 4"]) -> Pixels:
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _focal_from_exif(exif: "Exif", size: tuple[int, int]) -> float | None:
    """Focal length in pixels by the 35 mm equivalent, or None when the file does not tell.

    A picture cropped after the shot (its shape no longer the one recorded) tells nothing.
    """
    from PIL.ExifTags import IFD, Base

    try:
        details = exif.get_ifd(IFD.Exif)
        equivalent = float(details.get(Base.FocalLengthIn35mmFilm, 0))
        recorded = [
            float(details.get(tag, 0)) for tag in (Base.ExifImageWidth, Base.ExifImageHeight)
        ]
    except Exception:  # tags of the wrong type or a damaged directory: nothing is told
        return None
    if not 5 <= equivalent <= 2000:
        return None
    if min(recorded) > 0:
        shape, shot = max(size) / min(size), max(recorded) / min(recorded)
        if abs(shape / shot - 1) > 0.02:
            return None
    return equivalent / FULL_FRAME_DIAGONAL_MM * math.hypot(*size)


def _not_a_picture(path: Path) -> str:
    if path.suffix.lower() in (".heic", ".heif"):
        return f"{path} is a HEIC picture, which is not read here. Convert it to JPEG or PNG first."
    return (
        f"{path} is not a picture in a known format.\n"
        f"  Known: {' '.join(sorted(PICTURES))}, and videos {' '.join(sorted(VIDEOS))}"
    )

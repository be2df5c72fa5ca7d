"""Pictures are written with the mark of who made them, which they are known again by."""

from collections.abc import Iterable
from pathlib import Path

from jaxtyping import UInt8, UInt16
from numpy import ndarray


def write_jpeg(
    pixels: UInt8[ndarray, "height width *channels"], path: Path, mark: str, quality: int = 90
) -> None:
    """A JPEG with full colour resolution; the mark is its comment."""
    from PIL import Image

    Image.fromarray(pixels).save(
        path, format="JPEG", quality=quality, subsampling=0, comment=mark.encode()
    )


def write_png(
    pixels: UInt8[ndarray, "height width *channels"] | UInt16[ndarray, "height width"],
    path: Path,
    mark: str,
    level: int = 6,
) -> None:
    """A PNG of 8 bits, or of 16 in one channel; the mark is its text "Software", put first."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Software", mark)
    Image.fromarray(pixels).save(path, format="PNG", compress_level=level, pnginfo=words)


def write_gif(
    film: Iterable[UInt8[ndarray, "height width 3"]], path: Path, mark: str, rate: int
) -> None:
    """An animation that goes round for ever, ``rate`` frames a second; the mark is its comment."""
    from PIL import Image

    # One palette for all: colours that changed from frame to frame would flicker.
    first, *others = (Image.fromarray(pixels) for pixels in film)
    start = first.quantize(128)
    rest = [one.quantize(palette=start, dither=Image.Dither.NONE) for one in others]
    start.save(
        path,
        format="GIF",
        save_all=True,
        append_images=rest,
        duration=round(1000 / rate),
        loop=0,
        comment=mark.encode(),
    )

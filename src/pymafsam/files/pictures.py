"""Pictures are written with the mark of who made them, which they are known again by."""

from pathlib import Path

from jaxtyping import UInt8
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
    pixels: UInt8[ndarray, "height width *channels"], path: Path, mark: str, level: int = 6
) -> None:
    """A PNG; the mark is its text "Software", before the pixels."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Software", mark)
    Image.fromarray(pixels).save(path, format="PNG", compress_level=level, pnginfo=words)

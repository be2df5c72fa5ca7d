"""Masks as COCO run lengths, and COCO's polygons as masks.

Files are checked before anything is drawn: pycocotools, in C, takes what it is given, and run
lengths that do not fill the picture or corners at 1e8 end in memory that is not its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from pymafsam.errors import BadInput
from pymafsam.files import limits
from pymafsam.records import Inside

FAR = 3  # picture sizes that a polygon's corner may lie outside
TURNS = 100  # half perimeters of the picture: a longer outline is noise, and takes memory by length
LONGEST = 5  # characters of a compressed run length, five bits each beside the sign


def encode(inside: Inside) -> dict[str, Any]:
    """COCO's compressed run lengths, ready for json: ``{"size": [h, w], "counts": str}``."""
    coco = _coco()
    run_lengths = coco.encode(np.asfortranarray(inside.astype(np.uint8)))
    return {"size": list(run_lengths["size"]), "counts": run_lengths["counts"].decode("ascii")}


def decode(segmentation: object, size: tuple[int, int]) -> Inside:
    """The mask of COCO run lengths (compressed or not) or polygons; ``size`` is (width, height).

    Raises BadInput when the segmentation is of another size, is not COCO's, has run lengths that
    do not sum to height x width, or corners that are not numbers near the picture.
    """
    width, height = size
    if not 0 < width * height <= limits.MOST_PIXELS:
        raise BadInput(f"A mask of {width} x {height} pixels is none of a picture.")
    if isinstance(segmentation, Mapping):
        return filled(_run_lengths(segmentation, size), size)
    packed = _coco().frPyObjects(_polygons(segmentation, size), height, width)
    return _coco().decode(_coco().merge(packed)).astype(bool)


def size_of(segmentation: Mapping[str, Any]) -> tuple[int, int]:
    """(width, height) that run lengths say they have. Raises BadInput."""
    size = segmentation.get("size")
    if not isinstance(size, Sequence) or len(size) != 2 or not all(map(_is_whole, size)):
        raise _refused('"size" is not [height, width]')
    return int(size[1]), int(size[0])


def filled(counts: Int[np.ndarray, "runs"], size: tuple[int, int]) -> Inside:
    """The mask of run lengths: outside, inside, outside ... down the columns."""
    width, height = size
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return inside.reshape(width, height).T


def _run_lengths(segmentation: Mapping[str, Any], size: tuple[int, int]) -> Int[np.ndarray, "runs"]:
    width, height = size
    found = size_of(segmentation)
    if found != size:
        raise BadInput(
            f"The mask is {found[0]} x {found[1]} pixels, its picture {width} x {height}."
        )
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    if not isinstance(counts, list) or not all(map(_is_whole, counts)):
        raise _refused('"counts" is neither text nor a list of whole numbers')
    if min(counts, default=0) < 0 or sum(counts) != width * height:
        raise _refused(
            f"the run lengths sum to {sum(counts)} with the least {min(counts, default=0)}; "
            f"wanted {width * height} = {width} x {height} and none below 0"
        )
    return np.array(counts, np.int64)


def _uncompressed(text: str) -> list[int]:
    """COCO's compressed counts: five bits a character, the lowest first, a sixth for "goes on".

    From the third on a count is the difference to the last but one.
    """
    counts: list[int] = []
    value, place = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or place > LONGEST:
            raise _refused("the compressed counts are damaged")
        value |= (bits & 31) << (5 * place)
        place += 1
        if not bits & 32:
            # The last five bits carry the sign.
            value -= (1 << (5 * place)) if bits & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, place = 0, 0
    if place:
        raise _refused("the compressed counts are cut off")
    return counts


def _polygons(segmentation: object, size: tuple[int, int]) -> list[list[float]]:
    """Lists x, y, x, y ... of three corners or more, checked."""
    if not isinstance(segmentation, list) or not segmentation:
        raise _refused("wanted run lengths, or a list of polygons")
    polygons = [_corners(polygon, size) for polygon in segmentation]
    length = sum(float(np.abs(np.diff(c, axis=0, append=c[:1])).max(1).sum()) for c in polygons)
    if length > TURNS * (size[0] + size[1]):
        raise _refused(f"an outline of {length:.0f} pixels is that of no person")
    return [corners.ravel().tolist() for corners in polygons]


def _corners(polygon: object, size: tuple[int, int]) -> Float[np.ndarray, "corners 2"]:
    try:
        plain = np.array(polygon)
        numbers = plain.astype(np.float64) if plain.dtype.kind in "iuf" else np.zeros(0)
    except (ValueError, OverflowError):
        numbers = np.zeros(0)
    if numbers.ndim != 1 or numbers.size < 6 or numbers.size % 2:
        raise _refused("a polygon is a list x, y, x, y ... of three corners or more")
    corners = numbers.reshape(-1, 2)
    far = FAR * np.array(size)
    if not ((corners >= -far) & (corners <= np.array(size) + far)).all():  # NaN is nowhere
        raise _refused("a polygon's corner lies nowhere near the picture")
    return corners


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refused(why: str) -> BadInput:
    return BadInput(f"A segmentation is neither COCO polygons nor COCO run lengths: {why}.")


def _coco() -> Any:
    # Its type stubs know neither json's lists nor uncompressed run lengths.
    from pycocotools import mask

    return mask

"""Masks as COCO run lengths, and COCO's polygons as masks."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.records import Inside


def encode(inside: Inside) -> dict[str, Any]:
    """COCO's compressed run lengths, ready for json: ``{"size": [h, w], "counts": str}``."""
    coco = _coco()
    run_lengths = coco.encode(np.asfortranarray(inside.astype(np.uint8)))
    return {"size": list(run_lengths["size"]), "counts": run_lengths["counts"].decode("ascii")}


def decode(segmentation: Any, size: tuple[int, int]) -> Inside:
    """The mask of COCO run lengths (compressed or not) or polygons; ``size`` is (width, height).

    Raises BadInput when the segmentation is of another size or not COCO's.
    """
    coco = _coco()
    width, height = size
    try:
        if isinstance(segmentation, Mapping):
            if list(segmentation["size"]) != [height, width]:
                raise BadInput(
                    f"The mask is {segmentation['size'][1]} x {segmentation['size'][0]} pixels, "
                    f"its picture {width} x {height}."
                )
            packed = dict(segmentation)
            if isinstance(packed["counts"], list):
                packed = coco.frPyObjects(packed, height, width)
        else:
            polygons = [list(map(float, polygon)) for polygon in segmentation]
            if not polygons or min(map(len, polygons)) < 6:
                raise ValueError("a polygon needs three corners")
            packed = coco.merge(coco.frPyObjects(polygons, height, width))
        return coco.decode(packed).astype(bool)
    except BadInput:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInput(
            "A segmentation is neither COCO polygons nor COCO run lengths "
            f"({type(error).__name__}: {error})."
        ) from error


def _coco() -> Any:
    # Its type stubs know neither json's lists nor uncompressed run lengths.
    from pycocotools import mask

    return mask

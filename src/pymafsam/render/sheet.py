"""Many pictures on one sheet."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8


def contact_sheet(
    tiles: Sequence[UInt8[np.ndarray, "_ _ 3"]], across: int, side: int, gap: int = 4
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Pictures in rows of ``across``, each fitted into ``side`` x ``side`` pixels, on white."""
    import cv2

    rows = -(-len(tiles) // across)
    step = side + gap
    sheet = np.full((rows * step + gap, across * step + gap, 3), 255, np.uint8)
    for k, tile in enumerate(tiles):
        zoom = side / max(tile.shape[:2])
        width, height = (max(1, round(length * zoom)) for length in tile.shape[1::-1])
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        small = cv2.resize(np.ascontiguousarray(tile), (width, height), interpolation=way)
        top = gap + (k // across) * step + (side - height) // 2
        left = gap + (k % across) * step + (side - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet

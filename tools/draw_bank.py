"""A bank of sampling points on one sheet: a panel per person, no photographs.

    python tools/draw_bank.py lspet_mask_points.npy --out sheet.png [--across 40] [--side 48]

The first 400 points (inside the mask) are dark, the 41 around it orange; panels follow the rows.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

INSIDE, AROUND = (31, 58, 110), (235, 140, 40)
COUNT_INSIDE = 400


def panel(points: np.ndarray, side: int) -> np.ndarray:
    """One person's points in [-1, 1] of the crop as a picture."""
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[:, 0] = picture[0] = 225
    places = ((points + 1) / 2 * (side - 1)).round().astype(int).clip(0, side - 1)
    for some, colour in ((places[COUNT_INSIDE:], AROUND), (places[:COUNT_INSIDE], INSIDE)):
        picture[some[:, 1], some[:, 0]] = colour
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--across", type=int, default=40)
    parser.add_argument("--side", type=int, default=48)
    options = parser.parse_args()
    bank = np.load(options.bank, allow_pickle=False)
    lines = -(-len(bank) // options.across)
    side = options.side
    sheet = np.full((lines * side, options.across * side, 3), 255, np.uint8)
    for k, points in enumerate(bank):
        row, column = divmod(k, options.across)
        sheet[row * side :, column * side :][:side, :side] = panel(points, side)
    Image.fromarray(sheet).quantize(16).save(options.out, optimize=True)


if __name__ == "__main__":
    main()

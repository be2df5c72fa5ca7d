"""A small part of the reference's golden outputs, for a repository that cannot hold all of them.

    python tools/make_golden.py PACK --out tests/data/golden

Everything in it was computed from synthetic inputs; it holds no licensed data.
"""

import argparse
import re
from pathlib import Path

import numpy as np

# file -> what of it is left out (large arrays whose like stays in)
PARTS = {
    "unit_geometry.npz": r"maf_.*",
    "image_ops.npz": r"(un)?crop[0145]_float|uncrop[01]|vcrop0_(norm|raw)",
    "mask_points.npz": r"(?!)",
    "fits_dict.npz": r"(?!)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, left_out in PARTS.items():
        with np.load(options.pack / name, allow_pickle=False) as file:
            kept = {key: file[key] for key in file.files if not re.fullmatch(left_out, key)}
        np.savez_compressed(options.out / name, **kept)


if __name__ == "__main__":
    main()

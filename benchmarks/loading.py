"""What a training sample costs before a network sees it: milliseconds of one core.

    python benchmarks/loading.py lspet-fits.npz --images lspet/ [--samples 200]

Every way of choosing the first points, and with the needed parts of the pictures kept decoded
(``--kept FOLDER``).
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pymafsam.data import rows
from pymafsam.data.excerpts import Excerpts
from pymafsam.data.people import PeopleSet
from pymafsam.data.samples import generator


def milliseconds(data: PeopleSet, samples: int) -> float:
    """Processor time per sample, after one round that fills caches."""
    chosen = np.linspace(0, len(data) - 1, samples).astype(int).tolist()
    for epoch in (0, 1):
        start = time.process_time()
        for index in chosen:
            data.sample(index, generator(0, epoch, index))
    return (time.process_time() - start) / samples * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--kept", type=Path)
    options = parser.parse_args()
    table = rows.read(options.table)
    for points in ("grid", "mask"):
        data = PeopleSet(name="loading", rows=table, images=options.images, points=points)
        print(f"points {points:<5} {milliseconds(data, options.samples):6.1f} ms")
    if options.kept:
        data = replace(data, kept=Excerpts(options.kept))
        print(f"kept decoded {milliseconds(data, options.samples):5.1f} ms")


if __name__ == "__main__":
    main()

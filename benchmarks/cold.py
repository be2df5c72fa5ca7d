"""One photograph from the start of the process to files written: wall and processor seconds.

    python benchmarks/cold.py [PICTURE] [--sources src OTHER/src] [--repeat 7] [--out FILE.json]

Processes of the given source trees take turns, so that what else the machine does falls on all of
them alike. The first round of each, which fills the caches, is not counted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from timing import machine

ROOT = Path(__file__).resolve().parents[1]
SEGMENTERS = ("none", "auto")


def run(picture: Path, source: Path, segmenter: str, pycache: Path) -> tuple[float, float]:
    """Wall and processor seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # As installed: with compiled modules.
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONPYCACHEPREFIX": str(pycache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(picture)]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--out", out, "--segmenter", segmenter],
            env=environment,
            check=True,
            capture_output=True,
        )
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", nargs="?", type=Path, default=ROOT / "examples" / "tennis.jpg")
    parser.add_argument("--sources", nargs="+", type=Path, default=[ROOT / "src"])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as pycache:
        for turn in range(options.repeat + 1):
            for source in options.sources:
                for segmenter in SEGMENTERS:
                    found = run(options.picture, source, segmenter, Path(pycache))
                    if turn:
                        times.setdefault(f"{source}, segmenter {segmenter}", []).append(found)
    rows = {}
    for name, found in times.items():
        low, middle, high = np.percentile(found, [25, 50, 75], axis=0)
        rows[name] = {
            "wall_s": round(float(middle[0]), 3),
            "wall_spread_s": round(float(high[0] - low[0]), 3),
            "processor_s": round(float(middle[1]), 3),
            "processor_spread_s": round(float(high[1] - low[1]), 3),
            "least_wall_s": round(float(np.min(found, axis=0)[0]), 3),
        }
        print(name, rows[name])
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

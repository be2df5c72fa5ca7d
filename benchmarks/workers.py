"""A folder of pictures by one worker process and by more: pictures per second, memory, equal bytes.

    python benchmarks/workers.py FOLDER [--pictures 300] [--workers 1 2] [--threads 0]
        [--out FILE.json]

Threads of each worker are its share of the cores (0), so that one worker alone keeps two cores
busier than one: with --threads 1 the same number of threads is compared per worker.

Memory is the largest that any of the processes ever had resident. What workers load at their
start is told apart from the pictures by a run over two pictures.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import machine

ROOT = Path(__file__).resolve().parents[1]


def run(listed: Path, out: Path, workers: int, options: list[str]) -> float:
    """Wall seconds of one ``batch``."""
    command = [sys.executable, "-m", "pymafsam.cli", "batch", str(listed), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    command += ["--workers", str(workers), "--shard", "25", *options]
    subprocess.run(command, env=environment, check=False, capture_output=True)
    return time.perf_counter() - start


def digest(folder: Path) -> str:
    """Of every shard's bytes."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.parquet")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--segmenter", default="none")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pictures = sorted(options.folder.resolve().glob("*.jpg"))[: options.pictures]
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lists = {}
        for count in (2, len(pictures)):
            lists[count] = folder / f"{count}.txt"
            lists[count].write_text("\n".join(map(str, pictures[:count])) + "\n")
        for workers in options.workers:
            chosen = ["--segmenter", options.segmenter, "--threads", str(options.threads)]
            start = run(lists[2], folder / f"start-{workers}", workers, chosen)
            whole = run(lists[len(pictures)], folder / f"{workers}", workers, chosen)
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            rows[f"{workers} workers"] = {
                "seconds": round(whole, 2),
                "of_which_start": round(start, 2),
                "pictures_per_second": round(len(pictures) / whole, 2),
                "most_memory_mb": most // 1024,
                "digest": digest(folder / f"{workers}"),
            }
            print(workers, rows[f"{workers} workers"], flush=True)
    if options.out:
        content = {"machine": machine(), "pictures": len(pictures), "rows": rows}
        options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Frames per second of videos: one person with films, numbers alone, and three people with films.

    python benchmarks/films.py ONE.mp4 THREE.mp4 --out DIR [--words="--segmenter none"]

Each video goes through ``pymafsam reconstruct`` in a process of its own: ONE with both films and
all numbers, ONE with numbers alone (``--save json,npz``), THREE with both films. Taken off is what
a video of one frame takes (loading). Printed as json: frames, wall and processor seconds, frames
per second by the wall clock, and the machine. For figures to be kept the machine has to be quiet.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pymafsam.files import video
from timing import machine

NUMBERS = ["--save", "json,npz"]


@dataclass(frozen=True)
class Spent:
    """Seconds of a run: by the wall clock, and of all processors."""

    wall: float
    processor: float


def run(clip: Path, out: Path, words: list[str]) -> Spent:
    """A reconstruction in a process of its own, from the beginning."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(clip), "--out", str(out)]
    begun = time.perf_counter()
    process = subprocess.Popen([*command, *words], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{clip}: the reconstruction failed")
    return Spent(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


def first_frame(clip: Path, path: Path) -> Path:
    """The clip's first frame as a video."""
    frame = next(iter(video.frames(clip, clip.stem, lambda *_: None)))
    encoder = video.Encoder(path, frame.size, 25.0)
    encoder.write(frame.pixels, 0.0)
    encoder.close()
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("one", type=Path, help="a video of one person")
    parser.add_argument("three", type=Path, help="a video of three people")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", default="--segmenter none", help="options of reconstruct")
    parser.add_argument("--runs", type=int, default=1, help="runs of each; the fastest counts")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    words = options.words.split()
    rows = {}
    kinds = {
        "one person, both films": (options.one, []),
        "one person, numbers": (options.one, NUMBERS),
        "three people, both films": (options.three, []),
    }
    for name, (clip, more) in kinds.items():
        single = first_frame(clip, options.out / f"{clip.stem}_first.mp4")
        frames = sum(1 for _ in video.frames(clip, clip.stem, lambda *_: None))
        times = range(options.runs)
        load, whole = (
            min((run(one, options.out / "results", [*words, *more]) for _ in times), key=_wall)
            for one in (single, clip)
        )
        rows[name] = {
            "frames": frames,
            "loading_s": round(load.wall, 2),
            "wall_s": round(whole.wall, 2),
            "processor_s": round(whole.processor, 2),
            "frames_per_s": round((frames - 1) / (whole.wall - load.wall), 2),
        }
        print(json.dumps({name: rows[name]}), flush=True)
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


def _wall(spent: Spent) -> float:
    return spent.wall


if __name__ == "__main__":
    main()

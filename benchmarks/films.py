"""Frames per second of videos: one person with films, numbers alone, and three people with films.

    python benchmarks/films.py ONE.mp4 THREE.mp4 --out DIR [--words="--segmenter none"]

Each video goes through ``pymafsam reconstruct`` in a process of its own: ONE with both films and
all numbers, ONE with numbers alone (``--save json,npz``), THREE with both films. Taken off is what
a video of one frame takes (loading). Printed as json: frames, wall and processor seconds, frames
per second by the wall clock, and the machine. For figures to be kept the machine has to be quiet.
"""

import argparse
import json
import shutil
from operator import itemgetter
from pathlib import Path

from long_clip import run
from pymafsam.files import video
from timing import machine

NUMBERS = ["--save", "json,npz"]


def fresh(clip: Path, out: Path, words: list[str]) -> dict[str, float]:
    """A reconstruction from the beginning."""
    shutil.rmtree(out, ignore_errors=True)
    return run(clip, out, words)


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
            min(
                (fresh(one, options.out / "results", [*words, *more]) for _ in times),
                key=itemgetter("wall_s"),
            )
            for one in (single, clip)
        )
        rows[name] = {
            "frames": frames,
            "loading_s": round(load["wall_s"], 2),
            "wall_s": round(whole["wall_s"], 2),
            "processor_s": round(whole["processor_s"], 2),
            "frames_per_s": round((frames - 1) / (whole["wall_s"] - load["wall_s"]), 2),
        }
        print(json.dumps({name: rows[name]}), flush=True)
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

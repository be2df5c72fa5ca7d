"""Milliseconds per picture and per stage: read, detect, describe, segment, fit, render, save.

    python benchmarks/pipeline.py [PICTURE…] [--segmenter NAME] [--out FILE.json]

Without pictures, the examples with one person are taken, enlarged to 640 pixels on the long side.
Segmenters keep what they encoded of a picture, so every call is given a picture of its own.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pymafsam import export
from pymafsam.files.frames import from_array, read_picture
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Frame, Request
from timing import machine, measure

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NUMBERS = count()
DEFAULT = [EXAMPLES / name for name in ("tennis.jpg", "lunge.jpg", "kite.jpg")]


def enlarged(frame: Frame, side: int = 640) -> Frame:
    """The same picture with ``side`` pixels on its longer side."""
    factor = side / max(frame.size)
    pixels = cv2.resize(frame.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return from_array(pixels, frame.name)


def anew(frame: Frame) -> Frame:
    """The same picture, but for one colour of one pixel; no two calls give the same."""
    pixels = frame.pixels.copy()
    pixels[0, 0] = np.frombuffer(next(NUMBERS).to_bytes(3, "big"), np.uint8)
    return from_array(pixels, frame.name)


def stages(flow: Reconstructor, path: Path, frame: Frame, out: Path) -> Iterator[tuple[str, Any]]:
    """(name, call) of every stage, each fed with what the stage before gives."""
    see = flow.observer
    people = see.describe_requested(Request(frame=frame))[:1]
    observation = see.observe(Request(frame=frame, people=tuple(people)), flow.estimator.needs)
    (bodies,) = flow.estimator.estimate([observation])
    scene = flow.compose(observation, bodies)
    yield "read", lambda: read_picture(path)
    yield "detect", lambda: see.detector.find(frame.pixels)
    yield "describe", lambda: see.detector.describe(frame.pixels, people)
    yield "segment", lambda: see.segment(anew(frame), people)
    yield "fit", lambda: list(flow.estimator.estimate([observation]))
    yield "picture", lambda: export.save(scene, out, ("picture",))
    yield "side", lambda: export.save(scene, out, ("side",))
    yield "json, npz, obj", lambda: export.save(scene, out, ("json", "npz", "obj"))


def time_picture(flow: Reconstructor, path: Path, repeat: int) -> dict[str, Any]:
    """Every stage of one picture, and the whole flow without saving."""
    frame = enlarged(read_picture(path))
    rows: dict[str, Any] = {"size": frame.size}
    with tempfile.TemporaryDirectory() as folder:
        calls: dict[str, Callable[[], Any]] = dict(stages(flow, path, frame, Path(folder)))
        calls["all but saving"] = lambda: flow.scene(anew(frame))
        for name, call in calls.items():
            rows[name] = measure(call, repeat)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path, default=DEFAULT)
    parser.add_argument("--segmenter", default="auto")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    flow = Reconstructor.load(segmenter=options.segmenter, detector=options.detector)
    pictures = {p.name: time_picture(flow, p, options.repeat) for p in options.pictures}
    for name, rows in pictures.items():
        print(name, rows["size"])
        for stage, row in rows.items():
            if stage != "size":
                print(f"  {stage:<16} {row['median_ms']:9.1f} ms  ± {row['spread_ms']:.1f}")
    if options.out:
        settings = {"segmenter": options.segmenter, "detector": options.detector}
        content = {"machine": machine(), **settings, "pictures": pictures}
        options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A contact sheet of synthetic people: as drawn, and with what is true of them.

    python tools/synthetic_sheet.py docs/images/synthetic.jpg [--photographs COCO_FOLDER]

Of every second picture the truth is drawn: the naked body's mesh, keypoints by how they are seen.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pymafsam import body, render
from pymafsam.data.synthetic import Benchmark, Rendered, test_set
from pymafsam.records import Person, Scene

DOTS = ((60, 60, 60), (220, 40, 40), (240, 200, 40), (40, 200, 80))  # off, hidden, behind, seen


def with_truth(rendered: Rendered, model: body.BodyModel) -> np.ndarray:
    """The picture under the true meshes, and the first person's keypoints."""
    bodies = tuple(
        body.place(
            model, one.pose, one.translation, rendered.camera, Person(box=one.box, score=1.0), 1.0
        )
        for one in rendered.people
    )
    frame = rendered.frame
    scene = Scene(
        name=frame.name,
        index=0,
        camera=rendered.camera,
        bodies=bodies,
        body_name=model.name,
        faces=model.faces,
        pixels=frame.pixels,
    )
    out = np.ascontiguousarray(render.overlay(frame.pixels, scene))
    first = rendered.people[0]
    for (x, y), seen in zip(first.keypoints, first.sight, strict=True):
        if abs(x) < 1e4 and abs(y) < 1e4:
            cv2.circle(out, (round(x), round(y)), 4, DOTS[seen], -1, cv2.LINE_AA)
    return out


def sheet(pictures: Benchmark, numbers: range) -> list[np.ndarray]:
    """The pictures and, beside each, its truth."""
    views = []
    for number in numbers:
        rendered = pictures[number]
        views += [rendered.frame.pixels, with_truth(rendered, pictures.stage.model)]
    return views


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    views = sheet(test_set(options.photographs), numbers)
    Image.fromarray(render.contact_sheet(views, 10, 200)).save(options.out, quality=85)


if __name__ == "__main__":
    main()

"""Many reconstructions on one sheet: photograph, overlay and side view of each picture.

    python tools/contact_sheet.py PICTURE… --out sheet.jpg [--columns 3] [--height 220]

A picture may be followed by its people's boxes as PICTURE@x0,y0,x1,y1@…; without, people are found.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from pymafsam import Reconstructor, Scene, render
from pymafsam.export.pictures import drawn
from pymafsam.files import frames
from pymafsam.records import Person, Pixels


def parse(word: str) -> tuple[Path, list[Person] | None]:
    """``path@x0,y0,x1,y1@…`` as a path and its people."""
    path, *boxes = word.split("@")
    people = [
        Person(box=np.array([float(v) for v in box.split(",")], np.float32), score=1.0)
        for box in boxes
    ]
    return Path(path), people or None


def views_of(scene: Scene) -> list[Pixels]:
    """Photograph, overlay and side view of a scene."""
    assert scene.pixels is not None
    scene = drawn(scene)
    return [scene.pixels, render.overlay(scene.pixels, scene), render.side_view(scene)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--height", type=int, default=220)
    parser.add_argument("--segmenter", default="auto")
    options = parser.parse_args()
    flow = Reconstructor.load(segmenter=options.segmenter)
    views = []
    for word in options.pictures:
        path, people = parse(word)
        views += views_of(flow.scene(frames.read_picture(path), people=people))
    sheet = render.contact_sheet(views, 3 * options.columns, options.height)
    Image.fromarray(sheet).save(options.out, quality=88)


if __name__ == "__main__":
    main()

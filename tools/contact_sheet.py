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
from pymafsam.records import Person

GAP = 6


def parse(word: str) -> tuple[Path, list[Person] | None]:
    """``path@x0,y0,x1,y1@…`` as a path and its people."""
    path, *boxes = word.split("@")
    people = [
        Person(box=np.array([float(v) for v in box.split(",")], np.float32), score=1.0)
        for box in boxes
    ]
    return Path(path), people or None


def fitted(pixels: np.ndarray, width: int, height: int) -> Image.Image:
    """The picture as large as it goes into a cell, on white."""
    picture = Image.fromarray(pixels)
    factor = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    cell = Image.new("RGB", (width, height), "white")
    cell.paste(
        picture.resize(size, Image.Resampling.LANCZOS),
        ((width - size[0]) // 2, (height - size[1]) // 2),
    )
    return cell


def row_of(scene: Scene, height: int) -> Image.Image:
    """Photograph, overlay and side view of a scene, side by side."""
    assert scene.pixels is not None
    scene = drawn(scene)
    views = [scene.pixels, render.overlay(scene.pixels, scene), render.side_view(scene)]
    row = Image.new("RGB", (3 * height, height), "white")
    for k, view in enumerate(views):
        row.paste(fitted(view, height, height), (k * height, 0))
    return row


def sheet(rows: list[Image.Image], columns: int) -> Image.Image:
    """The rows in a grid."""
    width, height = rows[0].width + 2 * GAP, rows[0].height + GAP
    lines = -(-len(rows) // columns)
    page = Image.new("RGB", (columns * width, lines * height), "white")
    for k, row in enumerate(rows):
        page.paste(row, ((k % columns) * width + GAP, (k // columns) * height))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--height", type=int, default=220)
    parser.add_argument("--segmenter", default="auto")
    options = parser.parse_args()
    flow = Reconstructor.load(segmenter=options.segmenter)
    rows = []
    for word in options.pictures:
        path, people = parse(word)
        rows.append(row_of(flow.scene(frames.read_picture(path), people=people), options.height))
    sheet(rows, options.columns).save(options.out, quality=88)


if __name__ == "__main__":
    main()

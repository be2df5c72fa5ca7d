"""The same pictures as several estimators see them: photograph, then overlay and side view of each.

    python tools/compare_sheet.py PICTURE… --out sheet.jpg [--height 120] [--segmenter detector]

Columns: the fit to keypoints, metres and mask alone; what the lifter tells, not fitted; both (the
default). The person with the largest box is shown.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pymafsam import Reconstructor, Scene, body, render
from pymafsam.config import EstimatorOptions
from pymafsam.export.pictures import drawn
from pymafsam.files import frames
from pymafsam.fitting import KeypointFit, keypoints
from pymafsam.records import Body, Pixels

MARGIN = 0.6  # around the box, in its longer sides


def part(scene: Scene, one: Body) -> tuple[slice, slice]:
    """Rows and columns around a body's person."""
    assert scene.pixels is not None
    x0, y0, x1, y1 = one.person.box
    more = MARGIN * max(x1 - x0, y1 - y0) / 2
    height, width = scene.pixels.shape[:2]
    return (
        slice(max(int(y0 - more), 0), min(int(y1 + more), height)),
        slice(max(int(x0 - more), 0), min(int(x1 + more), width)),
    )


def largest(scene: Scene) -> Body:
    """The body of the person with the largest box."""
    sides = [np.ptp(one.person.box.reshape(2, 2), axis=0).prod() for one in scene.bodies]
    return scene.bodies[int(np.argmax(sides))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=2, help="pictures beside one another")
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--segmenter", default="detector")
    options = parser.parse_args()
    model = body.load("anny24")
    flow = Reconstructor.load(segmenter=options.segmenter)
    plain = EstimatorOptions()
    ways = (KeypointFit(model), keypoints.load_lifted(model, plain), keypoints.load(model, plain))
    views: list[Pixels] = []
    for path in options.pictures:
        row: list[Pixels] = []
        for way in ways:
            scene = drawn(replace(flow, estimator=way).scene(frames.read_picture(path)))
            if not scene.bodies or scene.pixels is None:
                break
            scene = replace(scene, bodies=(largest(scene),))
            where = part(scene, scene.bodies[0])
            row = row or [scene.pixels[where]]
            row += [render.overlay(scene.pixels, scene)[where], render.side_view(scene)]
        if len(row) == 1 + 2 * len(ways):
            views += row
        else:
            print(f"{path}: nobody")
    columns = (1 + 2 * len(ways)) * options.columns
    sheet = render.contact_sheet(views, columns, options.height)
    Image.fromarray(sheet).save(options.out, quality=85)


if __name__ == "__main__":
    main()

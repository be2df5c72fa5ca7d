"""Two people who touch: does each body follow its own mask?

    python benchmarks/masks_touching.py --images DIR --annotations FILE --out DIR [--segmenter NAME]

For every picture with two annotated people above 3,000 pixels whose outlines touch (3 px), their
annotated boxes are reconstructed and the silhouettes compared with the annotated outlines: each
with its own, and each with the other's.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import pymafsam.pipeline
from pymafsam import render
from pymafsam.evaluation import coco
from pymafsam.evaluation.metrics import iou
from pymafsam.files import frames
from pymafsam.masks.prompts import for_person
from pymafsam.records import Person


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--images", type=Path, required=True)
    options.add_argument("--annotations", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--segmenter", default="mobilesam")
    chosen = options.parse_args()
    reconstructor = pymafsam.pipeline.Reconstructor.load(segmenter=chosen.segmenter)
    print(
        "| picture | mask, own | mask, other's | body, own | body, other's |\n|---|---|---|---|---|"
    )
    rows, tiles = [], []
    for picture, pair in touching(coco.read_annotations(chosen.annotations)):
        frame = frames.read_picture(chosen.images / picture.file_name)
        people = [Person(box=person.box, score=1.0) for person in pair]
        scene = reconstructor.scene(frame, people=people)
        true = [person.mask(picture.size) for person in pair]
        masks = [body.mask for body in scene.bodies]
        inside = [np.zeros_like(true[0]) if m is None else m.inside for m in masks]
        drawn = render.silhouettes(scene)
        row = [
            np.mean([iou(shape, truth) for shape, truth in zip(shapes, order, strict=True)])
            for shapes in (inside, drawn)
            for order in (true, true[::-1])
        ]
        rows.append(row)
        print(f"| {picture.file_name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
        prompts = [for_person(body.person) for body in scene.bodies]
        tiles += [
            render.draw_masks(frame.pixels, masks, prompts),
            render.overlay(frame.pixels, scene),
        ]
    print("| mean | " + " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)) + " |")
    right = sum(row[2] > row[3] for row in rows)
    print(f"{right} of {len(rows)} pictures: the bodies agree better with their own outlines.")
    chosen.out.mkdir(parents=True, exist_ok=True)
    sheet = render.contact_sheet(tiles, 6, 300)
    from PIL import Image

    Image.fromarray(sheet).save(chosen.out / "touching.jpg", quality=82)


def touching(
    pictures: list[coco.AnnotatedPicture],
) -> Iterator[tuple[coco.AnnotatedPicture, tuple[coco.Annotated, coco.Annotated]]]:
    """Per picture the pair of large people whose boxes overlap most and whose outlines touch."""
    import cv2

    for picture in pictures:
        large = [person for person in picture.people if person.area > 3000]
        masks = [person.mask(picture.size) for person in large]
        best, pair = -1.0, None
        for i, one in enumerate(large):
            away = cv2.distanceTransform((~masks[i]).astype(np.uint8), cv2.DIST_L2, 5)
            for j, other in enumerate(large[:i]):
                sides = np.minimum(one.box[2:], other.box[2:]) - np.maximum(
                    one.box[:2], other.box[:2]
                )
                shared = float(np.prod(np.maximum(sides, 0)))
                labelled = min((p.keypoints[:, 2] > 0).sum() for p in (one, other))
                if labelled >= 6 and away[masks[j]].min() <= 3 and shared > best:
                    best, pair = shared, (one, other)
        if pair is not None:
            yield picture, pair


if __name__ == "__main__":
    main()

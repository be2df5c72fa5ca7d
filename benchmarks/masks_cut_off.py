"""Masks by the parts of canvases that are encoded, against those by whole canvases.

    python benchmarks/masks_cut_off.py --images coco/dev/images \
        --annotations coco/dev/person_keypoints.json [--pictures 80]

Everybody annotated with at least 3,000 pixels is segmented by both, prompted with all that the
detector says of their boxes. Said are the mean overlap with the annotated outline, the difference
with its standard error, the overlap of both with each other, and the processor's time of encoding.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from masks_bf16 import overlap
from pymafsam import people
from pymafsam.files import coco
from pymafsam.files.frames import read_picture
from pymafsam.masks import load_segmenter
from pymafsam.masks.prompts import for_person
from pymafsam.masks.view import completed
from pymafsam.records import Mask, Person

LARGE = 3000  # pixels of annotated area


class Clocked:
    """An engine that is told to take whole canvases or not, and how long it takes to encode."""

    def __init__(self, engine: Any, *, is_whole: bool):
        self.decode, self._engine, self.is_local = engine.decode, engine, not is_whole
        self.milliseconds: list[float] = []

    def encode(self, canvas: np.ndarray, corner: tuple[int, int] = (0, 0)) -> Any:
        given = canvas if self.is_local else completed(canvas)
        start = time.process_time()
        features = self._engine.encode(given, corner)
        self.milliseconds.append(1e3 * (time.process_time() - start))
        return features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=80)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    segmenters: list[Any] = [load_segmenter("mobilesam", threads=options.threads) for _ in range(2)]
    for segmenter, is_whole in zip(segmenters, (True, False), strict=True):
        segmenter.engine = Clocked(segmenter.engine, is_whole=is_whole)
    detector = people.load()
    rows = []
    for picture in coco.read(options.annotations)[: options.pictures]:
        annotated = [one for one in picture.people if (one.area or 0) >= LARGE and one.segmentation]
        if not annotated or picture.size is None:
            continue
        pixels = read_picture(options.images / picture.file_name).pixels
        found = [Person(box=one.box, score=1.0) for one in annotated if one.box is not None]
        prompts = [for_person(one) for one in detector.describe(pixels, found)]
        answers = [segmenter.segment(pixels, prompts) for segmenter in segmenters]
        for one, first, second in zip(annotated, *answers, strict=True):
            true = Mask(inside=one.mask(picture.size), score=1.0, source="given")
            rows.append([overlap(first, true), overlap(second, true), overlap(first, second)])
    whole, cut, shared = np.array(rows).T
    gain = cut - whole
    print(f"{len(rows)} people: whole {whole.mean():.4f}, cut off {cut.mean():.4f}")
    print(f"difference {gain.mean():+.4f} ± {gain.std() / len(gain) ** 0.5:.4f}")
    print(f"of one another {shared.mean():.4f}, 95 % above {np.percentile(shared, 5):.4f}")
    for name, segmenter in zip(("whole", "cut off"), segmenters, strict=True):
        print(f"encoding, {name}: median {np.median(segmenter.engine.milliseconds):.0f} ms")


if __name__ == "__main__":
    main()

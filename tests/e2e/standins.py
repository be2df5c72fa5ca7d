"""What stands in for the networks where a test is about files."""

import numpy as np

from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Mask, Scene


class Boxes:
    """A segmenter: everything in the box, or a square about the first click."""

    def segment(self, pixels, prompts):
        return [self.one(pixels, prompt) for prompt in prompts]

    def segment_together(self, pictures, prompts):
        return [self.segment(p, q) for p, q in zip(pictures, prompts, strict=True)]

    def one(self, pixels, prompt):
        if prompt.mask is not None:
            return Mask(inside=prompt.mask, score=0.5, source="mobilesam")
        inside = np.zeros(pixels.shape[:2], bool)
        box = (
            prompt.box if prompt.box is not None else [*prompt.clicks[0] - 9, *prompt.clicks[0] + 9]
        )
        x0, y0, x1, y1 = np.rint(np.maximum(box, 0)).astype(int)
        inside[y0:y1, x0:x1] = True
        return Mask(inside=inside, score=0.5, source="mobilesam")


class Nobody:
    """A reconstructor that finds nobody; ``asked`` keeps what was asked of it.

    It takes pictures three at a time and breaks down at one called ``bad``.
    """

    def __init__(self):
        self.asked = []

    def run(self, requests):
        batch = []
        for request in requests:
            batch.append(request)
            if len(batch) == 3:
                yield from self.batch(batch)
                batch = []
        yield from self.batch(batch)

    def batch(self, requests):
        if any("bad" in request.frame.name for request in requests):
            raise ZeroDivisionError("a step broke down")
        for request in requests:
            self.asked.append(request)
            yield request, scene_of(request.frame)


def scene_of(frame):
    return Scene(
        name=frame.name,
        index=frame.index,
        camera=picture_camera(frame.size),
        bodies=(),
        body_name="anny24",
        faces=np.zeros((0, 3), int),
        pixels=frame.pixels,
    )

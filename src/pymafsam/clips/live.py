"""Live: what a camera sees now, with its people drawn over it; it waits for nobody."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pymafsam import render
from pymafsam.body import place
from pymafsam.errors import BadInput
from pymafsam.fitting.causal import Calmer
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Frame, Pixels, Request, Scene
from pymafsam.tracking import Tracker


def camera_frames(number: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Frame]:
    """The newest frame of a camera whenever one is asked for. Raises BadInput without a camera."""
    import cv2

    capture = cv2.VideoCapture(number)
    # A driver that queues frames would show the past.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    try:
        index, begin = 0, clock()
        while True:
            there, pixels = capture.read()
            if not there:
                break
            rgb = np.ascontiguousarray(pixels[..., ::-1])
            name = f"camera {number}"
            yield Frame(pixels=rgb, name=name, index=index, seconds=clock() - begin)
            index += 1
    finally:
        capture.release()
    if index == 0:
        raise BadInput(
            f"No picture comes from camera {number}.\n"
            "  Is it plugged in, free, and allowed? The first camera is 0."
        )


@dataclass(kw_only=True)
class Live:
    """Draws frame after frame: found, followed and calmed by what came before."""

    reconstructor: Reconstructor
    tracker: Tracker = field(default_factory=Tracker)
    calmer: Calmer = field(default_factory=Calmer)

    def draw(self, frame: Frame) -> tuple[Pixels, Scene]:
        """The overlay of a frame, and its scene."""
        needs: Any = self.reconstructor.estimator.needs
        observation = self.reconstructor.observer.observe(Request(frame=frame), needs)
        people = self.tracker.step(frame, observation.people, observation.masks)
        observation = replace(observation, people=tuple(people))
        (bodies,) = self.reconstructor.estimator.estimate([observation])
        scene = self.reconstructor.compose(observation, bodies)
        model = self.reconstructor.model
        calm = []
        for body in bodies:
            pose, where = self.calmer.step(body, frame.seconds or 0.0)
            calm.append(place(model, pose, where, scene.camera, body.person, body.score))
        scene = replace(scene, bodies=tuple(calm))
        return render.overlay(frame.pixels, scene, samples=1), scene

"""CPU time of the keypoint fit per person on one thread, alone and in company.

    OMP_NUM_THREADS=1 python benchmarks/fit.py [--repeats 20]

The people are synthetic (the embedded body in its usual pose); the time does not depend on them.
"""

import argparse
import time

import numpy as np

from pymafsam import body
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.chain import State
from pymafsam.fitting.evidence import ALIASES, LANDMARKS
from pymafsam.geometry import camera
from pymafsam.geometry.joints import BLAZEPOSE33
from pymafsam.records import Frame, Mask, Observation, Person

VIEW = camera.picture_camera((640, 480))


def somebody(fit: KeypointFit) -> Person:
    """A person who stands before the camera, with a box of a mask."""
    rotations = np.broadcast_to(np.eye(3), (1, 24, 3, 3)).copy()
    rotations[0, 0] = np.diag([1.0, -1.0, -1.0])
    place = np.array([[0.0, 0.0, 4.0]])
    points = fit.points(State(rotations=rotations, betas=np.zeros((1, 10)), translation=place))[0]
    seen = camera.project(points.T, VIEW)
    keypoints, world = np.zeros((33, 3)), np.zeros((33, 3))
    for row, name in enumerate(LANDMARKS):
        at = [BLAZEPOSE33.index(n) for n in ALIASES.get(name, (name,))]
        keypoints[at, :2], keypoints[at, 2], world[at] = seen[row], 0.9, points[:, row]
    box = np.concatenate([seen.min(0), seen.max(0)])
    return Person(box=box, score=1.0, keypoints=keypoints, world=world)


def milliseconds(fit: KeypointFit, people: int, masked: bool, repeats: int) -> float:
    """Median CPU time per person."""
    person = somebody(fit)
    inside = np.zeros((480, 640), bool)
    x0, y0, x1, y1 = person.box.astype(int)
    inside[y0:y1, x0 + 40 : x1 - 40] = True
    mask = Mask(inside=inside, score=1.0, source="mobilesam") if masked else None
    seen = Observation(
        frame=Frame(pixels=np.zeros((480, 640, 3), np.uint8), name="a"),
        camera=VIEW,
        people=(person,) * people,
        masks=(mask,) * people,
    )
    times = []
    for _ in range(repeats + 2):
        start = time.process_time()
        next(fit.estimate([seen]))
        times.append((time.process_time() - start) / people * 1000)
    return float(np.median(times[2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    fit = KeypointFit(body.load("anny24"))
    for people in (1, 4, 16):
        for masked in (True, False):
            spent = milliseconds(fit, people, masked, repeats)
            print(
                f"{people:3d} people, {'masks' if masked else 'no masks':8s} {spent:6.1f} ms each"
            )


if __name__ == "__main__":
    main()

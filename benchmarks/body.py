"""Milliseconds to skin the embedded body: whole, and its anchors alone.

python benchmarks/body.py [--repeat 30]
"""

import argparse
import json

import numpy as np

from pymafsam import body
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Pose
from timing import machine, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=30)
    repeat = parser.parse_args().repeat
    model = body.load("anny24")
    generator = np.random.default_rng(0)
    rows = {}
    for people in (1, 8):
        turns = from_axis_angle(generator.normal(0, 0.3, (people, 24, 3))).astype(np.float32)
        pose = Pose(rotations=turns, betas=generator.normal(0, 1, (people, 10)).astype(np.float32))
        rows[f"{people} whole"] = measure(lambda pose=pose: body.skin(model, pose), repeat)
        rows[f"{people} anchors"] = measure(
            lambda pose=pose: body.skin(model, pose, vertices=model.anchors), repeat
        )
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

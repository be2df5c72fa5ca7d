"""Render people and keep what the keypoint networks say of them beside the truth, in shards.

    python tools/keypoint_answers.py OUT_FOLDER --photographs coco/train --mocap mocap \\
        --fits fits.npz --shards 200

Goes on where it was stopped; the same seed gives the same shards (docs/synthetic.md says what is
in them). Fits come from tools/fit_poses.py.
"""

import argparse
import time
from pathlib import Path

from pymafsam import body, people
from pymafsam.data.synthetic import Stage, answers
from pymafsam.people.detector import with_features
from pymafsam.people.features import all_channels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--fits", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--size", type=int, default=answers.SHARD)
    parser.add_argument("--detector", default="auto")
    options = parser.parse_args()
    stage = Stage.of(
        body.load("anny24"),
        photographs=options.photographs,
        mocap=options.mocap,
        fits=options.fits,
    )
    detector = with_features(people.load(options.detector), all_channels)
    numbers = range(options.first, options.first + options.shards)
    start = time.perf_counter()
    written = answers.write(
        stage, detector, options.out, seed=options.seed, shards=numbers, size=options.size
    )
    for path in written:
        seconds = (time.perf_counter() - start) / options.size
        print(f"{path}: {1000 * seconds:.0f} ms per person", flush=True)
        start = time.perf_counter()


if __name__ == "__main__":
    main()

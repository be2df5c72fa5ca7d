"""How fast synthetic people are drawn, per picture and by part.

    python benchmarks/synthetic.py --photographs COCO_FOLDER --mocap MOCAP_FOLDER --out drawn.json

Without folders: rooms for backgrounds, everyday poses only. Processor time is told beside wall
time, since loaders share cores.
"""

import argparse
import json
import time
from pathlib import Path

from pymafsam import body
from pymafsam.data.synthetic import Stage
from timing import machine

SIDES = ((224, 224), (320, 448))
PICTURES = 200


def measured(stage: Stage, pictures: int) -> dict[str, float]:
    """Milliseconds per picture, and pictures a second of one core."""
    for index in range(3):
        stage.picture(0, index)
    wall, busy = time.perf_counter(), time.process_time()
    for index in range(pictures):
        stage.picture(1, index)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {
        "wall_ms": round(1000 * wall / pictures, 2),
        "processor_ms": round(1000 * busy / pictures, 2),
        "pictures_per_core_second": round(pictures / busy, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--fits", type=Path)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    model = body.load("anny24")
    figures = {}
    for side in SIDES:
        stage = Stage.of(
            model,
            photographs=options.photographs,
            mocap=options.mocap,
            fits=options.fits,
            side=side,
        )
        name = (
            f"longer side {side[0]} to {side[1]}" if side[0] < side[1] else f"longer side {side[0]}"
        )
        figures[name] = measured(stage, options.pictures)
    text = json.dumps({"machine": machine(), "figures": figures}, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

"""How far masks of MobileSAM in bfloat16 are from those in float32, and what is gained.

    python benchmarks/masks_bf16.py FOLDER [--pictures 100] [--other mobilesam-openvino]

Everybody found in the pictures of a folder is segmented by both, in turn. Said of all people: the
intersection over union of the two masks; and the milliseconds that a picture took, by the clock and
of the processor.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from pymafsam import people
from pymafsam.files.frames import read_picture
from pymafsam.masks import load_segmenter
from pymafsam.masks.prompts import for_person
from pymafsam.observe import Observer
from pymafsam.records import Mask, Request
from timing import machine


def overlap(one: Mask | None, other: Mask | None) -> float:
    """Intersection over union; 1 where both say nothing."""
    if one is None or other is None:
        return float(one is other)
    union = np.count_nonzero(one.inside | other.inside)
    return np.count_nonzero(one.inside & other.inside) / union if union else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--other", default="mobilesam-bf16")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    both = ("mobilesam", options.other)
    segmenters = [load_segmenter(name, threads=options.threads) for name in both]
    see = Observer(detector=people.load(), segmenter=segmenters[0])
    overlaps, times = [], []
    for path in sorted(options.folder.glob("*.jpg"))[: options.pictures]:
        frame = read_picture(path)
        prompts = [for_person(one) for one in see.describe_requested(Request(frame=frame))]
        if not prompts:
            continue
        masks, clock = [], []
        for segmenter in segmenters:
            start, spent = time.perf_counter(), time.process_time()
            masks.append(segmenter.segment(frame.pixels, prompts))
            clock.append([1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - spent)])
        overlaps += [overlap(one, other) for one, other in zip(*masks, strict=True)]
        times.append(clock)
    low, median = np.percentile(overlaps, [5, 50])
    found = {
        "people": len(overlaps),
        "mean": round(float(np.mean(overlaps)), 4),
        "median": round(float(median), 4),
        "95 % above": round(float(low), 4),
        "below .9": round(float(np.mean(np.array(overlaps) < 0.9)), 4),
        "ms, processor's": dict(zip(both, np.median(times, axis=0).round(1).tolist(), strict=True)),
    }
    print(found)
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

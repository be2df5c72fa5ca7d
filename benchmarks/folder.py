"""A folder of one-person pictures through a network: pictures per second by batch.

    python benchmarks/folder.py [--weights FILE.onnx] [--pictures 40] [--batches 1 8]

The pictures are copies of examples/tennis.jpg in memory with its person's box given, so that the
network and what surrounds it are timed, not the finding of people. Without --weights the official
architecture with random weights around the embedded body is exported and run.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from pymafsam import body, masks, people
from pymafsam.config import EstimatorOptions
from pymafsam.files.frames import read_picture
from pymafsam.network import estimator
from pymafsam.observe import Observer
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Person, Request
from timing import machine

PICTURE = Path(__file__).resolve().parents[1] / "examples" / "tennis.jpg"


def random_network(model: body.BodyModel, folder: Path) -> Path:
    """The official architecture with random weights, exported."""
    import torch

    from pymafsam.network import onnx, weights
    from pymafsam.network.architecture import Architecture
    from pymafsam.network.pymaf import PyMAF

    torch.manual_seed(0)
    network = PyMAF(Architecture(anchors=len(model.anchors), body=model.name), model)
    onnx.export(weights.snapshot(network), model, folder / "network.onnx")
    return folder / "network.onnx"


def pictures_per_second(flow: Reconstructor, requests: list[Request]) -> float:
    """One run over all of them, after one that warms up."""
    list(flow.run(requests[:8]))
    start = time.perf_counter()
    found = sum(1 for _ in flow.run(requests))
    return found / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    model = body.load("anny24")
    frame = read_picture(PICTURE)
    width, height = frame.size
    box = np.array([0.25 * width, 0.1 * height, 0.75 * width, 0.95 * height], np.float32)
    requests = [Request(frame=frame, people=(Person(box=box, score=1.0),))] * options.pictures
    observer = Observer(detector=people.load(), segmenter=masks.load_segmenter("none"))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        path = options.weights or random_network(model, Path(folder))
        for batch in options.batches:
            network = estimator.load(
                model, EstimatorOptions(weights=str(path), device=options.device, batch=batch)
            )
            flow = Reconstructor(model=model, observer=observer, estimator=network)
            rates = [pictures_per_second(flow, requests) for _ in range(options.repeat)]
            rows[f"batch {batch}"] = {
                "pictures_per_second": round(float(np.median(rates)), 2),
                "spread": round(float(np.ptp(rates)), 2),
            }
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

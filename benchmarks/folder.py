"""A folder of one-person pictures through a network: pictures per second by batch.

    python benchmarks/folder.py [--weights FILE] [--images DIR --boxes FILE] [--batches 1 8]

The first 40 pictures of --images whose one person --boxes names (COCO annotations), or copies of
examples/tennis.jpg. Boxes are given, so that the network and what surrounds it are timed, not the
finding of people; pictures are read from the disk as the command line does. Processor time counts
where the machine is shared (give it one thread: OMP_NUM_THREADS=1). Without --weights the
official architecture with random weights around the embedded body is exported and run.
``batches_seen``: how many people went through the network together, and how often.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pymafsam import body, masks, people
from pymafsam.config import EstimatorOptions
from pymafsam.files import coco
from pymafsam.files.frames import read_picture
from pymafsam.network import estimator
from pymafsam.network.architecture import Architecture
from pymafsam.network.runtime import Result, Runner
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


@dataclass
class Counted:
    """A runner that counts the sizes of its batches."""

    runner: Runner
    sizes: Counter = field(default_factory=Counter)

    @property
    def architecture(self) -> Architecture:
        return self.runner.architecture

    @property
    def bank(self) -> np.ndarray | None:
        return self.runner.bank

    def __call__(self, images: np.ndarray, points: np.ndarray) -> Result:
        self.sizes[len(images)] += 1
        return self.runner(images, points)


@dataclass
class Folder:
    """Requests whose pictures are read when they are asked for."""

    pictures: list[tuple[Path, tuple[Person, ...]]]

    def requests(self, most: int | None = None) -> Iterator[Request]:
        for path, meant in self.pictures[:most]:
            yield Request(frame=read_picture(path), people=meant)


def one_person_pictures(images: Path, annotations: Path, count: int) -> Folder:
    """The first pictures in which a single person is annotated."""
    found = []
    for picture in coco.read(annotations):
        boxes = [row.box for row in picture.people if row.box is not None]
        if len(boxes) == 1 and len(picture.people) == 1 and len(found) < count:
            person = Person(box=boxes[0].astype(np.float32), score=1.0)
            found.append((images / picture.file_name, (person,)))
    return Folder(found)


def pace(flow: Reconstructor, folder: Folder) -> tuple[float, float]:
    """Pictures per second of the clock and of processor time, of one run over all of them."""
    wall, processor = time.perf_counter(), time.process_time()
    found = sum(1 for _ in flow.run(folder.requests()))
    return found / (time.perf_counter() - wall), found / (time.process_time() - processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=Path, help="folder of pictures; --boxes goes with it")
    parser.add_argument("--boxes", type=Path, help="COCO annotations of them")
    parser.add_argument("--points", default="auto")
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    model = body.load("anny24")
    if options.images:
        pictures = one_person_pictures(options.images, options.boxes, options.pictures)
    else:
        width, height = read_picture(PICTURE).size
        box = np.array([0.25 * width, 0.1 * height, 0.75 * width, 0.95 * height], np.float32)
        pictures = Folder([(PICTURE, (Person(box=box, score=1.0),))] * options.pictures)
    observer = Observer(detector=people.load(), segmenter=masks.load_segmenter("none"))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        path = options.weights or random_network(model, Path(folder))
        for batch in options.batches:
            network = estimator.load(
                model,
                EstimatorOptions(
                    weights=str(path), points=options.points, device=options.device, batch=batch
                ),
            )
            flow = Reconstructor(model=model, observer=observer, estimator=network)
            list(flow.run(pictures.requests(8)))  # warms up
            network.runner = counted = Counted(network.runner)
            rates = np.array([pace(flow, pictures) for _ in range(options.repeat)])
            rows[f"batch {batch}"] = {
                "pictures_per_second": round(float(np.median(rates[:, 0])), 2),
                "spread": round(float(np.ptp(rates[:, 0])), 2),
                "pictures_per_processor_second": round(float(np.median(rates[:, 1])), 2),
                "pictures": len(pictures.pictures),
                "batches_seen": dict(counted.sizes),
            }
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

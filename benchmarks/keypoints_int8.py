"""What the keypoint network gains and loses in 8-bit integers and bfloat16, on people held out.

    python benchmarks/keypoints_int8.py --coco coco/train

Convolutions compute in 8-bit integers (weights by channel, steps by ONNX Runtime's calibration on
windows of people who are not measured): all but the four that give the result, and all but the
first six and last 22 besides. bfloat16 is OpenVINO's, where that is installed. Measured: people of
every fourth picture (docs/keypoints.md), annotated boxes, one look each. Printed: milliseconds of
one thread (median and least), OKS and the recall at OKS .5 to .95.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.evaluation.coco import Annotated, read_annotations, similarity
from pymafsam.files.frames import read_picture
from pymafsam.geometry.affine import Window, around_box, cut
from pymafsam.people import movenet
from pymafsam.people.describe import MARGIN
from pymafsam.pretrained import catalogue
from pymafsam.pretrained.networks import Runs
from pymafsam.pretrained.sessions import Session, VinoSession, onnxruntime
from pymafsam.records import Pixels
from timing import machine

CALIBRATED_ON = 60  # windows
HEADS = ("heat", "offsets", "regressed", "centre")
FIRST, LAST = 6, 22  # convolutions that may stay in floats
LEVELS = np.arange(0.5, 0.96, 0.05)


@dataclass(frozen=True, slots=True)
class Shown:
    """A person, the window around their annotated box, and what is seen in it."""

    person: Annotated
    window: Window
    pixels: Pixels


def people_of(data: Path, *, held_out: bool) -> Iterator[Shown]:
    """Everybody with a labelled keypoint; of every fourth picture, or of the others."""
    pictures = sorted(read_annotations(data / "person_keypoints.json"), key=lambda one: one.id)
    for number, picture in enumerate(pictures):
        if (number % 4 == 3) == held_out:
            pixels = read_picture(data / "images" / picture.file_name).pixels
            for person in picture.people:
                if (person.keypoints[:, 2] > 0).any():
                    window = around_box(person.box, MARGIN)
                    yield Shown(person, window, cut(pixels, window, movenet.SIZE))


class Given:
    """Windows for the calibration, as ONNX Runtime asks for them."""

    def __init__(self, windows: Sequence[Pixels]):
        self._left = iter(windows)

    def get_next(self) -> dict[str, Any] | None:
        """The next one as the network takes it."""
        seen = next(self._left, None)
        return None if seen is None else {"picture": seen[None].astype(np.float32) / 127.5 - 1}


def quantised(network: Path, windows: Sequence[Pixels], out: Path, first: int, last: int) -> None:
    """``network`` with 8-bit convolutions, all but the first and last so many and the heads'."""
    import onnx

    onnxruntime()  # silent before its tools are imported
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    model = onnx.load(str(network))
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}"  # nameless ones cannot be left out
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    heads = [node for node in model.graph.node if set(node.output) & set(HEADS)]
    kept = [*convolutions[:first], *convolutions[len(convolutions) - last :], *heads]
    plain = out.with_suffix(".plain.onnx")
    onnx.save(model, str(plain))
    given: Any = Given(windows)
    quantize_static(
        str(plain),
        str(out),
        given,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=[node.name for node in kept],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def measured(session: Runs, people: Sequence[Shown]) -> dict[str, float]:
    """Times of single looks, and how near the keypoints are."""
    network, seconds, near = movenet.MoveNet(session), [], []
    for shown in people:
        start = time.perf_counter()
        heads = network(shown.pixels)
        seconds.append(time.perf_counter() - start)
        points = movenet.decode(heads)
        places = shown.window.place(points[:, :2], movenet.SIZE)
        near.append(similarity(places, shown.person))
    return {
        "ms": 1000 * float(np.median(seconds)),
        "least": 1000 * min(seconds),
        "OKS": float(np.mean(near)),
        "recall": float(np.mean(np.array(near)[:, None] >= LEVELS)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coco", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    network = catalogue.locate("keypoints")
    some = islice(people_of(options.coco, held_out=False), 0, 8 * CALIBRATED_ON, 8)
    windows = [shown.pixels for shown in some]
    people = list(people_of(options.coco, held_out=True))
    rows = {"float32": measured(Session(network, threads=1), people)}
    with tempfile.TemporaryDirectory() as folder:
        for name, first, last in (("int8", 0, 0), ("int8, inner", FIRST, LAST)):
            made = Path(folder) / f"{first}.onnx"
            quantised(network, windows, made, first, last)
            rows[name] = measured(Session(made, threads=1), people)
    if find_spec("openvino") is not None:
        rows["bfloat16"] = measured(VinoSession(network, precision="bf16", threads=1), people)
    print(f"{len(people)} people")
    for name, row in rows.items():
        print(name, " ".join(f"{key} {value:.4g}" for key, value in row.items()))
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

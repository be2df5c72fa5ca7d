"""An exported network whose convolutions compute in 8-bit integers: faster, and less exact.

Which numbers a layer's 256 steps stand for is measured on crops of real people (calibration).
Weights have a scale for each channel. Readings, corrections and the body stay float32: they cost
little and decide the result. Whether a network bears it is measured, not promised
(docs/results/network.md).
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from pymafsam import crops, points
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files import frames
from pymafsam.files.atomic import writing
from pymafsam.geometry.camera import CROP_SIDE
from pymafsam.people.detector import Detector
from pymafsam.pretrained.sessions import onnxruntime

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PEOPLE = 64  # crops that are calibrated on; twice as many change nothing that is seen
TOGETHER = 4  # crops at a time
KINDS = ("Conv", "ConvTranspose")
Crops = Float32[np.ndarray, "people 3 side side"]


def people_in(folder: Path, detector: Detector, most: int = PEOPLE) -> Crops:
    """Normalised crops of the first people that the detector finds in a folder of photographs.

    Raises BadInput where it finds nobody.
    """
    found = list(islice(_crops(folder, detector), most))
    if not found:
        raise BadInput(
            f"Nobody was found in the pictures of {folder}.\n"
            "  Give a folder with photographs of some dozens of people."
        )
    return np.stack(found)


def quantise(exported: Path, people: Crops, out: Path) -> None:
    """Write the network at ``exported`` (.onnx, float32) to ``out`` with 8-bit convolutions.

    The description, the body and the bank of points stay as they are.
    """
    import onnx

    onnxruntime()  # silent before its tools are imported
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder, writing(out) as temporary:
        plain, made = Path(folder) / "plain.onnx", Path(folder) / "made.onnx"
        source = onnx.load(exported)
        onnx.save(_without_copies(source), plain)
        given: Any = _Given(people)  # all that is asked of a reader of theirs
        with _quiet():
            quantize_static(
                plain,
                made,
                given,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(KINDS),
                nodes_to_exclude=_left_in_floats(source),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        result = onnx.load(made)
        del result.metadata_props[:]
        result.metadata_props.extend(source.metadata_props)
        onnx.save(_with_bank(result, source), temporary)


class _Given:
    """Inputs as ONNX Runtime's calibration asks for them, one batch after the other."""

    def __init__(self, people: Crops):
        self._parts = iter([people[k : k + TOGETHER] for k in range(0, len(people), TOGETHER)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch; None at the end."""
        part = next(self._parts, None)
        if part is None:
            return None
        looked = np.stack([points.grid()] * len(part))  # convolutions do not depend on it
        return {"images": part, "points": looked}


def _crops(folder: Path, detector: Detector) -> Iterator[Float32[np.ndarray, "3 side side"]]:
    for source in frames.find([folder]):
        if source.is_video:
            continue
        try:
            pixels = frames.read_picture(source.path, source.name).pixels
        except PymafsamError:
            continue  # a damaged one; the others will do
        for person in detector.find(pixels):
            yield crops.crop(pixels, crops.square_around(person.box), CROP_SIDE).pixels


def _without_copies(model: "ModelProto") -> "ModelProto":
    """The same graph, nodes given constants themselves and not copies of them.

    The exporter hands weights that several places share on through Identity; the quantiser knows
    only what stands in the graph as a constant.
    """
    known = {tensor.name for tensor in model.graph.initializer}
    nodes = model.graph.node
    copies = {n.output[0]: n.input[0] for n in nodes if n.op_type == "Identity"}
    copies = {copy: constant for copy, constant in copies.items() if constant in known}
    for node in nodes:
        for place, name in enumerate(node.input):
            node.input[place] = copies.get(name, name)
    for node in [n for n in nodes if n.op_type == "Identity" and n.output[0] in copies]:
        nodes.remove(node)
    return model


def _left_in_floats(model: "ModelProto") -> list[str]:
    """Convolutions that lose much by eight bits, or gain little.

    Those that read single points decide the result; the first one sees the picture itself, whose
    256 steps it stretches; depthwise ones are no faster, and in MobileNets ten times as wrong.
    """
    nodes = [node for node in model.graph.node if node.op_type in KINDS]
    backbone = [node for node in nodes if "/backbone/" in node.name]
    dense = {node.name for node in backbone[1:] if _groups(node) == 1}
    return [node.name for node in nodes if node.name not in dense]


def _groups(node: "NodeProto") -> int:
    return next((entry.i for entry in node.attribute if entry.name == "group"), 1)


def _with_bank(model: "ModelProto", source: "ModelProto") -> "ModelProto":
    """The bank of points is in no node's way, so tools drop it."""
    if "bank" not in {tensor.name for tensor in model.graph.initializer}:
        bank = [tensor for tensor in source.graph.initializer if tensor.name == "bank"]
        model.graph.initializer.extend(bank)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises its caller through the root logger; users can do nothing about it."""
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(before)

"""NanoDet finds people's boxes.

RangiLyu, NanoDet (2020); boxes as distributions over distances: Li et al., "Generalized Focal
Loss", 2020.

The network was published for squares of 416 pixels. It has nothing of that size in it, so it is
shown the picture alone and not the blank rest of the square (docs/results/people.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from pymafsam.ahead import abreast
from pymafsam.errors import BadInput
from pymafsam.geometry.boxes import nms
from pymafsam.pretrained.networks import Runs
from pymafsam.records import Person, Pixels

if TYPE_CHECKING:
    from onnx import NodeProto

SIDE = 416  # pixels of the longer side of the network's input
# Shorter sides are multiples of STEP and BEYOND or more longer than the picture, whose end shows.
STEP, BEYOND = 32, 16
STRIDES = (8, 16, 32)
PERSON = 0  # class
MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
DEVIATION_BGR = np.array([57.375, 57.12, 58.395], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoDetOptions:
    """``score``: surer boxes are kept; ``overlap``: boxes that share more are one person.

    The picture is shown once for each of ``scales`` (1: as large as fits): what is missed at one
    size is often found at the other.
    """

    score: float = 0.15
    overlap: float = 0.45
    scales: tuple[float, ...] = (1.0, 0.7)


class NanoDet:
    """The network, ready to run."""

    def __init__(self, session: Runs, options: NanoDetOptions | None = None):
        self.options = options or NanoDetOptions()
        self._session = session

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture: boxes (picture pixels) and scores, the surest first."""
        boxes, scores = self.candidates(pixels)
        chosen = nms(boxes, scores, self.options.overlap)
        return [Person(box=boxes[i], score=float(scores[i])) for i in chosen]

    def candidates(
        self, pixels: Pixels
    ) -> tuple[Float[np.ndarray, "boxes 4"], Float[np.ndarray, "boxes"]]:
        """Boxes above the score, at all scales, before overlapping ones are removed."""
        # Side by side: networks release the interpreter while they compute.
        scales = self.options.scales
        found = list(abreast(lambda scale: self._at(pixels, scale), scales, len(scales)))
        return np.concatenate([b for b, _ in found]), np.concatenate([s for _, s in found])

    def _at(
        self, pixels: Pixels, relative: float
    ) -> tuple[Float[np.ndarray, "boxes 4"], Float[np.ndarray, "boxes"]]:
        height, width = pixels.shape[:2]
        scale = relative * SIDE / max(height, width)
        seen = letterboxed(pixels, scale)
        outputs = self._session.run(None, {"input_1": seen})
        count = len(STRIDES)
        boxes, scores = [], []
        for stride, classes, sides in zip(STRIDES, outputs[:count], outputs[count:], strict=True):
            score = classes[0, :, PERSON].astype(np.float64)
            sure = np.flatnonzero(score > self.options.score)
            boxes.append(_boxes(sides[0, sure], sure, stride, seen.shape[3] // stride) / scale)
            scores.append(score[sure])
        limits = np.array([width, height, width, height], np.float64)
        return np.concatenate(boxes).clip(0, limits), np.concatenate(scores)


def letterboxed(pixels: Pixels, scale: float) -> Float[np.ndarray, "1 3 rows columns"]:
    """The picture in the top left of the network's input; the rest is black."""
    import cv2

    height, width = (max(round(length * scale), 1) for length in pixels.shape[:2])
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, (width, height), interpolation=method)
    planes = np.empty((1, 3, enough(height), enough(width)), np.float32)
    planes[:] = ((0 - MEAN_BGR) / DEVIATION_BGR)[:, None, None]
    for channel in range(3):  # plane by plane: three times as fast as all at once and turned
        values = small[:, :, 2 - channel].astype(np.float32)
        planes[0, channel, :height, :width] = (values - MEAN_BGR[channel]) / DEVIATION_BGR[channel]
    return planes


def enough(length: int) -> int:
    """Pixels of the input along a side of which the picture takes so many."""
    return min(-(-(length + BEYOND) // STEP) * STEP, SIDE)


def any_size(network: Path) -> bytes:
    """The published graph for inputs of any size, as it is kept.

    Between its scales maps were resized to written sizes; factors say the same of any size. Raises
    BadInput for another network.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.shape_inference.infer_shapes(onnx.load(str(network)))
    graph = model.graph
    partners = {one: other for n in graph.node if n.op_type == "Add" for one, other in _pairs(n)}
    try:
        sides = {v.name: v.type.tensor_type.shape.dim[-1].dim_value for v in graph.value_info}
        for node in [n for n in graph.node if n.op_type == "Resize"]:
            # Whatever is resized is added to a map of the size that is wanted.
            factor = sides[partners[node.output[0]]] / sides[node.input[0]]
            scales = np.array([1, 1, factor, factor], np.float32)
            graph.initializer.append(numpy_helper.from_array(scales, f"{node.output[0]} factors"))
            inputs = [node.input[0], "", graph.initializer[-1].name]
            node.ClearField("input")
            node.input.extend(inputs)
    except (KeyError, IndexError) as error:
        raise BadInput(
            f"{network} is not the NanoDet that is made here of the published one ({error}).\n"
            "  Remove the file and run: pymafsam fetch"
        ) from error
    for axis, name in ((2, "rows"), (3, "columns")):
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name} cells"
    graph.ClearField("value_info")
    return model.SerializeToString()


def _pairs(node: "NodeProto") -> list[tuple[str, str]]:
    """Both inputs of a node, each with the other."""
    first, second = node.input
    return [(first, second), (second, first)]


def _boxes(
    sides: Float[np.ndarray, "boxes 44"], cells: Int[np.ndarray, "boxes"], stride: int, across: int
) -> Float[np.ndarray, "boxes 4"]:
    """Corners in input pixels from distributions over the distance to each side, in strides.

    ``across`` cells lie side by side.
    """
    logits = sides.reshape(-1, 4, 11).astype(np.float64)
    weight = np.exp(logits - logits.max(-1, keepdims=True))
    distance = (weight @ np.arange(11.0)) / weight.sum(-1) * stride
    middle = (np.stack([cells % across, cells // across], -1) + 0.5) * stride
    return np.concatenate([middle - distance[:, :2], middle + distance[:, 2:]], -1)

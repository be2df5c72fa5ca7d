"""TensorFlow Lite networks -> ONNX, for the few operators of plain convolutional networks.

So that one runtime runs all networks: its session is shared by threads and by processes, where an
interpreter of TensorFlow Lite has its weights to itself. TensorFlow Lite works channels last, ONNX
channels first; a ``Value`` remembers which axes were swapped (``tfjs``).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput
from pymafsam.pretrained import tfjs, tflite
from pymafsam.pretrained.tfjs import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Value
from pymafsam.pretrained.tflite import Operator

INPUT = "picture"


class Writer:
    """The ONNX graph as far as it has been written, and what each tensor of the file became."""

    def __init__(self, file: tflite.Graph):
        self.file = file
        self.onnx = tfjs.Graph(weights={})
        self.made: dict[int, Value] = {file.inputs[0]: Value(INPUT)}
        widened = {o.outputs[0]: o.inputs[0] for o in file.operators if o.kind == "dequantise"}
        # Half precision is how weights are stored; everything is computed in single.
        wide = {n: file.constants[m].astype(np.float32) for n, m in widened.items()}
        self.constants = {**file.constants, **wide}

    def first(self, operator: Operator) -> str:
        """The tensor that an operator works on, channels first."""
        return self.onnx.seen(self.made[operator.inputs[0]], TO_CHANNELS_FIRST)

    def constant(self, number: int) -> Shaped[np.ndarray, "..."]:
        """A constant of the file."""
        return self.constants[number]

    def activated(self, name: str, operator: Operator) -> Value:
        """The activation fused into an operator, as a node of its own; channels first."""
        kind = tflite.ACTIVATIONS[operator.options["activation"]]
        if kind == "relu":
            name = self.onnx.add("Relu", [name])[0]
        elif kind == "relu6":
            limits = [self.onnx.constant(np.array(limit, np.float32)) for limit in (0, 6)]
            name = self.onnx.add("Clip", [name, *limits])[0]
        return Value(name, TO_CHANNELS_LAST)


def to_onnx(path: Path) -> bytes:
    """The network in the file as ONNX; the input is called ``picture``, outputs in their order.

    Raises BadInput for a damaged file and for an operator that is not in the table below.
    """
    from onnx import TensorProto, helper, numpy_helper

    file = tflite.read_graph(path)
    writer = Writer(file)
    for operator in file.operators:
        if operator.kind == "dequantise":
            continue
        if operator.kind not in OPERATORS:
            raise BadInput(f'{path}: "{operator.kind}" cannot be converted to ONNX.')
        writer.made[operator.outputs[0]] = OPERATORS[operator.kind](writer, operator)
    outputs = [(f"output_{k}", number) for k, number in enumerate(file.outputs)]
    for name, number in outputs:
        shown = writer.onnx.seen(writer.made[number])
        writer.onnx.nodes.append(helper.make_node("Identity", [shown], [name]))
    described = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, file.shapes[number])
        for name, number in ((INPUT, file.inputs[0]), *outputs)
    ]
    constants = [numpy_helper.from_array(a, name) for name, a in writer.onnx.constants.items()]
    graph = helper.make_graph(writer.onnx.nodes, path.stem, described[:1], described[1:], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", tfjs.OPSET)], producer_name="pymafsam"
    )
    model.ir_version = tfjs.IR_VERSION
    return model.SerializeToString()


def _convolve(writer: Writer, operator: Operator) -> Value:
    weights = writer.constant(operator.inputs[1])  # out, height, width, in
    return _convolved(writer, operator, weights.transpose(0, 3, 1, 2), 1)


def _convolve_each(writer: Writer, operator: Operator) -> Value:
    weights = writer.constant(operator.inputs[1])  # 1, height, width, channels
    return _convolved(writer, operator, weights.transpose(3, 0, 1, 2), weights.shape[3])


def _convolved(
    writer: Writer, operator: Operator, kernel: Shaped[np.ndarray, "o i h w"], groups: int
) -> Value:
    if operator.options["dilation"] > 1:
        raise BadInput("A dilated convolution cannot be converted to ONNX.")
    constants = [writer.onnx.constant(kernel)]
    constants += [writer.onnx.constant(writer.constant(n)) for n in operator.inputs[2:]]
    inputs = [writer.first(operator), *constants]
    (made,) = writer.onnx.add("Conv", inputs, group=groups, **_window(operator))
    return writer.activated(made, operator)


def _max_pool(writer: Writer, operator: Operator) -> Value:
    size = [operator.options["size"]] * 2
    inputs = [writer.first(operator)]
    (made,) = writer.onnx.add("MaxPool", inputs, kernel_shape=size, **_window(operator))
    return writer.activated(made, operator)


def _window(operator: Operator) -> dict[str, Any]:
    padding = tfjs.PADDINGS[b"VALID" if operator.options["valid"] else b"SAME"]
    return {"strides": [operator.options["stride"]] * 2, **padding}


def _add(writer: Writer, operator: Operator) -> Value:
    one, other = (writer.onnx.seen(writer.made[n], TO_CHANNELS_FIRST) for n in operator.inputs)
    return writer.activated(writer.onnx.add("Add", [one, other])[0], operator)


def _pad(writer: Writer, operator: Operator) -> Value:
    amounts = writer.constant(operator.inputs[1])[[*TO_CHANNELS_FIRST]]
    inputs = [writer.first(operator), writer.onnx.constant(amounts.T.ravel().astype(np.int64))]
    return Value(writer.onnx.add("Pad", inputs)[0], TO_CHANNELS_LAST)


def _resize(writer: Writer, operator: Operator) -> Value:
    if operator.options["align_corners"] or not operator.options["half_pixels"]:
        raise BadInput("Resizing by other than pixels' centres cannot be converted to ONNX.")
    shape = writer.file.shapes[operator.outputs[0]]
    sizes = writer.onnx.constant(np.array([shape[k] for k in TO_CHANNELS_FIRST], np.int64))
    inputs, centres = [writer.first(operator), "", "", sizes], "half_pixel"
    (made,) = writer.onnx.add(
        "Resize", inputs, mode="linear", coordinate_transformation_mode=centres
    )
    return Value(made, TO_CHANNELS_LAST)


def _reshape(writer: Writer, operator: Operator) -> Value:
    shape = writer.onnx.constant(np.array(writer.file.shapes[operator.outputs[0]], np.int64))
    shown = writer.onnx.seen(writer.made[operator.inputs[0]])
    return Value(writer.onnx.add("Reshape", [shown, shape])[0])


def _sigmoid(writer: Writer, operator: Operator) -> Value:
    value = writer.made[operator.inputs[0]]
    return replace(value, name=writer.onnx.add("Sigmoid", [value.name])[0])


OPERATORS: dict[str, Callable[[Writer, Operator], Value]] = {
    "convolve": _convolve,
    "convolve each": _convolve_each,
    "max pool": _max_pool,
    "add": _add,
    "pad": _pad,
    "resize": _resize,
    "reshape": _reshape,
    "sigmoid": _sigmoid,
}

"""TensorFlow.js graph models -> ONNX, for the few operations of plain convolutional networks.

TensorFlow works on channels-last tensors and models that came from elsewhere are full of transposes
in both directions. Here a transpose writes nothing: a ``Value`` remembers the permutation under
which an ONNX tensor is seen, and it is written out only where an operation cannot look through it.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput

OPSET = 13
IR_VERSION = 8
TO_CHANNELS_FIRST = (0, 3, 1, 2)
TO_CHANNELS_LAST = (0, 2, 3, 1)
# TensorFlow's SAME puts the odd row of padding below and to the right.
PADDINGS: Mapping[bytes, dict[str, str]] = {b"VALID": {}, b"SAME": {"auto_pad": "SAME_UPPER"}}


@dataclass(frozen=True, slots=True)
class Value:
    """The ONNX tensor ``name`` with its axes seen in the order ``axes`` (None: as they are)."""

    name: str
    axes: tuple[int, ...] | None = None


@dataclass(slots=True)
class Graph:
    """What has been written so far: nodes, constants, and what each TensorFlow name became."""

    weights: Mapping[str, np.ndarray]
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)  # Value, or np.ndarray for constants

    def add(self, operation: str, inputs: list[str], outputs: int = 1, **attributes) -> list[str]:
        """Append one ONNX node; returns the names of its outputs."""
        from onnx import helper

        names = [f"{operation}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operation, inputs, names, **attributes))
        return names

    def constant(self, array: Shaped[np.ndarray, "..."]) -> str:
        """Name of a stored constant."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def seen(self, value: Value, axes: tuple[int, ...] | None = None) -> str:
        """Name of the tensor that shows ``value`` with its axes further permuted by ``axes``."""
        total = _composed(value.axes, axes)
        if total is None or total == tuple(range(len(total))):
            return value.name
        return self.add("Transpose", [value.name], perm=total)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of a graph that is wanted, where what comes before and after is done elsewhere.

    ``inputs``: node -> (name in the ONNX graph, shape); such a node is fed instead of computed.
    ``outputs``: node -> name. A dimension of 0 is left open.
    """

    inputs: Mapping[str, tuple[str, tuple[int, ...]]]
    outputs: Mapping[str, tuple[str, tuple[int, ...]]]


def to_onnx(files: Mapping[str, Path], target: Path, part: Part | None = None) -> None:
    """Write the ONNX form of a tfjs graph model (``*.json`` with one ``*.bin``) to ``target``.

    Inputs and outputs keep their names (``:0`` removed) and layouts; ``part``: only that part. The
    same input gives the same graph, node for node. Raises BadInput for an operation that is not in
    the table below.
    """
    import onnx

    description = next(path for name, path in files.items() if name.endswith(".json"))
    numbers = next(path for name, path in files.items() if name.endswith(".bin"))
    content = json.loads(description.read_text(encoding="utf-8"))
    part = part or _whole(content["signature"])
    onnx.save_model(_model(content, numbers.read_bytes(), part), str(target))


def digest(path: Path) -> str:
    """Hexadecimal sha256 of a graph: what its operations mean, which there are, and its numbers.

    Unlike the file's own hash it does not depend on how a version of onnx writes files.
    Raises BadInput when the file is no ONNX graph.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError) as error:
        raise BadInput(
            f"{path} is not a whole ONNX network ({error}).\n"
            "  Remove the file and run: pymafsam fetch"
        ) from error
    # The same operations mean other things under other versions of their set.
    sets = sorted((one.domain, one.version) for one in model.opset_import)
    sums, graph = hashlib.sha256(json.dumps(sets).encode()), model.graph
    for node in graph.node:
        attributes = sorted(
            (a.name, str(onnx.helper.get_attribute_value(a))) for a in node.attribute
        )
        row = [node.op_type, list(node.input), list(node.output), attributes]
        sums.update(json.dumps(row).encode())
    for constant in graph.initializer:
        array = np.ascontiguousarray(onnx.numpy_helper.to_array(constant))
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        sums.update(f"{constant.name} {array.dtype.name} {array.shape}".encode())
        sums.update(little.tobytes())
    return sums.hexdigest()


def _whole(signature: dict) -> Part:
    def described(side: str) -> dict[str, tuple[str, tuple[int, ...]]]:
        return {
            name.split(":")[0]: (
                name.split(":")[0],
                tuple(int(d["size"]) for d in about["tensorShape"]["dim"]),
            )
            for name, about in sorted(signature[side].items())
        }

    return Part(inputs=described("inputs"), outputs=described("outputs"))


def _model(content: dict, numbers: bytes, part: Part):
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = Graph(weights=_weights(content["weightsManifest"], numbers))
    fed = {node: Value(name) for node, (name, _) in part.inputs.items()}
    for node in _ordered(content["modelTopology"]["node"], part):
        if node["name"] in fed:
            graph.known[node["name"]] = fed[node["name"]]
            continue
        if node["op"] not in OPERATIONS:
            raise BadInput(f'The tfjs operation "{node["op"]}" cannot be converted to ONNX.')
        results = OPERATIONS[node["op"]](graph, node)
        for i, result in enumerate(results):
            graph.known[node["name"] + (f":{i}" if i else "")] = result
    inputs, outputs = (
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [n or "batch" for n in shape])
            for name, shape in side.values()
        ]
        for side in (part.inputs, part.outputs)
    )
    for node, (name, _) in part.outputs.items():
        shown = graph.seen(graph.known[node])
        graph.nodes.append(helper.make_node("Identity", [shown], [name]))
    constants = [numpy_helper.from_array(a, name) for name, a in graph.constants.items()]
    made = helper.make_graph(graph.nodes, "graph", inputs, outputs, constants)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="pymafsam"
    )
    model.ir_version = IR_VERSION
    checker.check_model(model, full_check=True)
    return model


def _weights(manifest: list[dict], numbers: bytes) -> dict[str, np.ndarray]:
    weights, start = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        if "scale" in entry.get("quantization", ()):
            raise BadInput("tfjs weights quantised to integers cannot be converted to ONNX.")
        stored = np.dtype(entry.get("quantization", entry)["dtype"]).newbyteorder("<")
        count = int(np.prod(entry["shape"]))
        if start + count * stored.itemsize > len(numbers):
            raise BadInput(f'The tfjs weights end within "{entry["name"]}".')
        array = np.frombuffer(numbers, stored, count, start).reshape(entry["shape"])
        weights[entry["name"]] = array.astype(entry["dtype"])
        start += array.nbytes
    if start != len(numbers):
        raise BadInput(f"The tfjs weights hold {len(numbers)} bytes; {start} were described.")
    return weights


def _ordered(nodes: list[dict], part: Part) -> list[dict]:
    """What the part's outputs need, in the file's order but after everything that they read."""
    by_name = {node["name"]: node for node in nodes}
    done: dict[str, dict] = {}

    def reads(node: dict) -> list[dict]:
        names = [] if node["name"] in part.inputs else node.get("input", [])
        return [by_name[name.split(":")[0]] for name in names]

    def visit(node: dict) -> None:
        if node["name"] not in done:
            for before in reads(node):
                visit(before)
            done[node["name"]] = node

    for name in part.outputs:
        visit(by_name[name])
    needed, done = set(done), {}
    for node in nodes:
        if node["name"] in needed:
            visit(node)
    return list(done.values())


def _composed(
    first: tuple[int, ...] | None, second: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    if first is None or second is None:
        return first or second
    return tuple(first[axis] for axis in second)


def _inputs(graph: Graph, node: dict) -> Any:
    """List of what the node reads: a ``Value`` each, or an array for a constant."""
    return [graph.known[name] for name in node["input"]]


def _const(graph: Graph, node: dict) -> list:
    return [graph.weights[node["name"]]]


def _zeros(graph: Graph, node: dict) -> list:
    """SparseToDense without entries: how shapes of constants come out of a converter."""
    indices, shape, _, default = _inputs(graph, node)
    if indices.size:
        raise BadInput("A tfjs SparseToDense with entries cannot be converted to ONNX.")
    return [np.full(shape, default)]


def _transpose(graph: Graph, node: dict) -> list:
    value, axes = _inputs(graph, node)
    return [Value(value.name, _composed(value.axes, tuple(int(a) for a in axes)))]


def _pad(graph: Graph, node: dict) -> list:
    value, amounts, *fill = _inputs(graph, node)
    shown = graph.seen(value)
    inputs = [shown, graph.constant(amounts.T.reshape(-1).astype(np.int64))]
    inputs += [graph.constant(np.asarray(number, np.float32)) for number in fill]
    return [Value(graph.add("Pad", inputs)[0])]


def _windowed(graph: Graph, node: dict, operation: str, rest: list[str], **attributes) -> Value:
    """Convolution and pooling: channels first in ONNX, channels last in TensorFlow."""
    padding = base64.b64decode(node["attr"]["padding"]["s"])
    if padding not in PADDINGS:
        raise BadInput(f"A tfjs {node['op']} padded {padding!r} cannot be converted to ONNX.")
    dilations = node["attr"].get("dilations", {"list": {}})["list"].get("i", [])
    if any(int(i) != 1 for i in dilations):
        raise BadInput(f"A dilated tfjs {node['op']} cannot be converted to ONNX.")
    strides = [int(i) for i in node["attr"]["strides"]["list"]["i"]][1:3]
    shown = graph.seen(_inputs(graph, node)[0], TO_CHANNELS_FIRST)
    attributes |= PADDINGS[padding]
    made = graph.add(operation, [shown, *rest], strides=strides, **attributes)[0]
    return Value(_activated(graph, node, made), TO_CHANNELS_LAST)


def _activated(graph: Graph, node: dict, name: str) -> str:
    """The activation fused into a convolution, written as a node of its own."""
    fused = node["attr"].get("fused_ops", {"list": {}})["list"].get("s", [])
    for operation in (base64.b64decode(one) for one in fused):
        if operation == b"Relu":
            name = graph.add("Relu", [name])[0]
        elif operation == b"Relu6":
            limits = [graph.constant(np.array(limit, np.float32)) for limit in (0, 6)]
            name = graph.add("Clip", [name, *limits])[0]
        elif operation != b"BiasAdd":  # the bias is an input of the convolution itself
            raise BadInput(f"A tfjs convolution with {operation!r} cannot be converted to ONNX.")
    return name


def _conv(graph: Graph, node: dict) -> list:
    _, weights, *bias = _inputs(graph, node)
    constants = [graph.constant(array) for array in (weights.transpose(3, 2, 0, 1), *bias)]
    return [_windowed(graph, node, "Conv", constants)]


def _depthwise(graph: Graph, node: dict) -> list:
    """Each channel convolved by itself; weights are height, width, channels, multiplier."""
    _, weights, *bias = _inputs(graph, node)
    height, width, channels, multiplier = weights.shape
    kernel = weights.reshape(height, width, channels * multiplier).transpose(2, 0, 1)[:, None]
    constants = [graph.constant(array) for array in (kernel, *bias)]
    return [_windowed(graph, node, "Conv", constants, group=channels)]


def _max_pool(graph: Graph, node: dict) -> list:
    size = [int(i) for i in node["attr"]["ksize"]["list"]["i"]][1:3]
    return [_windowed(graph, node, "MaxPool", [], kernel_shape=size)]


def _add(graph: Graph, node: dict) -> list:
    first, second = _inputs(graph, node)
    if not isinstance(first, Value):
        return [first + second]  # two constants: a shape being put together
    if not isinstance(second, Value):
        return [_biased(graph, first, second)]
    if first.axes == second.axes:
        return [Value(graph.add("Add", [first.name, second.name])[0], first.axes)]
    return [Value(graph.add("Add", [graph.seen(first), graph.seen(second)])[0])]


def _biased(graph: Graph, value: Value, bias: Shaped[np.ndarray, "..."]) -> Value:
    """A bias along the last axis as TensorFlow sees it, wherever ONNX has that axis."""
    axes = value.axes or tuple(range(bias.ndim))
    shape = [1] * len(axes)
    shape[axes[-1]] = bias.size
    return Value(graph.add("Add", [value.name, graph.constant(bias.reshape(shape))])[0], value.axes)


def _leaky_relu(graph: Graph, node: dict) -> list:
    (value,) = _inputs(graph, node)
    slope = float(node["attr"]["alpha"]["f"])
    return [Value(graph.add("LeakyRelu", [value.name], alpha=slope)[0], value.axes)]


def _sigmoid(graph: Graph, node: dict) -> list:
    (value,) = _inputs(graph, node)
    return [Value(graph.add("Sigmoid", [value.name])[0], value.axes)]


def _concat(graph: Graph, node: dict) -> list:
    *values, axis = _inputs(graph, node)
    return [Value(graph.add("Concat", [graph.seen(v) for v in values], axis=int(axis))[0])]


def _split(graph: Graph, node: dict) -> list:
    value, sizes, axis = _inputs(graph, node)
    inputs = [graph.seen(value), graph.constant(sizes.astype(np.int64))]
    return [Value(name) for name in graph.add("Split", inputs, len(sizes), axis=int(axis))]


def _reshape(graph: Graph, node: dict) -> list:
    value, shape = _inputs(graph, node)
    return [
        Value(graph.add("Reshape", [graph.seen(value), graph.constant(shape.astype(np.int64))])[0])
    ]


def _resize(graph: Graph, node: dict) -> list:
    value, size = _inputs(graph, node)
    shown = graph.seen(value, TO_CHANNELS_FIRST)
    # Resize wants all four sizes; batch and channels are taken from the tensor itself.
    kept = graph.add("Slice", [graph.add("Shape", [shown])[0], *_range(graph, 0, 2)])[0]
    sizes = graph.add("Concat", [kept, graph.constant(size.astype(np.int64))], axis=0)[0]
    made = graph.add(
        "Resize",
        [shown, "", "", sizes],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )[0]
    return [Value(made, TO_CHANNELS_LAST)]


def _range(graph: Graph, start: int, stop: int) -> list[str]:
    return [graph.constant(np.array([number], np.int64)) for number in (start, stop)]


def _identity(graph: Graph, node: dict) -> list:
    return [_inputs(graph, node)[0]]


OPERATIONS: dict[str, Callable[[Graph, dict], list]] = {
    "Const": _const,
    "SparseToDense": _zeros,
    "Transpose": _transpose,
    "Pad": _pad,
    "PadV2": _pad,
    "Conv2D": _conv,
    "_FusedConv2D": _conv,
    "DepthwiseConv2dNative": _depthwise,
    "FusedDepthwiseConv2dNative": _depthwise,
    "MaxPool": _max_pool,
    "Add": _add,
    "AddV2": _add,
    "LeakyRelu": _leaky_relu,
    "Sigmoid": _sigmoid,
    "ConcatV2": _concat,
    "SplitV": _split,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "Identity": _identity,
}

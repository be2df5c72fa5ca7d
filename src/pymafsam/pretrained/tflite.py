"""Read a ``.tflite`` file as a graph: operators, their options, constants. Nothing is executed.

The format is a FlatBuffer (google.github.io/flatbuffers, "Internals") with the tables of
TensorFlow Lite's public schema, version 3; field numbers below are that schema's.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput

OPERATORS = {
    0: "add", 2: "concatenate", 3: "convolve", 4: "convolve each", 6: "dequantise", 14: "sigmoid",
    17: "max pool", 18: "multiply", 19: "relu", 21: "relu6", 22: "reshape", 23: "resize",
    34: "pad", 124: "densify",
}  # fmt: skip
ACTIVATIONS = {0: "", 1: "relu", 3: "relu6"}
# operator -> option -> (field, format); "B" byte, "i" int32
OPTIONS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "add": {"activation": (0, "B")},
    "convolve": {
        "valid": (0, "B"), "stride": (1, "i"), "activation": (3, "B"), "dilation": (4, "i"),
    },
    "convolve each": {
        "valid": (0, "B"), "stride": (1, "i"), "activation": (4, "B"), "dilation": (5, "i"),
    },
    "max pool": {"valid": (0, "B"), "stride": (1, "i"), "size": (3, "i"), "activation": (5, "B")},
    "resize": {"align_corners": (2, "B"), "half_pixels": (3, "B")},
}  # fmt: skip
TYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 6: "?", 9: "i1"}


@dataclass(frozen=True, slots=True)
class Operator:
    """One step: tensor numbers in and out (-1: none), and the options of its kind."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Graph:
    """Operators in order; ``constants`` by tensor number; channels last, as the file has them."""

    operators: tuple[Operator, ...]
    constants: Mapping[int, np.ndarray]
    shapes: Mapping[int, tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(path: Path) -> Graph:
    """The first graph of the file. Raises BadInput when it is no whole TensorFlow Lite file."""
    try:
        data = path.read_bytes()
        if data[4:8] != b"TFL3":
            raise ValueError("its mark TFL3 is missing")
        return _graph(_Table(data, struct.unpack_from("<I", data)[0]))
    except (OSError, struct.error, ValueError, IndexError, KeyError) as error:
        raise BadInput(
            f"{path} is not a whole TensorFlow Lite network ({type(error).__name__}: {error}).\n"
            "  Fetch it again: pymafsam fetch"
        ) from error


@dataclass(frozen=True, slots=True)
class _Table:
    """A FlatBuffer table: a list of offsets to its fields, absent ones 0."""

    data: bytes
    start: int

    def _place(self, field: int) -> int:
        offsets = self.start - struct.unpack_from("<i", self.data, self.start)[0]
        size = struct.unpack_from("<H", self.data, offsets)[0]
        slot = 4 + 2 * field
        offset = struct.unpack_from("<H", self.data, offsets + slot)[0] if slot < size else 0
        return self.start + offset if offset else 0

    def number(self, field: int, kind: str, default: int = 0) -> int:
        place = self._place(field)
        return struct.unpack_from("<" + kind, self.data, place)[0] if place else default

    def table(self, field: int) -> "_Table | None":
        place = self._place(field)
        return self._follow(place) if place else None

    def _follow(self, place: int) -> "_Table":
        return _Table(self.data, place + struct.unpack_from("<I", self.data, place)[0])

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        place += struct.unpack_from("<I", self.data, place)[0]
        return place + 4, struct.unpack_from("<I", self.data, place)[0]

    def tables(self, field: int) -> list["_Table"]:
        start, count = self._vector(field)
        return [self._follow(start + 4 * i) for i in range(count)]

    def array(self, field: int, dtype: str) -> np.ndarray:
        start, count = self._vector(field)
        return np.frombuffer(self.data, dtype, count, start) if count else np.empty(0, dtype)


def _graph(model: _Table) -> Graph:
    codes = [max(c.number(0, "b"), c.number(3, "i")) for c in model.tables(1)]
    buffers, graph = model.tables(4), model.tables(2)[0]
    constants, shapes = {}, {}
    for number, tensor in enumerate(graph.tables(0)):
        shapes[number] = tuple(int(n) for n in tensor.array(0, "<i4"))
        raw = buffers[tensor.number(2, "I")].array(0, "u1")
        if raw.size:
            values = raw.view(TYPES[tensor.number(1, "b")])
            constants[number] = values.reshape(shapes[number])
    operators = tuple(_operator(o, codes) for o in graph.tables(3))
    ends = (tuple(int(n) for n in graph.array(field, "<i4")) for field in (1, 2))
    return Graph(operators, constants, shapes, *ends)


def _operator(operator: _Table, codes: list[int]) -> Operator:
    code = codes[operator.number(0, "I")]
    kind = OPERATORS.get(code, f"operator {code}")
    written: Any = operator.table(4)
    options = {
        name: written.number(field, form) if written else 0
        for name, (field, form) in OPTIONS.get(kind, {}).items()
    }
    inputs, outputs = (tuple(int(n) for n in operator.array(f, "<i4")) for f in (1, 2))
    return Operator(kind, inputs, outputs, options)

"""Read MATLAB's level 5 ``.mat`` files: numbers, text, cells and structures of them.

After "MAT-File Format" (The MathWorks), level 5: a header of 128 bytes, then elements, each a tag
(type, byte count) and data padded to 8 bytes; a matrix is an element made of elements.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput

LARGEST = 1 << 30  # bytes unfolded
DEEPEST = 30

NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
TEXT = {16: "utf-8", 17: "utf-16", 18: "utf-32", 2: "latin-1", 4: "utf-16", 1: "latin-1"}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCTURE, CHARACTERS, SPARSE = 1, 2, 4, 5
CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
BROKEN = (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error, zlib.error)


def read_mat(source: Path | bytes) -> dict[str, Any]:
    """The variables of a file by name.

    Numeric arrays keep MATLAB's shape (never below two dimensions) and class; logical ones are
    bool; text is ``str``; cells are object arrays; structures are dicts (object arrays of dicts
    when there are several). Raises BadInput for other versions, truncated or damaged files.
    """
    called = str(source) if isinstance(source, Path) else "The .mat file"
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise BadInput(f"{called} cannot be read ({error.strerror}).") from error
    if b"HDF5" in data[:124]:
        raise BadInput(f"{called} is MATLAB's version 7.3 (HDF5): save it again with -v7.")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise BadInput(f"{called} is not a MATLAB file of level 5, or it is truncated.")
    try:
        return _variables(_Reader(data, order), called)
    except BROKEN as error:
        raise BadInput(
            f"{called} is damaged or truncated ({type(error).__name__}: {error}).\n"
            "  Compare its size with the original's."
        ) from error


@dataclass(slots=True)
class _Element:
    kind: int
    data: bytes


class _Reader:
    """Walks over elements; counts what compressed ones unfold to."""

    def __init__(self, data: bytes, order: str):
        self.data = memoryview(data)
        self.order = order
        self.unfolded = len(data)

    def elements(self, data: memoryview | bytes):
        place = 0
        while place + 8 <= len(data):
            kind, size = struct.unpack_from(self.order + "II", data, place)
            start, end = place + 8, place + 8 + size
            if kind >> 16:  # small element: the size in the upper half, up to 4 bytes of data
                kind, size = kind & 0xFFFF, kind >> 16
                start, end = place + 4, place + 4 + size
                if size > 4:
                    raise ValueError("a small element of more than four bytes")
                place += 8
            else:
                place = end if kind == COMPRESSED else end + -size % 8
            if end > len(data):
                raise ValueError("it ends within an element")
            yield _Element(kind, bytes(data[start:end]))

    def unfold(self, data: bytes) -> bytes:
        machine = zlib.decompressobj()
        room = max(LARGEST - self.unfolded, 1)  # 0 would mean no limit
        out = machine.decompress(data, room)
        if machine.unconsumed_tail:
            raise ValueError(f"it unfolds to more than {LARGEST >> 20} MB")
        self.unfolded += len(out)
        return out


def _variables(reader: _Reader, called: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for element in reader.elements(reader.data[128:]):
        if element.kind == COMPRESSED:
            element = next(reader.elements(reader.unfold(element.data)), _Element(0, b""))
        if element.kind == MATRIX:
            name, value = _matrix(reader, element.data, 0)
            out[name] = value
    if not out:
        raise BadInput(f"{called} holds no variables.")
    return out


def _matrix(reader: _Reader, data: bytes, depth: int) -> tuple[str, Any]:
    if depth > DEEPEST:
        raise ValueError("its cells are nested too deeply")
    if not data:
        return "", np.empty((0, 0))
    parts = list(reader.elements(data))
    flags = int(np.frombuffer(parts[0].data, reader.order + "u4")[0])
    shape = tuple(int(n) for n in np.frombuffer(parts[1].data, reader.order + "i4"))
    name = parts[2].data.decode("latin-1")
    kind, logical, imaginary = flags & 0xFF, flags & 0x200, flags & 0x800
    if kind in CLASSES:
        if imaginary:
            raise ValueError(f"{name or 'a cell'} holds complex numbers")
        with np.errstate(invalid="ignore"):  # a damaged file may hold NaN for whole numbers
            values = _numbers(reader, parts[3]).astype(bool if logical else CLASSES[kind])
        return name, _shaped(values, shape)
    if kind == CHARACTERS:
        return name, _text(reader, parts[3], shape)
    if kind == CELL:
        return name, _cells([_matrix(reader, p.data, depth + 1)[1] for p in parts[3:]], shape)
    if kind == STRUCTURE:
        return name, _structure(reader, parts[3:], shape, depth)
    if kind == SPARSE:
        return name, _sparse([_numbers(reader, p) for p in parts[3:6]], shape)
    raise ValueError(f"{name or 'a cell'} is of MATLAB's class {kind}, which holds no numbers")


def _numbers(reader: _Reader, element: _Element) -> np.ndarray:
    return np.frombuffer(element.data, np.dtype(reader.order + NUMBERS[element.kind]))


def _shaped(values: Shaped[np.ndarray, "count"], shape: tuple[int, ...]) -> np.ndarray:
    if any(n < 0 for n in shape):
        raise ValueError(f"an array of shape {shape}")
    return values.reshape(shape, order="F")


def _text(reader: _Reader, element: _Element, shape: tuple[int, ...]) -> Any:
    codec = TEXT[element.kind]
    if codec in ("utf-16", "utf-32"):
        codec += "-le" if reader.order == "<" else "-be"
    text = element.data.decode(codec)
    if len(shape) == 2 and shape[0] > 1:  # rows of equal length, stored column by column
        rows, width = shape
        return ["".join(text[r::rows])[:width] for r in range(min(rows, len(text)))]
    return text


def _cells(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(len(values), object)
    for i, value in enumerate(values):
        out[i] = value
    return _shaped(out, shape)


def _structure(reader: _Reader, parts: list[_Element], shape: tuple[int, ...], depth: int) -> Any:
    width = int(_numbers(reader, parts[0])[0])
    names = parts[1].data
    fields = [
        names[i : i + width].split(b"\0")[0].decode("latin-1") for i in range(0, len(names), width)
    ]
    values = [_matrix(reader, p.data, depth + 1)[1] for p in parts[2:]]
    if not fields or len(values) % len(fields):
        raise ValueError("a structure whose fields do not fit")
    starts = range(0, len(values), len(fields))
    records = [dict(zip(fields, values[i : i + len(fields)], strict=True)) for i in starts]
    return records[0] if len(records) == 1 else _cells(records, shape)


def _sparse(parts: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    rows, starts, values = parts
    if shape[0] * shape[1] * 8 > LARGEST:
        raise ValueError(f"a sparse matrix of {shape}")
    out = np.zeros(shape)
    for column in range(shape[1]):
        mine = slice(int(starts[column]), int(starts[column + 1]))
        out[rows[mine], column] = values[mine]
    return out

"""MATLAB's level 5 ``.mat`` files: read by scipy, after a look at what they announce.

scipy believes the sizes that a file announces (a cell of 2^30 entries in a file of 200 bytes keeps
it busy for minutes), and fills sparse matrices without checking their indices. Which elements there
are and how large is therefore walked over first ("MAT-File Format", The MathWorks: a header of 128
bytes, then elements, each a tag of type and byte count, and data padded to 8 bytes; a matrix is an
element made of elements).
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files.limits import DEEPEST, LARGEST, check_file, check_size

# Types of elements, classes of matrices, and the flag of a matrix with imaginary parts.
INT8, INT32, UINT32, MATRIX, COMPRESSED, UTF8 = 1, 5, 6, 14, 15, 16
TYPES = (*range(1, 8), 9, 12, 13, UTF8, 17, 18)  # of numbers and letters
CELL, STRUCTURE, CHARACTERS, SPARSE = 1, 2, 4, 5
NUMBERS = range(6, 16)
COMPLEX = 0x800
TAG = 8  # bytes; nothing in a matrix takes fewer

Element = tuple[int, bytes]
"""An element's type and its content."""


def read_mat(source: Path | bytes) -> dict[str, Any]:
    """The variables of a file by name.

    Numeric arrays keep MATLAB's shape (never below two dimensions) and class; logical ones are
    bool; text is ``str``; cells are object arrays; structures are dicts (object arrays of dicts
    when there are several). Raises BadInput for other versions, sparse matrices, truncated or
    damaged files.
    """
    from scipy.io import loadmat

    called = str(source) if isinstance(source, Path) else "The .mat file"
    try:
        if isinstance(source, Path):
            check_file(source)
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise BadInput(f"{called} cannot be read ({error.strerror}).") from error
    if b"HDF5" in data[:124]:
        raise BadInput(f"{called} is MATLAB's version 7.3 (HDF5): save it again with -v7.")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise BadInput(f"{called} is not a MATLAB file of level 5, or it is truncated.")
    check_size(called, len(data))
    try:
        _Check(called, order).variables(data[128:])
        content = loadmat(io.BytesIO(data), mat_dtype=True)
        found = {name: _plain(value) for name, value in content.items() if name[:2] != "__"}
    except BadInput:
        raise
    except Exception as error:  # a damaged file makes scipy raise nearly anything
        raise BadInput(
            f"{called} is damaged or truncated ({type(error).__name__}: {error}).\n"
            "  Compare its size with the original's."
        ) from error
    if not found:
        raise BadInput(f"{called} holds no variables.")
    return found


class _Check:
    """Walks over a file's elements, and counts what they unfold to."""

    def __init__(self, called: str, order: str):
        self.called, self.order, self.unfolded = called, order, 0

    def charge(self, amount: int) -> None:
        self.unfolded += amount
        check_size(self.called, self.unfolded)

    def variables(self, data: bytes) -> None:
        for kind, content in self.elements(data):
            if kind == COMPRESSED:
                kind, content = next(self.elements(self.unfold(content)), (0, b""))
            if kind == MATRIX:
                self.matrix(content, 0)

    def elements(self, data: bytes) -> Iterator[Element]:
        """(type, content) of the elements in ``data``."""
        place = 0
        while place + TAG <= len(data):
            kind, size = struct.unpack_from(self.order + "II", data, place)
            start, place = place + TAG, place + TAG + size
            if kind >> 16:  # small element: the size in the upper half, up to 4 bytes of content
                kind, size = kind & 0xFFFF, kind >> 16
                start, place = start - 4, start
                if size > 4:
                    raise ValueError("a small element of more than four bytes")
            elif kind != COMPRESSED:
                place += -size % 8
            if start + size > len(data):
                raise ValueError("it ends within an element")
            yield kind, data[start : start + size]
        # scipy goes by the elements, not by the size of what holds them: both must agree.
        if place != len(data):
            raise ValueError("it ends within an element")

    def unfold(self, data: bytes) -> bytes:
        machine = zlib.decompressobj()
        out = machine.decompress(data, LARGEST)
        self.charge(len(out) + (LARGEST if machine.unconsumed_tail else 0))
        return out

    def matrix(self, data: bytes, depth: int) -> None:
        """Check that a matrix is no larger than what it is made of, and made as scipy expects it.

        scipy reads one element after the other and looks up a number's type in a table without
        bounds: with an element missing, or of another type, it reads memory that is not its own.
        """
        if depth > DEEPEST:
            raise ValueError("its cells are nested too deeply")
        if not data and depth:
            return
        (flags_type, flags), (sizes_type, sizes), (name_type, _), *parts = self.elements(data)
        # Some programs write sizes without a sign and names as UTF-8; scipy knows of both.
        known = flags_type == UINT32 and sizes_type in (INT32, UINT32) and name_type in (INT8, UTF8)
        if not known or len(flags) != 8:
            raise ValueError("a matrix without a header")
        word = struct.unpack_from(self.order + "I", flags)[0]
        shape = struct.unpack(f"{self.order}{len(sizes) // 4}i", sizes)
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError(f"an array of shape {shape}")
        count, kind = math.prod(shape), word & 0xFF
        self.charge(8 * count)
        if kind in (CELL, STRUCTURE):
            self.entries(
                *(self.fields(count, parts) if kind == STRUCTURE else (count, parts)), depth
            )
        elif kind in NUMBERS or kind == CHARACTERS:
            _numbers(count, parts, 2 if kind in NUMBERS and word & COMPLEX else 1)
        else:
            raise ValueError(f"MATLAB's class {kind} (sparse: {SPARSE}), which is not read here")

    def fields(self, count: int, parts: Sequence[Element]) -> tuple[int, Sequence[Element]]:
        """How many entries ``count`` structures have, and these: behind the names of the fields."""
        (length_type, length), (names_type, names), *entries = parts
        if (length_type, len(length), names_type) != (INT32, 4, INT8):
            raise ValueError("a structure without names of fields")
        longest = struct.unpack(self.order + "i", length)[0]
        if longest < 1 or len(names) % longest:
            raise ValueError(f"names of fields of {longest} letters")
        return count * (len(names) // longest), entries

    def entries(self, count: int, entries: Sequence[Element], depth: int) -> None:
        """Check the matrices of which a cell or structure is made."""
        if len(entries) != count or any(kind != MATRIX for kind, _ in entries):
            raise ValueError(f"{count:,} entries of which {len(entries)} are there")
        for _, content in entries:
            self.matrix(content, depth + 1)


def _numbers(count: int, parts: Sequence[Element], expected: int) -> None:
    """Check the elements (real and imaginary part) with the numbers or letters of an array."""
    if len(parts) != expected or any(kind not in TYPES for kind, _ in parts):
        raise ValueError(f"numbers in elements of the types {[kind for kind, _ in parts]}")
    for _, content in parts:
        if count > len(content):
            raise ValueError(f"{count:,} numbers of which {len(content)} bytes are there")


def _plain(value: object) -> Any:
    """scipy's arrays of records and of text as dicts and ``str``, inside cells too."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "U":
        return str(value.item()) if value.size == 1 else [str(row) for row in value.ravel()]
    if value.dtype.names:
        records = [{n: _plain(one[n]) for n in value.dtype.names} for one in value.ravel()]
        return records[0] if len(records) == 1 else _objects(records, value.shape)
    if value.dtype.kind == "O":
        return _objects([_plain(one) for one in value.ravel()], value.shape)
    return value


def _objects(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(len(values), object)
    for i, value in enumerate(values):
        out[i] = value
    return out.reshape(shape)

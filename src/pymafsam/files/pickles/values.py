"""Turn what the stack machine noted down into plain arrays; every size is checked first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymafsam.errors import BadInput

LARGEST = 1 << 30  # bytes, of a file and of what is made from it
DEEPEST = 60
SPARSE = ("csc", "csr", "coo", "lil")
NEEDED = {  # attributes that are looked at; chumpy keeps a graph of dependencies beside them
    **dict.fromkeys(("csc", "csr"), ("_shape", "shape", "data", "indices", "indptr")),
    "coo": ("_shape", "shape", "data", "row", "col", "coords"),
    "lil": ("_shape", "shape", "data", "rows"),
    "Ch": ("x",),
    "Select": ("a", "idxs", "preferred_shape"),
    "Reshape": ("a", "newshape"),
    "transpose": ("a", "axes"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """A recognised name, inert."""

    name: str
    stands_for: str


@dataclass(slots=True, eq=False)
class Thing:
    """Something the file asked to be made; its contents may follow later."""

    kind: str
    arguments: tuple = ()
    state: Any = None


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse matrix as its entries; repeated entries add up."""

    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]

    def dense(self, dtype: Any = np.float64) -> np.ndarray:
        """The whole matrix. Raises BadInput when it would be absurdly large."""
        if self.shape[0] * self.shape[1] * np.dtype(dtype).itemsize > LARGEST:
            raise BadInput(f"A sparse matrix of {self.shape} is too large to be written out.")
        out = np.zeros(self.shape, dtype)
        np.add.at(out, (self.rows, self.columns), self.values)
        return out


class Plain:
    """Turns what the machine has noted down into plain values."""

    def __init__(self, charge: Callable[[int], None]):
        self.charge = charge
        self.known: dict[int, Any] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        if depth > DEEPEST:
            raise ValueError(f"its values are nested more than {DEEPEST} deep")
        if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
            return value
        if id(value) not in self.known:
            self.known[id(value)] = self._convert(value, depth + 1)
        return self.known[id(value)]

    def _convert(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {key: self.of(item, depth) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = [self.of(item, depth) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, Thing):
            if value.kind == "dtype":
                return _dtype(value)
            if value.kind in ("reconstruct", "frombuffer", "scalar"):
                return self._array(value, depth)
            state = self._attributes(value, depth)
            return (self._sparse if value.kind in SPARSE else self._chumpy)(value, state)
        raise ValueError(f"a {type(value).__name__} where a value was expected")

    def _attributes(self, thing: Thing, depth: int) -> dict[str, Any]:
        state = thing.state
        if isinstance(state, tuple) and len(state) == 2:  # (dictionary, slots)
            state = {**(state[0] or {}), **(state[1] or {})}
        if not isinstance(state, dict):
            raise ValueError(f"a {thing.kind} without contents")
        return {k: self.of(state[k], depth) for k in NEEDED[thing.kind] if k in state}

    def _array(self, thing: Thing, depth: int) -> Any:
        shape, dtype, fortran, raw = _array_parts(thing)
        dtype = self.of(dtype, depth)
        if not isinstance(dtype, np.dtype):
            raise ValueError("an array without a dtype")
        shape = tuple(_size(n) for n in shape)
        if dtype.kind == "O":
            return self._objects(raw, shape, depth)
        if isinstance(raw, str):
            self.charge(len(raw))
            raw = raw.encode("latin-1")
        expected = dtype.itemsize * int(np.prod([int(n) for n in shape], dtype=object))
        if not isinstance(raw, (bytes, bytearray)) or len(raw) != expected:
            raise ValueError(f"an array of {shape} {dtype} whose data have another length")
        out = np.frombuffer(raw, dtype) if expected else np.empty(0, dtype)
        out = out.reshape(shape, order="F" if fortran else "C")
        return out[()] if thing.kind == "scalar" else out

    def _objects(self, items: Any, shape: tuple[int, ...], depth: int) -> Any:
        if not isinstance(items, list) or len(items) != np.prod(shape, dtype=object):
            raise ValueError("an object array whose entries are missing")
        self.charge(8 * len(items))
        out = np.empty(len(items), object)
        for i, item in enumerate(items):
            out[i] = self.of(item, depth)
        return out.reshape(shape)

    def _sparse(self, thing: Thing, state: dict[str, Any]) -> Sparse:
        shape = state["_shape" if "_shape" in state else "shape"]
        rows, columns = (_size(int(n)) for n in shape)
        data = state["data"]
        if thing.kind == "lil":
            first, second, data = self._lists(state["rows"], data)
        elif thing.kind == "coo":
            first, second = state["coords"] if "coords" in state else (state["row"], state["col"])
        else:
            lines = columns if thing.kind == "csc" else rows
            first, second = _compressed(thing.kind, state, lines)
        data, first, second = map(np.asarray, (data, first, second))
        return _checked(data, first, second, (rows, columns))

    def _lists(self, rows: Any, values: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        lengths = [len(row) for row in rows]
        self.charge(24 * (sum(lengths) + sum(len(row) for row in values)))
        first = np.repeat(np.arange(len(lengths)), lengths)
        second = np.array([column for row in rows for column in row], np.int64)
        return first, second, np.array([v for row in values for v in row], np.float64)

    def _chumpy(self, thing: Thing, state: dict[str, Any]) -> np.ndarray:
        array = np.asarray(state["x" if thing.kind == "Ch" else "a"])
        if array.dtype.kind not in "biuf":
            raise ValueError("a chumpy array that does not hold numbers")
        if thing.kind == "Select":
            picked = np.asarray(state["idxs"])
            self.charge(picked.size * array.itemsize)
            return array.ravel()[picked].reshape(state["preferred_shape"])
        if thing.kind == "Reshape":
            return array.reshape(state["newshape"])
        if thing.kind == "transpose":
            return array.transpose(state.get("axes"))
        return array


def _array_parts(thing: Thing) -> tuple[Any, Any, Any, Any]:
    """(shape, dtype, columns first, raw data) of an array in any of its pickled forms."""
    if thing.kind == "scalar":
        dtype, raw = thing.arguments
        return (), dtype, False, raw
    if thing.kind == "frombuffer":
        raw, dtype, shape, order = thing.arguments
        return shape, dtype, order == "F", raw
    state = thing.state[-4:]  # newer files put a version number first
    return state[0], state[1], state[2], state[3]


def _size(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError(f"{value!r} as an array's size")
    return value


def _dtype(thing: Thing) -> np.dtype:
    code = thing.arguments[0]
    if not isinstance(code, str) or code[:1] not in "biufSUO" or not code[1:].isdigit():
        raise ValueError(f"numbers of the kind {code!r}")
    dtype = np.dtype(code)
    if thing.state is None:
        return dtype
    order, subarray, fields = thing.state[1], thing.state[2], thing.state[4]
    if subarray is not None or fields is not None or order not in ("<", ">", "|", "="):
        raise ValueError("an array of structures")
    return dtype if order == "|" else dtype.newbyteorder(order)


def _compressed(layout: str, state: dict[str, Any], lines: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of scipy's csc and csr layouts."""
    starts, inner = np.asarray(state["indptr"]), np.asarray(state["indices"])
    if starts.dtype.kind not in "iu":
        raise ValueError("a sparse matrix whose pointers are no whole numbers")
    starts = starts.astype(np.int64)
    counts = np.diff(starts)
    if starts.shape != (lines + 1,) or starts[0] != 0 or starts[-1] != len(inner):
        raise ValueError("a sparse matrix whose pointers do not fit")
    if (counts < 0).any():
        raise ValueError("a sparse matrix whose pointers run backwards")
    outer = np.repeat(np.arange(lines), counts)
    return (inner, outer) if layout == "csc" else (outer, inner)


def _checked(
    data: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> Sparse:
    if data.dtype.kind not in "biuf" or not data.shape == rows.shape == columns.shape:
        raise ValueError("a sparse matrix whose entries do not fit")
    for index, size in ((rows, shape[0]), (columns, shape[1])):
        if index.dtype.kind not in "iu" or (
            index.size and not 0 <= index.min() <= index.max() < size
        ):
            raise ValueError("a sparse matrix with entries outside its shape")
    return Sparse(values=data, rows=rows, columns=columns, shape=shape)

"""Turn what the unpickler noted down into plain values; every size is checked first."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy.typing import DTypeLike

from pymafsam.files.limits import DEEPEST, check_size
from pymafsam.files.pickles.unpickler import Refused, StandIn

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
class Sparse:
    """A sparse matrix as its entries; repeated entries add up."""

    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]

    def dense(self, dtype: DTypeLike = np.float64) -> np.ndarray:
        """The whole matrix. Raises BadInput when it would be absurdly large."""
        check_size(
            f"A sparse matrix of {self.shape}",
            self.shape[0] * self.shape[1] * np.dtype(dtype).itemsize,
        )
        out = np.zeros(self.shape, dtype)
        np.add.at(out, (self.rows, self.columns), self.values)
        return out


@dataclass(frozen=True, slots=True)
class Known:
    """A value, and what it costs its readers: bytes, leaves, characters of the longest text.

    Lists may share what is in them, so that few bytes of a file stand for very many; each is
    walked once here, and costs what it would take written out as an array.
    """

    value: Any
    bytes: int = 8
    leaves: int = 1
    longest: int = 0


class Plain:
    """Turns stand-ins and what holds them into plain values."""

    def __init__(self, called: str):
        self.called = called
        self.known: dict[int, Known] = {}
        self.spent = 0

    def of(self, value: object, depth: int = 0) -> Any:
        """The plain value. Raises ValueError for malformed, BadInput for costly ones."""
        return self._known(value, depth).value

    def _known(self, value: object, depth: int) -> Known:
        if depth > DEEPEST:
            raise ValueError(f"its values are nested more than {DEEPEST} deep")
        if value is None or isinstance(value, (bool, int, float)):
            return Known(value)
        if isinstance(value, (str, bytes, bytearray)):
            return Known(value, 8 + len(value), 1, len(value))
        if id(value) not in self.known:
            known = self._convert(value, depth + 1)
            check_size(self.called, known.bytes)
            self.known[id(value)] = known
        return self.known[id(value)]

    def _convert(self, value: object, depth: int) -> Known:
        if isinstance(value, dict):
            return self._dictionary(value.items(), depth)
        if isinstance(value, (set, frozenset)):  # Python orders them anew in every process
            return self._items(sorted(map(_key, value), key=_order), depth)
        if isinstance(value, (list, tuple)):
            return self._items(value, depth)
        if not isinstance(value, StandIn) or type(value).__name__ not in MAKERS:
            raise ValueError(f"a {type(value).__name__} where a value was expected")
        return MAKERS[type(value).__name__](self, value, depth)

    def _dictionary(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> Known:
        known = {_key(key): self._known(item, depth) for key, item in pairs}
        plain = {key: one.value for key, one in known.items()}
        return Known(plain, 8 + sum(8 + one.bytes for one in known.values()))

    def _items(self, items: list[Any] | tuple[Any, ...], depth: int) -> Known:
        known = [self._known(item, depth) for item in items]
        leaves, longest = sum(k.leaves for k in known), max((k.longest for k in known), default=0)
        written_out = 4 * leaves * longest  # numpy gives every text the room of the longest
        cost = 8 + max(sum(one.bytes for one in known), written_out)
        return Known(type(items)(one.value for one in known), cost, leaves, longest)

    def _mapping(self, thing: StandIn, depth: int) -> Known:
        given = thing.arguments[0] if thing.arguments else []
        first = given.items() if isinstance(given, dict) else given
        return self._dictionary([*first, *thing.pairs], depth)

    def _sequence(self, thing: StandIn, depth: int) -> Known:
        items = thing.arguments[0] if thing.arguments else []
        if not isinstance(items, (list, tuple)):
            raise ValueError("a set of something that is no list")
        return self._items([*items], depth)

    def _encoded(self, thing: StandIn, depth: int) -> Known:
        text, encoding = thing.arguments or ("", "latin1")
        if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
            raise Refused(f"_codecs.encode to {encoding!r}")
        return self._known(self._bytes(text), depth)

    def _bytes(self, text: str) -> bytes:
        self._charge(len(text))
        return text.encode("latin-1")

    def _charge(self, amount: int) -> None:
        """Count bytes that are made here, over the whole file."""
        self.spent += amount
        check_size(self.called, self.spent)

    def _dtype(self, thing: StandIn, depth: int) -> Known:
        return Known(_dtype(thing))

    def _array(self, thing: StandIn, depth: int) -> Known:
        shape, dtype, fortran, raw = _array_parts(thing)
        dtype = self.of(dtype, depth)
        if not isinstance(dtype, np.dtype):
            raise ValueError("an array without a dtype")
        shape = tuple(_size(n) for n in shape)
        if dtype.kind == "O":
            return self._objects(raw, shape, depth)
        raw = self._bytes(raw) if isinstance(raw, str) else self.of(raw, depth)
        expected = dtype.itemsize * int(np.prod([int(n) for n in shape], dtype=object))
        if not isinstance(raw, (bytes, bytearray)) or len(raw) != expected:
            raise ValueError(f"an array of {shape} {dtype} whose data have another length")
        out = np.frombuffer(raw, dtype) if expected else np.empty(0, dtype)
        out = out.reshape(shape, order="F" if fortran else "C")
        return Known(out[()] if type(thing).__name__ == "scalar" else out, 8 + out.nbytes)

    def _objects(self, items: object, shape: tuple[int, ...], depth: int) -> Known:
        if not isinstance(items, list) or len(items) != np.prod(shape, dtype=object):
            raise ValueError("an object array whose entries are missing")
        known = self._items(items, depth)
        out = np.empty(len(items), object)
        for i, item in enumerate(known.value):
            out[i] = item
        return replace(known, value=out.reshape(shape))

    def _attributes(self, thing: StandIn, depth: int) -> dict[str, Any]:
        state = thing.state
        if isinstance(state, tuple) and len(state) == 2:  # (dictionary, slots)
            state = {**(state[0] or {}), **(state[1] or {})}
        if not isinstance(state, dict):
            raise ValueError(f"a {type(thing).__name__} without contents")
        needed = NEEDED[type(thing).__name__]
        return {key: self.of(state[key], depth) for key in needed if key in state}

    def _sparse(self, thing: StandIn, depth: int) -> Known:
        state, layout = self._attributes(thing, depth), type(thing).__name__
        shape = state["_shape" if "_shape" in state else "shape"]
        rows, columns = (_size(int(n)) for n in shape)
        data = state["data"]
        if layout == "lil":
            first, second, data = _lists(state["rows"], data)
        elif layout == "coo":
            first, second = state["coords"] if "coords" in state else (state["row"], state["col"])
        else:
            outer, inner = _compressed(state, columns if layout == "csc" else rows)
            first, second = (inner, outer) if layout == "csc" else (outer, inner)
        parts = data, first, second = [np.asarray(part) for part in (data, first, second)]
        matrix = _checked(data, first, second, (rows, columns))
        return Known(matrix, sum(part.nbytes for part in parts))

    def _chumpy(self, thing: StandIn, depth: int) -> Known:
        state, kind = self._attributes(thing, depth), type(thing).__name__
        array = np.asarray(state["x" if kind == "Ch" else "a"])
        if array.dtype.kind not in "biuf":
            raise ValueError("a chumpy array that does not hold numbers")
        if kind == "Select":
            picked = np.asarray(state["idxs"])
            self._charge(picked.size * array.itemsize)
            array = array.ravel()[picked].reshape(state["preferred_shape"])
        elif kind == "Reshape":
            array = array.reshape(state["newshape"])
        elif kind == "transpose":
            array = array.transpose(state.get("axes"))
        return Known(array, array.nbytes)


MAKERS: Mapping[str, Callable[[Plain, StandIn, int], Known]] = {
    "mapping": Plain._mapping,
    "sequence": Plain._sequence,
    "encoded": Plain._encoded,
    "dtype": Plain._dtype,
    **dict.fromkeys(("array", "frombuffer", "scalar"), Plain._array),
    **dict.fromkeys(("csc", "csr", "coo", "lil"), Plain._sparse),
    **dict.fromkeys(("Ch", "Select", "Reshape", "transpose"), Plain._chumpy),
}


def _key(value: object) -> Hashable:
    if not isinstance(value, (str, bytes, int, float)):
        raise ValueError(f"a {type(value).__name__} as a key")
    return value


def _order(value: object) -> tuple[str, Any]:
    return type(value).__name__, value


def _lists(
    rows: Collection[Any], values: Collection[Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, columns, values) of scipy's lil layout: lists of columns, and of values."""
    first = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    second = np.array([column for row in rows for column in row], np.int64)
    return first, second, np.array([v for row in values for v in row], np.float64)


def _array_parts(thing: StandIn) -> tuple[Any, Any, Any, Any]:
    """(shape, dtype, columns first, raw data) of an array in any of its pickled forms."""
    if type(thing).__name__ == "scalar":
        dtype, raw = thing.arguments
        return (), dtype, False, raw
    if type(thing).__name__ == "frombuffer":
        raw, dtype, shape, order = thing.arguments
        return shape, dtype, order == "F", raw
    state = thing.state[-4:]  # newer files put a version number first
    return state[0], state[1], state[2], state[3]


def _size(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError(f"{value!r} as an array's size")
    return value


def _dtype(thing: StandIn) -> np.dtype:
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


def _compressed(state: dict[str, Any], lines: int) -> tuple[np.ndarray, np.ndarray]:
    """(lines, places in them) of scipy's csc and csr layouts: columns or rows one by one."""
    starts, inner = np.asarray(state["indptr"]), np.asarray(state["indices"])
    if starts.dtype.kind not in "iu":
        raise ValueError("a sparse matrix whose pointers are no whole numbers")
    starts = starts.astype(np.int64)
    counts = np.diff(starts)
    if starts.shape != (lines + 1,) or starts[0] != 0 or starts[-1] != len(inner):
        raise ValueError("a sparse matrix whose pointers do not fit")
    if (counts < 0).any():
        raise ValueError("a sparse matrix whose pointers run backwards")
    return np.repeat(np.arange(lines), counts), inner


def _checked(
    data: Shaped[np.ndarray, "..."],
    rows: Shaped[np.ndarray, "..."],
    columns: Shaped[np.ndarray, "..."],
    shape: tuple[int, int],
) -> Sparse:
    if data.dtype.kind not in "biuf" or not data.shape == rows.shape == columns.shape:
        raise ValueError("a sparse matrix whose entries do not fit")
    for index, size in ((rows, shape[0]), (columns, shape[1])):
        if index.dtype.kind not in "iu" or (
            index.size and not 0 <= index.min() <= index.max() < size
        ):
            raise ValueError("a sparse matrix with entries outside its shape")
    return Sparse(values=data, rows=rows, columns=columns, shape=shape)

"""Json documents: read with the place named of what is wrong in them; written by rows."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import limits

T = TypeVar("T")
TOGETHER = 256  # of ``Rows`` written at a time


def read(path: Path) -> "Field":
    """The document in a file. Raises BadInput that names line and column of what is broken."""
    path = Path(path)
    try:
        limits.check_file(path)
        found = json.loads(_text(path), parse_constant=_refuse)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path} is not json: {error.msg} at line {error.lineno}, column {error.colno}.\n"
            "  If it was cut off, copy or write it again."
        ) from error
    except RecursionError as error:
        raise BadInput(f"{path} is not json as it is meant: it is nested too deeply.") from error
    except (ValueError, MemoryError) as error:  # bad UTF-8, NaN, numbers of 5000 digits
        raise BadInput(f"{path} is not json: {error}.") from error
    return Field(found, str(path))


def _text(path: Path) -> str:
    content = path.read_bytes()
    limits.check_json(str(path), content)
    # Editors on Windows write a byte order mark, which json does not know.
    return content.decode("utf-8-sig")


def write(content: object, path: Path) -> None:
    """Plain values as strict json in UTF-8, on one line."""
    path.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Rows:
    """A list too long to be held as Python's own: ``count`` entries, ``part(low, high)`` of it."""

    count: int
    part: Callable[[int, int], list]


def pieces(content: object) -> Iterator[str]:
    """What ``json.dumps`` makes of plain values, a little at a time; some may be ``Rows``."""
    if isinstance(content, Rows):
        begins = range(0, content.count, TOGETHER)
        parts = (json.dumps(content.part(k, k + TOGETHER), allow_nan=False) for k in begins)
        yield from _joined("[", ((part[1:-1],) for part in parts), "]")
    elif isinstance(content, Mapping):
        members = (chain((f"{json.dumps(key)}: ",), pieces(one)) for key, one in content.items())
        yield from _joined("{", members, "}")
    elif isinstance(content, list) and any(isinstance(one, Mapping) for one in content):
        yield from _joined("[", map(pieces, content), "]")
    else:
        yield json.dumps(content, allow_nan=False)


def _joined(begin: str, members: Iterable[Iterable[str]], end: str) -> Iterator[str]:
    yield begin
    for number, member in enumerate(members):
        yield ", " if number else ""
        yield from member
    yield end


@dataclass(frozen=True, slots=True)
class Field:
    """A value and where it stands, as ``file: people[1].pose``. Every reader raises BadInput."""

    value: Any
    file: str
    place: str = ""

    def at(self, key: str) -> "Field":
        """The value under a key that must be there."""
        if not isinstance(self.value, Mapping):
            self.wrong(f'an object with "{key}"')
        place = f"{self.place}.{key}" if self.place else key
        if key not in self.value:
            raise BadInput(f'{self.file}: "{place}" is missing.')
        return Field(self.value[key], self.file, place)

    def has(self, key: str) -> bool:
        """Whether there is a value under the key other than null."""
        return isinstance(self.value, Mapping) and self.value.get(key) is not None

    def items(self) -> Iterator["Field"]:
        """The values of a list."""
        if not isinstance(self.value, list):
            self.wrong("a list")
        for number, value in enumerate(self.value):
            yield Field(value, self.file, f"{self.place}[{number}]")

    def entries(self) -> Iterator[tuple[str, "Field"]]:
        """The keys and values of an object."""
        if not isinstance(self.value, Mapping):
            self.wrong("an object")
        for key in self.value:
            yield key, self.at(key)

    def text(self) -> str:
        """The value, a string."""
        return self.value if isinstance(self.value, str) else self.wrong("a string")

    def whole(self) -> int:
        """The value, a whole number."""
        fits = isinstance(self.value, int) and not isinstance(self.value, bool)
        return self.value if fits else self.wrong("a whole number")

    def number(self) -> float:
        """The value, a finite number."""
        return float(self.array())

    def between(self, low: float, high: float) -> float:
        """The value, a number of that range."""
        found = self.number()
        return found if low <= found <= high else self.wrong(f"a number from {low:g} to {high:g}")

    def flag(self) -> bool:
        """The value, true or false; COCO writes 1 and 0."""
        return bool(self.value) if self.value in (0, 1) else self.wrong("true or false")

    def array(self, *shape: int | None) -> np.ndarray:
        """The value, finite numbers of that shape (None: any length), as float64."""
        wanted = " x ".join("n" if length is None else str(length) for length in shape)
        wanted = f"{wanted} numbers" if shape else "a number"
        try:
            found = np.array(self.value)
            plain = found.dtype.kind in "iuf" or found.size == 0
        except (ValueError, OverflowError):
            self.wrong(wanted)
        if found.shape == (0,) and shape[:1] == (None,):
            found = np.zeros([length or 0 for length in shape])
        fits = len(found.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, found.shape, strict=True)
        )
        if not plain or not fits or not np.isfinite(found.astype(np.float64)).all():
            self.wrong(wanted)
        return found.astype(np.float64)

    def decoded(self, decode: Callable[[Any], T]) -> T:
        """What ``decode`` makes of the value; its complaint gets the place."""
        try:
            return decode(self.value)
        except BadInput as error:
            raise BadInput(f"{self.file}: {self.place}: {error}") from error

    def wrong(self, wanted: str) -> NoReturn:
        """Raise BadInput that says what was wanted here and what was found."""
        place = f'"{self.place}"' if self.place else "the document"
        raise BadInput(f"{self.file}: {place} is {shown(self.value)}, not {wanted}.")


def shown(value: object) -> str:
    """A value as json, cut short: for messages."""
    text = ""
    for piece in json.JSONEncoder(default=str).iterencode(value):
        text += piece
        if len(text) > 60:  # whatever comes, and however much it is, nobody will see it
            return f"{text[:57]}..."
    return text


def lines(value: object, indent: str = "") -> str:
    """Strict json of plain values: an object's members on lines of their own, points by rows."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        members = [f"{inner}{json.dumps(k)}: {lines(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, list | Mapping) for item in value):
        return "[\n" + ",\n".join(inner + lines(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in json")

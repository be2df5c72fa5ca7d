"""Values in a json document: read with their place named when they are wrong; written by rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from pymafsam.errors import BadInput

T = TypeVar("T")


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

    def array(self, *shape: int | None) -> np.ndarray:
        """The value, finite numbers of that shape (None: any length), as float64."""
        wanted = " x ".join("n" if length is None else str(length) for length in shape)
        wanted = f"{wanted} numbers" if shape else "a number"
        try:
            found = np.array(self.value)
            plain = found.dtype.kind in "iuf" or found.size == 0
        except ValueError:
            self.wrong(wanted)
        if found.size == 0 and None in shape:
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
        found = json.dumps(self.value)
        found = found if len(found) <= 60 else f"{found[:57]}..."
        raise BadInput(f'{self.file}: "{self.place or "the document"}" is {found}, not {wanted}.')


def lines(value: Any, indent: str = "") -> str:
    """Strict json of plain values: an object's members on lines of their own, points by rows."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        members = [f"{inner}{json.dumps(k)}: {lines(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, list | Mapping) for item in value):
        return "[\n" + ",\n".join(inner + lines(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)

"""Tables that map a name to a class or function, imported on first use."""

import difflib
import importlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pymafsam.errors import BadUsage

T = TypeVar("T")


def closest(name: str, known: Iterable[str]) -> str:
    """``, did you mean "…"?`` when one of ``known`` is near ``name``, else an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f', did you mean "{near[0]}"?' if near else "."


def unknown(beginning: str, name: str, known: Iterable[str]) -> BadUsage:
    """The error for a name that is not among ``known``, with the one that was probably meant.

    ``beginning``: its first words, such as ``There is no recipe called``.
    """
    known = list(known)
    return BadUsage(f'{beginning} "{name}"{closest(name, known)}\n  Known: {", ".join(known)}')


def find(beginning: str, rows: Mapping[str, T], name: str) -> T:
    """The row of that name. Raises BadUsage, as ``unknown`` words it, where there is none."""
    if name not in rows:
        raise unknown(beginning, name, rows)
    return rows[name]


@dataclass(frozen=True, slots=True)
class Table:
    """Names of one kind of thing, each with the ``module:attribute`` that makes it.

    Other packages add rows through the entry-point group ``pymafsam.<kind>s``.
    """

    kind: str
    rows: Mapping[str, str]

    def names(self) -> list[str]:
        """Every name that ``load`` accepts, the built-in ones first."""
        return [*self.rows, *(e.name for e in self._entry_points() if e.name not in self.rows)]

    def load(self, name: str) -> Any:
        """The attribute behind ``name``. Raises BadUsage for an unknown name."""
        if name in self.rows:
            module, _, attribute = self.rows[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        for entry in self._entry_points():
            if entry.name == name:
                return entry.load()
        raise unknown(f"There is no {self.kind} called", name, self.names())

    def _entry_points(self):
        return importlib.metadata.entry_points(group=f"pymafsam.{self.kind.replace(' ', '_')}s")

"""Everything said of pictures, kept in a prompts file that grows with every correction.

A change names the revision it is based on: of two visitors who correct the same picture, the
second is told instead of wiping out what the first has said.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.masks import prompts

Rows = Sequence[Any]  # a picture's prompts as json values


class Outdated(BadInput):
    """The picture has been corrected since by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is said of one picture now; ``revision`` counts the changes, undone ones too."""

    revision: int
    rows: Rows | None


@dataclass(kw_only=True)
class Book:
    """The prompts file ``path`` and how it became what it is."""

    path: Path
    history: dict[str, list[Rows | None]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, path: Path) -> "Book":
        """Go on with what is in the file, where there is one. Raises BadInput for another kind."""
        known = prompts.read_file(path).rows.things if path.exists() else {}
        return cls(path=path, history={name: [list(rows)] for name, rows in known.items()})

    def page(self, name: str) -> Page:
        """What is said of a picture."""
        rows = self.history.get(name, [None])[-1]
        return Page(revision=self.revisions.get(name, 0), rows=rows)

    def change(self, name: str, revision: int, rows: Rows) -> Page:
        """Say something else of a picture; raises Outdated where ``revision`` is not the last."""
        return self._move(name, revision, lambda past: [*past, list(rows)])

    def undo(self, name: str, revision: int) -> Page:
        """Take the last change back; the first state stays."""
        return self._move(name, revision, lambda past: past[:-1] if len(past) > 1 else past)

    def _move(self, name: str, revision: int, step) -> Page:
        with self.lock:
            if revision != self.revisions.get(name, 0):
                raise Outdated(
                    f"{name} has been corrected in another window.\n"
                    "  What was said there is shown now; say yours again."
                )
            self.history[name] = step(self.history.get(name, [None]))
            self.revisions[name] = revision + 1
            self._write()
            return self.page(name)

    def _write(self) -> None:
        said = {name: past[-1] for name, past in self.history.items() if past[-1] is not None}
        prompts.write_file(self.path, said)

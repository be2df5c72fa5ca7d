"""Who made a file: every result carries a mark, by which it is known again and known to be stale.

    made by pymafsam 0.1.0 (mask save) 5c0f8a1e9b3d7c42

The mark stands near a file's head or end in whatever way its format allows (a comment, a key of
its json), so it needs no files beside the results. The number at its end is the recipe: a digest
of what the result was made of and how. With the mark

* results are never written over files that are not ours (``Outputs``),
* results are not taken for inputs when they lie among the pictures,
* ``--skip-existing`` sees which results are up to date.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.records import Origin
from pymafsam.version import VERSION

NEAR = 16_384  # bytes from a file's head and from its end in which a mark stands
MARK = re.compile(rb"made by pymafsam ([\w.+-]+) \(([a-z ]+)\)(?: ([0-9a-f]{16}))?")
# Results of before there were marks.
OLDER = re.compile(rb'^\s*\{\s*"format": ?"pymafsam(-masks)?/1"')
MAKERS = {b"": "reconstruct", b"-masks": "mask save"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a file says of who made it: the verb, and the recipe where it has one."""

    maker: str
    text: str


def mark(maker: str, origin: Origin | None = None) -> str:
    """The mark of a file that the verb ``maker`` makes, with its recipe where that is known."""
    text = f"made by pymafsam {VERSION} ({maker})"
    if origin is None:
        return text
    recipe = json.dumps([dict(origin.options), origin.size, origin.modified], sort_keys=True)
    return f"{text} {hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


def note(maker: str, origin: Origin | None = None) -> dict[str, Any]:
    """The mark as a key's value in json, with the recipe spelled out."""
    text = {"by": mark(maker, origin)}
    if origin is None:
        return text
    picture = {"bytes": origin.size, "modified": origin.modified}
    return {**text, "options": dict(origin.options), "input": picture}


def read(path: Path) -> Mark | None:
    """The mark in a file; None where there is none, or no file."""
    try:
        if not path.is_file():  # to open a pipe would wait for a writer
            return None
        with path.open("rb") as stream:
            near = stream.read(NEAR)
            if len(near) == NEAR:
                stream.seek(max(NEAR, path.stat().st_size - NEAR))
                near += stream.read(NEAR)
    except OSError:
        return None
    if found := MARK.search(near):
        return Mark(maker=found[2].decode(), text=found[0].decode())
    if older := OLDER.search(near):
        return Mark(maker=MAKERS[older[1] or b""], text="")
    # A plain array has no room for a mark; its list stands beside it.
    return read(path.with_suffix(".json")) if path.suffix == ".npy" and near else None


def real(path: Path) -> Path:
    """Where a path leads, through all links; a link that leads to itself stays itself."""
    return Path(os.path.realpath(path))


def origin(source: Path, options: Mapping[str, str]) -> Origin:
    """What a result is made of: the file as it is now, and the options that matter."""
    state = source.stat()
    return Origin(options=options, size=state.st_size, modified=state.st_mtime_ns)


def stamp(path: Path) -> str:
    """A file as an option: its name, size and time; another file under its name is seen."""
    try:
        state = path.stat()
    except OSError:
        return path.name
    return f"{path.name} {state.st_size} {state.st_mtime_ns}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a run writes: never over its inputs, files of others, or another picture's results."""

    maker: str
    inputs: frozenset[Path] = frozenset()
    taken: dict[Path, str] = field(default_factory=dict)

    def claim(self, paths: Iterable[Path], owner: str) -> None:
        """Take the paths for the results of ``owner``.

        Raises BadInput, and takes none, when one of them must not be written.
        """
        paths = list(paths)
        for path in paths:
            if why := self._wrong(path, owner):
                raise BadInput(f"{path} is left as it is: {why}\n  Choose another folder (--out).")
        self.taken.update(dict.fromkeys(paths, owner))

    def _wrong(self, path: Path, owner: str) -> str:
        """Why a path must not be written; empty when it may."""
        if self.taken.get(path, owner) != owner:
            return f"it holds the results of {self.taken[path]}."
        try:
            path.lstat()
            if not path.exists():
                return "it is a link that leads nowhere."
            if path.is_dir():
                return "it is a folder."
            if not path.is_file():
                return "it is a device or a pipe."
            if real(path) in self.inputs:
                return "it is one of the inputs."
        except (FileNotFoundError, NotADirectoryError):
            return ""  # what is wrong with its folder is told when that is made
        except OSError as error:  # a name that is too long, a folder that may not be read
            return f"it cannot be written ({error.strerror})."
        found = read(path)
        if found is None:
            return "pymafsam did not make it."
        return "" if found.maker == self.maker else f"`pymafsam {found.maker}` made it."

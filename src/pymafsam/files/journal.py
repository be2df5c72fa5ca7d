"""A log of finished work, one json a line: what an interrupted run need not do again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pymafsam.errors import BadInput


class Journal:
    """Finished pieces by key. ``done`` holds those of earlier runs with the same settings."""

    def __init__(self, lines: TextIO, done: dict[str, Any]):
        self.done = done
        self._lines = lines

    def add(self, key: str, value: object) -> None:
        """Note a finished piece (plain json) on disk at once."""
        self.done[key] = value
        self._lines.write(json.dumps({"key": key, "value": value}) + "\n")
        self._lines.flush()


@contextmanager
def opened(path: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal at ``path``. One made with other settings is started afresh; a line that was cut
    off ends it there. Raises BadInput when it cannot be written.
    """
    head = json.dumps(settings, sort_keys=True)
    done = _read(path, head)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not done:
            path.write_text(head + "\n", encoding="utf-8")
        with path.open("a", encoding="utf-8") as lines:
            yield Journal(lines, done)
    except OSError as error:
        raise BadInput(f"The journal {path} cannot be written ({error.strerror}).") from error


def _read(path: Path, head: str) -> dict[str, Any]:
    """The finished pieces; the file is cut behind the last whole line.

    Raises BadInput for a file that is no journal: it is somebody else's.
    """
    if not path.is_file():
        return {}
    with path.open("rb+") as stream:
        first = stream.readline()
        if first.decode("utf-8", "replace").rstrip("\n") != head:
            if first and not first.startswith(b"{"):
                raise BadInput(
                    f"{path} is left as it is: it is no journal of pymafsam.\n"
                    "  Choose another --out, or move it."
                )
            return {}
        done: dict[str, Any] = {}
        end = stream.tell()
        for line in iter(stream.readline, b""):
            try:
                entry = json.loads(line)
                done[entry["key"]] = entry["value"]
            except (ValueError, KeyError, TypeError, RecursionError):
                break
            end = stream.tell()
        stream.truncate(end)
    return done

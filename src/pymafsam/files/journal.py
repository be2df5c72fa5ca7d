"""A log of finished work, one json a line: what an interrupted run need not do again.

The first line says who writes it and what the work depends on (code, weights, options, data). A
journal with another first line is not read: its work was done by something else.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.files import made
from pymafsam.files.atomic import writing


class Journal:
    """Finished pieces (plain json) by key; ``done`` holds those of earlier runs as well."""

    def __init__(self, path: Path, handle: int, done: dict[str, Any]):
        self.done = done
        self._path = path
        self._handle = handle

    def add(self, key: str, value: object) -> Any:
        """Write a finished piece at once; returns it as it will be read again.

        Raises BadInput when it cannot be written, as on a full disk.
        """
        line = _line(key, value)
        content = line.encode()
        try:
            # One write, past Python's buffers: a kill leaves at most this line cut off.
            if os.write(self._handle, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise BadInput(f"{self._path} cannot be written ({error.strerror}).") from error
        self.done[key] = json.loads(line)["value"]
        return self.done[key]


def read(path: Path, maker: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The pieces that ``maker`` finished with these settings, in order; none where there are none.

    A line that was cut off, and what stands behind it, are left out: that work is done again.
    """
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        if lines.readline().rstrip("\n") != _header(maker, settings):
            return {}
        return dict(_entries(lines))


@contextmanager
def opened(
    path: Path, maker: str, settings: Mapping[str, Any], known: Mapping[str, Any] | None = None
) -> Iterator[Journal]:
    """The journal at ``path``, begun with ``known`` (None: with what ``read`` finds there).

    Raises BadInput when it cannot be written, or when the file is not one of ``maker``'s.
    """
    made.Outputs(maker=maker).claim([path], path.name)
    done = read(path, maker, settings) if known is None else dict(known)
    # Written again as a whole, so that new lines never follow one that was cut off.
    with writing(path) as fresh:
        lines = [_header(maker, settings) + "\n", *(_line(*entry) for entry in done.items())]
        fresh.write_text("".join(lines), encoding="utf-8")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        yield Journal(path, handle, done)
    finally:
        os.close(handle)


def _header(maker: str, settings: Mapping[str, Any]) -> str:
    return json.dumps({**settings, "made": made.mark(maker)}, sort_keys=True)


def _line(key: str, value: object) -> str:
    return json.dumps({"key": key, "value": value}) + "\n"


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for line in lines:
        try:
            entry = json.loads(line)
            yield entry["key"], entry["value"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return

"""What this machine made to be quicker next time: files that are believed only when whole and ours.

Optimised graphs and machine code are kept in the user's cache. A file begins with the digest of
what follows; it is read only when that agrees, when it belongs to whoever runs (or to root, who
prepares containers), and when nobody else may write it: what it holds is run. Anything else counts
as not there, and is made again. What nobody has read for a month (of an older version, of another
processor) is removed when something new is kept.
"""

import functools
import hashlib
import logging
import mmap
import os
import platform
import shutil
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing

log = logging.getLogger(__name__)

DIGEST = hashlib.sha256
LENGTH = DIGEST().digest_size
OTHERS_MAY_WRITE = 0o022
UNUSED = 30 * 24 * 3600  # seconds after which nobody is thought to come back for a file
NOTED = 24 * 3600  # seconds for which a use that was noted need not be noted again
STAMP = struct.Struct("<QQ")


def read(path: Path) -> bytes | None:
    """What was kept at ``path``; None where there is nothing, or nothing to be believed."""
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            digest, content = file.read(LENGTH), file.read()
    except OSError:
        return None
    if DIGEST(content).digest() != digest:
        log.info("%s is damaged; it is made again.", path)
        return None
    _note_use(path)
    return content


def digest_of(path: Path) -> bytes | None:
    """The digest of a file that lies at ``path`` as it is; None where there is none of ours."""
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return DIGEST(content).digest()
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None


def stamp_of(path: Path) -> bytes | None:
    """The size and time of a file that lies at ``path`` as it is; None where there is none of ours.

    A file that has its stamp yet has its content: to compare digests of a hundred megabytes takes
    longer than to map them.
    """
    try:
        state = path.stat()
    except OSError:
        return None
    return STAMP.pack(state.st_size, state.st_mtime_ns) if _is_ours(state) else None


def write(path: Path, content: bytes) -> None:
    """Keep ``content`` at ``path``; where that cannot be written it is made anew every time."""
    _kept(path, lambda temporary: temporary.write_bytes(DIGEST(content).digest() + content))


def take(path: Path, made: Path) -> bytes | None:
    """Keep a copy of the file ``made`` as it is; its digest and its stamp, or None where that
    cannot be. They are of this copy, whatever another process puts in its place.
    """
    marks: list[bytes] = []

    def fill(temporary: Path) -> None:
        shutil.copyfile(made, temporary)
        digest, stamp = digest_of(temporary), stamp_of(temporary)
        if digest is not None and stamp is not None:
            marks.append(digest + stamp)

    return marks[0] if _kept(path, fill) and marks else None


def _kept(path: Path, fill: Callable[[Path], object]) -> bool:
    """Keep what ``fill`` writes to a temporary file; whether that could be."""
    try:
        with writing(path) as temporary:
            fill(temporary)
            # `writing` goes by the umask, which may let a group write.
        path.chmod(0o644)
        sweep(path.parent)
    except (BadInput, OSError) as error:
        log.info("%s could not be kept (%s).", path, str(error).splitlines()[0])
        return False
    return True


def sweep(folder: Path, *, now: float | None = None) -> int:
    """Remove what nobody has used for a month (``UNUSED``) by the time ``now``; how many files.

    Files of one name (a graph and its weights) go together, and stay while one of them is young.
    Another version of ours that runs meanwhile loses nothing: what it has mapped stays with it.
    """
    moment = time.time() if now is None else now
    together: dict[str, list[tuple[Path, float]]] = {}
    for path, used in _files(folder):
        together.setdefault(path.stem, []).append((path, used))
    swept = 0
    for files in together.values():
        if moment - max(used for _, used in files) > UNUSED:
            for path, _ in files:
                with suppress(OSError):  # in use, on Windows; gone already
                    path.unlink()
                    swept += 1
    return swept


def size(folder: Path) -> int:
    """Bytes of what is kept in a folder."""
    return sum(path.stat().st_size for path, _ in _files(folder))


def _files(folder: Path) -> Iterator[tuple[Path, float]]:
    """The files in a folder, each with the time of its last use that was noted."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_file():
                yield path, path.stat().st_mtime


def _note_use(path: Path) -> None:
    """A file's time is that of its last use, to a day; systems seldom note who reads."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > NOTED:
            os.utime(path)


def key(*parts: str) -> str:
    """A short name of everything that a kept file depends on, the processor among it."""
    text = "\0".join((*parts, sys.platform, platform.machine(), processor()))
    return DIGEST(text.encode()).hexdigest()[:16]


@functools.cache
def processor() -> str:
    """What the processor can do, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next(line for line in lines if line.lower().startswith(("flags", "features")))
    except (OSError, StopIteration):
        return platform.processor()


def _is_ours(state: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):  # Windows keeps users' folders apart by other means
        return True
    return state.st_uid in (0, os.getuid()) and not state.st_mode & OTHERS_MAY_WRITE

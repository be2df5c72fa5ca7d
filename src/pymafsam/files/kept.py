"""What this machine made to be quicker next time: files that are believed only when whole and ours.

Optimised graphs and machine code are kept in the user's cache. A file begins with the digest of
what follows; it is read only when that agrees, when it belongs to whoever runs (or to root, who
prepares containers), and when nobody else may write it: what it holds is run. Anything else counts
as not there, and is made again.
"""

import functools
import hashlib
import logging
import mmap
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing

log = logging.getLogger(__name__)

DIGEST = hashlib.sha256
LENGTH = DIGEST().digest_size
OTHERS_MAY_WRITE = 0o022


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


def write(path: Path, content: bytes) -> None:
    """Keep ``content`` at ``path``; where that cannot be written it is made anew every time."""
    _kept(path, lambda temporary: temporary.write_bytes(DIGEST(content).digest() + content))


def take(path: Path, made: Path) -> bytes | None:
    """Keep a copy of the file ``made`` as it is; its digest, or None where that cannot be."""
    _kept(path, lambda temporary: shutil.copyfile(made, temporary))
    return digest_of(path)


def _kept(path: Path, fill: Callable[[Path], object]) -> None:
    try:
        with writing(path) as temporary:
            fill(temporary)
            # `writing` goes by the umask, which may let a group write.
        path.chmod(0o644)
    except (BadInput, OSError) as error:
        log.info("%s could not be kept (%s).", path, str(error).splitlines()[0])


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

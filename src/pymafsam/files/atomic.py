"""Files appear whole or not at all: written beside their place, then renamed."""

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from pymafsam.errors import BadInput

# Of a temporary file: whose it is, so that those of a killed run can be swept.
PREFIX = ".pymafsam-"
OLD = 24 * 3600  # seconds: whoever has not finished a file by then never will


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder (same suffix); rename it to ``path`` on success.

    The folder is made when missing. An exception, also Ctrl-C, removes the temporary file and
    leaves whatever was at ``path`` before. Raises BadInput when the folder cannot be written, the
    disk is full, the name is too long, or a folder stands at ``path``.
    """
    path = Path(path)
    if "\0" in str(path):
        raise BadInput(f"No file can have the name {str(path)!r}. Choose another (--out).")
    temporary = _temporary(path)
    try:
        # Within the try, for Ctrl-C may come right after the file is there.
        _make(temporary)
        yield temporary
        # Results are as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written ({error.strerror or error}).\n"
            "  Choose another folder (--out), or make room in this one."
        ) from error
    finally:
        _remove(temporary)


def check_writable(folder: Path) -> None:
    """Make ``folder`` where missing and try to write in it; raises BadInput when that fails."""
    probe = _temporary(Path(folder) / "probe")
    try:
        _make(probe)
    finally:
        _remove(probe)


def sweep(folder: Path) -> int:
    """Remove the temporary files of runs that were killed; how many there were.

    Those of runs that are under way stay: of this machine's by their process, of others' by age.
    """
    swept = 0
    for path in Path(folder).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if is_abandoned(path):
                path.unlink()
                swept += 1
    return swept


def mark(prefix: str = PREFIX) -> str:
    """The beginning of a temporary name that says whose it is."""
    return f"{prefix}{_host()}-{os.getpid()}-"


def is_abandoned(path: Path, prefix: str = PREFIX) -> bool:
    """Whether the process that marked a temporary file or folder is gone."""
    parts = re.fullmatch(rf"{re.escape(prefix)}(.*)-(\d+)-[^-]*", path.name)
    if parts is None or time.time() - path.stat().st_mtime > OLD:
        return parts is not None
    return parts[1] == _host() and not _is_running(int(parts[2]))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _host() -> str:
    return re.sub(r"\W", "", socket.gethostname())[:32]


def _temporary(path: Path) -> Path:
    """The name of a file beside ``path`` that is not there: hidden, with the same suffix."""
    return path.parent / f"{mark()}{secrets.token_hex(8)}{path.suffix}"


def _make(temporary: Path) -> None:
    """An empty file, readable by this user alone until it is whole."""
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BadInput(
            f"Nothing can be written to {temporary.parent} ({error.strerror or error}).\n"
            "  Choose another folder (--out), or make this one writable."
        ) from error


def _remove(temporary: Path) -> None:
    """Remove it where it is still there."""
    with contextlib.suppress(OSError):
        temporary.unlink()

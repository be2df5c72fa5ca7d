"""Files appear whole or not at all: written beside their place, then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pymafsam.errors import BadInput


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder (same suffix); rename it to ``path`` on success.

    The folder is made when missing. An exception, also Ctrl-C, removes the temporary file and
    leaves whatever was at ``path`` before. Raises BadInput when the folder cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        # mkstemp's files are private; results are as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Make ``folder`` where missing and try to write in it; raises BadInput when that fails."""
    _temporary(Path(folder) / "probe").unlink()


def _temporary(path: Path) -> Path:
    """A new empty file beside ``path``, hidden, with the same suffix."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix
        )
    except OSError as error:
        raise BadInput(
            f"Nothing can be written to {path.parent} ({error.strerror}).\n"
            "  Choose another folder (--out), or make this one writable."
        ) from error
    os.close(handle)
    return Path(name)

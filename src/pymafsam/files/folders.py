"""What lies in a folder: its subfolders too, also behind links, hidden files left out."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, by name; what cannot be looked into is passed over.

    Links to folders are followed (pictures are often linked together from several places), each
    folder once, so that links in a circle end.
    """
    seen: set[tuple[int, int]] = set()
    return sorted(_walk(folder, seen)) if _is_new(folder, seen) else []


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    for path, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".") and _is_new(Path(path, name), seen)
        ]
        for name in names:
            file = Path(path, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was not seen before, by whatever way."""
    try:
        state = folder.stat()
    except OSError:
        return False
    key = (state.st_dev, state.st_ino)
    new = key not in seen
    seen.add(key)
    return new

"""What a result depends on, as digests: code, files, names."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

LENGTH = 16  # hexadecimal digits; enough to tell apart what one person will ever compare


def of_code() -> str:
    """Of everything that lies in the package: its modules and its embedded data."""
    root = Path(__file__).parents[1]
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )
    return of_files(files, root)


def of_path(path: Path) -> str:
    """Of a file's bytes, or of all the files in a folder."""
    if path.is_dir():
        return of_files(sorted(p for p in path.rglob("*") if p.is_file()), path)
    return of_files([path] if path.is_file() else [], path.parent)


def of_pictures(pictures: Iterable[Path]) -> str:
    """Of pictures' names and sizes: reading them all would take longer than it is worth."""
    sizes = ((path, path.stat().st_size if path.is_file() else -1) for path in pictures)
    return of_parts(f"{path.name} {size}\n".encode() for path, size in sizes)


def of_files(files: Iterable[Path], root: Path) -> str:
    """Of files' names below ``root`` and their bytes."""
    return of_parts(
        part
        for path in files
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes())
    )


def of_parts(parts: Iterable[bytes]) -> str:
    """Of pieces in their order; where one ends and the next begins counts too."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:LENGTH]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()

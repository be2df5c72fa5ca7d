"""What a figure depends on, as short digests: code, weights, data."""

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


def of_weights(weights: str) -> str:
    """Of a network's file; of ``fit`` the pinned digests of the networks that it listens to."""
    if Path(weights).is_file():
        return of_files([Path(weights)], Path(weights).parent)
    from pymafsam.pretrained import catalogue

    pins = [f"{name} {asset.digest or asset.sha256}" for name, asset in catalogue.ASSETS.items()]
    return _digest([weights.encode(), *(pin.encode() for pin in sorted(pins))])


def of_path(path: Path) -> str:
    """Of a file's bytes, or of all the files in a folder."""
    if path.is_dir():
        return of_files(sorted(p for p in path.rglob("*") if p.is_file()), path)
    return of_files([path] if path.is_file() else [], path.parent)


def of_pictures(pictures: Iterable[Path]) -> str:
    """Of pictures' names and sizes: reading them all would take longer than it is worth."""
    parts = []
    for path in pictures:
        size = path.stat().st_size if path.is_file() else -1
        parts.append(f"{path.name} {size}\n".encode())
    return _digest(parts)


def of_files(files: Iterable[Path], root: Path) -> str:
    """Of files' names below ``root`` and their bytes."""
    parts = (
        part
        for path in files
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes())
    )
    return _digest(parts)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:LENGTH]

"""Which pictures: files, folders, patterns, lists and tables, here or behind a URL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files.frames import PICTURES
from pymafsam.files.urls import address, file_system

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

LISTS = (".txt", ".list")
TABLES = (".parquet", ".pq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture: where it is (a path or URL, also its key), and what it is called."""

    location: str
    name: str


def find(inputs: Sequence[str], column: str = "path") -> list[Item]:
    """Every picture that ``inputs`` mean, each once, in an order that depends on them alone.

    An input is a picture, a folder (searched with its subfolders), a pattern (``*.jpg``), a list
    (.txt, a path or URL a line) or a table (.parquet, paths in ``column``); each may be a URL that
    fsspec knows. Paths in lists and tables are relative to the folder of the list. Raises BadInput
    for what is not there or holds no pictures.
    """
    items = [item for text in inputs for item in _of(text, column)]
    return list({item.location: item for item in items}.values())


def _of(text: str, column: str) -> Iterator[Item]:
    files, path = file_system(text)
    suffix = PurePosixPath(path).suffix.lower()
    try:
        if any(sign in path for sign in "*?[") and not files.exists(path):
            matching = [p for p in sorted(files.glob(path)) if not _last(p).startswith(".")]
            found = [Item(location=address(files, p), name=_last(p)) for p in matching]
        elif files.isdir(path):
            found = [
                Item(location=address(files, p), name=p[len(path.rstrip("/")) + 1 :])
                for p in sorted(files.find(path))
                if not _hidden(p[len(path) :])
            ]
        elif not files.exists(path):
            raise BadInput(f"There is no file, folder or pattern {text}.")
        elif suffix in LISTS or suffix in TABLES:
            named = _listed(files, path) if suffix in LISTS else _tabled(files, path, column)
            yield from (_absolute(files, path, one) for one in named)
            return
        else:
            found = [Item(location=address(files, path), name=_last(path))]
    except OSError as error:
        raise BadInput(f"{text} cannot be read ({error}).") from error
    pictures = [item for item in found if PurePosixPath(item.name).suffix.lower() in PICTURES]
    if not pictures:
        raise BadInput(f"{text} holds no pictures.\n  Looked for: {' '.join(sorted(PICTURES))}")
    yield from pictures


def _listed(files: "AbstractFileSystem", path: str) -> list[str]:
    content: Any = files.cat_file(path)  # bytes; its stub says text too
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _tabled(files: "AbstractFileSystem", path: str, column: str) -> list[str]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingAsset("Tables need pyarrow: pip install 'pymafsam[batch]'") from error
    try:
        with files.open(path, "rb") as file:
            values = pyarrow.parquet.read_table(file, columns=[column]).column(column).to_pylist()
    except (pyarrow.ArrowException, KeyError) as error:
        raise BadInput(
            f'{path}: no column "{column}" can be read ({error}).\n  Name it: --column NAME'
        ) from error
    return [str(value) for value in values if value is not None]


def _absolute(files: "AbstractFileSystem", listed_in: str, one: str) -> Item:
    """A path of a list as an item; what is relative lies beside the list."""
    folder = str(PurePosixPath(listed_in).parent)
    relative = "://" not in one and not PurePosixPath(one).is_absolute()
    location = address(files, f"{folder}/{one}") if relative else one
    return Item(location=location, name=one.lstrip("/") if relative else _last(one))


def _last(path: str) -> str:
    return PurePosixPath(path).name


def _hidden(below: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(below).parts)

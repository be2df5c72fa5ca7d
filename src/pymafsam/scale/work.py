"""What a worker does: pictures in, rows out, chosen files saved on the way."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files.urls import file_system
from pymafsam.scale import rows
from pymafsam.scale.inputs import Item
from pymafsam.scale.shards import Store

if TYPE_CHECKING:
    from pymafsam.records import Scene

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A picture, and where its chosen files go (below the run's folder, without ending)."""

    item: Item
    stem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes a worker; pickled to wherever it works.

    ``flow`` are the arguments of ``Reconstructor.load``.
    """

    flow: Mapping[str, Any]
    out: str
    formats: tuple[str, ...] = ()

    def __call__(self) -> "Worker":
        return Worker(self)


class Worker:
    """A reconstructor that turns pictures into rows, whatever is wrong with them."""

    def __init__(self, settings: Settings):
        from pymafsam.pipeline import Reconstructor

        self._reconstructor = Reconstructor.load(**settings.flow)
        self._formats, self._store = settings.formats, Store(url=settings.out)

    def __call__(self, tasks: Sequence[Task]) -> list[Row]:
        """One row for each picture. Those that are read go through a network together."""
        from pymafsam.pipeline import scenes
        from pymafsam.records import Request

        found: dict[str, Row] = {}

        def requests() -> Iterator[Request]:
            for task in tasks:
                try:
                    with local_copy(task.item) as path:
                        frame = _read(path, task.item)
                    yield Request(frame=frame, key=task.item.location)
                except Exception as error:  # also what we did not think of: the others go on
                    found[task.item.location] = _failed(task.item, error)

        by_key = {task.item.location: task for task in tasks}
        for request, scene in scenes(self._reconstructor, requests()):
            task = by_key[request.key]
            found[request.key] = self._row(task, scene)
        return [found[task.item.location] for task in tasks]

    def _row(self, task: Task, scene: "Scene | Exception") -> Row:
        from pymafsam.export.results import document

        if isinstance(scene, Exception):
            return _failed(task.item, scene)
        try:
            self._save(task, scene)
            return rows.done(task.item.location, document(scene))
        except Exception as error:
            return _failed(task.item, error)

    def _save(self, task: Task, scene: "Scene") -> None:
        from pymafsam import export

        if not self._formats:
            return
        if self._store.local is not None:
            export.save(scene, self._store.local, self._formats, stem=task.stem)
            return
        with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
            for path in export.save(scene, folder, self._formats, stem=task.stem).values():
                self._store.write(path.relative_to(folder).as_posix(), path.read_bytes())


@contextlib.contextmanager
def local_copy(item: Item) -> Iterator[Path]:
    """The picture as a file of this machine. Raises BadInput for what cannot be brought."""
    if "://" not in item.location:
        yield Path(item.location)
        return
    files, path = file_system(item.location)
    suffix = PurePosixPath(path).suffix
    with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
        copy = Path(folder) / f"picture{suffix}"
        try:
            files.get_file(path, str(copy))
        except Exception as error:  # every file system has errors of its own
            raise BadInput(f"It cannot be brought ({error}).") from error
        yield copy


def lost(task: Task) -> Row:
    """The row of a picture on which workers died."""
    why = "The worker died on it, twice (too large for the memory, or a fault in a library)."
    return rows.failed(task.item.location, task.item.name, why)


def _read(path: Path, item: Item) -> Any:
    from pymafsam.files.frames import read_picture

    try:
        return read_picture(path, item.name)
    except PymafsamError as error:
        # Where the copy was says nothing to anybody.
        raise BadInput(str(error).replace(str(path), item.location)) from error


def _failed(item: Item, error: Exception) -> Row:
    told = str(error)
    if not isinstance(error, PymafsamError):
        told = f"something unexpected went wrong ({type(error).__name__}: {error})"
    return rows.failed(item.location, item.name, told)

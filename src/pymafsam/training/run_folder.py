"""What a run leaves behind besides weights: its settings, where it ran, and what it measured."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pymafsam.errors import BadUsage
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.files.digests import of_code
from pymafsam.training import checkpoints
from pymafsam.training.settings import Settings, dump

SETTINGS, ABOUT, MEASURED = "run.yaml", "about.json", "metrics.jsonl"
FILES = (SETTINGS, ABOUT, MEASURED, checkpoints.BEST, checkpoints.LAST, "pictures.png")
MAKER = "train"
PACKAGES = ("pymafsam", "torch", "numpy", "opencv-python-headless", "pillow", "numba")


def begin(folder: Path, settings: Settings, recipe: str, digests: Mapping[str, str]) -> None:
    """Write what a run is. Raises BadUsage when the folder holds another one already, or files by
    others under the names of a run's.
    """
    if (folder / checkpoints.LATEST).exists():
        raise BadUsage(
            f"{folder} holds a run already.\n  Go on with it (--resume), or choose another --out."
        )
    if made.read(folder / ABOUT) is None:
        for path in filter(Path.exists, (folder / name for name in FILES)):
            raise BadUsage(
                f"{path} is left as it is: pymafsam did not make it.\n  Choose another --out."
            )
    about = {
        "made": made.note(MAKER),
        "recipe": recipe,
        "command": sys.argv,
        "seed": settings.seed,
        "revision": revision(),
        "code": of_code(),
        "data": dict(digests),
        "environment": environment(),
    }
    # First, for it says that the others are ours.
    _write(folder / ABOUT, json.dumps(about, indent=1) + "\n")
    _write(folder / SETTINGS, dump(settings))
    (folder / MEASURED).unlink(missing_ok=True)


def revision() -> str | None:
    """The commit of the source tree this runs from, with ``+`` when files are changed."""
    here = Path(__file__).parent
    try:
        found = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True)
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None  # an installed package has none
    return found[0].stdout.strip() + ("+" if found[1].stdout.strip() else "")


def environment() -> dict[str, Any]:
    """Machine and versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "packages": versions,
    }


def note(folder: Path, step: int, figures: Mapping[str, float]) -> None:
    """Append a line to the measurements."""
    with (folder / MEASURED).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **figures}) + "\n")


def measured(folder: Path) -> list[dict[str, int | float]]:
    """All measurements so far, in order; an unfinished last line is passed over."""
    path, found = folder / MEASURED, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def forget_after(folder: Path, step: int) -> None:
    """Drop measurements of steps that will be made again."""
    kept = [row for row in measured(folder) if row["step"] <= step]
    _write(folder / MEASURED, "".join(json.dumps(row) + "\n" for row in kept))


def _write(path: Path, text: str) -> None:
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

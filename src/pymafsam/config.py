"""Where things lie on this machine: folders from the environment, decided in one place."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Folder for fetched networks: ``PYMAFSAM_CACHE``, else the platform's cache folder."""
    if chosen := os.environ.get("PYMAFSAM_CACHE"):
        return Path(chosen).expanduser()
    if local := os.environ.get("LOCALAPPDATA"):
        return Path(local) / "pymafsam"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pymafsam"


def data_folder() -> Path | None:
    """The user's folder of licensed files (``PYMAFSAM_DATA``), in the original README's layout."""
    chosen = os.environ.get("PYMAFSAM_DATA")
    return Path(chosen).expanduser() if chosen else None

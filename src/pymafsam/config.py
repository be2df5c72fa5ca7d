"""Choices made in one place: folders from the environment, what makes an estimator."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Detector scores below which nobody is kept; where all are less sure a picture counts as empty.
MINIMUM_SCORE = 0.4

# Pseudo ground truth is not learnt from where the fit lies further from the annotation (mean, in
# shares of the diagonal of the joints' box), or is left with more energy (``data.pseudo.Limits``).
FIT_ERROR, FIT_ENERGY = 0.04, 1200.0


def cache_folder() -> Path:
    """Folder for fetched networks: ``PYMAFSAM_CACHE``, else the platform's cache folder."""
    if chosen := os.environ.get("PYMAFSAM_CACHE"):
        return Path(chosen).expanduser()
    if local := os.environ.get("LOCALAPPDATA"):
        return Path(local) / "pymafsam"
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "pymafsam"
    try:
        return Path.home() / ".cache" / "pymafsam"
    except RuntimeError:  # an account without a home, as containers have
        return Path(tempfile.gettempdir()) / "pymafsam"


def data_folder() -> Path | None:
    """The user's folder of licensed files (``PYMAFSAM_DATA``), in the original README's layout."""
    chosen = os.environ.get("PYMAFSAM_DATA")
    return Path(chosen).expanduser() if chosen else None


ONE_BY_ONE = ("fit", "lift")  # weights whose estimators take people one by one, not in batches


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorOptions:
    """What makes an estimator: every row of the table takes the same and reads what it needs.

    ``weights``: ``fit``, ``lift``, or a network's file; ``points``: where a network looks first
    (auto, grid, mask, bank); ``device`` and ``batch`` (people) of a network; ``seed`` for what is
    drawn.
    """

    weights: str = "fit"
    points: str = "auto"
    device: str = "auto"
    batch: int = 8
    seed: int = 0
    threads: int = 0

"""What a run needs to go on, in one file that is whole or not there; and weights for use.

The file is torch's, read with ``weights_only``: it holds tensors, numbers and texts, no code.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing
from pymafsam.network import weights
from pymafsam.network.pymaf import MeshRegressor

log = logging.getLogger(__name__)

LATEST, BEST, LAST = "latest.pt", "best.safetensors", "last.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A run after ``step`` steps. ``settings`` is their YAML: a run goes on with its own.

    ``average`` are the averaged weights, if there are any; ``best`` is the best validation so far.
    """

    step: int
    settings: str
    network: dict[str, Any]
    optimiser: dict[str, Any]
    average: dict[str, Any] | None
    best: float


def save(state: State, folder: Path) -> bool:
    """Write ``latest.pt``; False where that fails (a full disk): the old file is left as it was.

    A run of days does not end because a file could not be written: the next try may succeed.
    """
    content = {name: getattr(state, name) for name in State.__dataclass_fields__}
    try:
        with writing(folder / LATEST) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError, BadInput) as error:
        log.error("%s could not be written (%s); the one before is kept", folder / LATEST, error)
        return False
    return True


def read(folder: Path) -> State:
    """The state a run can go on from. Raises BadInput when there is none, or it is damaged."""
    path = folder / LATEST
    if not path.is_file():
        raise BadInput(
            f"There is no run to resume in {folder}: no {LATEST}.\n"
            "  Leave --resume out to start one there."
        )
    content = weights.read_torch(path)
    missing = sorted(set(State.__dataclass_fields__) - set(content))
    if missing:
        raise BadInput(f"{path} is no checkpoint of a run: it lacks {', '.join(missing)}.")
    return State(**{name: content[name] for name in State.__dataclass_fields__})


def save_weights(network: MeshRegressor, path: Path) -> bool:
    """Write weights for ``reconstruct --weights``; False where that fails, as ``save``."""
    try:
        weights.write(weights.snapshot(network), path, maker="train")
    except Exception as error:  # safetensors' own error of a full disk has no useful base class
        log.error("%s could not be written (%s); the one before is kept", path, error)
        return False
    return True

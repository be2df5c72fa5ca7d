"""Body models: from shape and pose to mesh, joints and keypoints.

>>> model = load("anny24")
>>> mesh = skin(model, pose)
>>> keypoints = regress(model, mesh.vertices, "coco17")
"""

from pathlib import Path

from pymafsam.body.model import (
    BodyModel,
    KeypointRegressor,
    keypoints,
    place,
    regress,
    regressor,
    skin,
)
from pymafsam.registry import Table

BODIES = Table(
    "body",
    {
        "anny24": "pymafsam.body.embedded:anny24",
        "smpl": "pymafsam.body.files:neutral",
        "smpl-male": "pymafsam.body.files:male",
        "smpl-female": "pymafsam.body.files:female",
    },
)

__all__ = [
    "BODIES",
    "BodyModel",
    "KeypointRegressor",
    "keypoints",
    "load",
    "place",
    "regress",
    "regressor",
    "skin",
]


def load(name: str | Path) -> BodyModel:
    """The body of that name (``anny24`` is embedded) or in that file or folder (SMPL's own).

    Raises BadUsage for an unknown name, and what ``files.load`` raises for a path.
    """
    if str(name) not in BODIES.names() and _is_path(Path(name)):
        from pymafsam.body import files

        return files.load(Path(name))
    return BODIES.load(str(name))()


def _is_path(path: Path) -> bool:
    return path.exists() or path.suffix != "" or len(path.parts) > 1

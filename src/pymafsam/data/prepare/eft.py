"""EFT's fits (json): pose and shape for pictures of COCO, MPII and LSP-Extended.

Joo et al., "Exemplar Fine-Tuning for 3D Human Model Fitting Towards In-the-Wild 3D Human Pose
Estimation", 2020. ``data`` holds a person each: ``parm_pose`` (24 matrices), ``parm_shape`` (10),
``parm_cam`` (s, x, y: s X + t, not s (X + t) as PyMAF's), ``bbox_center``, ``bbox_scale`` and
the picture's name. Its 2D joints are those of the data set it was made for.
"""

from pathlib import Path

import numpy as np

from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput
from pymafsam.files import json
from pymafsam.files.json import Field
from pymafsam.geometry import rotation

UNUSUAL = 5.0  # a shape coefficient beyond is a failed fit


def eft(raw: Path, part: str | None) -> Rows:
    """A json of EFT's. It has no parts."""
    only(part, ())
    document = json.read(raw)
    people, dropped = [], []
    for index, entry in enumerate(document.at("data").items()):
        try:
            row = _row(entry)
        except BadInput as error:
            dropped.append(Dropped(index, _image(entry), str(error).splitlines()[0]))
            continue
        if row.betas is not None and np.abs(row.betas).max() > UNUSUAL:
            dropped.append(Dropped(index, row.image, f"a shape coefficient beyond {UNUSUAL:g}"))
            continue
        people.append(row)
    return Rows.of(people, dropped)


def _image(entry: Field) -> str:
    return entry.at("imageName").text() if entry.has("imageName") else ""


def _row(entry: Field) -> Row:
    pose = entry.at("parm_pose").array(24, 3, 3)
    # Printed matrices are orthogonal to a few digits only.
    left, _, right = np.linalg.svd(pose)
    return Row(
        image=entry.at("imageName").text(),
        centre=entry.at("bbox_center").array(2),
        scale=entry.at("bbox_scale").number(),
        pose=rotation.to_axis_angle(left @ right).ravel(),
        betas=entry.at("parm_shape").array(10),
    )

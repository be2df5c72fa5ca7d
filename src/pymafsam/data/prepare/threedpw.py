"""3DPW: ``sequenceFiles/<part>/*.pkl`` beside ``imageFiles/<sequence>/image_00000.jpg``.

von Marcard et al., "Recovering Accurate 3D Human Pose in The Wild Using IMUs and a Moving
Camera", 2018. A row for every person in every frame whose camera is known; the root's rotation is
turned into the frame's camera axes, the box holds the detected 2D joints.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.data.prepare.boxes import around, square
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import GENDERS, UNKNOWN_GENDER, Dropped, Row, Rows
from pymafsam.errors import BadInput
from pymafsam.files.pickles import read_pickle
from pymafsam.geometry import rotation

PARTS = ("train", "validation", "test")
BETAS = 10
WANTED = ("poses", "betas", "poses2d", "cam_poses", "campose_valid", "genders", "sequence")


def threedpw(raw: Path, part: str | None) -> Rows:
    """Parts: ``train``, ``validation``, ``test``."""
    only(part, PARTS)
    folder = raw / "sequenceFiles"
    files = sorted(p for k in ([part] if part else PARTS) for p in (folder / k).glob("*.pkl"))
    if not files:
        raise BadInput(
            f"{raw} is not 3DPW: wanted sequenceFiles/{part or 'train'}/*.pkl in it.\n"
            "  Unpack sequenceFiles.zip and imageFiles.zip into one folder and give that."
        )
    people: list[Row] = []
    dropped: list[Dropped] = []
    for path in files:
        sequence = read_pickle(path)
        lacks = [k for k in WANTED if not isinstance(sequence, Mapping) or k not in sequence]
        if lacks:
            raise BadInput(f"{path} is not a sequence of 3DPW: it lacks {', '.join(lacks)}.")
        for row in _rows(sequence):
            if isinstance(row, Row):
                people.append(row)
            else:
                dropped.append(Dropped(len(people) + len(dropped), *row))
    return Rows.of(people, dropped)


def _rows(sequence: Mapping[str, Any]) -> Iterator[Row | tuple[str, str]]:
    """Rows of everybody in a sequence, or (picture, why there is none)."""
    cameras = np.asarray(sequence["cam_poses"], np.float64)
    for person, poses in enumerate(sequence["poses"]):
        betas = np.asarray(sequence["betas"][person], np.float64).ravel()[:BETAS]
        gender = GENDERS.get(str(sequence["genders"][person]).lower(), UNKNOWN_GENDER)
        valid = np.ravel(sequence["campose_valid"][person]) > 0
        for frame, pose in enumerate(np.asarray(poses, np.float64)):
            image = f"imageFiles/{sequence['sequence']}/image_{frame:05d}.jpg"
            if not valid[frame]:
                yield image, "its camera is not known"
                continue
            # 18 points, x y confidence in rows; only their extent is used.
            box = around(np.asarray(sequence["poses2d"][person][frame], np.float64).T)
            if box is None:
                yield image, "no 2D joint was detected"
                continue
            centre, scale = square(box)
            turned = pose.copy()
            root = cameras[frame, :3, :3] @ rotation.from_axis_angle(pose[:3])
            turned[:3] = rotation.to_axis_angle(root)
            yield Row(
                image=image, centre=centre, scale=scale, pose=turned, betas=betas, gender=gender
            )

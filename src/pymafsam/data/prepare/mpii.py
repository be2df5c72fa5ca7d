"""MPII Human Pose: ``mpii_human_pose_v1_u12_1.mat`` beside a folder ``images``.

Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", 2014.
As SPIN does, people of the training pictures with all 16 joints annotated are taken, with the
file's own centre and scale.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.data.prepare.boxes import into_j24
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput
from pymafsam.files.matlab import read_mat

# The file's joints by id; its upper neck and head top are J24's neck and head_top.
JOINTS = (
    "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax neck head_top "
    "right_wrist right_elbow right_shoulder left_shoulder left_elbow left_wrist"
).split()


def mpii(raw: Path, part: str | None) -> Rows:
    """The training people (the test's joints were never published). It has no parts."""
    only(part, ())
    path = raw if raw.is_file() else _file(raw)
    release = read_mat(path).get("RELEASE")
    if not isinstance(release, Mapping) or not {"annolist", "img_train"} <= set(release):
        raise BadInput(f"{path} is not MPII's annotation file: it holds no RELEASE.")
    people, dropped, index = [], [], 0
    for picture, trained in zip(
        _listed(release["annolist"]), release["img_train"].ravel(), strict=False
    ):
        if not trained:
            continue
        name = _name(picture)
        for person in _listed(picture.get("annorect")):
            made = _row(f"images/{name}", person)
            if isinstance(made, Row):
                people.append(made)
            else:
                dropped.append(Dropped(index, name, made))
            index += 1
    return Rows.of(people, dropped)


def _file(raw: Path) -> Path:
    found = sorted(raw.glob("mpii_human_pose*.mat"))
    if len(found) != 1:
        raise BadInput(
            f"{raw} holds {len(found)} files mpii_human_pose*.mat; one was wanted.\n"
            "  Give the annotation file itself, or the folder that it was unpacked into."
        )
    return found[0]


def _listed(value: object) -> Iterator[Mapping[str, Any]]:
    """Structures: MATLAB holds one, several or none."""
    found = value.ravel() if isinstance(value, np.ndarray) else [value]
    return (one for one in found if isinstance(one, Mapping))


def _name(picture: Mapping[str, Any]) -> str:
    image = next(_listed(picture.get("image")), {})
    return str(image.get("name", ""))


def _row(image: str, person: Mapping[str, Any]) -> Row | str:
    """The person's row, or why there is none."""
    joints = _joints(person)
    known = int((joints[:, 2] > 0).sum())
    if known < len(JOINTS):
        return f"{(known and 'not all') or 'none'} of the 16 joints are annotated"
    where = next(_listed(person.get("objpos")), None)
    scale = np.ravel(person.get("scale", []))
    if where is None or not scale.size:
        return "it has no place and scale"
    centre = np.array([float(np.ravel(where[axis])[0]) for axis in "xy"])
    return Row(
        image=image, centre=centre, scale=float(scale[0]), keypoints=into_j24(joints, JOINTS)
    )


def _joints(person: Mapping[str, Any]) -> Float[np.ndarray, "16 3"]:
    out = np.zeros((len(JOINTS), 3))
    points = next(_listed(person.get("annopoints")), {}).get("point")
    for point in _listed(points):
        row = int(np.ravel(point["id"])[0])
        out[row] = [float(np.ravel(point["x"])[0]), float(np.ravel(point["y"])[0]), 1.0]
    return out

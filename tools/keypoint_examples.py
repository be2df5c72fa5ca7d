"""The annotated people whom MoveNet is taught with: COCO's, Leeds Sports Pose's, its extension's.

All points are COCO's 17, where COCO's annotators would click; which people are held out is decided
here, by the rows alone.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from pymafsam.files import lspet
from pymafsam.geometry.joints import COCO17, LSP14

SURE = 0.97  # LSP's training joints were recovered from another scale, and say how surely
CONFIDENT, NEAR, FAR = 0.4, 0.25, 0.4  # see ``doubtful``; distances in lengths of the trunk

# Where LSP's annotators click, seen from where COCO's do: shares of the vectors from hips to
# shoulders, from the other side's shoulder and hip to this one's, and along the limb (from a wrist
# back to its elbow, from an ankle to its knee). By robust least squares over lsp/train and 600
# rows of LSP-Extended: what separates clicks from the published network's points, less COCO's.
CONVENTIONS = {
    "lsp": {
        "shoulder": (-0.026, 0.025, 0.008),
        "elbow": (-0.020, -0.003, 0.002),
        "wrist": (-0.006, -0.008, -0.061),
        "hip": (-0.059, -0.042, -0.021),
        "knee": (-0.021, -0.009, -0.032),
        "ankle": (-0.001, 0.003, -0.007),
    },
    "lspet": {
        "shoulder": (0.006, 0.031, -0.022),
        "elbow": (-0.010, 0.019, -0.017),
        "wrist": (0.009, 0.007, -0.020),
        "hip": (0.017, 0.084, 0.043),
        "knee": (-0.017, -0.001, -0.008),
        "ankle": (0.006, 0.022, 0.007),
    },
}
LIMB = {
    "shoulder": "elbow",
    "elbow": "wrist",
    "wrist": "elbow",
    "hip": "knee",
    "knee": "ankle",
    "ankle": "knee",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One annotated person: the box (x0, y0, x1, y1) and points x, y, known in picture pixels.

    ``row``: the annotation's id, the row of LSP's table, the index of LSP-Extended's picture.
    """

    source: str
    row: int
    picture: Path
    box: np.ndarray
    points: np.ndarray
    held_out: bool
    segmentation: object | None = None  # COCO's outline of the person


def as_coco(points: np.ndarray, source: str) -> np.ndarray:
    """Points of LSP's (17 x 3: x, y, known) moved to where COCO's annotators click.

    Nothing is moved of people whose trunk is not known.
    """
    at = {name: points[row, :2] for row, name in enumerate(COCO17)}
    known = {name: points[row, 2] > 0 for row, name in enumerate(COCO17)}
    corners = [f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")]
    if not all(known[name] for name in corners):
        return points
    left_shoulder, left_hip, right_shoulder, right_hip = (at[name] for name in corners)
    up = (left_shoulder + right_shoulder - left_hip - right_hip) / 2
    across = (left_shoulder + left_hip - right_shoulder - right_hip) / 2
    moved = points.copy()
    for part, (trunk, outwards, along) in CONVENTIONS[source].items():
        for side, sign in (("left", 1.0), ("right", -1.0)):
            own, other = f"{side}_{part}", f"{side}_{LIMB[part]}"
            limb = at[other] - at[own] if known[other] else np.zeros(2)
            off = trunk * up + outwards * sign * across + along * limb
            moved[COCO17.index(own), :2] -= off
    return moved


def doubtful(points: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Which of 17 points may have left and right exchanged: the network's answer says so.

    Both points of a pair are confidently told near each other's annotation and far from their own.
    """
    trunk = np.linalg.norm(points[[5, 6], :2].mean(0) - points[[11, 12], :2].mean(0))
    trunk = max(float(trunk), 1.0)
    doubt = np.zeros(17, bool)
    for left in range(5, 17, 2):
        pair, crossed = [left, left + 1], [left + 1, left]
        if (points[pair, 2] > 0).all() and (said[pair, 2] > CONFIDENT).all():
            own = np.linalg.norm(said[pair, :2] - points[pair, :2], axis=1) / trunk
            exchanged = np.linalg.norm(said[pair, :2] - points[crossed, :2], axis=1) / trunk
            doubt[pair] = (own > FAR).all() and (exchanged < NEAR).all()
    return doubt


def undoubted(examples: Sequence[Example], said: np.ndarray) -> list[Example]:
    """The examples without the points of LSP-Extended that may be exchanged."""
    kept, count = [], 0
    for example, answer in zip(examples, said, strict=True):
        points = example.points.copy()
        if example.source == "lspet":
            doubt = doubtful(points, answer)
            points[doubt, 2], count = 0.0, count + int(doubt.sum())
        kept.append(replace(example, points=points))
    print(f"{count} points may be exchanged", flush=True)
    return kept


def of_coco(data: Path) -> Iterator[Example]:
    """Everybody with a labelled keypoint."""
    content = json.loads((data / "person_keypoints.json").read_text())
    names = {picture["id"]: picture["file_name"] for picture in content["images"]}
    order = {identity: k for k, identity in enumerate(sorted(names))}
    for row in content["annotations"]:
        if row["num_keypoints"] == 0 or row.get("iscrowd"):
            continue
        points = np.array(row["keypoints"], np.float64).reshape(17, 3)
        points[:, 2] = points[:, 2] > 0
        low = np.array(row["bbox"][:2], np.float64)
        yield Example(
            source="coco",
            row=row["id"],
            picture=data / "images" / names[row["image_id"]],
            box=np.concatenate([low, low + row["bbox"][2:]]),
            points=points,
            held_out=order[row["image_id"]] % 4 == 3,
            segmentation=row["segmentation"],
        )


def of_joints(source: str, row: int, picture: Path, joints: np.ndarray, held_out: bool) -> Example:
    """Somebody of LSP's: the box is 1.2 times that of the known joints."""
    points = np.zeros((17, 3))
    for joint, name in zip(joints, LSP14, strict=True):
        if name in COCO17:
            points[COCO17.index(name)] = joint
    known = joints[joints[:, 2] > 0, :2]
    low, high = known.min(0), known.max(0)
    middle, half = (low + high) / 2, (high - low) / 2 * 1.2
    box = np.concatenate([middle - half, middle + half])
    moved = as_coco(points, source)
    return Example(
        source=source, row=row, picture=picture, box=box, points=moved, held_out=held_out
    )


def of_lsp(data: Path) -> Iterator[Example]:
    """The training rows that were recovered surely."""
    with np.load(data / "joints.npz", allow_pickle=False) as table:
        rows = np.flatnonzero((table["split"] == "train") & (table["confidence"] > SURE))
        for k, row in enumerate(rows.tolist()):
            joints = table["joints"][row].astype(np.float64)
            joints[:, 2] = np.isfinite(joints).all(1)
            picture = data / "images" / str(table["imgname"][row])
            yield of_joints("lsp", row, picture, np.nan_to_num(joints), k % 4 == 3)


def of_lspet(data: Path) -> Iterator[Example]:
    """The rows that are not set aside, visible joints only."""
    aside = {
        int(Path(word).stem.removeprefix("im")) for word in (data / "dev.txt").read_text().split()
    }
    table = lspet.read(data)
    for index in table.present():
        joints = table.joints[index - 1]
        if index in aside or (joints[:, 2] > 0).sum() < 8:
            continue
        yield of_joints("lspet", index, table.picture(index), joints, index % 10 == 3)


def pixels_of(example: Example) -> np.ndarray:
    """The picture, RGB."""
    return cv2.cvtColor(cv2.imread(str(example.picture)), cv2.COLOR_BGR2RGB)

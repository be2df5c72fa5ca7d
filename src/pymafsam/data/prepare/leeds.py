"""Leeds Sports Pose and its extended training set.

Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose
Estimation", 2010, and "Learning Effective Human Pose Estimation from Inaccurate Annotation", 2011.
One person a picture; joints in LSP-14 order, pixels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.data.prepare.boxes import around, into_j24, square
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput
from pymafsam.files import lspet as extended
from pymafsam.files import matlab
from pymafsam.files.pickles import read_npz
from pymafsam.geometry.joints import LSP14

TRAINING = 1000  # the first so many of LSP's 2000 pictures
SURE = 0.97  # of joints that were recovered from another scale, the least confidence


def lspet(raw: Path, part: str | None) -> Rows:
    """LSP-Extended: ``joints.mat`` (14, 3, n): x, y, visible; ``images/im00001.jpg`` ...

    Joints that are not visible count as unknown, as in SPIN's table. It has no parts.
    """
    only(part, ())
    data = extended.read(raw)
    names = [f"images/im{k + 1:05d}.jpg" for k in range(len(data.joints))]
    return _table(raw, names, data.joints)


def lsp(raw: Path, part: str | None) -> Rows:
    """LSP: ``joints.mat`` (3, 14, n), or a ``joints.npz`` with imgname, joints, split, confidence.

    The third row of the official file tells which joints are hidden; they are annotated all the
    same. Parts: ``train`` (the first 1000 pictures) and ``test``, or the npz's own.
    """
    if (raw / "joints.npz").is_file():
        return _recovered(raw, part)
    only(part, ("train", "test"))
    path = raw / "joints.mat"
    found = matlab.read_mat(path).get("joints") if path.is_file() else None
    if not isinstance(found, np.ndarray) or found.ndim != 3 or found.shape[:2] != (3, 14):
        raise BadInput(f"{raw} is not LSP: wanted joints.mat with joints (3, 14, pictures).")
    joints = found.transpose(2, 1, 0).astype(np.float64)
    joints[..., 2] = 1.0
    chosen = {"train": range(TRAINING), "test": range(TRAINING, len(joints))}
    rows = [k for k in chosen.get(part or "", range(len(joints))) if k < len(joints)]
    return _table(raw, [f"images/im{k + 1:04d}.jpg" for k in rows], joints[rows])


def _recovered(raw: Path, part: str | None) -> Rows:
    content = read_npz(raw / "joints.npz")
    names, joints = content["imgname"], content["joints"].astype(np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (14, 3) or len(names) != len(joints):
        raise BadInput(f'{raw / "joints.npz"}: "joints" should be pictures x 14 x 3.')
    splits = content.get("split", np.full(len(names), ""))
    only(part, sorted({str(split) for split in splits}))
    exact = content.get("exact", np.ones(len(names), bool))
    sure = exact | (content.get("confidence", np.ones(len(names))) > SURE)
    chosen = np.flatnonzero(splits == part) if part else np.arange(len(names))
    joints[..., 2] = np.isfinite(joints[..., :2]).all(axis=-1)
    unsure = {int(k): "the joints' scale is not sure" for k in chosen if not sure[k]}
    return _table(
        raw,
        [f"images/{names[k]}" for k in chosen],
        joints[chosen],
        {row: unsure[k] for row, k in enumerate(chosen.tolist()) if k in unsure},
    )


def _table(
    raw: Path,
    names: Sequence[str],
    joints: Float[np.ndarray, "pictures 14 3"],
    unfit: dict[int, str] | None = None,
) -> Rows:
    people, dropped = [], []
    unfit = unfit or {}
    for index, (name, found) in enumerate(zip(names, joints, strict=True)):
        reason = unfit.get(index) or (_absent(raw / name, found))
        finite = np.isfinite(found).all(axis=1)
        known = np.nan_to_num(found) * finite[:, None]
        known[:, 2] = known[:, 2] > 0
        box = around(known)
        if reason or box is None:
            dropped.append(Dropped(index, name, reason or "fewer than two joints are visible"))
            continue
        centre, scale = square(box)
        people.append(Row(image=name, centre=centre, scale=scale, keypoints=into_j24(known, LSP14)))
    return Rows.of(people, dropped)


def _absent(path: Path, joints: Float[np.ndarray, "14 3"]) -> str:
    if not np.isfinite(joints).any():
        return "no joints are annotated"
    return "" if path.is_file() else "there is no such picture"

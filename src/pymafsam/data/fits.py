"""Fitted bodies beside a data set's rows: SPIN's ``final_fits`` and ``static_fits``, and ours.

``get`` and ``put`` are what SPIN does while it trains: the fit of a row as the augmented crop
shows it, and a better one found under an augmentation brought back.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.data.rows import Rows
from pymafsam.errors import BadInput
from pymafsam.files.pickles import read_npy, read_npz
from pymafsam.geometry import mirror, rotation

POSE = 72
Poses = Float[np.ndarray, "people 72"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Poses (axis-angles, axes of the upright picture), betas, and which are good; row by row."""

    pose: Float[np.ndarray, "rows 72"]
    betas: Float[np.ndarray, "rows betas"]
    valid: Bool[np.ndarray, "rows"]

    def get(
        self,
        rows: Int[np.ndarray, "people"],
        degrees: Float[np.ndarray, "people"],
        flipped: Bool[np.ndarray, "people"],
    ) -> tuple[Poses, Float[np.ndarray, "people betas"]]:
        """Fits as crops turned by ``degrees`` (counter-clockwise) and then mirrored show them."""
        pose = _mirrored(_turned(self.pose[rows], degrees), flipped)
        return pose, self.betas[rows]

    def put(
        self,
        rows: Int[np.ndarray, "people"],
        degrees: Float[np.ndarray, "people"],
        flipped: Bool[np.ndarray, "people"],
        pose: Poses,
        betas: Float[np.ndarray, "people betas"],
        better: Bool[np.ndarray, "people"],
    ) -> "Fits":
        """With the fits of the rows marked ``better`` replaced; the inverse of ``get``."""
        upright = _turned(_mirrored(pose, flipped), -degrees)
        poses, shapes = self.pose.copy(), self.betas.copy()
        poses[rows[better]], shapes[rows[better]] = upright[better], betas[better]
        return replace(self, pose=poses, betas=shapes)

    def over(self, rows: Rows) -> Rows:
        """The rows with these poses and betas to be learnt from where they are valid.

        Raises BadInput when they are fits of another number of rows.
        """
        if len(rows) != len(self.pose):
            raise BadInput(
                f"There are {len(self.pose)} fits for {len(rows)} rows: they are of another table "
                "of people, or rows were dropped when it was read."
            )
        return replace(rows, pose=self.pose, betas=self.betas, has_smpl=self.valid)


def read(path: Path) -> Fits:
    """``final_fits`` (npz: pose, betas, valid_fit) or ``static_fits`` (npy: rows x 82).

    Rows with values that are not finite count as not valid. Raises BadInput for other contents.
    """
    if path.suffix == ".npz":
        content = read_npz(path)
        pose, betas = content["pose"], content["betas"]
        valid = content.get("valid_fit")
    else:
        both = read_npy(path)
        if not _table(both) or both.shape[1] <= POSE:
            raise BadInput(f"{path} should be rows of pose (72) and betas (10).")
        pose, betas, valid = both[:, :POSE], both[:, POSE:], None
    if not (_table(pose) and _table(betas)) or pose.shape[1] != POSE or len(pose) != len(betas):
        raise BadInput(f'{path}: "pose" should be rows x 72 and "betas" rows x 10.')
    if valid is None:
        valid = np.ones(len(pose))
    if np.shape(valid) != (len(pose),):
        raise BadInput(f'{path}: "valid_fit" should have one number for each of {len(pose)} rows.')
    finite = np.isfinite(pose).all(axis=1) & np.isfinite(betas).all(axis=1)
    return Fits(
        pose=np.nan_to_num(pose.astype(np.float64)),
        betas=np.nan_to_num(betas.astype(np.float64)),
        valid=(np.asarray(valid) > 0) & finite,
    )


def _table(array: object) -> bool:
    return isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype.kind in "iuf"


def _turned(pose: Poses, degrees: Float[np.ndarray, "people"]) -> Poses:
    out = pose.copy()
    for row, turn in enumerate(degrees.tolist()):
        root = rotation.from_axis_angle(pose[row, :3])
        out[row, :3] = rotation.to_axis_angle(mirror.rotate_root(root, turn))
    return out


def _mirrored(pose: Poses, flipped: Bool[np.ndarray, "people"]) -> Poses:
    vectors = pose.reshape(-1, POSE // 3, 3)
    return np.where(flipped[:, None, None], mirror.axis_angles(vectors), vectors).reshape(-1, POSE)

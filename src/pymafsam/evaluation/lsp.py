"""Leeds Sports Pose: one person a picture, 14 joints, PCK."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.files.pickles import read_npz


@dataclass(frozen=True, slots=True, kw_only=True)
class LspPicture:
    """A picture and its person's joints: x, y, known (1 or 0), in LSP-14 order, pixels."""

    id: str
    joints: Float[np.ndarray, "14 3"]

    @property
    def box(self) -> Float[np.ndarray, "4"]:
        """The joints' box, a tenth of its larger side added all around."""
        known = self.joints[self.joints[:, 2] > 0, :2]
        low, high = known.min(0), known.max(0)
        margin = 0.1 * float((high - low).max())
        return np.concatenate([low - margin, high + margin])


def read_joints(path: Path, split: str | None = None) -> list[LspPicture]:
    """The rows of ``joints.npz`` (imgname, joints (n, 14, 3), optionally split and exact).

    LSP's third column tells occlusion, so every finite joint counts as known. Raises BadInput for
    another file and for an unknown ``split``.
    """
    content = read_npz(path)
    names, values = _column(path, content, "imgname", 1, "U"), _column(path, content, "joints", 3)
    keep = np.ones(len(names), bool)
    if split is not None:
        splits = _column(path, content, "split", 1, "U")
        keep = splits == split
        if not keep.any():
            known = ", ".join(sorted(set(splits.tolist())))
            raise BadInput(f'{path} has no split "{split}"; known: {known}.')
    if values.shape[1] != 14 or values.shape[2] < 2 or not len(names) == len(values) == len(keep):
        raise BadInput(f"{path} is not a table of LSP joints: wanted (n, 14, 3) beside n names.")
    pictures = []
    for name, joints in zip(names[keep], values[keep], strict=True):
        finite = np.isfinite(joints[:, :2]).all(1)
        known = np.concatenate([np.nan_to_num(joints[:, :2]), finite[:, None]], axis=1)
        if finite.any():
            pictures.append(LspPicture(id=str(name), joints=known.astype(np.float64)))
    return pictures


def _column(
    path: Path, content: Mapping[str, Any], name: str, dimensions: int, kinds: str = "iuf"
) -> np.ndarray:
    found = content[name]
    fits = isinstance(found, np.ndarray) and found.dtype.kind in kinds
    if not fits or found.ndim != dimensions:
        raise BadInput(f'{path} is not a table of LSP joints: "{name}" is something else.')
    return found if kinds == "U" else found.astype(np.float64)

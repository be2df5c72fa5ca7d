"""Leeds Sports Pose: one person a picture, 14 joints, PCK."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput


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
    try:
        with np.load(path, allow_pickle=False) as content:
            names, values = content["imgname"], content["joints"].astype(np.float64)
            keep = np.ones(len(names), bool)
            if split is not None:
                splits = content["split"]
                keep = splits == split
                if not keep.any():
                    raise BadInput(
                        f'{path} has no split "{split}"; known: {", ".join(sorted(set(splits)))}.'
                    )
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"{path} is not a table of LSP joints ({error}).") from error
    pictures = []
    for name, joints in zip(names[keep], values[keep], strict=True):
        finite = np.isfinite(joints[:, :2]).all(1)
        known = np.concatenate([np.nan_to_num(joints[:, :2]), finite[:, None]], axis=1)
        if finite.any():
            pictures.append(LspPicture(id=str(name), joints=known.astype(np.float64)))
    return pictures

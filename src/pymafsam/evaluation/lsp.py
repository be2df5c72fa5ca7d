"""Leeds Sports Pose: one person a picture, 14 joints, PCK."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.evaluation.people import Reconstruct, Row, at_box, row_of
from pymafsam.files.frames import read_picture


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


def measure_lsp(
    picture: LspPicture, images: Path, reconstruct: Reconstruct, *, given_boxes: bool
) -> list[Row]:
    """Reconstruct the person by the joints' box, or the best scored one that is found.

    Nobody found gives a row of zeros, which counts as wrong.
    """
    frame = read_picture(images / picture.id)
    people = [at_box(picture.box)] if given_boxes else None
    bodies: Sequence = sorted(reconstruct(frame, people).bodies, key=lambda b: -b.score)
    if not bodies:
        nobody = [0.0] * 51
        return [Row(picture=0, mesh=nobody, mesh_score=0.0, detector=nobody, detector_score=0.0)]
    return [row_of(0, bodies[0])]

"""Leeds Sports Pose Extended in its official layout: joints as prompts, pictures by index.

``images/im00001.jpg`` ... and ``joints.mat`` with an array ``joints`` (14, 3, pictures): x, y in
pixels of the picture, and whether the joint is visible.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import matlab
from pymafsam.records import Prompt


@dataclass(frozen=True, slots=True)
class LspExtended:
    """The data set's folder and every picture's joints (LSP-14 order; NaN where not included)."""

    folder: Path
    joints: Float[np.ndarray, "pictures 14 3"]

    def picture(self, index: int) -> Path:
        """The file of picture ``index``, counted from 1 as in the file names."""
        return self.folder / "images" / f"im{index:05d}.jpg"

    def present(self) -> list[int]:
        """The indices that have both a picture and joints."""
        known = ~np.isnan(self.joints).any(axis=(1, 2))
        names = {path.name for path in (self.folder / "images").iterdir()}
        indices = (np.flatnonzero(known) + 1).tolist()
        return [index for index in indices if self.picture(index).name in names]


def read(folder: Path) -> LspExtended:
    """Open the data set. Raises BadInput when ``folder`` is not laid out so."""
    path, images = Path(folder) / "joints.mat", Path(folder) / "images"
    if not os.path.isfile(path) or not os.path.isdir(images):
        raise BadInput(
            f"{folder} is not LSP-Extended: wanted joints.mat and a folder images in it.\n"
            "  Unpack the official archive and give the folder that holds both."
        )
    joints = matlab.read_mat(path).get("joints")
    if not isinstance(joints, np.ndarray) or joints.ndim != 3 or joints.shape[:2] != (14, 3):
        raise BadInput(f'{path} holds no array "joints" of shape (14, 3, pictures).')
    return LspExtended(Path(folder), joints.transpose(2, 0, 1).astype(np.float64))


def indices(text: str, present: list[int]) -> list[int]:
    """The pictures meant by ``1005``, ``1-960`` or ``3,8,20-30``; ranges pass over absent ones.

    Raises BadUsage for nonsense and for a single picture that is not there.
    """
    if not present:
        raise BadUsage("--index: there is no picture with joints here.")
    known, chosen = set(present), list[int]()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        # More digits than any data set has pictures: int() would take its time, or refuse.
        numbers = [first, last] if dash else [first]
        if not all(n.isascii() and n.isdecimal() and len(n) < 20 for n in numbers):
            raise BadUsage(f'--index: "{part}" is neither a number nor a range such as 1-960.')
        if dash:
            chosen += [k for k in present if int(first) <= k <= int(last)]
        elif int(first) in known:
            chosen.append(int(first))
        else:
            raise BadUsage(
                f"--index: there is no picture {int(first)} with joints here "
                f"({len(present)} pictures, {min(present)} to {max(present)})."
            )
    return list(dict.fromkeys(chosen))


def visible(joints: Float[np.ndarray, "14 3"], size: tuple[int, int]) -> np.ndarray:
    """Which joints are annotated as visible and lie in a picture of ``size`` (width, height)."""
    x, y, seen = joints.T
    return (seen > 0) & (x >= 0) & (y >= 0) & (x < size[0]) & (y < size[1])


def prompt(joints: Float[np.ndarray, "14 3"], size: tuple[int, int]) -> Prompt:
    """The visible joints as keypoints, and a box around them with room for hands, feet and hair.

    Raises BadInput when no joint is visible in the picture.
    """
    seen = visible(joints, size)
    if not seen.any():
        raise BadInput("no joint of the annotation is visible in the picture")
    points = joints[seen, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.12 * max(float((high - low).max()), 10.0)
    box = np.concatenate([np.maximum(low - room, 0), np.minimum(high + room, np.array(size))])
    return Prompt(box=box, keypoints=np.column_stack([joints[:, :2], seen]))


def joints_inside(
    inside: Bool[np.ndarray, "height width"],
    joints: Float[np.ndarray, "14 3"],
    tolerance: float = 3.0,
) -> tuple[int, int]:
    """How many visible joints lie within ``tolerance`` pixels of a mask, and of how many."""
    import cv2

    size = (inside.shape[1], inside.shape[0])
    points = np.floor(joints[visible(joints, size), :2]).astype(int)
    if not inside.any():
        return 0, len(points)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return int((away[points[:, 1], points[:, 0]] <= tolerance).sum()), len(points)

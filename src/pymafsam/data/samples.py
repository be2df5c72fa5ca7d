"""A crop with its answers, and many of them side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.geometry.affine import Affine


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a network sees of a person and what it should say.

    Places in the crop run from -1 to 1 between its EDGES; only ``points`` have -1 and 1 at the
    centres of the outermost pixels (see ``pymafsam.points``). What is unknown is zero, and the
    confidence in the last column, or the ``has_*`` flag, says so.
    """

    pixels: Float[np.ndarray, "3 side side"]  # normalised by ImageNet's mean and deviation
    points: Float[np.ndarray, "points 2"]  # where the first features are read
    keypoints: Float[np.ndarray, "49 3"]  # j49: detected body25, then annotated j24
    smpl_2d: Float[np.ndarray, "24 3"]
    joints_3d: Float[np.ndarray, "24 4"]  # j24, metres around the hips, the crop's axes
    rotations: Float[np.ndarray, "24 3 3"]  # the first: the crop's axes
    betas: Float[np.ndarray, "10"]
    camera: Float[np.ndarray, "3"]  # s, tx, ty of the crop's weak perspective
    mask: Bool[np.ndarray, "side side"]
    has_smpl: bool
    has_joints_3d: bool
    has_camera: bool
    has_mask: bool
    # Whether the mask is where the person is in sight: nothing of them outside, nobody else inside.
    exact_mask: bool = False
    gender: int = -1  # 0 male, 1 female, -1 unknown
    flipped: bool = False
    degrees: float = 0.0  # turned counter-clockwise on the screen
    scale: float = 1.0  # side of the square / 200, after augmentation
    centre: tuple[float, float] = (0.0, 0.0)
    size: tuple[int, int] = (0, 0)  # width, height of the picture
    to_frame: Affine  # unmirrored crop pixels -> picture pixels
    index: int = 0  # in its data set
    image: str = ""
    dataset: str = ""
    mask_name: str = ""
    part_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples side by side; fields as in ``Sample``."""

    pixels: Float[np.ndarray, "batch 3 side side"]
    points: Float[np.ndarray, "batch points 2"]
    keypoints: Float[np.ndarray, "batch 49 3"]
    smpl_2d: Float[np.ndarray, "batch 24 3"]
    joints_3d: Float[np.ndarray, "batch 24 4"]
    rotations: Float[np.ndarray, "batch 24 3 3"]
    betas: Float[np.ndarray, "batch 10"]
    camera: Float[np.ndarray, "batch 3"]
    mask: Bool[np.ndarray, "batch side side"]
    has_smpl: Bool[np.ndarray, "batch"]
    has_joints_3d: Bool[np.ndarray, "batch"]
    has_camera: Bool[np.ndarray, "batch"]
    has_mask: Bool[np.ndarray, "batch"]
    exact_mask: Bool[np.ndarray, "batch"]
    gender: Int[np.ndarray, "batch"]
    index: Int[np.ndarray, "batch"]
    images: tuple[str, ...]
    datasets: tuple[str, ...]

    @staticmethod
    def of(samples: Sequence[Sample]) -> "Batch":
        """The samples in their order; all crops must be of one size."""
        named = {one.name for one in fields(Batch)} - {"images", "datasets"}
        return Batch(
            **{name: np.stack([getattr(one, name) for one in samples]) for name in named},
            images=tuple(one.image for one in samples),
            datasets=tuple(one.dataset for one in samples),
        )

    def __len__(self) -> int:
        return len(self.pixels)


@runtime_checkable
class DataSet(Protocol):
    """Samples by number. The same index and an equal generator give the same sample, anywhere."""

    @property
    def name(self) -> str:
        """For logs, and for figures by data set."""
        ...

    def __len__(self) -> int:
        """How many people there are (of one epoch, where they are made up)."""
        ...

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """The person ``index``, augmented as ``random`` says."""
        ...


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The randomness of one sample: whoever loads it, in whichever process or order."""
    return np.random.default_rng([seed, epoch, index])

"""The synthetic 3D test set: people whose exact answers everybody can draw again.

Poses come with the package (``test_poses.npz``, made by tools/draw_test_poses.py from everyday
poses and motion capture), everything else from a fixed seed. Backgrounds are cut from photographs
where a folder of them is given (of one in ten, which training leaves alone), else they are rooms:
figures with and without photographs must not be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam import body
from pymafsam.data.synthetic.limbs import Pose
from pymafsam.data.synthetic.scenes import Rendered, Stage
from pymafsam.geometry.rotation import from_axis_angle

SEED = 900_001  # far from those used in training
PEOPLE = 300
SIDE = (400, 560)  # pixels of a picture's longer side
POSES = Path(__file__).with_name("test_poses.npz")


@dataclass(frozen=True, slots=True)
class Listed:
    """Poses of a table, drawn one by one; in world axes like ``poses.Library``'s."""

    vectors: Float[np.ndarray, "frames 24 3"]
    kinds: Shaped[np.ndarray, "frames"]

    @staticmethod
    def read(path: Path = POSES) -> "Listed":
        """From an npz with ``vectors`` (axis-angles) and ``kinds``."""
        with np.load(path, allow_pickle=False) as table:
            return Listed(table["vectors"].astype(np.float64), table["kinds"])

    def draw(self, generator: np.random.Generator) -> tuple[Pose, str]:
        """Any of the poses and what kind it is."""
        index = int(generator.integers(len(self.vectors)))
        return from_axis_angle(self.vectors[index]), str(self.kinds[index])


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The pictures of a test set by number; drawn when asked for, always the same."""

    stage: Stage
    seed: int = SEED
    people: int = PEOPLE

    def __len__(self) -> int:
        return self.people

    def __getitem__(self, index: int) -> Rendered:
        """Picture ``index``; its first person is the one who is measured."""
        if not 0 <= index < self.people:
            raise IndexError(f"The synthetic test set has {self.people} pictures, not {index}.")
        return self.stage.picture(self.seed, index)

    def __iter__(self) -> Iterator[Rendered]:
        return (self[index] for index in range(self.people))


def test_set(
    photographs: Path | None = None,  # noqa: PT028 (a test set is no test)
    people: int = PEOPLE,  # noqa: PT028
) -> Benchmark:
    """The test set: ``Frame``s and truth (``Rendered``), the same in every call.

    ``photographs``: a COCO-format folder to cut backgrounds from. Raises MissingAsset where it is
    none.
    """
    stage = Stage.of(
        body.load("anny24"),
        photographs=photographs,
        poses=Listed.read(),
        side=SIDE,
        held_out=True,
    )
    return Benchmark(stage, people=people)

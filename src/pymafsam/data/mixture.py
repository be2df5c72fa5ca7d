"""Several data sets as one, each with its share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pymafsam.data.samples import DataSet, Sample
from pymafsam.errors import BadUsage


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A ``DataSet`` that draws every sample from one of several, with the chances ``weights``.

    As long as its longest part; an index counts on from the start in shorter ones. Raises BadUsage
    for weights that are no shares.
    """

    parts: Sequence[DataSet]
    weights: Sequence[float]
    name: str = "mixture"

    def __post_init__(self):
        sound = len(self.parts) == len(self.weights) > 0
        if not sound or min(self.weights) < 0 or not sum(self.weights) > 0:
            raise BadUsage(
                f"A mixture needs a weight of at least 0 for each of its {len(self.parts)} data "
                f"sets, and not only zeros; found {list(self.weights)}."
            )
        if not all(len(part) for part in self.parts):
            raise BadUsage("A data set of the mixture is empty.")

    def __len__(self) -> int:
        return max(map(len, self.parts))

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """A sample of a part that ``random`` chooses."""
        bounds = np.cumsum(self.weights) / np.sum(self.weights)
        # The last bound may be a rounding below 1: whatever is drawn belongs to somebody.
        chosen = min(int(np.searchsorted(bounds, random.uniform(), side="right")), len(bounds) - 1)
        part = self.parts[chosen]
        return part.sample(index % len(part), random)


def official_weights(
    motion_capture: int, in_the_wild: Sequence[int], outdoors: int
) -> tuple[float, ...]:
    """PyMAF's shares: Human3.6M .5, photographs .3 by their size, MPI-INF-3DHP .2.

    Sizes are numbers of rows; a data set that is not there (size 0) leaves its share to the rest.
    """
    total = max(sum(in_the_wild), 1)
    return (
        0.5 * bool(motion_capture),
        *(0.3 * size / total for size in in_the_wild),
        0.2 * bool(outdoors),
    )

"""Two estimators in a row: the second goes on from the first one's bodies."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee

from pymafsam.records import Body, Estimator, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A network, say, and then the keypoint fit: an ``Estimator`` again."""

    first: Estimator
    second: Estimator

    @property
    def needs(self) -> frozenset[str]:
        """What either of the two reads."""
        return self.first.needs | self.second.needs

    def estimate(
        self,
        observations: Iterable[Observation],
        start: Iterable[Sequence[Body]] | None = None,
    ) -> Iterator[list[Body]]:
        """The second one's bodies; ``start`` goes to the first."""
        # The copy holds what the first one has taken ahead: a batch of pictures.
        ahead, behind = tee(observations)
        yield from self.second.estimate(behind, self.first.estimate(ahead, start))

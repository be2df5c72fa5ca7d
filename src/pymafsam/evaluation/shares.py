"""One run on several processes: cases are shared out, answers gathered once each.

Started by torchrun, which numbers the processes in the environment; without it there is one.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from pymafsam.errors import BadUsage, MissingAsset
from pymafsam.evaluation.cases import Answer, answer_from_json, answer_to_json
from pymafsam.evaluation.predictions import WHOLE
from pymafsam.files.json import Field

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which of several processes this is."""

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise BadUsage(f"RANK {self.rank} of WORLD_SIZE {self.world} cannot be.")

    @classmethod
    def of_environment(cls) -> "Share":
        """As torchrun says it. Raises BadUsage where its variables make no sense."""
        try:
            rank, world = (int(os.environ.get(*v)) for v in (("RANK", "0"), ("WORLD_SIZE", "1")))
        except ValueError as error:
            raise BadUsage(f"RANK and WORLD_SIZE must be whole numbers ({error}).") from error
        return cls(rank=rank, world=world)

    @property
    def leads(self) -> bool:
        """Whether this process gathers, measures and writes."""
        return self.rank == 0

    @property
    def file(self) -> str:
        """This process' journal."""
        return WHOLE if self.world == 1 else f"predictions-{self.rank}.jsonl"

    def of(self, everything: Sequence[T]) -> list[T]:
        """Its part: every so many-th, so that hard and easy stretches are shared too."""
        return list(everything[self.rank :: self.world])

    def gathered(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """Everybody's answers at the leader; the others get their own back."""
        if self.world == 1:
            return dict(answers)
        distributed = _distributed()
        started = distributed.is_initialized()
        if not started:
            # The others may have days of work before them when the first is done.
            distributed.init_process_group("gloo", timeout=timedelta(days=30))
        # Json, not objects: what was written to the journal and what was sent are the same.
        mine = json.dumps({case: answer_to_json(answer) for case, answer in answers.items()})
        parts: list | None = [None] * self.world if self.leads else None
        distributed.gather_object(mine, parts)
        if not started:
            distributed.destroy_process_group()
        if parts is None:
            return dict(answers)
        return merged(_received(part, f"process {rank}") for rank, part in enumerate(parts))


def merged(parts: Iterable[Mapping[str, Answer]]) -> dict[str, Answer]:
    """The answers of several processes; a case that two of them answered counts once."""
    out: dict[str, Answer] = {}
    for part in parts:
        for case, answer in part.items():
            if case not in out or out[case].missed is not None:
                out[case] = answer
    return out


def _received(text: str, sender: str) -> dict[str, Answer]:
    content = json.loads(text)
    return {case: answer_from_json(Field(value, sender, case)) for case, value in content.items()}


def _distributed():
    try:
        import torch.distributed as distributed
    except ImportError as error:
        raise MissingAsset(
            "Several processes need PyTorch to gather what they found: pip install pymafsam[torch]."
        ) from error
    return distributed

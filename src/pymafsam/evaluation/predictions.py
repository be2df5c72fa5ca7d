"""The answers of a run on disk: an interrupted run goes on from them, and figures can be made again
without the networks.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.evaluation import cases
from pymafsam.evaluation.cases import Answer
from pymafsam.evaluation.scores import MAKER
from pymafsam.files import journal
from pymafsam.files.journal import Journal
from pymafsam.files.json import Field

WHOLE, PARTS = "predictions.jsonl", "predictions*.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """The journals in ``folder``; this process writes ``name``, and several read one another's.

    ``key`` says what the answers depend on; those under another key are not read.
    """

    folder: Path
    key: Mapping[str, Any]
    name: str = WHOLE

    def read(self) -> dict[str, Answer]:
        """What is known already, by case. Missed cases are not: they are tried again."""
        known: dict[str, Answer] = {}
        for path in sorted(self.folder.glob(PARTS)):
            for case, value in journal.read(path, MAKER, self.key).items():
                try:
                    answer = cases.answer_from_json(Field(value, str(path), case))
                except BadInput:  # somebody changed it by hand: it is made again
                    continue
                if answer.missed is None:
                    known[case] = answer
        return known

    def opened(self, known: Mapping[str, Answer]) -> AbstractContextManager[Journal]:
        """This process' journal, begun with what is ``known``."""
        content = {case: cases.answer_to_json(answer) for case, answer in known.items()}
        return journal.opened(self.folder / self.name, MAKER, self.key, content)

    def finish(self, answers: Mapping[str, Answer]) -> None:
        """Everything in one file, in the order given; the parts of several processes go."""
        with replace(self, name=WHOLE).opened(answers):
            pass
        for path in self.folder.glob(PARTS):
            if path.name != WHOLE:
                path.unlink()

"""The journal of a run: what was found in every case, as it comes; a run goes on from it.

The first line says what the answers depend on (code, weights, options, data); a journal written
under any other is not read. The journal is the run's ``predictions`` as well: figures can be made
again from it without the networks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.evaluation import cases
from pymafsam.evaluation.cases import Answer
from pymafsam.files.json import Field

PATTERN = "predictions*.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The answers in ``folder`` under ``key``; this process writes ``name``.

    Several processes write a file each; all of them are read.
    """

    folder: Path
    key: Mapping[str, Any]
    name: str = "predictions.jsonl"

    def read(self) -> dict[str, Answer]:
        """What is known already, by case. Missed cases are not: they are tried again."""
        known: dict[str, Answer] = {}
        for path in sorted(self.folder.glob(PATTERN)):
            known |= {case: answer for case, answer in self._lines(path) if answer.missed is None}
        return known

    def writing(self, known: Mapping[str, Answer]) -> "Writer":
        """Start this process' file with what is ``known``, then take more."""
        return Writer(self, known)

    def finish(self, answers: Mapping[str, Answer]) -> None:
        """Everything in one file, in the order given; the parts of several processes go."""
        for path in self.folder.glob(PATTERN):
            if path.name != self.name:
                path.unlink()
        self.writing(answers).close()

    def header(self) -> str:
        """The first line."""
        return json.dumps(dict(self.key), sort_keys=True)

    def _lines(self, path: Path) -> Iterator[tuple[str, Answer]]:
        with path.open(encoding="utf-8") as lines:
            if lines.readline().rstrip("\n") != self.header():
                return
            for number, line in enumerate(lines, start=2):
                try:
                    yield read_line(line, f"{path}, line {number}")
                except BadInput:
                    # A line cut off by an interruption: from here on the cases are made again.
                    return


class Writer:
    """An open journal file; every answer is on the disk before the next case begins."""

    def __init__(self, journal: Journal, known: Mapping[str, Answer]):
        journal.folder.mkdir(parents=True, exist_ok=True)
        # Beside its place first: an interruption while it is copied loses nothing.
        path = journal.folder / journal.name
        fresh = path.with_suffix(".partial")
        fresh.write_text(
            "".join([journal.header() + "\n", *(line(c, a) for c, a in known.items())]),
            encoding="utf-8",
        )
        fresh.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def add(self, case: str, answer: Answer) -> Answer:
        """Keep one more answer; returns it as it will be read again."""
        text = line(case, answer)
        self._file.write(text)
        self._file.flush()
        return read_line(text, self._file.name)[1]

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def line(case: str, answer: Answer) -> str:
    """One case as a line of json."""
    people = {
        look: [cases.to_json(found) for found in everybody]
        for look, everybody in answer.people.items()
    }
    return json.dumps({"case": case, "missed": answer.missed, "people": people}) + "\n"


def read_line(text: str, place: str) -> tuple[str, Answer]:
    """The case and answer in a line. Raises BadInput with ``place`` for anything else."""
    try:
        content = Field(json.loads(text), place)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place} is not json ({error}).") from error
    missed = content.at("missed").text() if content.has("missed") else None
    people = {
        look: [cases.from_json(found) for found in rows.items()]
        for look, rows in content.at("people").entries()
    }
    return content.at("case").text(), Answer(people=people, missed=missed)


def merged(parts: Iterable[Mapping[str, Answer]]) -> dict[str, Answer]:
    """The answers of several processes; a case that two of them answered counts once."""
    out: dict[str, Answer] = {}
    for part in parts:
        for case, answer in part.items():
            if case not in out or out[case].missed is not None:
                out[case] = answer
    return out

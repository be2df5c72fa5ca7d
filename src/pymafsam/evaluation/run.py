"""From cases to answers: every look is shown to the subject once, also across interruptions.

A picture that cannot be read, or that the subject refuses, is named and counts as missed; the run
goes on. Requests stream, so a network's batches reach across pictures.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from pymafsam.errors import PymafsamError
from pymafsam.evaluation.cases import (
    Answer,
    Case,
    Found,
    Look,
    answer_from_json,
    answer_to_json,
)
from pymafsam.evaluation.predictions import Predictions
from pymafsam.evaluation.subjects import Subject
from pymafsam.files.json import Field
from pymafsam.records import Request

log = logging.getLogger(__name__)


def answered(
    cases: Sequence[Case], subject: Subject, predictions: Predictions
) -> Iterator[tuple[Case, Answer]]:
    """Every case with its answer: from the predictions, or made now and written there."""
    known = predictions.read()
    with predictions.opened({c.id: known[c.id] for c in cases if c.id in known}) as journal:
        fresh = looked([case for case in cases if case.id not in known], subject)
        for case in cases:
            if case.id in known:
                yield case, known[case.id]
                continue
            made, answer = next(fresh)
            assert made is case
            if answer.missed is not None:
                log.warning("%s is counted as missed: %s", case.id, answer.missed)
            # As it stands in the journal: a run that goes on gives the same figures bit for bit.
            written = journal.add(case.id, answer_to_json(answer))
            yield case, answer_from_json(Field(written, "the journal", case.id))


def looked(cases: Sequence[Case], subject: Subject) -> Iterator[tuple[Case, Answer]]:
    """Every case with what the subject finds in its looks, in order."""
    waiting: dict[str, dict[str, list[Found]]] = {case.id: {} for case in cases}
    failed: dict[str, str] = {}
    turn = iter(cases)
    case = next(turn, None)
    for request, people in subject.answer(_requests(cases, failed)):
        owner, _, look = request.key.partition("\n")
        if isinstance(people, PymafsamError):
            failed.setdefault(owner, str(people))
        else:
            waiting[owner][look] = people
        while case is not None and (case.id in failed or len(waiting[case.id]) == len(case.looks)):
            yield case, _answer(case, waiting, failed)
            case = next(turn, None)
    while case is not None:  # the last ones, where their pictures could not be read
        yield case, _answer(case, waiting, failed)
        case = next(turn, None)


def _answer(
    case: Case, waiting: dict[str, dict[str, list[Found]]], failed: dict[str, str]
) -> Answer:
    people = waiting[case.id]
    if case.id in failed:
        return Answer(missed=failed[case.id])
    waiting[case.id] = {}  # its silhouettes need not stay in memory
    return Answer(people=people)


def _requests(cases: Iterable[Case], failed: dict[str, str]) -> Iterator[Request]:
    """The looks of every case; those of a case that failed are not tried any more."""
    for case in cases:
        for look in case.looks:
            if case.id in failed:
                break
            try:
                yield _request(case, look)
            except PymafsamError as error:
                failed[case.id] = str(error)


def _request(case: Case, look: Look) -> Request:
    return Request(frame=look.read(), people=look.people, key=f"{case.id}\n{look.name}")

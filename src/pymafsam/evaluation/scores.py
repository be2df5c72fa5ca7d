"""The file of a run's figures, ``scores.json``, and the samples beside it; two runs compared."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.evaluation import figures
from pymafsam.evaluation.figures import DRAWS, Difference, Figure, Interval
from pymafsam.evaluation.protocol import Run
from pymafsam.files import made, npz
from pymafsam.files.atomic import writing
from pymafsam.files.json import Field
from pymafsam.files.json import read as read_json
from pymafsam.files.pickles import read_npz

FORMAT = "pymafsam-scores/1"
SCORES, SAMPLES = "scores.json", "samples.npz"
MAKER = "evaluate"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """A run's figures with their intervals; ``key`` says what they depend on."""

    figures: Sequence[Figure]
    intervals: Sequence[Interval]
    cases: Sequence[str]
    clusters: Sequence[str]
    key: Mapping[str, Any]
    seed: int


def scored(run: Run, key: Mapping[str, Any], seed: int, draws: int = DRAWS) -> Scores:
    """The protocol's figures of a run. Nothing is random but the draws, and those by ``seed``."""
    found = run.protocol.measure(run)
    clusters = [case.cluster or case.id for case in run.cases]
    counts = figures.drawn(clusters, np.random.default_rng(seed), draws)
    return Scores(
        figures=found,
        intervals=[figures.interval(figures.spread(figure, counts)) for figure in found],
        cases=[case.id for case in run.cases],
        clusters=clusters,
        key=key,
        seed=seed,
    )


def save(folder: Path, scores: Scores, more: Mapping[str, Any]) -> None:
    """Write ``scores.json`` (for people) and ``samples.npz`` (for comparing) to ``folder``."""
    document = {
        "format": FORMAT,
        "made": made.note(MAKER),
        **more,
        "key": dict(scores.key),
        "seed": scores.seed,
        "level": figures.LEVEL,
        "cases": len(scores.cases),
        "clusters": len(set(scores.clusters)),
        "figures": [
            {
                "name": figure.name,
                "whose": figure.whose,
                "value": figure.value,
                **asdict(interval),
                "unit": figure.unit,
                "better": figure.better,
                "statistic": figure.statistic,
                "samples": len(figure.rows),
            }
            for figure, interval in zip(scores.figures, scores.intervals, strict=True)
        ],
    }
    with writing(folder / SCORES) as path:
        path.write_text(json.dumps(_strict(document), indent=1) + "\n", encoding="utf-8")
    arrays = {
        "cases": np.array(scores.cases, dtype=str),
        "clusters": np.array(scores.clusters, dtype=str),
    }
    for number, figure in enumerate(scores.figures):
        arrays |= {f"{number}_rows": figure.rows, f"{number}_case": figure.case}
    with writing(folder / SAMPLES) as path:
        npz.write(arrays, path, made.mark(MAKER))


def load(path: Path) -> Scores:
    """The scores in a file or in the folder that holds it, with their samples.

    Raises BadInput when one of the two files is missing or is something else.
    """
    path = path / SCORES if path.is_dir() else path
    document = read_json(path)
    if (form := document.at("format").text()) != FORMAT:
        raise BadInput(f'{path}: the format is "{form}", wanted "{FORMAT}".')
    arrays, rows = read_npz(path.with_name(SAMPLES)), list(document.at("figures").items())
    cases, clusters = (_texts(path, arrays[name]) for name in ("cases", "clusters"))
    if len(cases) != len(clusters):
        raise BadInput(
            f"{path.with_name(SAMPLES)}: {len(cases)} cases in {len(clusters)} clusters."
        )
    return Scores(
        figures=[_figure(row, number, arrays, len(cases)) for number, row in enumerate(rows)],
        intervals=[Interval(low=_number(row, "low"), high=_number(row, "high")) for row in rows],
        cases=cases,
        clusters=clusters,
        key={name: field.value for name, field in document.at("key").entries()},
        seed=int(document.at("seed").between(0.0, 2.0**63)),
    )


def _figure(row: Field, number: int, arrays: Mapping[str, Any], cases: int) -> Figure:
    rows, case = arrays[f"{number}_rows"], arrays[f"{number}_case"]
    numbers = isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype.kind in "biuf"
    indices = isinstance(case, np.ndarray) and case.ndim == 1 and case.dtype.kind in "iu"
    if not numbers or not indices or len(rows) != len(case):
        row.wrong("a figure with its samples")
    if len(case) and not 0 <= case.min() <= case.max() < cases:
        row.wrong("a figure of the cases that are listed")
    statistic, better = row.at("statistic").text(), row.at("better").text()
    if statistic not in figures.STATISTICS or better not in ("more", "less", "zero"):
        row.wrong("a figure with a known statistic")
    return Figure(
        name=row.at("name").text(),
        whose=row.at("whose").text(),
        statistic=statistic,
        unit=row.at("unit").text(),
        better=better,
        rows=rows,
        case=case,
    )


def _texts(path: Path, found: object) -> list[str]:
    if not isinstance(found, np.ndarray) or found.dtype.kind != "U" or found.ndim != 1:
        raise BadInput(f"{path.with_name(SAMPLES)} does not hold names of cases.")
    return found.tolist()


def differences(first: Scores, second: Scores, draws: int = DRAWS) -> list[Difference]:
    """Every figure that both runs have, ``first`` less ``second``, on the cases that both have.

    Raises BadInput when the protocols differ or no case is in both.
    """
    protocols = {str(scores.key.get("protocol")) for scores in (first, second)}
    if len(protocols) > 1:
        raise BadInput(f"Two protocols cannot be compared: {' and '.join(map(str, protocols))}.")
    known = set(second.cases)
    shared = [case for case in first.cases if case in known]
    if not shared:
        raise BadInput("The two runs have no case in common, so they cannot be compared.")
    cluster = dict(zip(first.cases, first.clusters, strict=True))
    clusters = [cluster[case] for case in shared]
    counts = figures.drawn(clusters, np.random.default_rng(first.seed), draws)
    theirs = {(f.name, f.whose): f for f in _on(second, shared)}
    return [
        figures.compared(figure, theirs[figure.name, figure.whose], counts)
        for figure in _on(first, shared)
        if (figure.name, figure.whose) in theirs
    ]


def _on(scores: Scores, cases: Sequence[str]) -> list[Figure]:
    """The figures over the given cases alone, numbered as those are."""
    place = {case: number for number, case in enumerate(cases)}
    moved = np.array([place.get(case, -1) for case in scores.cases])
    out = []
    for figure in scores.figures:
        where = moved[figure.case] if len(figure.case) else figure.case
        keep = where >= 0
        out.append(
            Figure(
                name=figure.name,
                whose=figure.whose,
                statistic=figure.statistic,
                unit=figure.unit,
                better=figure.better,
                rows=figure.rows[keep],
                case=where[keep],
            )
        )
    return out


def _strict(value: object) -> Any:
    """Plain json: what is not a number is null."""
    if isinstance(value, Mapping):
        return {key: _strict(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(row: Field, key: str) -> float:
    return row.at(key).number() if row.has(key) else float("nan")

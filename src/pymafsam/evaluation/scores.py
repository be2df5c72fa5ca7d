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
from pymafsam.files.atomic import writing

FORMAT = "pymafsam-scores/1"
SCORES, SAMPLES = "scores.json", "samples.npz"


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
    with writing(folder / SAMPLES) as path, path.open("wb") as file:
        arrays: dict[str, Any] = {
            "cases": np.array(scores.cases, dtype=str),
            "clusters": np.array(scores.clusters, dtype=str),
        }
        for number, figure in enumerate(scores.figures):
            arrays |= {f"{number}_rows": figure.rows, f"{number}_case": figure.case}
        np.savez_compressed(file, **arrays)


def load(path: Path) -> Scores:
    """The scores in a file or in the folder that holds it, with their samples.

    Raises BadInput when one of the two files is missing or is something else.
    """
    path = path / SCORES if path.is_dir() else path
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise BadInput(f'{path}: the format is "{document["format"]}", wanted "{FORMAT}".')
        with np.load(path.with_name(SAMPLES), allow_pickle=False) as samples:
            arrays = dict(samples)
        found = [
            Figure(
                name=row["name"],
                whose=row["whose"],
                statistic=row["statistic"],
                unit=row["unit"],
                better=row["better"],
                rows=arrays[f"{number}_rows"],
                case=arrays[f"{number}_case"],
            )
            for number, row in enumerate(document["figures"])
        ]
        intervals = [
            Interval(low=_number(row["low"]), high=_number(row["high"]))
            for row in document["figures"]
        ]
        return Scores(
            figures=found,
            intervals=intervals,
            cases=arrays["cases"].tolist(),
            clusters=arrays["clusters"].tolist(),
            key=document["key"],
            seed=document["seed"],
        )
    except OSError as error:
        raise BadInput(
            f"{error.filename or path} cannot be read ({error.strerror}).\n  Two runs are compared "
            f"by {SCORES} and the {SAMPLES} beside it."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} is not a scores file of pymafsam evaluate ({type(error).__name__}: {error})."
        ) from error


def differences(first: Scores, second: Scores, draws: int = DRAWS) -> list[Difference]:
    """Every figure that both runs have, ``first`` less ``second``, on the cases that both have.

    Raises BadInput when the protocols differ or no case is in both.
    """
    protocols = {scores.key.get("protocol") for scores in (first, second)}
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


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)

"""Checks that run with every evaluation: is the measure right, and is the answer what it seems?

A protocol is first tried on answers whose figures are known: the truth itself, and the truth moved
by a known amount. Then the answers are looked at for the mistakes that are made most: another unit,
another order of joints, left and right exchanged, another gender.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation.cases import Answer, Case
from pymafsam.evaluation.protocol import Run, resolve
from pymafsam.geometry.joints import LAYOUTS, flip_permutation

CASES = 12  # are enough to try a measure on
EXACT = {"more": 1.0, "less": 0.0, "zero": 0.0}
TOLERANCE = 1e-3
# An error that falls to this share under another reading is no accident.
BETTER = 0.5
# Factor between sizes from which another unit is likelier than another size.
UNIT = 20.0
UNITS = {1000.0: "millimetres", 100.0: "centimetres", 39.37: "inches"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure of a known answer."""

    what: str
    figure: str
    wanted: float
    found: float

    @property
    def passed(self) -> bool:
        """Whether the figure is the known one; what could not be measured passes."""
        return bool(np.isnan(self.found)) or abs(self.wanted - self.found) <= TOLERANCE

    def record(self) -> dict[str, Any]:
        """As it stands in scores.json."""
        return {**asdict(self), "passed": self.passed}


def of_measure(run: Run) -> list[Check]:
    """The protocol on the truth itself and on the truth moved by a known amount."""
    protocol = run.protocol
    if protocol.home is None:
        return []
    known = {
        "truth against itself": (f"{protocol.home}:perfect", None),
        "known perturbation": (f"{protocol.home}:perturbed", f"{protocol.home}:EXPECTED"),
    }
    out = []
    for what, (answer, expected) in known.items():
        figures = _tried(run, resolve(answer))
        wanted = None if expected is None else protocol.expected or resolve(expected)
        for figure in figures:
            if not len(figure.rows) or figure.whose not in ("mesh", "mask", "silhouette"):
                continue
            value = EXACT[figure.better] if wanted is None else wanted.get(figure.name)
            if value is not None:
                out.append(Check(what=what, figure=figure.name, wanted=value, found=figure.value))
    return out


def _tried(run: Run, answer: Callable[[Case], Answer]) -> Sequence[Any]:
    chosen = list(run.cases[:CASES])
    known = replace(run, cases=chosen, answers={case.id: answer(case) for case in chosen})
    return run.protocol.measure(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Points of one person as answered and as they are true, same layout; what they are."""

    found: Float[np.ndarray, "points axes"]
    true: Float[np.ndarray, "points axes"]
    layout: str
    kind: str


def of_answers(run: Run) -> list[str]:
    """What is probably wrong with a run's answers, in words."""
    protocol = run.protocol
    doubts = [] if protocol.doubted is None else list(resolve(protocol.doubted)(run))
    if protocol.compared is not None:
        doubts += suspicions(resolve(protocol.compared)(run))
    return doubts


def suspicions(pairs: Sequence[Pair]) -> Iterator[str]:
    """What is probably wrong with answers, in words; nothing where all is well."""
    if not pairs:
        return
    layout, kind = pairs[0].layout, pairs[0].kind
    ratio = float(np.median([_size(one.found) / max(_size(one.true), 1e-12) for one in pairs]))
    if not 1 / UNIT < ratio < UNIT:
        unit = _unit(ratio)
        yield (
            f"{kind}: the answers are {ratio:.3g} times as large as the truth: "
            f"they seem to be in another unit ({unit})."
        )
        return
    plain = np.median([_error(one.found, one.true) for one in pairs])
    flip = flip_permutation(layout)
    exchanged = np.median([_error(one.found[flip], one.true) for one in pairs])
    if exchanged < BETTER * plain:
        yield (
            f"{kind}: left and right seem to be exchanged (error {plain:.3g} as they are, "
            f"{exchanged:.3g} exchanged)."
        )
        return
    for other, error in _other_orders(pairs, layout):
        if error < BETTER * plain:
            yield f"{kind}: the joints seem to be in the order {other}, not {layout}."
            return


def _other_orders(pairs: Sequence[Pair], layout: str) -> Iterator[tuple[str, float]]:
    """The error over shared joints, were the answers in another known order of as many points."""
    count = len(LAYOUTS[layout])
    for other, names in LAYOUTS.items():
        shared = [name for name in LAYOUTS[layout] if name in names]
        if other == layout or len(names) != count or len(shared) < 8:
            continue
        theirs = [names.index(name) for name in shared]
        ours = [LAYOUTS[layout].index(name) for name in shared]
        errors = [_error(one.found[theirs], one.true[ours]) for one in pairs]
        yield other, float(np.median(errors))


def _size(points: Float[np.ndarray, "points axes"]) -> float:
    return float(np.sqrt(((points - points.mean(0)) ** 2).sum(-1).mean()))


def _error(
    found: Float[np.ndarray, "points axes"], true: Float[np.ndarray, "points axes"]
) -> float:
    """Mean distance around the middle of the points: place is not what is asked."""
    away = (found - found.mean(0)) - (true - true.mean(0))
    return float(np.linalg.norm(away, axis=-1).mean())


def _unit(ratio: float) -> str:
    for factor, name in UNITS.items():
        for times, words in ((factor, f"{name}?"), (1 / factor, f"the truth in {name}?")):
            if 0.5 < ratio / times < 2:
                return words
    return "normalised coordinates?" if ratio < 1 else "unknown"

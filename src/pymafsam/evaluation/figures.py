"""Figures with their uncertainty: every number keeps the samples that it was made from.

A figure is a statistic of rows (a person, a joint, a detection); every row belongs to a case (a
picture). Cases are what is drawn again in the bootstrap, because people in one picture, and joints
of one person, do not err independently (Efron & Tibshirani, "An Introduction to the Bootstrap",
1993, chapters 6 and 13). The same draws serve all figures of a run, and both of two runs that are
compared.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, SupportsFloat

import numpy as np
from jaxtyping import Float, Int

from pymafsam.errors import BadUsage

Rows = Float[np.ndarray, "rows columns"]
Weights = Float[np.ndarray, "rows"]
Counts = Int[np.ndarray, "draws cases"]
Statistic = Callable[[Weights], float]

DRAWS = 1000
LEVEL = 0.95
# Steps of recall at which COCO reads precision.
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """One number: ``statistic`` (a key of ``STATISTICS``) of ``rows``.

    ``whose`` says what was measured (``mesh``, ``detector``, ``mask``); ``better`` which way is
    better (``zero``: the nearer to zero). ``case`` is the index of each row's case.
    """

    name: str
    whose: str
    statistic: str
    rows: Rows
    case: Int[np.ndarray, "rows"]
    unit: str = ""
    better: Literal["more", "less", "zero"] = "more"

    @property
    def value(self) -> float:
        """The figure itself; NaN without rows."""
        return STATISTICS[self.statistic](self.rows)(np.ones(len(self.rows)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where the figure of other pictures of the same kind would lie, with ``LEVEL`` certainty."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure of one run less that of another, of the same cases.

    ``chance``: how often a difference as far from zero would come about if there were none.
    """

    name: str
    whose: str
    unit: str
    first: float
    second: float
    interval: Interval
    chance: float

    @property
    def significant(self) -> bool:
        """Whether zero lies outside the interval; a figure of nobody (NaN) says nothing."""
        return self.interval.low > 0 or self.interval.high < 0


def figure(
    name: str,
    whose: str,
    statistic: str,
    rows: Iterable[tuple[int, float | Sequence[float]]],
    *,
    unit: str = "",
    better: Literal["more", "less", "zero"] = "more",
) -> Figure:
    """A figure from (case, value or columns) pairs; rows with a NaN are left out."""
    pairs = [(case, np.atleast_1d(np.asarray(row, np.float64))) for case, row in rows]
    pairs = [(case, row) for case, row in pairs if not np.isnan(row).any()]
    columns = len(pairs[0][1]) if pairs else 1
    return Figure(
        name=name,
        whose=whose,
        statistic=statistic,
        rows=np.array([row for _, row in pairs]).reshape(-1, columns),
        case=np.array([case for case, _ in pairs], np.int64),
        unit=unit,
        better=better,
    )


def drawn(clusters: Sequence[str], generator: np.random.Generator, draws: int = DRAWS) -> Counts:
    """How often each case is drawn, for every draw of as many clusters as there are.

    ``clusters`` names each case's; those of one cluster are drawn together.
    """
    names, cluster = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    share = np.full(len(names), 1 / max(len(names), 1))
    return generator.multinomial(len(names), share, size=draws)[:, cluster]


def spread(figure: Figure, counts: Counts) -> Float[np.ndarray, "draws"]:
    """The figure's value for every draw; NaN where nothing of it was drawn."""
    statistic = STATISTICS[figure.statistic](figure.rows)
    return np.array([statistic(row[figure.case].astype(np.float64)) for row in counts])


def interval(values: Float[np.ndarray, "draws"]) -> Interval:
    """The middle ``LEVEL`` of the draws (percentile bootstrap)."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(low=float("nan"), high=float("nan"))
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def compared(first: Figure, second: Figure, counts: Counts) -> Difference:
    """``first`` less ``second`` with both read on the same draws (paired bootstrap)."""
    if (first.name, first.whose) != (second.name, second.whose):
        raise BadUsage(
            f"{first.name} of {first.whose} is no match for {second.name} of {second.whose}."
        )
    steps = spread(first, counts) - spread(second, counts)
    steps = steps[~np.isnan(steps)]
    beyond = min(float((steps <= 0).mean()), float((steps >= 0).mean())) if len(steps) else 0.5
    return Difference(
        name=first.name,
        whose=first.whose,
        unit=first.unit,
        first=first.value,
        second=second.value,
        interval=interval(steps),
        # No draw beyond zero does not make it impossible: at most one in the number of draws.
        chance=min(1.0, 2 * max(beyond, 1 / (len(steps) + 1))),
    )


# Statistics: from rows to a function of the rows' weights (how often each was drawn). What can be
# prepared once (sorting) is done in the first step.


def mean(rows: Rows) -> Statistic:
    """The mean of the first column."""
    return lambda weights: _over(weights @ rows[:, 0], weights.sum())


def share(rows: Rows) -> Statistic:
    """The sum of the first column over that of the second."""
    return lambda weights: (
        _over(weights @ rows[:, 0], weights @ rows[:, 1]) if len(rows) else np.nan
    )


def root_mean_square(rows: Rows) -> Statistic:
    """The root of the mean of squares."""
    return lambda weights: float(np.sqrt(_over(weights @ rows[:, 0] ** 2, weights.sum())))


def deviation(rows: Rows) -> Statistic:
    """The standard deviation."""

    def of(weights: Weights) -> float:
        middle = _over(weights @ rows[:, 0], weights.sum())
        return float(np.sqrt(_over(weights @ (rows[:, 0] - middle) ** 2, weights.sum())))

    return of


def median(rows: Rows) -> Statistic:
    """The median, of an even number the middle of the two in the middle."""
    order = np.argsort(rows[:, 0], kind="stable")
    ordered = rows[order, 0]

    def of(weights: Weights) -> float:
        upto = np.cumsum(weights[order])
        if not len(upto) or upto[-1] <= 0:
            return float("nan")
        ranks = np.array([(upto[-1] + 1) // 2, upto[-1] // 2 + 1])
        return float(ordered[np.searchsorted(upto, ranks)].mean())

    return of


def f1(rows: Rows) -> Statistic:
    """Mean over classes of 2 TP / (2 TP + FP + FN); per class three columns TP, FP, FN."""

    def of(weights: Weights) -> float:
        if not len(rows):
            return float("nan")
        true, false, missed = (weights @ rows).reshape(-1, 3).T
        whole = 2 * true + false + missed
        # A class that is neither there nor found says nothing.
        return _over(float((2 * true[whole > 0] / whole[whole > 0]).sum()), (whole > 0).sum())

    return of


def average_precision(rows: Rows) -> Statistic:
    """COCO's average precision over the thresholds that the rows hold.

    Columns: score, positives (1 for an annotated person, 0 for a detection), then per threshold
    whether the detection matched, then per threshold whether it counts (is not to be ignored).
    """
    count = (rows.shape[1] - 2) // 2
    order = np.argsort(-rows[:, 0], kind="mergesort") if rows.shape[1] > 1 else np.arange(0)
    ordered = rows[order]
    hits = ordered[:, 2 : 2 + count] * ordered[:, 2 + count :]
    false = ordered[:, 2 + count :] - hits

    def of(weights: Weights) -> float:
        weights = weights[order]
        positives = float(weights @ ordered[:, 1]) if len(ordered) else 0.0
        if not positives:
            return float("nan")
        found, wrong = (np.cumsum(weights[:, None] * part, 0) for part in (hits, false))
        precision = found / np.maximum(found + wrong, np.spacing(1))
        # The best precision at this recall or any higher one.
        precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
        recall = found / positives
        read = [_read(r, p) for r, p in zip(recall.T, precision.T, strict=True)]
        return sum(read) / len(read)

    return of


def _read(recall: Float[np.ndarray, "rows"], precision: Float[np.ndarray, "rows"]) -> float:
    """Mean precision at ``RECALLS``; 0 where the recall is never reached."""
    at = np.searchsorted(recall, RECALLS, side="left")
    reached = at[at < len(precision)]
    return float(precision[reached].sum()) / len(RECALLS)


def average_recall(rows: Rows) -> Statistic:
    """COCO's average recall; rows as for ``average_precision``."""
    count = (rows.shape[1] - 2) // 2
    hits = rows[:, 2 : 2 + count] * rows[:, 2 + count :]

    def of(weights: Weights) -> float:
        positives = float(weights @ rows[:, 1]) if rows.shape[1] > 1 else 0.0
        return _over(float(np.mean(weights @ hits)), positives) if positives else float("nan")

    return of


def _over(amount: SupportsFloat, whole: SupportsFloat) -> float:
    """A quotient of two numbers; NaN where there is nothing to divide by."""
    return float(amount) / float(whole) if float(whole) > 0 else float("nan")


STATISTICS: dict[str, Callable[[Rows], Statistic]] = {
    "mean": mean,
    "share": share,
    "median": median,
    "deviation": deviation,
    "root mean square": root_mean_square,
    "F1": f1,
    "average precision": average_precision,
    "average recall": average_recall,
}

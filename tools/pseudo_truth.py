"""What `pymafsam fit` reported of some tables, side by side as the tables of docs/results.

python tools/pseudo_truth.py lspet-fits.json lsp-fits.json coco-fits.json
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Report = Mapping
UP_TO = 0.04  # the last class of the histogram holds everything beyond


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", type=Path, nargs="+", help="FITS.json, as fit wrote it")
    chosen = parser.parse_args()
    reports = {path.stem: json.loads(path.read_text()) for path in chosen.reports}
    print(table("", reports, FIGURES))
    for title, key in (("sides in the annotation", "readings"), ("not valid because", "reasons")):
        print(table(title, reports, counted(key, list(reports.values()))))
    print(table("distance to the annotation", reports, histogram(list(reports.values()))))


FIGURES: Mapping[str, Callable[[Report], str]] = {
    "rows": lambda r: f"{r['rows']:,}",
    "valid": lambda r: f"{r['valid']:,} ({r['valid'] / r['rows']:.1%})",
    "mean distance of the valid": lambda r: f"{r['mean_error_of_valid']:.2%}",
    "a tenth, half, nine tenths of all fits below": lambda r: " · ".join(
        f"{q:.2%}" for q in r["error_10_50_90"]
    ),
}


def counted(key: str, reports: Sequence[Report]) -> dict[str, Callable[[Report], str]]:
    """A line for each thing that is counted under ``key``, the most frequent first."""
    names = {name for report in reports for name in report[key]}
    order = sorted(names, key=lambda name: -sum(r[key].get(name, 0) for r in reports))
    return {name: lambda r, name=name: f"{r[key].get(name, 0):,}" for name in order}


def histogram(reports: Sequence[Report]) -> dict[str, Callable[[Report], str]]:
    """A line for each class of distances (of all fits), as shares."""
    classes = {low: float(low) for low in reports[0]["histogram"]}
    out: dict[str, Callable[[Report], str]] = {
        f"{start:.1%} to {start + 0.005:.1%}": lambda r, low=low: share(r["histogram"], [low])
        for low, start in classes.items()
        if start < UP_TO
    }
    beyond = [low for low, start in classes.items() if start >= UP_TO]
    return out | {f"{UP_TO:.0%} or more": lambda r: share(r["histogram"], beyond)}


def share(counts: Mapping[str, int], chosen: Sequence[str]) -> str:
    """Of all fits, with a bar of a mark per two hundredths."""
    part = sum(counts[low] for low in chosen) / max(sum(counts.values()), 1)
    return f"{part:.1%} {'█' * round(part * 50)}".rstrip()


def table(title: str, reports: Mapping[str, Report], lines: Mapping[str, Callable]) -> str:
    """Markdown: a column per report."""
    head = [f"| {title} | {' | '.join(reports)} |", "|---" * (len(reports) + 1) + "|"]
    body = [
        f"| {name} | {' | '.join(line(r) for r in reports.values())} |"
        for name, line in lines.items()
    ]
    return "\n".join([*head, *body, ""])


if __name__ == "__main__":
    main()

"""Markdown tables of evaluations' scores.json, for docs/results/evaluation.md.

    python tools/evaluation_figures.py eval/coco eval/lsp eval/standing

Every folder is the --out of one `pymafsam evaluate`; a figure's row has its 95 % interval.
"""

import argparse
import json
from pathlib import Path

DIGITS = {"": 3, "mm": 1, "degrees": 1, "%": 1, "px": 1}


def table(scores: dict) -> list[str]:
    """The rows of one evaluation; whose figure it is stands where there are several."""
    several = len({figure["whose"] for figure in scores["figures"]}) > 1
    rows = ["| figure | value | samples |", "|---|---|---|"]
    for figure in scores["figures"]:
        unit = figure["unit"]
        digits = DIGITS.get(unit, 3)
        low, value, high = (f"{figure[key]:.{digits}f}" for key in ("low", "value", "high"))
        name = figure["name"] + (f" ({figure['whose']})" if several else "")
        rows.append(f"| {name} | {value} [{low} {high}] {unit} | {figure['samples']} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    for folder in parser.parse_args().folders:
        scores = json.loads((folder / "scores.json").read_text())
        print(f"## {scores['protocol']['name']}\n\nTruth: {scores['protocol']['truth']}.\n")
        print("\n".join(table(scores)), "\n")


if __name__ == "__main__":
    main()

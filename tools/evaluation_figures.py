"""Markdown tables of evaluations' scores.json, for docs/results/evaluation.md.

    python tools/evaluation_figures.py eval/coco eval/lsp eval/jitter
    python tools/evaluation_figures.py eval/* --into docs/results/evaluation.md

Every folder is the --out of one `pymafsam evaluate`; a figure's row has its 95 % interval. With
--into a folder's tables are put between the lines `<!-- figures: FOLDER -->` and `<!-- end -->` of
the document, FOLDER being the folder's own name; folders without such lines are left out and named.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

DIGITS = {"": 3, "mm": 1, "degrees": 1, "%": 1, "px": 1}
# COCO's precision has a column for every source of keypoints, scores and boxes.
PRECISION = ("AP", "AP .5", "AP .75", "AR")
OTHERS = ("AP (M)", "AP (L)", "AR .5", "AR .75", "AR (M)", "AR (L)")


def cell(figure: dict) -> str:
    """A value with its interval and unit."""
    digits = DIGITS.get(figure["unit"], 3)
    low, value, high = (f"{figure[key]:.{digits}f}" for key in ("low", "value", "high"))
    return f"{value} [{low} {high}] {figure['unit']}".strip()


def side_by_side(figures: Sequence[dict]) -> list[str]:
    """COCO's precision and recall, one column for each way of measuring them."""
    # Detected boxes with equal scores say nothing that the other columns do not.
    shown = [f for f in figures if not {"scores 1", "detected boxes"} <= {*f["whose"].split(", ")}]
    cells = {(f["name"], f["whose"]): cell(f) for f in shown if f["name"] in PRECISION}
    ways = list(dict.fromkeys(whose for _, whose in cells))
    if not ways:
        return []
    rows = [f"| figure | {' | '.join(ways)} |", "|---" * (len(ways) + 1) + "|"]
    for name in PRECISION:
        rows.append(f"| {name} | {' | '.join(cells.get((name, way), '') for way in ways)} |")
    return [*rows, ""]


def listed(figures: Sequence[dict]) -> list[str]:
    """All other figures; whose a figure is stands where there are several."""
    rows = [f for f in figures if f["name"] not in (*PRECISION, *OTHERS) and f["samples"]]
    several = len({figure["whose"] for figure in rows}) > 1
    out = ["| figure | value | samples |", "|---|---|---|"]
    for figure in rows:
        name = figure["name"] + (f" ({figure['whose']})" if several else "")
        out.append(f"| {name} | {cell(figure)} | {figure['samples']} |")
    return out


def tables(folder: Path) -> str:
    """One evaluation's tables; those that a benchmark made of several lie in a table.md."""
    if (folder / "table.md").is_file():
        return (folder / "table.md").read_text().strip()
    figures = json.loads((folder / "scores.json").read_text())["figures"]
    return "\n".join([*side_by_side(figures), *listed(figures)])


def put(document: str, name: str, content: str) -> str | None:
    """The document with the content between the name's two lines; None where it has none."""
    place = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(document):
        return None
    return place.sub(lambda found: f"{found[1]}{content}\n{found[2]}", document)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, metavar="FILE.md")
    options = parser.parse_args()
    for folder in options.folders:
        if not any((folder / name).is_file() for name in ("scores.json", "table.md")):
            print(f"{folder} holds no figures.")
        elif options.into is None:
            print(f"## {folder.name}\n\n{tables(folder)}\n")
        elif document := put(options.into.read_text(), folder.name, tables(folder)):
            options.into.write_text(document)
        else:
            print(f"{options.into} has no place for {folder.name}.")


if __name__ == "__main__":
    main()

"""COCO AP of one network by where it looks first: a grid, the person's own mask, a stored bank.

    python benchmarks/points.py WEIGHTS --images coco/dev/images \
        --annotations coco/dev/person_keypoints.json --bank lspet_mask_points.npy --out eval/points

Runs `pymafsam evaluate coco` with each, and with the keypoint fit for comparison (whose rows also
hold the detector's own keypoints), every run in a folder of its own below --out: interrupted, the
same command goes on. Prints the markdown table of docs/results/evaluation.md, every figure with its
95 % interval, and the differences from the grid on the same draws of pictures (paired bootstrap);
they also lie in --out as table.md.
A bank is made by `pymafsam mask save` and `pymafsam mask points`; without one that column is left
out unless the weights hold one.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pymafsam.cli.main import main as pymafsam
from pymafsam.evaluation import scores

POLICIES = ("grid", "mask", "bank")
SHOWN = ("AP", "AP .5", "AP .75", "AR", "OKS", "silhouette_iou")
# A network's bodies are scored by their boxes, which are given and sure: own scores say nothing.
SAME_SCORES = "mesh, scores 1"


def evaluated(options: argparse.Namespace, name: str, words: Sequence[object]) -> scores.Scores:
    """The figures of one way, made now or read from an earlier run."""
    out = options.out / name
    common = ["--images", options.images, "--annotations", options.annotations, "--out", out]
    limit = [] if options.limit is None else ["--limit", options.limit]
    flow = ["--segmenter", options.segmenter, "--no-page", *limit]
    code = pymafsam([str(word) for word in ("evaluate", "coco", *common, *flow, *words)])
    if code not in (0, 1):  # 1: a picture was missed, and is named
        sys.exit(code)
    return scores.load(out)


def with_bank(weights: Path, bank: Path, out: Path) -> Path:
    """A copy of the weights that holds the bank."""
    copy = out / "with_bank.safetensors"
    words = ["convert", weights, "--bank", bank, "--out", copy]
    if (code := pymafsam([str(word) for word in words])) != 0:
        sys.exit(code)
    return copy


def value(found: scores.Scores, name: str, whose: Sequence[str]) -> str:
    """One figure with its interval, of the first of ``whose`` that has it; a dash for none."""
    for owner in whose:
        for figure, interval in zip(found.figures, found.intervals, strict=True):
            if (figure.name, figure.whose) == (name, owner):
                return f"{figure.value:.3f} [{interval.low:.3f} {interval.high:.3f}]"
    return "-"


def table(ways: dict[str, scores.Scores]) -> list[str]:
    """Detector, fit and every policy side by side; AP and AR with equal scores for all people."""
    columns = {"detector": ways["fit"], **ways}
    rows = [f"| figure | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in SHOWN:
        cells = [
            value(
                found,
                name,
                ("detector, scores 1", "detector")
                if column == "detector"
                else (SAME_SCORES, "mesh", "silhouette"),
            )
            for column, found in columns.items()
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def differences(ways: dict[str, scores.Scores]) -> list[str]:
    """What each way has more than the grid, and whether that is significant."""
    rows = ["| figure | less the grid | difference | chance |", "|---|---|---|---|"]
    for column in ("mask", "bank"):
        if column not in ways:
            continue
        for row in scores.differences(ways[column], ways["grid"]):
            if (row.name, row.whose) in (("AP", SAME_SCORES), ("OKS", "mesh")):
                low, high = row.interval.low, row.interval.high
                found = f"{row.first - row.second:+.3f} [{low:+.3f} {high:+.3f}]"
                rows.append(f"| {row.name} | {column} | {found} | {row.chance:.3f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--segmenter", default="detector")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    weights, policies = options.weights, POLICIES if options.bank else POLICIES[:2]
    if options.bank:
        weights = with_bank(weights, options.bank, options.out)
    ways = {"fit": evaluated(options, "fit", [])}
    for policy in policies:
        ways[policy] = evaluated(options, policy, ["--weights", weights, "--points", policy])
    content = "\n".join([*table(ways), "", *differences(ways)])
    (options.out / "table.md").write_text(content + "\n")
    print(f"\n{content}")


if __name__ == "__main__":
    main()

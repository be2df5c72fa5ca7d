r"""Teach the lifter's first beta, which is age and height, to tell children from grown-ups.

    python tools/lifter_ages.py --renders maps/r-*.npz --coco maps/coco-*.npz --lsp maps/lsp-*.npz \
        --ages tools/ages.json --out lifter.safetensors

Shards are those of tools/inner_maps.py. Of rendered people the beta is known. For photographed
ones AGES names COCO's annotations of toddlers and children, as they look, and of people whose age
is not to be seen; everybody else, and all of Leeds Sports Pose, is taken for grown up. One row of
the lifter's last layer is solved for anew (ridge regression); all other numbers stay as they are.
People of COCO are held out by fifths of the pictures and reported on; what is written has learned
from all.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file, save_file

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.files.atomic import writing
from pymafsam.fitting import lifter
from pymafsam.fitting.lifter import FREE, Inputs, Lifter
from pymafsam.people.features import Features
from train_lifter import said_of_photographs, said_of_renders

# Metres that toddlers, children and grown-ups are taken for, and how much each counts.
STATURES = {"toddler": 0.85, "child": 1.2, "grown": 1.7}
WEIGHTS = {"toddler": 3.0, "child": 3.0, "grown": 1.0}
RENDERED, LSP = 0.3, 0.5  # how much these count
BLIND = 0.3  # how much everybody counts once more, as a lifter without features sees them
STRENGTH = 3.0 * 21**2  # of the ridge, before columns of deviation 1
FOLDS = 5
FIRST = (6 + 3) * len(FREE)  # row of the last layer: after rotations and their deviations
READ = ("box", "size", "row", "channels", "coco", "blaze", "world", "presence")
SAID = ("coco17", "blazepose33", "world", "presence", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What the lifter's last layer sees of people (with and without features), and their beta."""

    seen: Float[np.ndarray, "people width"]
    blind: Float[np.ndarray, "people width"]
    beta: Float[np.ndarray, "people"]
    weight: Float[np.ndarray, "people"]
    kind: np.ndarray
    group: np.ndarray  # people of one picture are of one group

    def take(self, chosen: np.ndarray) -> "People":
        return People(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


def read(paths: Sequence[Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some columns of shards, one after the other."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for path in sorted(paths):
        with np.load(path, allow_pickle=False) as table:
            for name in names:
                parts[name].append(table[name])
    return {name: np.concatenate(some) for name, some in parts.items()}


def last_inputs(known: Lifter, inputs: Inputs) -> Float[np.ndarray, "people width"]:
    """The mean of the two readings; the last layer is linear, so its answer is theirs, too."""
    both = [known.known(one)[:, 0] for one in (inputs, inputs.mirrored())]
    return np.mean(both, axis=0, dtype=np.float64)


def of_renders(known: Lifter, paths: Sequence[Path]) -> People:
    names = [*(f"said_{name}" for name in SAID), "box", "focal", "centre", "size", "betas"]
    table = read(paths, names)
    count = len(table["box"])
    return _people(
        known,
        replace(said_of_renders(table), features=features(table["said_features"])),
        beta=table["betas"][:, 0].astype(np.float64),
        weight=np.full(count, RENDERED),
        kind=np.full(count, "rendered"),
        group=np.arange(count),
    )


def of_photographs(
    known: Lifter, paths: Sequence[Path], ages: Mapping[str, Sequence[int]], scale: "Scale"
) -> People:
    """People of photographs; those whose ``ages`` are not to be seen are left out."""
    table = read(paths, READ)
    kinds = {row: kind for kind, rows in ages.items() for row in rows}
    kind = np.array([kinds.get(row, "grown") for row in table["row"].tolist()])
    people = _people(
        known,
        replace(said_of_photographs(table), features=features(table["channels"])),
        beta=np.array([scale.beta(STATURES.get(one, 0.0)) for one in kind]),
        weight=np.array([WEIGHTS.get(one, 0.0) for one in kind]),
        kind=kind,
        # Shards keep the order of the annotation file, where people of one picture are together.
        group=np.cumsum(np.diff(table["size"], axis=0, prepend=0).any(1)),
    )
    return people.take(people.weight > 0)


def features(channels: Float[np.ndarray, "people 2 17 channels"]) -> np.ndarray:
    project = Features.load()
    return np.stack([project(one.astype(np.float32)) for one in channels])


def _people(known: Lifter, inputs: Inputs, **columns: np.ndarray) -> People:
    return People(
        seen=last_inputs(known, inputs),
        blind=last_inputs(known, replace(inputs, features=None)),
        **columns,
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Heights of bodies at rest (metres), all betas but the first at 0: nearly a straight line."""

    middle: float
    slope: float

    @staticmethod
    def of(model: BodyModel) -> "Scale":
        heights = [
            np.ptp(model.template[:, 1] + model.shape_dirs[:, 1, 0] * beta) for beta in (-1.0, 1.0)
        ]
        return Scale(float(np.mean(heights)), float(heights[1] - heights[0]) / 2)

    def beta(self, stature: float) -> float:
        return (stature - self.middle) / self.slope

    def stature(self, beta: np.ndarray) -> np.ndarray:
        return self.middle + self.slope * beta


def solved(people: Sequence[People]) -> Float[np.ndarray, "width+1"]:
    """Weights and bias of the ridge regression of betas on what the last layer sees."""
    rows = np.concatenate([part for one in people for part in (one.seen, one.blind)])
    beta = np.concatenate([one.beta for one in people for _ in range(2)])
    weight = np.concatenate([one.weight * k for one in people for k in (1.0, BLIND)])
    middle, deviation = rows.mean(0), rows.std(0) + 1e-6
    columns = np.column_stack([(rows - middle) / deviation, np.ones(len(rows))])
    normal = (columns * weight[:, None]).T @ columns
    normal[np.arange(len(middle)), np.arange(len(middle))] += STRENGTH
    found = np.linalg.solve(normal, (columns * weight[:, None]).T @ beta)
    own = found[:-1] / deviation
    return np.append(own, found[-1] - own @ middle)


def told(row: Float[np.ndarray, "width+1"], seen: Float[np.ndarray, "people width"]) -> np.ndarray:
    return seen @ row[:-1] + row[-1]


def report(name: str, stature: np.ndarray, kind: np.ndarray) -> None:
    """How well children and grown-ups are told apart: area under the curve, and errors."""
    young = kind != "grown"
    order = np.argsort(np.argsort(stature)) + 1
    count = young.sum()
    below = (order[young].sum() - count * (count + 1) / 2) / (count * (~young).sum())
    print(
        f"{name}: area {1 - below:.3f}, grown-ups below 1.4 m {(stature[~young] < 1.4).mean():.3f},"
        f" children above 1.5 m {(stature[young] > 1.5).mean():.3f}; medians "
        + ", ".join(f"{one} {np.median(stature[kind == one]):.2f}" for one in STATURES)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("renders", "coco", "lsp"):
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    parser.add_argument("--ages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    path = Path(lifter.__file__).with_name(lifter.WEIGHTS)
    known, scale = Lifter.load(path), Scale.of(body.load("anny24"))
    ages = json.loads(options.ages.read_text())
    rendered = of_renders(known, options.renders)
    athletes = of_photographs(known, options.lsp, {"unsure": ages["lsp_unsure"]}, scale)
    athletes = replace(athletes, weight=athletes.weight * LSP)
    coco = {name: ages[name] for name in ("toddler", "child", "unsure")}
    photographed = of_photographs(known, options.coco, coco, scale)
    fold = np.random.default_rng(0).integers(FOLDS, size=photographed.group.max() + 1)
    fold = fold[photographed.group]
    held = {"seen": np.zeros(len(fold)), "blind": np.zeros(len(fold))}
    for k in range(FOLDS):
        row = solved([rendered, athletes, photographed.take(fold != k)])
        for name, values in held.items():
            values[fold == k] = told(row, getattr(photographed, name)[fold == k])
    weights = load_file(path)
    before = np.append(weights["leave.weight"][FIRST], weights["leave.bias"][FIRST])
    for name, values in held.items():
        report(
            f"{name}, before",
            scale.stature(told(before, getattr(photographed, name))),
            photographed.kind,
        )
        report(f"{name}, held out", scale.stature(values), photographed.kind)
    row = solved([rendered, athletes, photographed])
    weights["leave.weight"][FIRST] = row[:-1]
    weights["leave.bias"][FIRST] = row[-1]
    with writing(options.out) as fresh:
        save_file(weights, fresh)


if __name__ == "__main__":
    main()

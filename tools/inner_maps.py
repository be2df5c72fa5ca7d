r"""Described people with the whole inner maps of the keypoint network beside them, in shards.

    python tools/inner_maps.py basis --photographs coco/train lsp lspet --mocap MOCAP \
        --out basis.npz
    python tools/inner_maps.py photographs coco/dev --basis basis.npz --out maps
    python tools/inner_maps.py photographs lsp --split dev --basis basis.npz --out maps
    python tools/inner_maps.py rendered --photographs coco/train --mocap MOCAP --basis basis.npz \
        --seed 1 --shards 0:20 --out maps

tools/ablate_points.py learns from them where a network should look. A map's channels are pressed
into fewer by their principal components (``basis``); 0.4 MB a person. Columns of a shard: maps (of
the window and of its mirror image), window (x, y, side, angle), what both networks said, and what
is annotated or true. A run that was stopped goes on with the shards that are missing.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

import keypoint_examples
from keypoint_examples import Example
from pymafsam import body
from pymafsam.data.synthetic import Stage, answers
from pymafsam.files import rle
from pymafsam.files.atomic import writing
from pymafsam.people.describe import Describer
from pymafsam.people.detector import load_describer
from pymafsam.people.features import all_channels
from pymafsam.people.movenet import Heads, Seen
from pymafsam.records import Person, Pixels

SHARD = 250  # people
# Components kept of every map, from the coarsest to the finest (``movenet.MAPS``).
KEPT: Mapping[str, int] = {"map32": 160, "map16": 96, "up16": 32, "up8": 16, "up4": 8}
SAMPLED = 64  # cells of a map that the basis is found from
FLOOR = 1e-4  # of the largest variance; smaller ones are not blown up to 1
Column = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Basis:
    """What is subtracted from a map's channels, and what they are multiplied with, by map."""

    means: Sequence[Float[np.ndarray, "channels"]]
    weights: Sequence[Float[np.ndarray, "channels kept"]]

    @staticmethod
    def load(path: Path) -> "Basis":
        with np.load(path, allow_pickle=False) as table:
            return Basis(
                [table[f"{name}_mean"] for name in KEPT], [table[f"{name}_w"] for name in KEPT]
            )

    @staticmethod
    def of(cells: Sequence[Float[np.ndarray, "cells channels"]]) -> "Basis":
        """Whitened principal components of some cells of every map."""
        means, weights = [], []
        for values, kept in zip(cells, KEPT.values(), strict=True):
            exact = values.astype(np.float64)
            mean = exact.mean(0)
            variance, axes = np.linalg.eigh((exact - mean).T @ (exact - mean) / len(exact))
            largest = np.argsort(variance)[::-1][:kept]
            scale = np.sqrt(variance[largest] + FLOOR * variance.max())
            means.append(mean.astype(np.float32))
            weights.append((axes[:, largest] / scale).astype(np.float32))
        return Basis(means, weights)

    def save(self, path: Path) -> None:
        columns = {}
        for name, mean, weight in zip(KEPT, self.means, self.weights, strict=True):
            columns |= {f"{name}_mean": mean, f"{name}_w": weight}
        with writing(path) as fresh, fresh.open("wb") as stream:
            np.savez(stream, **columns)

    def pressed(self, heads: Heads) -> Float[np.ndarray, "numbers"]:
        """All maps of one look one after the other, 16 bits."""
        flat = [
            (values.reshape(-1, values.shape[-1]) - mean) @ weight
            for values, mean, weight in zip(heads.maps, self.means, self.weights, strict=True)
        ]
        return np.concatenate([part.astype(np.float16).ravel() for part in flat])


@dataclass(frozen=True)
class Look:
    """Describes one person at a time and remembers what the keypoint network saw of them."""

    describer: Describer
    seen: list[Seen] = field(default_factory=list)

    @staticmethod
    def load() -> "Look":
        describer = load_describer()
        if not isinstance(describer, Describer):
            raise SystemExit("The keypoint network is missing: pymafsam fetch keypoints.")
        seen: list[Seen] = []
        return Look(replace(describer, features=all_channels, watch=seen.append), seen)

    def __call__(self, pixels: Pixels, box: Float[np.ndarray, "4"]) -> tuple[Person, Seen]:
        height, width = pixels.shape[:2]
        person = Person(box=box.clip(0, [width, height, width, height]), score=1.0)
        (person,) = self.describer.describe(pixels, [person])
        return person, self.seen.pop()


def kept(basis: Basis, seen: Seen) -> Column:
    """The columns of what was seen."""
    window = seen.window
    return {
        "maps": np.stack([basis.pressed(heads) for heads in seen.ways]),
        "window": np.array([*window.centre, window.side, window.angle], np.float32),
    }


def photographed(look: Look, basis: Basis, example: Example) -> Column:
    """One annotated person."""
    pixels = keypoint_examples.pixels_of(example)
    person, seen = look(pixels, example.box)
    assert person.world is not None
    return {
        **kept(basis, seen),
        "channels": np.asarray(person.features),
        "coco": person.answers["coco17"],
        "blaze": person.answers["blazepose33"],
        "world": person.world,
        "presence": np.array(person.presence),
        "box": person.box,
        "size": np.array([pixels.shape[1], pixels.shape[0]]),
        "points": example.points,
        "held": np.array(example.held_out),
        "row": np.array(example.row),
        "mask": np.array("" if person.mask is None else rle.encode(person.mask)["counts"], "U8192"),
    }


def rendered(look: Look, basis: Basis, stage: Stage, seed: int, index: int) -> Column:
    """One rendered person."""
    picture = stage.picture(seed, index)
    truth = picture.people[0]
    person, seen = look(picture.frame.pixels, truth.found)
    return {
        **kept(basis, seen),
        **answers.said(person, truth),
        **answers.true(stage.model, picture, truth),
    }


def examples(data: Path, split: str) -> list[Example]:
    """The people of a COCO-format folder, of LSP's or of its extension's."""
    if (data / "person_keypoints.json").is_file():
        return [*keypoint_examples.of_coco(data)]
    if (data / "joints.mat").is_file():
        return [*keypoint_examples.of_lspet(data)]
    return [*(keypoint_examples.of_lsp(data) if split == "train" else of_lsp_dev(data, split))]


def of_lsp_dev(data: Path, split: str) -> Iterator[Example]:
    """All rows of a split that is only measured on."""
    with np.load(data / "joints.npz", allow_pickle=False) as table:
        for row in np.flatnonzero(table["split"] == split).tolist():
            joints = table["joints"][row].astype(np.float64)
            joints[:, 2] = np.isfinite(joints).all(1)
            picture = data / "images" / str(table["imgname"][row])
            yield keypoint_examples.of_joints("lsp", row, picture, np.nan_to_num(joints), False)


def write(path: Path, count: int, person: Callable[[int], Column]) -> None:
    """A shard, unless it is there."""
    if path.exists():
        return
    rows = [person(index) for index in range(count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as fresh, fresh.open("wb") as stream:
        np.savez(stream, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
    print(path, flush=True)


def find_basis(options: argparse.Namespace) -> None:
    """From every 14th person of COCO, 20th of LSP, 250th of its extension, and 130 rendered."""
    look, generator = Look.load(), np.random.default_rng(0)
    cells: list[list[np.ndarray]] = [[] for _ in KEPT]

    def add(pixels: Pixels, box: np.ndarray) -> None:
        for heads in look(pixels, box)[1].ways:
            for some, values in zip(cells, heads.maps, strict=True):
                flat = values.reshape(-1, values.shape[-1])
                some.append(flat[generator.permutation(len(flat))[:SAMPLED]])

    for data in options.photographs:
        chosen = examples(data, "train")
        for example in chosen[:: {"coco": 14, "lsp": 20, "lspet": 250}[chosen[0].source]]:
            add(keypoint_examples.pixels_of(example), example.box)
    stage = stage_of(options)
    for index in range(130):
        picture = stage.picture(77, index)
        add(picture.frame.pixels, picture.people[0].found)
    Basis.of([np.concatenate(some) for some in cells]).save(options.out)


def stage_of(options: argparse.Namespace) -> Stage:
    """Rendered people before the first folder's photographs."""
    model = body.load("anny24")
    first = options.photographs[0]
    return Stage.of(model, photographs=first, mocap=options.mocap, fits=options.fits)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("basis", "photographs", "rendered"):
        one = verbs.add_parser(verb)
        one.add_argument("--out", type=Path, required=True)
        if verb == "photographs":
            one.add_argument("data", type=Path)
            one.add_argument("--split", default="train", help="of LSP")
        else:
            one.add_argument("--photographs", type=Path, nargs="+", required=True)
            one.add_argument("--mocap", type=Path)
            one.add_argument("--fits", type=Path, help="poses of tools/fit_poses.py")
        if verb != "basis":
            one.add_argument("--basis", type=Path, required=True)
        if verb == "rendered":
            one.add_argument("--seed", type=int, default=1)
            one.add_argument("--shards", type=str, default="0:20", help="first:end")
    options = parser.parse_args()
    if options.verb == "basis":
        return find_basis(options)
    look, basis = Look.load(), Basis.load(options.basis)
    if options.verb == "rendered":
        stage = stage_of(options)
        for number in range(*map(int, options.shards.split(":"))):
            write(
                options.out / f"r-{number:03d}.npz",
                SHARD,
                lambda k, at=number * SHARD: rendered(look, basis, stage, options.seed, at + k),
            )
        return None
    rows = examples(options.data, options.split)
    name = rows[0].source if options.split == "train" else f"{rows[0].source}_{options.split}"
    for number, first in enumerate(range(0, len(rows), SHARD)):
        some = rows[first : first + SHARD]
        path = options.out / f"{name}-{number:03d}.npz"
        write(path, len(some), lambda k, some=some: photographed(look, basis, some[k]))
    return None


if __name__ == "__main__":
    main()

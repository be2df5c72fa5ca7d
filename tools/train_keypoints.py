"""Teach MoveNet's upper layers on windows around one person (docs/keypoints.md).

    python tools/train_keypoints.py RUN --coco coco/train --lsp lsp --lspet lspet

RUN is a folder; an interrupted run goes on from its last checkpoint. Every fourth row of COCO's and
LSP's pictures and every tenth of LSP-Extended's is held out: what is chosen
later is chosen there. RUN/weights.safetensors are the averaged weights of the whole network.

    python tools/train_keypoints.py RUN --mix 0.5 src/pymafsam/pretrained/keypoints.safetensors

writes half of the way from the published to the learned weights, as differences: weights between
the two are better than either on pictures of both kinds (Wortsman et al., "Robust fine-tuning of
zero-shot models", 2022). Of several runs (--with) the mean is taken (Wortsman et al., "Model
soups", 2022).

    python tools/train_keypoints.py RUN --coco coco/train --lsp lsp --lspet lspet --steps 2600 \\
        --begin src/pymafsam/pretrained/keypoints.safetensors 0.75 --seed 11

goes on from weights that were mixed so, in closer windows.
"""

import argparse
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import pasted_people
from keypoint_examples import Example, of_coco, of_lsp, of_lspet, pixels_of, undoubted
from pymafsam import crops
from pymafsam.data import augment
from pymafsam.files.atomic import writing
from pymafsam.geometry.affine import apply, around_box, cut, inverse
from pymafsam.network import movenet
from pymafsam.people import movenet as decoder
from pymafsam.people.describe import MARGIN
from pymafsam.people.movenet import SIZE
from pymafsam.training import heatmaps

FROZEN = 2  # stages from the picture on that stay as they were published

RANGES = augment.Ranges(
    colour=0.2, degrees=20.0, upright=0.6, scale=0.15, occluded=0.1, coarse=0.15
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How it is learned. ``shares``: how often each source is drawn."""

    steps: int = 3800
    batch: int = 16
    rate: float = 3e-5
    warm: int = 100
    average: float = 0.99  # what the averaged weights keep at each step
    coco: float = 0.45
    lsp: float = 0.10
    lspet: float = 0.45
    quarter: float = 0.02  # chance of a window turned by quarters
    ranges: augment.Ranges = RANGES
    margin: float = 1.12  # the window's side per longer side of the box
    shift: float = 0.04  # of the window's side: deviation of its place
    pasted: float = 0.3  # chance of somebody else pasted beside, before or behind


AGAIN = replace(
    Recipe(), steps=2600, rate=2.4e-5, average=0.995, coco=0.5, lsp=0.15, lspet=0.35, margin=1.07
)


def others_of(examples: Sequence[Example]) -> list[pasted_people.CutOut]:
    """Everybody who can be pasted."""
    found = []
    for example in examples:
        pixels = pixels_of(example)
        opacity = outline_of(example, pixels)
        one = opacity is not None and pasted_people.cut_out(pixels, opacity, example.box)
        found += [one] if one else []
    return found


def outline_of(example: Example, pixels: np.ndarray) -> np.ndarray | None:
    """The person's outline in the picture, where there is one."""
    if example.segmentation is None:
        return None
    return pasted_people.outline(example.segmentation, (pixels.shape[1], pixels.shape[0]))


def window(
    example: Example,
    recipe: Recipe,
    others: Sequence[pasted_people.CutOut],
    random: np.random.Generator,
):
    """A drawn window of the example: pixels, points in it, and which are known."""
    drawn = augment.draw(random, recipe.ranges)
    quarters = int(random.integers(1, 4)) if random.uniform() < recipe.quarter else 0
    square = around_box(example.box, recipe.margin / drawn.scale)
    moved = random.normal(0, recipe.shift, 2) * square.side
    centre = (square.centre[0] + moved[0], square.centre[1] + moved[1])
    square = replace(square, centre=centre, angle=drawn.radians + quarters * np.pi / 2)
    pixels = pixels_of(example)
    seen = cut(pixels, square, SIZE)
    points = apply(inverse(square.to_frame(SIZE)), example.points[:, :2])
    known = example.points[:, 2] > 0
    if others and known.any() and random.uniform() < recipe.pasted:
        outline = outline_of(example, pixels)
        own = None if outline is None else pasted_people.in_window(outline, square, SIZE)
        seen = pasted_people.place(seen, own, points[known], others, random)
    if drawn.flipped:
        points = (points * (-1, 1) + (SIZE, 0))[decoder.FLIP]
        known = known[decoder.FLIP]
    return augment.picture(seen, drawn), points, known


def normalised(pictures: np.ndarray) -> torch.Tensor:
    """Windows as the network takes them."""
    mean, deviation = np.array(crops.MEAN, np.float32), np.array(crops.DEVIATION, np.float32)
    values = (pictures.astype(np.float32) / 255 - mean) / deviation
    return (
        torch.from_numpy(values).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    )


class Batches:
    """Batches by step: the same for the same seed, whatever was drawn before."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe, seed: int):
        self.recipe, self.seed = recipe, seed
        self.sources = {
            source: [one for one in examples if one.source == source]
            for source in ("coco", "lsp", "lspet")
        }
        self.others = others_of(self.sources["coco"]) if recipe.pasted else []

    def __getitem__(self, step: int):
        random = np.random.default_rng([self.seed, step])
        names = [name for name in self.sources if self.sources[name]]
        shares = np.array([getattr(self.recipe, name) for name in names])
        drawn = random.choice(len(names), self.recipe.batch, p=shares / shares.sum())
        chosen = [
            self.sources[names[k]][random.integers(len(self.sources[names[k]]))] for k in drawn
        ]
        windows = [window(one, self.recipe, self.others, random) for one in chosen]
        pictures, points, known = (np.stack(part) for part in zip(*windows, strict=True))
        return normalised(pictures), heatmaps.Marked(
            points=torch.from_numpy(points.astype(np.float32)), known=torch.from_numpy(known)
        )


def rate(step: int, recipe: Recipe) -> float:
    """Rises, then falls along a cosine."""
    if step < recipe.warm:
        return recipe.rate * (step + 1) / recipe.warm
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


class Learner:
    """The network, what is being learned of it, the average of that, and how far it is."""

    def __init__(self, network: movenet.MoveNet, recipe: Recipe):
        self.network, self.recipe, self.step = network, recipe, 0
        network.to(memory_format=torch.channels_last)
        # The centre's head stays, too: who is in the middle is not what is learned.
        for part in [network.stem, *network.stages[:FROZEN], network.heads["centre"]]:
            part.requires_grad_(False)
        self.learned = {k: one for k, one in network.named_parameters() if one.requires_grad}
        self.averaged = [one.detach().clone() for one in self.learned.values()]
        self.optimiser = torch.optim.AdamW(self.learned.values(), weight_decay=0.0)

    def learn(self, pictures: torch.Tensor, marked: heatmaps.Marked) -> float:
        """One step; returns the loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.recipe)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            heads = self.network.keypoints(pictures)
        loss = heatmaps.loss(heads, marked, heatmaps.Weights())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learned.values(), 5.0)
        self.optimiser.step()
        self.step += 1
        keep = min(self.recipe.average, self.step / (self.step + 10))
        for mean, one in zip(self.averaged, self.learned.values(), strict=True):
            mean.lerp_(one.detach(), 1 - keep)
        return loss.item()

    def save(self, run: Path) -> None:
        """What it takes to go on, and the averaged weights of the whole network."""
        state = {
            "step": self.step,
            "averaged": self.averaged,
            "parameters": [one.detach() for one in self.learned.values()],
            "optimiser": self.optimiser.state_dict(),
        }
        with writing(run / "last.pt") as path:
            torch.save(state, path)
        whole = dict(self.network.state_dict())
        whole.update(zip(self.learned, self.averaged, strict=True))
        with writing(run / "weights.safetensors") as path:
            save_file({name: value.contiguous() for name, value in whole.items()}, path)

    def go_on(self, run: Path) -> None:
        """From the last checkpoint, where there is one."""
        if not (run / "last.pt").is_file():
            return
        state = torch.load(run / "last.pt", weights_only=True)
        self.step, self.averaged = state["step"], state["averaged"]
        self.optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            for one, value in zip(self.learned.values(), state["parameters"], strict=True):
                one.copy_(value)


def train(learner: Learner, batches: Batches, run: Path) -> None:
    """Learn, with a checkpoint every 200 steps."""
    learner.go_on(run)
    losses, start = list[float](), time.perf_counter()
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(batches.__getitem__, learner.step)
        while learner.step < learner.recipe.steps:
            pictures, marked = coming.result()
            coming = ahead.submit(batches.__getitem__, learner.step + 1)
            losses.append(learner.learn(pictures, marked))
            if learner.step % 50 == 0:
                pace = (time.perf_counter() - start) / len(losses)
                print(f"{learner.step} loss {np.mean(losses[-50:]):.4f} {pace:.2f} s", flush=True)
            if learner.step % 200 == 0 or learner.step == learner.recipe.steps:
                learner.save(run)


def answers(network: movenet.MoveNet, examples: Sequence[Example]) -> np.ndarray:
    """What the network says of everybody's upright window: x, y, confidence (people 17 3)."""
    network.to(memory_format=torch.channels_last).eval()
    found = []
    for first in range(0, len(examples), 16):
        squares = [around_box(one.box, MARGIN) for one in examples[first : first + 16]]
        some = zip(examples[first : first + 16], squares, strict=True)
        seen = np.stack([cut(pixels_of(one), square, SIZE) for one, square in some])
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            heads = network.keypoints(normalised(seen))
        for row, square in enumerate(squares):
            points = decoder.decode(as_read(heads, row))
            found.append(np.column_stack([square.place(points[:, :2], SIZE), points[:, 2]]))
    return np.stack(found)


def as_read(heads: movenet.Heads, row: int) -> decoder.Heads:
    """One window's heads as the decoder takes them."""
    maps = {name: getattr(heads, name)[row].float().permute(1, 2, 0) for name in ("heat", "centre")}
    vectors = {
        name: getattr(heads, name)[row].float().permute(1, 2, 0).unflatten(2, (17, 2)).numpy()
        for name in ("offsets", "regressed")
    }
    return decoder.Heads(
        heat=torch.sigmoid(maps["heat"]).numpy(),
        centre=torch.sigmoid(maps["centre"])[..., 0].numpy(),
        **vectors,
    )


def begun(path: Path, share: float) -> movenet.MoveNet:
    """The network of which ``mix`` wrote ``share`` of what it had learned to ``path``."""
    network = movenet.pretrained()
    layers = list(movenet.in_order(network))
    with torch.no_grad():
        for name, difference in load_file(path).items():
            number, _, part = name.partition(".")
            getattr(layers[int(number)], part).add_(difference.float() / share)
    return network


def mix(runs: Sequence[Path], share: float, out: Path) -> None:
    """The differences that ``pretrained.conversions.add_learned`` adds, in 16 bits."""
    published, learned = movenet.pretrained(), movenet.thunder()
    found = [load_file(run / "weights.safetensors") for run in runs]
    mean = {name: sum(one[name] for one in found) / len(found) for name in found[0]}
    learned.load_state_dict(mean)
    pairs = zip(movenet.in_order(published), movenet.in_order(learned), strict=True)
    differences = {}
    for number, (before, after) in enumerate(pairs):
        for name in ("weight", "bias"):
            one, other = getattr(before, name), getattr(after, name)
            if one is not None and not torch.equal(one, other):
                difference = share * (other - one).detach()
                differences[f"{number}.{name}"] = difference.half().contiguous()
    with writing(out) as path:
        save_file(differences, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    for name in ("coco", "lsp", "lspet"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pasted", type=float, metavar="CHANCE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", nargs=2, metavar=("LEARNED", "SHARE"))
    parser.add_argument("--mix", nargs=2, metavar=("SHARE", "OUT"))
    parser.add_argument("--with", dest="beside", type=Path, nargs="+", default=[], metavar="RUN")
    options = parser.parse_args()
    if options.mix:
        mix([options.run, *options.beside], float(options.mix[0]), Path(options.mix[1]))
        return
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    everything = [*of_coco(options.coco), *of_lsp(options.lsp), *of_lspet(options.lspet)]
    network, kept = movenet.pretrained(), options.run / "answers.npy"
    if not kept.is_file():
        with writing(kept) as path, path.open("wb") as file:
            np.save(file, answers(network, everything), allow_pickle=False)
    everything = undoubted(everything, np.load(kept, allow_pickle=False))
    examples = [one for one in everything if not one.held_out]
    print(f"{len(examples)} of {len(everything)} people", flush=True)
    told = {name: getattr(options, name) for name in ("steps", "rate", "pasted")}
    changed = {name: value for name, value in told.items() if value is not None}
    recipe = replace(AGAIN if options.begin else Recipe(), **changed)
    if options.begin:
        network = begun(Path(options.begin[0]), float(options.begin[1]))
    train(Learner(network, recipe), Batches(examples, recipe, options.seed), options.run)


if __name__ == "__main__":
    main()

r"""Where should a loop that reads features look first? Trained once per way, and measured.

    python tools/ablate_points.py train --ways mask grid bank --renders maps/r-*.npz \
        --photographs maps/coco-*.npz maps/lsp-*.npz --held 2 \
        --coco coco/dev/person_keypoints.json --lsp lsp/joints.npz \
        --coco-maps maps/coco_dev-*.npz --lsp-maps maps/lsp_dev-*.npz --out ablation
    python tools/ablate_points.py report ablation

``train`` writes WAY-SEED.safetensors and WAY-SEED.npz (every person's errors after every round);
weights that are there already are measured only. ``report`` prints tables with 95 % intervals
(people, in COCO pictures, drawn again). Ways: see ``WAYS``; the network, the examples and
their order, the noise are the same for all.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import ablation_scores as scores
from mapped_people import People, from_photographs, from_renders
from mesh_rounds import Batch, Loop, lifter_network, seen
from pymafsam import body, points
from pymafsam.body import BodyModel
from pymafsam.fitting.lifter import FREE
from pymafsam.people.movenet import SIZE
from pymafsam.training import lifter_run, lifting
from pymafsam.training.lifting import Lift

BANK = 4  # shards of rendered people whose mask points are the bank


@dataclass(frozen=True, slots=True)
class Way:
    """Where the first round looks, what the rounds look at, and whether the lifter comes first.

    ``placed``: whether points' places in the window are told beside what is seen there.
    """

    first: str
    looks: tuple[str, ...]
    lifted: bool = False
    placed: bool = False


WAYS: Mapping[str, Way] = {
    "grid": Way("grid", ("first", "mesh", "mesh")),
    "mask": Way("mask", ("first", "mesh", "mesh")),
    "bank": Way("bank", ("first", "mesh", "mesh")),  # somebody else's mask points
    "grid_placed": Way("grid", ("first", "mesh", "mesh"), placed=True),
    "mask_placed": Way("mask", ("first", "mesh", "mesh"), placed=True),
    "lifter_mesh": Way("grid", ("mesh", "mesh", "mesh"), lifted=True),
    "lifter_mask": Way("mask", ("first", "mesh", "mesh"), lifted=True),
    "lifter_nothing": Way("grid", ("nothing", "nothing", "nothing"), lifted=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every way is trained; photographs weigh .3."""

    steps: int = 2000
    batch: int = 64
    rate: float = 7e-4
    warm_up: int = 300
    decay: float = 0.02
    photographs: float = 0.3
    average: float = 0.998


@dataclass(frozen=True)
class First:
    """Points of the first round, in pixels of the window."""

    kind: str
    bank: Float[Tensor, "people 441 2"]
    generator: torch.Generator

    def __call__(self, people: People, rows: Tensor) -> Float[Tensor, "rows 441 2"]:
        if self.kind == "mask":
            return people.own[rows]
        if self.kind == "bank":
            chosen = torch.randint(len(self.bank), (len(rows),), generator=self.generator)
            return self.bank[chosen]
        grid = torch.from_numpy((points.grid() + 1) / 2 * SIZE)
        return grid.expand(len(rows), -1, -1)


def together(lifts: Sequence[Lift]) -> Lift:
    """All rounds' answers as one, so that losses are reckoned once."""
    names = [one.name for one in fields(Lift)]
    return Lift(**{name: torch.cat([getattr(lift, name) for lift in lifts]) for name in names})


def rendered_loss(
    out: Sequence[tuple[Lift, Tensor]], people: People, rows: Tensor, chain: lifting.Chain
) -> Float[Tensor, ""]:
    """Of all rounds: the lifter's loss, and where joints are seen."""
    assert isinstance(people.truth, lifting.Rendered)
    assert people.joints is not None
    lift, again = together([one for one, _ in out]), rows.repeat(len(out))
    side, camera = people.side[again], torch.cat([camera for _, camera in out])
    joints, _ = chain(lift.turns, lift.betas)
    away = seen(joints, camera, side) / side[:, None, None] - people.joints[again]
    exact = lifting.rendered_loss(lift, people.truth.take(again), chain)
    return len(out) * (exact + 3 * away.abs().mean())


def photographed_loss(
    out: Sequence[tuple[Lift, Tensor]], people: People, rows: Tensor, chain: lifting.Chain
) -> Float[Tensor, ""]:
    """Of all rounds: where landmarks are seen, robust, and whether the upright stand upright."""
    assert isinstance(people.truth, lifting.Annotated)
    lift, truth = together([one for one, _ in out]), people.truth.take(rows.repeat(len(out)))
    _, landmarks = chain(lift.turns, lift.betas)
    camera = torch.cat([camera for _, camera in out])
    away = seen(landmarks, camera, truth.side) / truth.side[:, None, None] - truth.seen
    gap = torch.log1p(away.square().sum(-1) / 0.03**2 / 9)
    distance = (truth.weight * gap).sum(1) / truth.weight.sum(1).clamp(min=1)
    lean = 0.3 * (truth.upright * lifting.lean(landmarks)).mean()
    return len(out) * (distance.mean() + lean)


def train(
    loop: Loop, first: First, known: People, photographs: People, recipe: Recipe, seed: int
) -> Loop:
    """The moving average of a loop that learned from both."""
    generator, noise = (torch.Generator().manual_seed(seed + k) for k in (0, 1000))
    chain = lifting.Chain(body.load("anny24"), np.array(FREE))
    optimiser = torch.optim.AdamW(loop.parameters(), recipe.rate, weight_decay=recipe.decay)
    average = torch.optim.swa_utils.AveragedModel(
        loop,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average),
        use_buffers=True,
    )
    pace = lifter_run.LifterRecipe(steps=recipe.steps, warm_up=recipe.warm_up)
    start, total = time.perf_counter(), 0.0

    def out(people: People, rows: Tensor) -> list[tuple[Lift, Tensor]]:
        answers = loop(people.batch(rows, first(people, rows)), noise)
        return answers[loop.lifted :]  # nothing is to be learned from what the lifter says

    loop.train()
    for step in range(1, recipe.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * lifter_run.rate(step, pace)
        rows = torch.randint(len(known), (recipe.batch,), generator=generator)
        loss = rendered_loss(out(known, rows), known, rows, chain)
        rows = torch.randint(len(photographs), (recipe.batch // 2,), generator=generator)
        seen_there = photographed_loss(out(photographs, rows), photographs, rows, chain)
        loss = loss + recipe.photographs * seen_there
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(loop.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(loop)
        total += float(loss.detach())
        if step % 100 == 0:
            seconds = time.perf_counter() - start
            print(f"  {step} {seconds:.0f} s loss {total / 100:.3f}", flush=True)
            total = 0.0
    kept = average.module
    assert isinstance(kept, Loop)
    return kept


def answers(
    loop: Loop, first: First, people: People, chain: lifting.Chain, step: int = 250
) -> list[scores.Answers]:
    """Joints and keypoints after every round, of people as they are in the picture."""
    parts: list[list[tuple[np.ndarray, ...]]] = []
    loop.eval()
    with torch.no_grad():
        for start in range(0, len(people) // 2, step):
            rows = torch.arange(start, min(start + step, len(people) // 2))
            batch = people.batch(rows, first(people, rows))
            found = [_answer(batch, lift, camera, chain) for lift, camera in loop(batch)]
            parts = parts or [[] for _ in found]
            for part, one in zip(parts, found, strict=True):
                part.append(one)
    columns = [[np.concatenate(some) for some in zip(*part, strict=True)] for part in parts]
    return [scores.Answers(joints=j, flat=f, keypoints=k) for j, f, k in columns]


def _answer(batch: Batch, lift: Lift, camera: Tensor, chain: lifting.Chain):
    joints, keypoints = chain(lift.turns, lift.betas)
    flat = seen(joints, camera, batch.side) / batch.side[:, None, None]
    window = batch.window(seen(keypoints, camera, batch.side))
    return joints.numpy(), flat.numpy(), window.numpy()


def measured(
    loop: Loop, way: Way, bank: Tensor, model: BodyModel, held: People, options: argparse.Namespace
) -> scores.Errors:
    """Everybody's errors, rendered and photographed."""
    chain = lifting.Chain(model, np.array(FREE), scores.keypoints(model))
    said = []
    for people in (held, options.coco_people, options.lsp_people):
        first = First(way.first, bank, torch.Generator().manual_seed(1))
        said.append(answers(loop, first, people, chain))
    return scores.Errors(
        **scores.of_renders(said[0], held),
        **scores.of_coco(said[1], options.coco_people, options.coco),
        **scores.of_lsp(said[2], options.lsp_people, options.lsp),
    )


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    model = body.load("anny24")
    caches = dict(pair.split("=") for pair in options.masks)
    caches = {name: Path(path) for name, path in caches.items()}
    renders = sorted(options.renders)
    column = "mask" if options.exact_masks else "said_mask"
    held = from_renders(renders[: options.held], model, column)
    known = from_renders(renders[options.held :], model, column)
    photographs = from_photographs(sorted(options.photographs), caches)
    options.coco_people = from_photographs(sorted(options.coco_maps), {})
    options.lsp_people = from_photographs(sorted(options.lsp_maps), {})
    print(f"{len(known)} rows rendered, {len(held)} held out, {len(photographs)} photographed")
    half = len(known) // 2
    with np.load(renders[options.held]) as shard:
        count = BANK * len(shard["box"])
    bank = torch.cat([known.own[:count], known.own[half : half + count]])
    network = lifter_network(options.lifter)
    if any(WAYS[name].lifted for name in options.ways):
        known, held, photographs = (some.started(network) for some in (known, held, photographs))
        options.coco_people = options.coco_people.started(network)
        options.lsp_people = options.lsp_people.started(network)
    recipe = Recipe(steps=options.steps, batch=options.batch)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for name in options.ways:
            way, path = WAYS[name], options.out / f"{name}-{seed}.safetensors"
            torch.manual_seed(seed)
            loop = Loop(model, network, way.looks, lifted=way.lifted, placed=way.placed)
            print(path.stem, flush=True)
            if path.exists():
                loop.load_state_dict(load_file(path))
            else:
                first = First(way.first, bank, torch.Generator().manual_seed(seed))
                loop = train(loop, first, known, photographs, recipe, seed)
                save_file(loop.state_dict(), path)
            errors = measured(loop, way, bank, model, held, options)
            errors.save(path.with_suffix(".npz"))
            print(errors.line(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("train")
    one.add_argument("--ways", nargs="+", choices=WAYS, default=["mask", "grid", "bank"])
    one.add_argument("--seeds", type=int, nargs="+", default=[0])
    for name in ("renders", "photographs", "coco-maps", "lsp-maps"):
        one.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    one.add_argument("--held", type=int, default=2, help="shards that are not learned from")
    one.add_argument("--masks", nargs="*", default=[], help="coco=CACHE for shards without masks")
    one.add_argument(
        "--exact-masks", action="store_true", help="of rendered people, not the detector's"
    )
    one.add_argument("--coco", type=Path, required=True, help="annotations")
    one.add_argument("--lsp", type=Path, required=True, help="joints.npz")
    one.add_argument("--lifter", type=Path, help="folder of another than the package's")
    one.add_argument("--steps", type=int, default=Recipe().steps)
    one.add_argument("--batch", type=int, default=Recipe().batch)
    one.add_argument("--out", type=Path, required=True)
    verbs.add_parser("report").add_argument("out", type=Path)
    options = parser.parse_args()
    if options.verb == "report":
        print(scores.report(sorted(options.out.glob("*-*.npz"))))
    else:
        run(options)


if __name__ == "__main__":
    main()

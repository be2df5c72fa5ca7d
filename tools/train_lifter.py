"""Train the lifter that comes with the package (docs/lifting.md).

    python tools/train_lifter.py ANSWERS --photographs train.npz --out lifter.safetensors

ANSWERS holds rendered people with what the keypoint networks said of them
(tools/keypoint_answers.py), and are recombined (tools/recombined.py); photographs are what
tools/annotated_people.py wrote. Beside --out lies features.safetensors, which belongs to it.
Every 25th shard is held out; its errors are printed, with and without features.

    python tools/train_lifter.py OTHERS --photographs more.npz --out lifter.safetensors \\
        --begin src/pymafsam/fitting/lifter.safetensors src/pymafsam/people/features.safetensors \\
        --rate 3e-4 --steps 4000 --kept 256 --photographs-batch 192

goes on from a lifter and its features with other people.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.evaluation import metrics
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LANDMARKS, landmark_points, link_matrix, ray_frames
from pymafsam.fitting.lifter import FREE, FURTHEST, Inputs, box_sides, directions
from pymafsam.fitting.priors import PosePrior
from pymafsam.geometry import mirror, rotation
from pymafsam.geometry.joints import mirrored
from pymafsam.training import lifter_files, lifter_run, lifting
from recombined import Answers, cameras_of, recombined

HELD_OUT = 25  # of so many shards one is not trained on
CHANNELS = "said_features"


def read(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Some npz files of the same columns, one after the other."""
    tables = []
    for path in paths:
        with np.load(path, allow_pickle=False) as table:
            tables.append({name: table[name] for name in table.files if "mask" not in name})
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def said_of_renders(table: dict[str, np.ndarray]) -> Inputs:
    """What the keypoint networks said of rendered people, as the lifter takes it."""
    return Inputs.of(
        boxes=table["box"].astype(np.float64),
        coco=table["said_coco17"],
        landmarks=table["said_blazepose33"],
        metres=table["said_world"],
        presence=table["said_presence"],
        cameras=cameras_of(table),
    )


def said_of_photographs(table: dict[str, np.ndarray]) -> Inputs:
    """The same of photographed people, before the default camera."""
    return Inputs.of(
        boxes=table["box"].astype(np.float64),
        coco=table["coco"],
        landmarks=table["blaze"],
        metres=table["world"],
        presence=table["presence"],
        cameras=default_cameras(table),
    )


def rendered(
    model: BodyModel,
    table: dict[str, np.ndarray],
    whitening: lifter_files.Whitening | None = None,
) -> lifting.Rendered:
    """Inputs and exact answers of rendered people, then of their mirror images."""
    cameras, boxes = cameras_of(table), table["box"].astype(np.float64)
    inputs = said_of_renders(table)
    turns = table["rotations"].astype(np.float64)
    turns[:, 0] = ray_frames(boxes, cameras) @ turns[:, 0]
    betas = table["betas"].astype(np.float64)
    rows = np.concatenate([inputs.rows(), inputs.mirrored().rows()])
    poses = np.concatenate([turns, mirror.rotations(turns)])
    betas = np.concatenate([betas, betas])
    bones, places = _shapes(model, poses, betas)
    return lifting.Rendered(
        inputs=tensor(rows),
        turns=tensor(poses[:, list(FREE)]),
        betas=tensor(betas),
        bones=tensor(bones),
        joints=tensor(places),
        channels=None
        if whitening is None
        else torch.cat([whitening(table[CHANNELS][:, way]) for way in (0, 1)]),
    )


def _shapes(model: BodyModel, turns: np.ndarray, betas: np.ndarray, step: int = 2000):
    """Bone vectors and joints around the pelvis, in the frame the roots turn into."""
    skeleton, points, links = Skeleton.of(model, ()), landmark_points(model), link_matrix()
    bones, joints = [], []
    for first in range(0, len(turns), step):
        some = slice(first, first + step)
        where = np.zeros((len(turns[some]), 3))
        state = State(rotations=turns[some], betas=betas[some], translation=where)
        posed = forward_kinematics(skeleton, state)
        placed = skinned_points(points, posed, state.betas).sum(axis=1)
        bones.append((placed @ links).transpose(0, 2, 1))
        joints.append(posed.places - posed.places[:, :1])
    return np.concatenate(bones), np.concatenate(joints)


def joined(several: Sequence[lifting.Rendered]) -> lifting.Rendered:
    """All of them as one."""
    names = [one.name for one in fields(lifting.Rendered) if one.name != "channels"]
    return lifting.Rendered(
        **{name: torch.cat([getattr(one, name) for one in several]) for name in names}
    )


def annotated(
    paths: Sequence[Path], whitening: lifter_files.Whitening | None = None
) -> lifting.Annotated:
    """People of photographs with their annotated landmarks, then their mirror images."""
    table = read(paths)
    return of_photographs(table, table["seen"], table["weight"], whitening)


def of_photographs(
    table: dict[str, np.ndarray],
    places: np.ndarray,
    weight: np.ndarray,
    whitening: lifter_files.Whitening | None = None,
) -> lifting.Annotated:
    """What was said of people (``table``) beside annotated landmarks; then their mirror images.

    Before the default camera. ``places`` (people landmarks 2) are in picture pixels, ``weight`` is
    0 where there is none.
    """
    cameras, boxes = default_cameras(table), table["box"].astype(np.float64)
    inputs = said_of_photographs(table)
    frames, angular = ray_frames(boxes, cameras), box_sides(boxes) / cameras.focal
    twins = [LANDMARKS.index(mirrored(name)) for name in LANDMARKS]
    seen = directions(places.astype(np.float64), frames, cameras) / angular[:, None, None]
    weight = weight.astype(np.float64) * (np.abs(seen).max(-1) < FURTHEST)
    seen = np.clip(seen, -FURTHEST, FURTHEST)
    both = lambda one, other: tensor(np.concatenate([one, other]))  # noqa: E731
    standing = upright(places, weight)
    channels = None
    if whitening is not None:
        channels = torch.cat([whitening(table["channels"][:, way]) for way in (0, 1)])
    return lifting.Annotated(
        inputs=both(inputs.rows(), inputs.mirrored().rows()),
        seen=both(seen, seen[:, twins] * (-1, 1)),
        weight=both(weight, weight[:, twins]),
        side=both(angular, angular),
        upright=both(standing, standing),
        channels=channels,
    )


def default_cameras(table: dict[str, np.ndarray]) -> Cameras:
    """As pictures of these sizes have when nothing else is known."""
    size = table["size"].astype(np.float64)
    return Cameras(focal=np.hypot(*size.T), centre=size / 2, size=size)


def tensor(values: np.ndarray) -> torch.Tensor:
    """32 bits."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def upright(seen: np.ndarray, weight: np.ndarray, most: float = 12.0) -> np.ndarray:
    """1 for people whose trunk and legs are within ``most`` degrees of the picture's vertical."""
    known = (weight[:, 5:7] > 0).all(1) & (weight[:, 11:17] > 0).all(1)
    middle = lambda first: seen[:, first : first + 2].mean(1)  # noqa: E731
    tan = np.tan(np.deg2rad(most))
    for start, end in ((11, 5), (13, 11), (15, 13)):
        part = middle(end) - middle(start)
        known &= (part[:, 1] < 0) & (np.abs(part[:, 0]) < -part[:, 1] * tan)
    return known.astype(np.float64)


def errors(
    network: lifting.LifterNetwork, truth: lifting.Rendered, chain: lifting.Chain, *, seen: bool
) -> str:
    """What the network is off by on rendered people it has not seen."""
    network.eval()
    known = None
    if seen and truth.channels is not None:
        channels = truth.channels.float()
        known = lifting.Seen(channels=channels, points=torch.ones(channels.shape[:2]))
    with torch.no_grad():
        lift = network(truth.inputs, known)
        joints, _ = chain(lift.turns, lift.betas)
    gap = (joints - truth.joints).norm(dim=-1) * 1000
    aligned = metrics.pa_mpjpe(joints.double().numpy(), truth.joints.double().numpy()) * 1000
    turn = torch.rad2deg(lifting.to_axis_angle(lift.turns.mT @ truth.turns).norm(dim=-1))
    return (
        f"MPJPE {gap.mean():.1f} (median {gap.mean(1).median():.1f}), PA {aligned.mean():.1f} mm, "
        f"root {turn[:, 0].mean():.1f} degrees, joints {turn[:, 1:].mean():.1f}"
    )


def whitening_of(
    table: dict[str, np.ndarray], photographs: Sequence[Path], kept: int
) -> lifter_files.Whitening | None:
    """The channels' principal components, of rendered and of photographed people."""
    if CHANNELS not in table:
        return None
    examples = [
        table[CHANNELS][::7, 0],
        *(read([path])["channels"][::2, 0] for path in photographs),
    ]
    flat = [some.reshape(-1, some.shape[-1]).astype(np.float32) for some in examples]
    return lifter_files.Whitening.of(np.concatenate(flat), kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answers", type=Path)
    parser.add_argument("--photographs", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=lifter_run.LifterRecipe().steps)
    parser.add_argument("--copies", type=int, default=10, help="times people are recombined")
    parser.add_argument("--features", type=int, default=24, help="numbers at each keypoint")
    parser.add_argument("--kept", type=int, default=128, help="of the inner maps' channels")
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--begin", type=Path, nargs=2, metavar=("LIFTER", "FEATURES"))
    parser.add_argument("--rate", type=float, default=lifter_run.LifterRecipe().rate)
    parser.add_argument("--photographs-batch", type=int, default=128)
    parser.add_argument("--annotated", type=float, default=lifter_run.LifterRecipe().annotated)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = body.load("anny24")
    shards = sorted(options.answers.glob("answers-*.npz"))
    table = read([s for k, s in enumerate(shards) if k % HELD_OUT])
    whitening = whitening_of(table, options.photographs, options.kept)
    held = rendered(model, read(shards[::HELD_OUT]), whitening)
    known = rendered(model, table, whitening)
    table.pop(CHANNELS, None)
    others = None
    if options.copies:
        answers, generator = Answers.of(model, table), np.random.default_rng(0)
        copies = [recombined(model, answers, generator) for _ in range(options.copies)]
        others = joined([rendered(model, copy) for copy in copies])
    photographs = annotated(options.photographs, whitening) if options.photographs else None
    prior = rotation.from_axis_angle(PosePrior.of(Skeleton.of(model, _fixed())).mean)
    mean = np.concatenate([np.diag([1.0, -1.0, -1.0])[None], prior])
    torch.manual_seed(0)
    network = lifting.LifterNetwork(
        mean,
        model.shape_dirs.shape[2],
        known.bones.shape[1],
        width=options.width,
        channels=0 if whitening is None else options.kept,
        features=options.features,
    )
    if options.begin:
        lifter_files.resume(network, options.begin[0], whitening, options.begin[1])
    chain = lifting.Chain(model, np.array(FREE))
    start = time.perf_counter()

    def report(step: int, loss: float, average: lifting.LifterNetwork) -> None:
        seconds = time.perf_counter() - start
        print(f"{step} {seconds:.0f} s loss {loss:.3f} {errors(average, held, chain, seen=True)}")
        print(f"     without features {errors(average, held, chain, seen=False)}", flush=True)
        lifter_files.save(average, model, options.out, whitening)

    count = 0 if others is None else len(others.inputs)
    print(f"{len(known.inputs)} trained on, {count} recombined, {len(held.inputs)} held out")
    if photographs is not None:
        count = int(photographs.upright.sum())
        print(f"{len(photographs.inputs)} photographed people, {count} upright", flush=True)
    recipe = lifter_run.LifterRecipe(
        steps=options.steps,
        rate=options.rate,
        annotated=options.annotated,
        annotated_batch=options.photographs_batch,
    )
    final = lifter_run.train(network, chain, known, others, photographs, recipe, report)
    lifter_files.save(final, model, options.out, whitening)


def _fixed() -> list[int]:
    return [joint for joint in range(24) if joint not in FREE]


if __name__ == "__main__":
    main()

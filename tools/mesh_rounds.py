"""PyMAF's loop on the keypoint network's inner maps: look at points, correct the body, look again.

Round 1 looks at 441 points that are given, later rounds at the landmarks and at points of the
surface of the body found so far. The loop starts from the mean body or from the lifter's. For
tools/ablate_points.py, which trains it; people come in the shards of tools/inner_maps.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from safetensors.torch import load_file
from torch import Tensor, nn

from pymafsam.body import BodyModel
from pymafsam.fitting import lifter
from pymafsam.fitting.chain import Points
from pymafsam.fitting.evidence import LANDMARKS, landmark_points
from pymafsam.fitting.lifter import COCO, FREE, INPUTS
from pymafsam.people import features
from pymafsam.people.movenet import MAPS, SIZE
from pymafsam.points import COUNT
from pymafsam.training import lifting
from pymafsam.training.lifting import Lift

CELLS = tuple(MAPS.values())  # window pixels of a cell, from the coarsest map to the finest
SIDES = tuple(SIZE // cell for cell in CELLS)
CHANNELS = (64, 48, 32, 16, 8)  # of the components in a shard, the first ones
VERTICES = 64
CAMERA, VIEW = 3, 4  # numbers of the loop's camera; of how the camera sees the box
NOISE = torch.randn(1 << 23, generator=torch.Generator().manual_seed(5))

Maps = Sequence[Float[Tensor, "batch cells channels"]]


def sampled(maps: Maps, at: Float[Tensor, "batch points 2"]) -> Float[Tensor, "batch points all"]:
    """All maps' channels at places of the window (pixels), bilinear; the rim goes on outside."""
    columns = []
    for values, cell, side in zip(maps, CELLS, SIDES, strict=True):
        place = (at / cell).clamp(0, side - 1)
        first = place.floor().clamp(max=side - 2)
        right, down = (place - first).unbind(-1)
        column, row = first.long().unbind(-1)
        person = torch.arange(len(at))[:, None] * side * side
        corner = person + row * side + column
        corners = torch.stack([corner, corner + 1, corner + side, corner + side + 1], -1)
        left, up = 1 - right, 1 - down
        share = torch.stack([left * up, right * up, left * down, right * down], -1)
        told = nn.functional.embedding_bag(
            corners.reshape(-1, 4),
            values.reshape(-1, values.shape[-1]),
            mode="sum",
            per_sample_weights=share.reshape(-1, 4),
        )
        columns.append(told.reshape(*at.shape[:2], -1))
    return torch.cat(columns, -1)


def noise(like: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
    """Normal numbers from somewhere in a long row of them; to draw all anew takes longer."""
    assert like.numel() < len(NOISE)
    start = int(torch.randint(len(NOISE) - like.numel(), (1,), generator=generator))
    return NOISE[start : start + like.numel()].view_as(like)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some people as the loop takes them.

    ``homography`` takes directions (x / z, y / z, 1) of the ray's frame to pixels of the window,
    ``side`` is the box's angular side, ``first`` are the points of the first round (window pixels),
    ``start`` what the lifter said (raw).
    """

    maps: Maps
    inputs: Float[Tensor, "batch inputs"]
    homography: Float[Tensor, "batch 3 3"]
    side: Float[Tensor, "batch"]
    first: Float[Tensor, "batch points 2"] | None
    start: Float[Tensor, "batch outputs"] | None

    def window(self, directions: Float[Tensor, "batch points 2"]) -> Tensor:
        """Directions of the ray's frame -> pixels of the window."""
        whole = torch.cat([directions, torch.ones_like(directions[..., :1])], -1)
        there = whole @ self.homography.mT
        return there[..., :2] / there[..., 2:].clamp(min=1e-3)


def seen(
    points: Float[Tensor, "batch points 3"],
    camera: Float[Tensor, "batch 3"],
    side: Float[Tensor, "batch"],
) -> Float[Tensor, "batch points 2"]:
    """Points around the pelvis as directions, the body placed by the loop's camera.

    The camera: right, down in angular sides of the box, logarithm of the depth at which 1.5 m span
    it.
    """
    depth = torch.exp(camera[:, 2].clamp(-2, 2)) * 1.5 / side
    across = camera[:, :2] * (side * depth)[:, None]
    there = points + torch.cat([across, depth[:, None]], 1)[:, None]
    return there[..., :2] / there[..., 2:].clamp(min=0.2)


class Round(nn.Module):
    """One look and one correction: features of every point, joined with what is known so far."""

    def __init__(
        self,
        points: int,
        features: int,
        state: int,
        outputs: int,
        *,
        width: int,
        dropout: float,
        told: int = sum(CHANNELS),
    ):
        super().__init__()
        self.embed = nn.Linear(told, features)
        self.join = nn.Linear(points * features, width)
        self.state = nn.Linear(state, width)
        self.blocks = nn.ModuleList([lifting.Block(width, dropout) for _ in range(2)])
        self.final = nn.LayerNorm(width)
        self.leave = nn.Linear(width, outputs)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.leave.weight, std=0.003)
        nn.init.zeros_(self.leave.bias)
        nn.init.normal_(self.join.weight, std=0.01)

    def forward(
        self, told: Float[Tensor, "batch points channels"], state: Float[Tensor, "batch state"]
    ) -> Float[Tensor, "batch outputs"]:
        read = nn.functional.silu(self.embed(told)).flatten(1)
        x = self.state(state) + self.join(self.dropout(read))
        for block in self.blocks:
            x = block(x)
        return self.leave(self.final(x))


class Loop(nn.Module):
    """Corrections, one per look (``looks``: first, mesh or nothing), from the mean or the lifter.

    ``base`` lends the mean pose and what inputs are like. ``placed``: beside what is seen at a
    point the rounds are told where in the window it lies.
    """

    mean: Tensor
    deviation: Tensor
    middle: Tensor

    def __init__(
        self,
        model: BodyModel,
        base: lifting.LifterNetwork,
        looks: Sequence[str],
        *,
        lifted: bool,
        placed: bool = False,
        width: int = 448,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.looks, self.lifted, self.placed = tuple(looks), lifted, placed
        self.told = sum(CHANNELS) + (2 if placed else 0)
        self.sizes, self.free = base.sizes, base.free
        self.register_buffer("mean", base.mean)
        self.register_buffer("middle", base.norm.running_mean)
        self.register_buffer("deviation", torch.sqrt(base.norm.running_var + base.norm.eps))
        self.surface = lifting.Chain(model, np.array(FREE), surface(model, VERTICES))
        outputs = sum(self.sizes) + CAMERA
        state = 6 * self.free + base.betas + CAMERA + VIEW
        if lifted:
            state += INPUTS + 2 * COCO
        counts = {"first": (COUNT, 5), "mesh": (len(LANDMARKS) + VERTICES, 8), "nothing": (1, 8)}
        self.rounds = nn.ModuleList(
            [
                Round(*counts[look], state, outputs, width=width, dropout=dropout, told=self.told)
                for look in looks
            ]
        )

    def forward(
        self, batch: Batch, generator: torch.Generator | None = None, amount: float = 0.2
    ) -> list[tuple[Lift, Float[Tensor, "batch 3"]]]:
        """Body and camera before the first round (from the lifter) and after each.

        With a ``generator`` what is seen is noisy, as for training.
        """
        with torch.no_grad():
            raw, out = self._start(batch)
        for look, correct in zip(self.looks, self.rounds, strict=True):
            with torch.no_grad():
                told, state = self._told(look, batch, raw, out[-1:], generator, amount)
            raw = raw.detach() + correct(told, state)
            out.append((self._lift(raw), raw[:, -CAMERA:]))
        return out if self.lifted else out[1:]

    def _lift(self, raw: Float[Tensor, "batch outputs"]) -> Lift:
        return Lift.of(raw[:, :-CAMERA], self.mean, self.sizes)

    def _start(self, batch: Batch) -> tuple[Tensor, list[tuple[Lift, Tensor]]]:
        """The mean body; or the lifter's, placed where its landmarks lie on the keypoints."""
        people = len(batch.side)
        if not self.lifted:
            raw = torch.zeros(people, sum(self.sizes) + CAMERA)
            return raw, [(self._lift(raw), raw[:, -CAMERA:])]
        assert batch.start is not None
        lift = Lift.of(batch.start, self.mean, self.sizes)
        _, points = self.surface(lift.turns, lift.betas)
        coco = batch.inputs[:, : 3 * COCO].reshape(people, COCO, 3)
        side = batch.side
        where = lifting.placed(
            points[:, :COCO],
            coco[..., :2] * side[:, None, None],
            coco[..., 2].square().clamp(min=1e-3),
        )
        depth = where[:, 2].clamp(min=0.3)
        camera = torch.column_stack(
            [where[:, :2] / (side * depth)[:, None], torch.log(depth * side / 1.5)]
        )
        return torch.cat([batch.start, camera], 1), [(lift, camera)]

    def _told(
        self,
        look: str,
        batch: Batch,
        raw: Float[Tensor, "batch outputs"],
        last: Sequence[tuple[Lift, Tensor]],
        generator: torch.Generator | None,
        amount: float,
    ) -> tuple[Tensor, Tensor]:
        """What is seen in a round, and what is known before it."""
        lift, camera = last[0]
        _, points = self.surface(lift.turns, lift.betas)
        there = seen(points, camera, batch.side)
        betas = 9 * self.free
        state = [raw[:, : 6 * self.free], raw[:, betas : betas + lift.betas.shape[1]], camera]
        state.append(batch.inputs[:, -9 : VIEW - 9])
        if self.lifted:
            normal = (batch.inputs - self.middle) / self.deviation
            coco = batch.inputs[:, : 3 * COCO].reshape(-1, COCO, 3)
            gap = there[:, :COCO] / batch.side[:, None, None] - coco[..., :2]
            gap = gap.clamp(-0.5, 0.5) * 10 * coco[..., 2:]
            state += [normal, gap.flatten(1)]
        if look == "nothing":
            return torch.zeros(len(raw), 1, self.told), torch.cat(state, 1)
        at = batch.window(there) if look == "mesh" else batch.first
        assert at is not None
        told = sampled(batch.maps, at)
        if generator is not None:
            told = told + noise(told, generator) * amount
        if self.placed:
            told = torch.cat([told, (at / SIZE * 2 - 1).clamp(-2, 2)], -1)
        return told, torch.cat(state, 1)


def lifter_network(folder: Path | None = None) -> lifting.LifterNetwork:
    """The lifter that comes with the package, or that of a folder; it does not learn."""
    if folder is None:
        paths = [Path(lifter.__file__).with_name("lifter.safetensors")]
        paths.append(Path(features.__file__).with_name(features.WEIGHTS))
    else:
        paths = [folder / "lifter.safetensors", folder / features.WEIGHTS]
    weights, pressed = map(load_file, paths)
    betas, links = weights.pop("sizes").tolist()
    weights.pop("joints")
    channels, kept = pressed["weight"].shape
    network = lifting.LifterNetwork(
        np.zeros((len(FREE), 3, 3)), betas, links, channels=channels, features=kept
    )
    state = {name: value.float() for name, value in weights.items()}
    state |= {"embed.weight": pressed["weight"].float().T, "embed.bias": pressed["bias"].float()}
    network.load_state_dict(state, strict=False)  # without norm.num_batches_tracked
    return network.eval().requires_grad_(False)


def surface(model: BodyModel, count: int) -> Points:
    """The landmarks, then vertices as far from one another as can be, the crown first."""
    places = model.template
    chosen = [int(np.argmax(places[:, 1]))]
    away = np.full(len(places), np.inf)
    for _ in range(count - 1):
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    some: Int[np.ndarray, "points corners"] = np.array(chosen)[:, None]
    return landmark_points(model).joined(Points.on_surface(model, some, np.ones(some.shape)))


def taken(maps: Maps, rows: Shaped[Tensor, "..."]) -> Maps:
    """Some people's maps, 32 bits."""
    return [values[rows].float() for values in maps]

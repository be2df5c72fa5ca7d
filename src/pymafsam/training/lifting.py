"""The lifter as a torch module, and its losses.

Two kinds of examples teach it. Rendered people have exact answers: rotations, betas and bones are
compared, and the deviations the lifter states are held against its errors. Photographs have
annotated points only: there the lifted body, placed before the camera in closed form, has to
project onto them, and whoever stands upright in the picture is taken to stand upright (a weak
label, for some do lean).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from pymafsam.body import BodyModel
from pymafsam.fitting.chain import Points, Skeleton
from pymafsam.fitting.evidence import landmark_points, link_matrix
from pymafsam.fitting.lifter import COCO, INPUTS, LEAST_LOG, MOST_LOG, START_LOG
from pymafsam.geometry import rotation
from pymafsam.network.geometry import from_6d, to_axis_angle


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """What the lifter says, with the logarithms of its deviations; the ray's frame, metres."""

    turns: Float[Tensor, "batch free 3 3"]
    turn_log: Float[Tensor, "batch free 3"]
    betas: Float[Tensor, "batch betas"]
    beta_log: Float[Tensor, "batch betas"]
    bones: Float[Tensor, "batch links 3"]
    bone_log: Float[Tensor, "batch links 3"]

    @staticmethod
    def of(
        raw: Float[Tensor, "batch outputs"], mean: Float[Tensor, "free 6"], sizes: tuple[int, ...]
    ) -> "Lift":
        """From outputs one after the other, as ``sizes`` tells them, and the mean pose."""
        six, turn_log, betas, beta_log, bones, bone_log = raw.split(sizes, dim=1)
        free, links = sizes[0] // 6, sizes[4] // 3
        clip = lambda t, start: (t + start).clamp(LEAST_LOG, MOST_LOG)  # noqa: E731
        return Lift(
            turns=from_6d(six.reshape(-1, free, 6) + mean),
            turn_log=clip(turn_log, START_LOG[0]).reshape(-1, free, 3),
            betas=betas,
            beta_log=clip(beta_log, START_LOG[1]),
            bones=bones.reshape(-1, links, 3),
            bone_log=clip(bone_log, START_LOG[2]).reshape(-1, links, 3),
        )


def sizes(free: int, betas: int, links: int) -> tuple[int, ...]:
    """Numbers of each output: 6D turns, their deviations, betas, theirs, bones, theirs."""
    return 6 * free, 3 * free, betas, betas, 3 * links, 3 * links


class Block(nn.Module):
    """A residual step of two layers."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        return x + self.second(self.dropout(nn.functional.silu(self.first(self.norm(x)))))


class LifterNetwork(nn.Module):
    """Fully connected, residual; starts from the mean pose ``mean`` (free joints, matrices).

    ``channels``: of the keypoint network's inner maps at every point (0: they are not read), which
    are pressed into ``features`` numbers, the same way for every point.
    """

    mean: Tensor

    def __init__(
        self,
        mean: Float[np.ndarray, "free 3 3"],
        betas: int,
        links: int,
        *,
        width: int = 448,
        blocks: int = 2,
        dropout: float = 0.2,
        channels: int = 0,
        features: int = 24,
    ):
        super().__init__()
        self.free, self.betas, self.links = len(mean), betas, links
        self.norm = nn.BatchNorm1d(INPUTS, affine=False)  # inputs in very different units
        self.enter = nn.Linear(INPUTS, width)
        self.blocks = nn.ModuleList([Block(width, dropout) for _ in range(blocks)])
        if channels:
            self.embed = nn.Linear(channels, features)
            self.join = nn.Linear(COCO * features, width)
            self.dropout = nn.Dropout(dropout)
            nn.init.normal_(self.join.weight, std=0.01)
            nn.init.zeros_(self.join.bias)
        self.final = nn.LayerNorm(width)
        self.leave = nn.Linear(width, sum(self.sizes))
        nn.init.zeros_(self.leave.bias)
        nn.init.normal_(self.leave.weight, std=0.01)
        self.register_buffer("mean", torch.from_numpy(rotation.to_6d(mean).astype(np.float32)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Outputs: 6D turns, their deviations, betas, theirs, bones, theirs."""
        return sizes(self.free, self.betas, self.links)

    def forward(self, inputs: Float[Tensor, "batch inputs"], seen: "Seen | None" = None) -> Lift:
        return Lift.of(self.raw(inputs, seen), self.mean, self.sizes)

    def raw(
        self, inputs: Float[Tensor, "batch inputs"], seen: "Seen | None" = None
    ) -> Float[Tensor, "batch outputs"]:
        """The outputs one after the other (``sizes``), turns as differences from the mean."""
        x = self.enter(self.norm(inputs))
        if seen is not None:
            told = nn.functional.silu(self.embed(seen.channels)) * seen.points[..., None]
            joined = self.join(self.dropout(told.flatten(1)))
            x = x + joined * seen.points.any(1, keepdim=True)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.final(x))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The inner maps at COCO's points; of ``points`` that are 0 nothing is known."""

    channels: Float[Tensor, "batch 17 channels"]
    points: Float[Tensor, "batch 17"]


class Chain(nn.Module):
    """The body's joints and landmarks (or other ``points``) by forward kinematics, differentiable.

    As ``fitting.chain`` does without torch.
    """

    joints: Tensor
    joint_dirs: Tensor
    offsets: Tensor
    offset_dirs: Tensor
    share: Tensor
    links: Tensor

    def __init__(
        self, model: BodyModel, free: Int[np.ndarray, "free"], points: Points | None = None
    ):
        super().__init__()
        skeleton = Skeleton.of(model, ())
        points = landmark_points(model) if points is None else points
        self.free = [int(j) for j in free]
        self.levels = [
            (level.tolist(), skeleton.parents[level].tolist()) for level in skeleton.levels
        ]
        betas, joints = skeleton.joint_dirs.shape[2], len(skeleton.parents)
        dirs = points.offset_dirs.reshape(betas, joints, 3, -1)
        for name, value in {
            "joints": skeleton.joints,
            "joint_dirs": skeleton.joint_dirs,
            "offsets": points.offsets,
            "offset_dirs": dirs,
            "share": points.share,
            "links": link_matrix(),
        }.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)))

    def forward(
        self, turns: Float[Tensor, "batch free 3 3"], betas: Float[Tensor, "batch betas"]
    ) -> tuple[Float[Tensor, "batch joints 3"], Float[Tensor, "batch points 3"]]:
        """Joints and landmarks around the pelvis; joints that are not free stay at rest."""
        rest = self.joints + torch.einsum("jcb,nb->njc", self.joint_dirs, betas)
        world = torch.eye(3, dtype=turns.dtype).repeat(len(turns), len(self.joints), 1, 1)
        world[:, self.free] = turns
        turned, placed = list(world.unbind(1)), [torch.zeros_like(rest[:, 0])] * len(self.joints)
        for joints, up in self.levels:  # a level's joints at once: few large products, not 24 small
            above = torch.stack([turned[j] for j in up], 1)
            below = above @ world[:, joints]
            bone = (rest[:, joints] - rest[:, up])[..., None]
            places = torch.stack([placed[j] for j in up], 1) + (above @ bone)[..., 0]
            for k, joint in enumerate(joints):
                turned[joint], placed[joint] = below[:, k], places[:, k]
        all_turned, all_placed = torch.stack(turned, 1), torch.stack(placed, 1)
        own = self.offsets + torch.einsum("bjck,nb->njck", self.offset_dirs, betas)
        points = (all_turned @ own).sum(1).mT
        return all_placed, points + torch.einsum("njd,jk->nkd", all_placed, self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Rendered people with exact answers; the ray's frame, metres."""

    inputs: Float[Tensor, "batch inputs"]
    turns: Float[Tensor, "batch free 3 3"]
    betas: Float[Tensor, "batch betas"]
    bones: Float[Tensor, "batch links 3"]
    joints: Float[Tensor, "batch joints 3"]  # around the pelvis
    channels: Float[Tensor, "batch 17 channels"] | None = None

    def take(self, rows: Shaped[Tensor, "..."]) -> "Rendered":
        """Some of the people."""
        return Rendered(
            inputs=self.inputs[rows],
            turns=self.turns[rows],
            betas=self.betas[rows],
            bones=self.bones[rows],
            joints=self.joints[rows],
            channels=None if self.channels is None else self.channels[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """People of photographs with annotated points.

    ``seen`` are directions x / z, y / z in the ray's frame over the box's angular side ``side``;
    ``down`` is the camera's y axis in the ray's frame; ``upright`` is 1 for who stands upright in
    the picture.
    """

    inputs: Float[Tensor, "batch inputs"]
    seen: Float[Tensor, "batch points 2"]
    weight: Float[Tensor, "batch points"]
    side: Float[Tensor, "batch"]
    upright: Float[Tensor, "batch"]
    channels: Float[Tensor, "batch 17 channels"] | None = None

    def take(self, rows: Shaped[Tensor, "..."]) -> "Annotated":
        """Some of the people."""
        return Annotated(
            inputs=self.inputs[rows],
            seen=self.seen[rows],
            weight=self.weight[rows],
            side=self.side[rows],
            upright=self.upright[rows],
            channels=None if self.channels is None else self.channels[rows],
        )


def rendered_loss(lift: Lift, truth: Rendered, chain: Chain) -> Float[Tensor, ""]:
    """Distance from the exact answers, and the likelihood of the stated deviations."""
    frobenius = (lift.turns - truth.turns).square().sum((-1, -2)).mean()
    # The logarithm's gradient is unbounded near pi, so errors judge the deviations only.
    error = to_axis_angle(lift.turns.detach().mT @ truth.turns)
    stated = _gaussian(error, lift.turn_log)
    joints, _ = chain(lift.turns, lift.betas)
    return (
        frobenius
        + 0.3 * stated
        + 6.0 * (joints - truth.joints).abs().mean()
        + 0.3 * _laplace(lift.bones - truth.bones, lift.bone_log)
        + 0.1 * (lift.betas - truth.betas).square().mean()
        + 0.05 * _gaussian((lift.betas - truth.betas).detach(), lift.beta_log)
    )


def annotated_loss(lift: Lift, truth: Annotated, chain: Chain) -> Float[Tensor, ""]:
    """Distance between projected and annotated points, and from standing upright."""
    _, points = chain(lift.turns, lift.betas)
    unit = truth.side[:, None, None]
    there = points + placed(points, truth.seen * unit, truth.weight)[:, None]
    shown = there[..., :2] / there[..., 2:].clamp(min=0.2) / unit
    gap = (shown - truth.seen).square().sum(-1) / 0.03**2
    distance = (truth.weight * torch.log1p(gap / 9) * 9).sum(1) / truth.weight.sum(1).clamp(min=1)
    return distance.mean() / 9 + (truth.upright * lean(points)).mean()


def lean(points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch"]:
    """Squared lean along the ray of trunk, thighs and shins, in deviations of 6 degrees, robust."""
    shoulders, hips, knees, ankles = (points[:, k : k + 2].mean(1) for k in (5, 11, 13, 15))
    out = torch.zeros_like(points[:, 0, 0])
    # Both legs' middles: of somebody who walks one thigh leads and the other trails.
    for start, end in ((hips, shoulders), (hips, knees), (knees, ankles)):
        part = end - start
        slope = part[:, 2] / part.norm(dim=1).clamp(min=0.05)
        out = out + torch.log1p((slope / 0.105).square() / 4)
    return out


def placed(
    points: Float[Tensor, "batch points 3"],
    seen: Float[Tensor, "batch points 2"],
    weight: Float[Tensor, "batch points"],
) -> Float[Tensor, "batch 3"]:
    """The translation that projects the points nearest to ``seen`` (linear least squares)."""
    rows = torch.zeros(*points.shape[:2], 2, 3, dtype=points.dtype)
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -seen
    right = seen * points[..., 2:] - points[..., :2]
    rows, right = rows.flatten(1, 2), right.flatten(1, 2)
    weighted = rows * (weight + 1e-4).repeat_interleave(2, 1)[..., None]
    matrix = weighted.mT @ rows + 1e-6 * torch.eye(3)
    return torch.linalg.solve(matrix, weighted.mT @ right[..., None])[..., 0]


def _gaussian(error: Float[Tensor, "..."], log: Float[Tensor, "..."]) -> Tensor:
    return (0.5 * (error * torch.exp(-log)).square().clamp(max=50) + log).mean()


def _laplace(error: Float[Tensor, "..."], log: Float[Tensor, "..."]) -> Tensor:
    return (error.abs() * torch.exp(-log) + log).mean()

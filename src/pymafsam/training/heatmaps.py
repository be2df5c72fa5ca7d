"""What the keypoint network's heads should say of a window whose person is annotated.

CenterNet's losses (Zhou et al., "Objects as Points", 2019) for one person: the one in the window's
middle. Heatmaps are held to Gaussians by the focal loss of Law and Deng ("CornerNet", 2018),
offsets around each point and the vectors from the person's centre by their distances. Points are
x, y in pixels of the window; a cell is 4 pixels.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from pymafsam.network.movenet import Heads
from pymafsam.people.movenet import CELL, NEARNESS

LEAST = 1e-6  # chances are kept this far from 0 and 1 before their logarithms are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What the parts of the loss count, and how wide a point is (cells)."""

    heat: float = 1.0
    offsets: float = 0.3
    regressed: float = 0.05
    spread: float = 1.5
    reach: float = 2.5  # cells around a point whose offsets lead to it
    elsewhere: float = 4.0  # a Gaussian's cells count so much less as they are near its middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Annotated points of people in windows.

    ``known`` tells which are annotated; nothing is asked of the others.
    """

    points: Float[Tensor, "batch 17 2"]
    known: Bool[Tensor, "batch 17"]


def loss(heads: Heads, marked: Marked, weights: Weights) -> Float[Tensor, ""]:
    """The whole of it, a mean over known points."""
    cells = marked.points / CELL
    inside = (cells >= 0).all(-1) & (cells <= heads.heat.shape[-1] - 1).all(-1)
    known = (marked.known & inside).float()
    count = known.sum().clamp(min=1.0)
    away = _away(cells, heads.heat.shape[-1])
    heat = _focal(heads.heat.float(), away, weights)
    offsets = _offsets(heads.offsets.float(), away, weights)
    regressed = _regressed(heads, cells)
    parts = weights.heat * heat + weights.offsets * offsets + weights.regressed * regressed
    return (parts * known).sum() / count


def _away(cells: Float[Tensor, "batch 17 2"], side: int) -> Float[Tensor, "batch 17 2 side side"]:
    """x, y from every cell to each point."""
    line = torch.arange(side, dtype=cells.dtype)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"))
    return cells[..., None, None] - grid


def _focal(
    logits: Float[Tensor, "batch 17 side side"],
    away: Float[Tensor, "batch 17 2 side side"],
    weights: Weights,
) -> Float[Tensor, "batch 17"]:
    """Focal loss of each map: its best cell is the point's, others count less near it."""
    squared = away.square().sum(2)
    bell = torch.exp(-squared / (2 * weights.spread**2))
    best = squared.flatten(2).argmin(-1, keepdim=True)
    chance = torch.sigmoid(logits).clamp(LEAST, 1 - LEAST)
    ours = chance.flatten(2).gather(2, best)[..., 0]
    hit = -((1 - ours) ** 2) * torch.log(ours)
    wrong = -((1 - bell) ** weights.elsewhere) * chance**2 * torch.log1p(-chance)
    wrong = wrong.flatten(2).scatter(2, best, 0.0)
    return hit + wrong.sum(-1)


def _offsets(
    offsets: Float[Tensor, "batch 34 side side"],
    away: Float[Tensor, "batch 17 2 side side"],
    weights: Weights,
) -> Float[Tensor, "batch 17"]:
    """Mean distance by which the offsets of the cells around each point miss it."""
    near = (away.square().sum(2) <= weights.reach**2).float()
    told = offsets.unflatten(1, (17, 2)).flip(2)  # (y, x) in the file
    off = functional.smooth_l1_loss(told, away, reduction="none", beta=0.5).sum(2)
    return (off * near).sum((2, 3)) / near.sum((2, 3)).clamp(min=1.0)


def _regressed(heads: Heads, cells: Float[Tensor, "batch 17 2"]) -> Float[Tensor, "batch 17"]:
    """How far the vectors from the person's centre miss the points; cells."""
    side = heads.heat.shape[-1]
    centre = chosen(heads.centre)
    vectors = heads.regressed.float().unflatten(1, (17, 2)).flatten(3)
    index = centre[:, None, None, None].expand(-1, 17, 2, 1)
    told = vectors.gather(3, index)[..., 0].flip(2)
    from_there = torch.stack([centre % side, centre // side], -1).float()[:, None]
    return functional.smooth_l1_loss(told + from_there, cells, reduction="none", beta=1.0).sum(2)


def chosen(centre: Float[Tensor, "batch 1 side side"]) -> Int[Tensor, "batch"]:
    """The cell of the person in the middle, as the decoder chooses it."""
    side = centre.shape[-1]
    line = torch.arange(side, dtype=torch.float32) - side / 2
    away = torch.hypot(line[:, None], line[None])
    likely = torch.sigmoid(centre.detach().float()[:, 0]) / (away + NEARNESS)
    return likely.flatten(1).argmax(1)

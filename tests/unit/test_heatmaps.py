"""What the keypoint network's heads are asked to say of an annotated person."""

import numpy as np
import pytest
import torch

from pymafsam.network.movenet import Heads
from pymafsam.people import movenet as decoder
from pymafsam.training import heatmaps
from pymafsam.training.heatmaps import Marked, Weights

SIDE = 64


def perfect(points: torch.Tensor, centre: tuple[int, int] = (32, 32)) -> Heads:
    """Heads (one window) that say these points exactly, in pixels of the window."""
    cells = points / heatmaps.CELL
    line = torch.arange(SIDE, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"))
    away = cells[..., None, None] - grid
    bell = torch.exp(-away.square().sum(1) / (2 * Weights().spread ** 2))
    best = bell.flatten(1).argmax(1)
    bell.view(17, -1)[torch.arange(17), best] = 1.0
    chance = bell.clamp(1e-5, 1 - 1e-5)
    vectors = away.flip(1).reshape(1, 34, SIDE, SIDE)
    there = torch.full((1, 1, SIDE, SIDE), -20.0)
    there[0, 0, centre[1], centre[0]] = 5.0
    return Heads(heat=torch.logit(chance)[None], regressed=vectors, centre=there, offsets=vectors)


def marked(points: torch.Tensor, known: torch.Tensor | None = None) -> Marked:
    known = torch.ones(17, dtype=torch.bool) if known is None else known
    return Marked(points=points[None], known=known[None])


@pytest.fixture
def points() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return 20 + 216 * torch.rand(17, 2, generator=generator)


def test_heads_that_tell_the_points_are_decoded_to_them(points):
    heads = perfect(points)
    as_read = decoder.Heads(
        heat=torch.sigmoid(heads.heat)[0].permute(1, 2, 0).numpy(),
        offsets=heads.offsets[0].permute(1, 2, 0).reshape(SIDE, SIDE, 17, 2).numpy(),
        regressed=heads.regressed[0].permute(1, 2, 0).reshape(SIDE, SIDE, 17, 2).numpy(),
        centre=torch.sigmoid(heads.centre)[0, 0].numpy(),
    )
    np.testing.assert_allclose(decoder.decode(as_read)[:, :2], points.numpy(), atol=1e-3)


def test_what_tells_the_points_loses_less_than_what_tells_others(points):
    right = heatmaps.loss(perfect(points), marked(points), Weights())
    for moved in (2.0, 8.0, 40.0):
        wrong = heatmaps.loss(perfect((points + moved).clamp(4, 250)), marked(points), Weights())
        assert wrong > right + 0.05


def test_each_head_that_misses_is_told_so(points):
    good, off = perfect(points), perfect((points + 12.0).clamp(4, 250))
    least = heatmaps.loss(good, marked(points), Weights())
    for name in ("heat", "offsets", "regressed"):
        parts = {head: getattr(good, head) for head in ("heat", "regressed", "centre", "offsets")}
        mixed = Heads(**{**parts, name: getattr(off, name)})
        assert heatmaps.loss(mixed, marked(points), Weights()) > least + 0.01


def test_nothing_is_asked_of_points_that_are_unknown_or_outside(points):
    heads = perfect((points + 20.0).clamp(4, 250))
    heads.heat.requires_grad_(True)
    known = torch.zeros(17, dtype=torch.bool)
    known[:3] = True
    elsewhere = points.clone()
    elsewhere[2] = torch.tensor([300.0, -20.0])
    heatmaps.loss(heads, marked(elsewhere, known), Weights()).backward()
    told = heads.heat.grad.abs().sum((0, 2, 3)) > 0
    assert told.tolist() == [True, True] + [False] * 15


def test_the_centre_is_the_decoders(points):
    heads = perfect(points, centre=(40, 25))
    heads.centre[0, 0, 2, 3] = 6.0  # surer, and far from the middle
    assert heatmaps.chosen(heads.centre).tolist() == [25 * SIDE + 40]

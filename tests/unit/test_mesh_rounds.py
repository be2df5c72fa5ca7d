"""The loop of the ablation over first points: maps are read where points are."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import mapped_people  # noqa: E402
import mesh_rounds  # noqa: E402
from pymafsam import body  # noqa: E402
from pymafsam.fitting.cameras import Cameras  # noqa: E402
from pymafsam.fitting.evidence import ray_frames  # noqa: E402
from pymafsam.geometry.affine import Square  # noqa: E402
from pymafsam.people.movenet import SIZE  # noqa: E402

SEEDS = st.integers(0, 2**31)


def ramps(people: int) -> list[torch.Tensor]:
    """Maps whose two channels are the place itself, x and y in the window's pixels."""
    maps = []
    for side, cell in zip(mesh_rounds.SIDES, mesh_rounds.CELLS, strict=True):
        line = torch.arange(side, dtype=torch.float32) * cell
        y, x = torch.meshgrid(line, line, indexing="ij")
        maps.append(torch.stack([x, y], -1).reshape(1, -1, 2).repeat(people, 1, 1))
    return maps


@settings(deadline=None)
@given(SEEDS)
def test_maps_are_read_where_the_points_are_and_at_the_rim_outside(seed):
    at = torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(seed)) * 400 - 60
    told = mesh_rounds.sampled(ramps(2), at).reshape(2, 9, -1, 2)
    for level, cell in enumerate(mesh_rounds.CELLS):
        wanted = at.clamp(0, SIZE - cell)
        torch.testing.assert_close(told[:, :, level], wanted, atol=1e-3, rtol=0)


@settings(deadline=None)
@given(SEEDS)
def test_directions_lie_in_the_window_where_the_picture_has_them(seed):
    generator = np.random.default_rng(seed)
    cameras = Cameras(
        focal=np.array([700.0]), centre=np.array([[320.0, 240.0]]), size=np.array([[640.0, 480.0]])
    )
    box = np.array([[200.0, 100.0, 300.0, 330.0]])
    window = np.array([250.0, 215.0, 250.0, generator.uniform(-3, 3)])
    frames = ray_frames(box, cameras)
    point = np.array([*generator.uniform(-0.2, 0.2, 2), 1.0])  # of the ray's frame
    there = frames[0].T @ point
    pixel = 700 * there[:2] / there[2] + cameras.centre[0]
    batch = mesh_rounds.Batch(
        maps=[],
        inputs=torch.zeros(1, 1),
        homography=mapped_people.tensor(mapped_people.homographies(window[None], cameras, frames)),
        side=torch.ones(1),
        first=None,
        start=None,
    )
    found = batch.window(mapped_people.tensor(point[None, None, :2]))[0].numpy()
    square = Square((window[0], window[1]), window[2], window[3])
    np.testing.assert_allclose(square.place(found.astype(float), SIZE)[0], pixel, atol=0.05)


def test_a_loop_answers_after_every_round_and_starts_from_the_lifter_if_told():
    model, network = body.load("anny24"), mesh_rounds.lifter_network()
    generator = torch.Generator().manual_seed(0)
    people, sides = 2, zip(mesh_rounds.SIDES, mesh_rounds.CHANNELS, strict=True)
    batch = mesh_rounds.Batch(
        maps=[
            torch.randn(people, side * side, count, generator=generator) for side, count in sides
        ],
        inputs=torch.randn(people, mesh_rounds.INPUTS, generator=generator) * 0.1,
        homography=torch.diag(torch.tensor([128.0, 128.0, 1.0])).repeat(people, 1, 1),
        side=torch.full((people,), 0.4),
        first=torch.rand(people, mesh_rounds.COUNT, 2, generator=generator) * SIZE,
        start=torch.zeros(people, sum(network.sizes)),
    )
    for lifted in (False, True):
        loop = mesh_rounds.Loop(model, network, ("first", "mesh", "mesh"), lifted=lifted).eval()
        out = loop(batch)
        assert len(out) == 3 + lifted
        assert all(torch.isfinite(lift.turns).all() for lift, _ in out)
        # What is seen reaches the answer, of every person their own.
        changed = loop(replace(batch, first=batch.first.flip(0)))
        assert not torch.equal(out[-1][0].turns, changed[-1][0].turns)


@pytest.mark.parametrize("placed", [False, True])
def test_only_a_loop_that_is_told_places_knows_where_it_looks_when_all_looks_the_same(placed):
    model, network = body.load("anny24"), mesh_rounds.lifter_network()
    sides = zip(mesh_rounds.SIDES, mesh_rounds.CHANNELS, strict=True)
    batch = mesh_rounds.Batch(
        maps=[torch.ones(1, side * side, count) for side, count in sides],
        inputs=torch.zeros(1, mesh_rounds.INPUTS),
        homography=torch.diag(torch.tensor([128.0, 128.0, 1.0]))[None],
        side=torch.full((1,), 0.4),
        first=torch.full((1, mesh_rounds.COUNT, 2), SIZE / 4),
        start=None,
    )
    loop = mesh_rounds.Loop(model, network, ("first",), lifted=False, placed=placed).eval()
    here = loop(batch)[0][0].turns
    there = loop(replace(batch, first=batch.first * 3))[0][0].turns
    assert torch.allclose(here, there, atol=1e-5) is not placed

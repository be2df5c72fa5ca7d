"""What can be chosen: names, files, recipes; what a step takes and how fast it learns."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.cli import main
from pymafsam.errors import BadInput, BadUsage
from pymafsam.training import bounds, recipes
from pymafsam.training.schedule import rate
from pymafsam.training.settings import OptimiserSettings, Settings, dump, load

pytest.importorskip("yaml")
torch = pytest.importorskip("torch")
from pymafsam.training.batches import Order, distance_outside  # noqa: E402


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_survives_its_file(name):
    recipe = recipes.find(name)
    assert load(dump(recipe), Settings(), "run.yaml") == recipe


def test_the_originals_recipe_is_the_originals():
    recipe = recipes.find("lspet-2024")
    assert (recipe.batch, recipe.optimiser.rate, recipe.optimiser.kind) == (32, 5e-5, "adam")
    assert recipe.network.backbone == "resnet50"
    assert recipe.losses.compatible


def test_a_file_changes_what_it_names_and_nothing_else():
    text = "batch: 8\noptimiser: {rate: 1e-4, clip: null}\ndata: {rows: [a.npz], limit: 5}\n"
    found = load(text, Settings(), "run.yaml")
    wanted = replace(Settings(), batch=8)
    wanted = replace(wanted, optimiser=replace(wanted.optimiser, rate=1e-4))
    wanted = replace(wanted, data=replace(wanted.data, rows=(Path("a.npz"),), limit=5))
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer: {}", "optimiser"),
        ("optimiser: {raet: 1}", 'no setting "optimiser.raet", did you mean "rate"'),
        ("batch: many", "batch should be int"),
        ("network: {points: somewhere}", "grid or mask or bank"),
        ("batch: true", "batch should be int"),
    ],
)
def test_unknown_names_and_unfitting_values_are_refused_by_name(text, message):
    with pytest.raises(BadUsage, match=message):
        load(text, Settings(), "run.yaml")


@pytest.mark.parametrize("text", ["- 1\n- 2", "a: [", "7"])
def test_a_file_that_is_no_table_is_refused(text):
    with pytest.raises(BadInput):
        load(text, Settings(), "run.yaml")


def test_settings_that_cannot_be_are_refused_before_anything_is_loaded():
    with pytest.raises(BadUsage, match="nothing to train on"):
        Settings().check()
    with pytest.raises(BadUsage, match=r"--network.dropout, --batch"):
        replace(Settings(), batch=0, network=replace(Settings().network, dropout=1.5)).check()


@pytest.mark.parametrize(
    "text",
    [
        "seed: -1", "threads: 99999999999", "network: {hidden: 100000000}", "steps: 0",
        "network: {widths: [0]}", "network: {widths: []}", "optimiser: {rate: .inf}",
        "optimiser: {rate: .nan}", "losses: {mask: -1}", "losses: {mask: .nan}",
        "data: {augment: {scale: 1}}", "data: {limit: 0}", "minutes: .nan", "log_every: 0",
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_by_name(text):
    chosen = load(text, recipes.find("smoke"), "run.yaml")
    with pytest.raises(BadUsage, match=re.findall(r"[a-z]+", text)[0]):
        chosen.check()


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_numbers_of_every_recipe_are_within_their_range(name):
    bounds.check(recipes.find(name))


def test_mistakes_on_the_command_line_are_said_in_a_paragraph(capsys, tmp_path):
    out = ["--out", str(tmp_path / "run")]
    assert main.main(["train", "lspet2024", *out]) == 2
    assert 'did you mean "lspet-2024"' in capsys.readouterr().err
    assert main.main(["train", "default", *out]) == 2
    assert "nothing to train on" in capsys.readouterr().err
    assert main.main(["train", "default", "--config", "absent.yaml", *out]) == 1
    assert "no file of settings" in capsys.readouterr().err
    assert main.main(["train", "smoke", *out, "--resume"]) == 1
    assert "no file of settings" in capsys.readouterr().err


@given(
    people=st.integers(1, 60),
    batch=st.integers(1, 12),
    world=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_an_epoch_takes_everybody_at_most_once_and_processes_share_a_batch(
    people, batch, world, seed
):
    batch *= world
    orders = [
        Order(people=people, batch=batch, seed=seed, rank=r, world=world) for r in range(world)
    ]
    alone = Order(people=people, batch=batch, seed=seed)
    taken = []
    for step in range(alone.steps):
        epoch, everybody = alone.of(step)
        shared = np.stack([order.of(step)[1] for order in orders], axis=1).ravel()
        np.testing.assert_array_equal(shared, everybody)
        assert (epoch, len(everybody)) == (0, batch)
        taken += everybody.tolist()
    assert set(taken) <= set(range(people))
    if people >= batch:
        assert len(set(taken)) == len(taken)
    assert alone.of(alone.steps)[0] == 1


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(BadInput, match="Choose --batch 9"):
        Order(people=10, batch=8, seed=0, world=3)


@given(st.integers(0, 1500))
def test_the_rate_rises_then_falls_and_stays_within_its_bounds(step):
    chosen = OptimiserSettings(rate=1.0, warm_up=100, schedule="cosine", final=0.1)
    here, there = rate(step, 1000, chosen), rate(step + 1, 1000, chosen)
    assert 0 < here <= 1
    assert (here < there) if step < 99 else (here >= there >= 0.1 - 1e-12)


def test_distance_to_a_mask_is_nothing_inside_and_a_half_crop_at_most_there():
    mask = np.zeros((64, 64), bool)
    mask[20:40, :32] = True
    found = distance_outside(mask)
    assert found.shape == (16, 16)
    assert not found[6:9, :7].any()
    # Far right, in the middle of the mask's rows: 31 pixels of half crops of 32.
    assert found[7, 15] == pytest.approx(30.5 / 32, abs=0.05)

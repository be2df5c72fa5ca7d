"""The tool that teaches the lifter ages changes one number of its answers and nothing else."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import lifter_ages
from pymafsam import body
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.lifter import Inputs, Lifter
from pymafsam.geometry import camera


def somebodies(count: int) -> Inputs:
    generator = np.random.default_rng(3)
    return Inputs.of(
        boxes=np.tile([100.0, 50.0, 260.0, 400.0], (count, 1)),
        coco=generator.uniform(60, 380, size=(count, 17, 3)),
        landmarks=generator.uniform(60, 380, size=(count, 33, 3)),
        metres=generator.normal(size=(count, 33, 3)) * 0.3,
        presence=np.ones(count),
        cameras=Cameras.of([camera.picture_camera((640, 480))] * count),
    )


def test_the_row_that_is_written_is_the_first_betas():
    known, inputs = Lifter.load(), somebodies(5)
    before = known.read(inputs)
    bias = known.weights["leave.bias"].copy()
    bias[lifter_ages.FIRST] += 1
    known.weights["leave.bias"] = bias
    after = known.read(inputs)
    np.testing.assert_allclose(after.betas[:, 0], before.betas[:, 0] + 1, atol=1e-5)
    assert (after.betas[:, 1:] == before.betas[:, 1:]).all()
    assert (after.turns == before.turns).all()
    assert (after.beta_sigma == before.beta_sigma).all()


def test_both_readings_mean_is_the_answer_to_the_mean_of_what_is_seen():
    known, inputs = Lifter.load(), somebodies(4)
    answer = known.read(inputs).mean(known.read(inputs.mirrored()).mirrored())
    first = lifter_ages.FIRST
    row = np.append(known.weights["leave.weight"][first], known.weights["leave.bias"][first])
    told = lifter_ages.told(row, lifter_ages.last_inputs(known, inputs))
    np.testing.assert_allclose(told, answer.betas[:, 0], atol=1e-4)


def test_ages_that_can_be_seen_are_learned_and_weightless_people_are_not():
    generator = np.random.default_rng(0)
    seen = generator.normal(size=(4000, 12)) * generator.uniform(0.1, 3, size=12) + 1
    people = lifter_ages.People(
        seen=seen,
        blind=seen,
        beta=seen @ np.arange(12.0) - 4,
        weight=np.full(4000, 100.0),
        kind=np.full(4000, "rendered"),
        group=np.arange(4000),
    )
    row = lifter_ages.solved([people])
    np.testing.assert_allclose(lifter_ages.told(row, seen), people.beta, atol=0.5)
    wrong = replace(people, beta=-people.beta, weight=np.zeros(4000))
    np.testing.assert_allclose(lifter_ages.solved([people, wrong])[:-1], row[:-1], rtol=0.01)


def test_a_stature_is_the_height_of_the_body_that_has_its_beta():
    model = body.load("anny24")
    scale = lifter_ages.Scale.of(model)
    for stature in (0.9, 1.3, 1.7):
        rest = model.template[:, 1] + model.shape_dirs[:, 1, 0] * scale.beta(stature)
        assert abs(np.ptp(rest) - stature) < 0.02
        assert abs(scale.stature(np.array([scale.beta(stature)]))[0] - stature) < 1e-9

"""Poses carried from one body to another and back: the surfaces stay where they are."""

from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import skin
from pymafsam.errors import BadInput
from pymafsam.fitting.carried import Carrier, Correspondence
from pymafsam.geometry import rotation
from pymafsam.records import Pose

MODEL = body.load("anny24")


@pytest.fixture(scope="module")
def stranger():
    """Another body in SMPL's format: taller, its vertices in another order, other betas."""
    random = np.random.default_rng(3)
    order = random.permutation(len(MODEL.template))
    mixed, _ = np.linalg.qr(random.normal(size=(10, 10)))
    taller = random.normal(size=10) * 0.4
    place = np.argsort(order)
    return replace(
        MODEL,
        name="stranger",
        template=(MODEL.template + MODEL.shape_dirs @ taller).astype(np.float32)[order],
        shape_dirs=(MODEL.shape_dirs @ mixed).astype(np.float32)[order],
        weights=MODEL.weights[order],
        faces=place[MODEL.faces].astype(MODEL.faces.dtype),
        joints_template=(MODEL.joints_template + MODEL.joints_dirs @ taller).astype(np.float32),
        joints_dirs=(MODEL.joints_dirs @ mixed).astype(np.float32),
        part=MODEL.part[order],
        uv=MODEL.uv[order],
        anchors=place[MODEL.anchors],
        mirror=None,
        regressors={},
    )


def poses(count):
    random = np.random.default_rng(0)
    turns = random.normal(size=(count, 24, 3)) * 0.25
    turns[:, 0] = [3.0, 0.2, 0.1]
    betas = random.normal(size=10) * 0.5
    return [Pose(rotations=rotation.from_axis_angle(one), betas=betas) for one in turns]


def test_surfaces_of_the_same_people_correspond(stranger):
    same = Correspondence.of(MODEL, stranger, 300)
    mine = MODEL.template[same.source]
    assert np.allclose(same.weights.sum(axis=1), 1)
    assert np.linalg.norm(same.places(stranger.template) - mine, axis=1).mean() < 0.12


def test_a_pose_carried_there_and_back_is_the_same_surface(stranger):
    made, places = poses(2), np.array([[0.1, 0.2, 4.0], [0.0, 0.1, 5.0]])
    there = Carrier(MODEL, stranger)(made, places)
    assert there.away.max() < 0.01
    back = Carrier(stranger, MODEL)(there.poses, there.translations)
    assert back.away.max() < 0.01
    for pose, place, again, where in zip(made, places, back.poses, back.translations, strict=True):
        moved = skin(MODEL, pose).vertices + place - skin(MODEL, again).vertices - where
        assert np.linalg.norm(moved, axis=1).mean() < 0.015


def test_one_person_keeps_one_shape(stranger):
    there = Carrier(MODEL, stranger)(poses(3), np.tile([0.0, 0.0, 4.0], (3, 1)))
    assert all(np.array_equal(pose.betas, there.poses[0].betas) for pose in there.poses)


def test_other_skeletons_are_refused(stranger):
    parents = stranger.parents.copy()
    parents[5] = 3
    with pytest.raises(BadInput, match="skeletons"):
        Carrier(MODEL, replace(stranger, parents=parents))

"""A benchmark whose truth are meshes of men and women: exact where right, named where exchanged."""

from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.evaluation import checks
from pymafsam.evaluation.cases import Answer, Found
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import find, pose3d

PROTOCOL = find("3dpw")
PEOPLE = 6
GENDERS = np.array([0, 1, 0, 1, 1, 0])  # men and women


@pytest.fixture(scope="module")
def bodies():
    """Two bodies in one format: the woman's rest shape is the man's under other betas."""
    man = body.load("anny24")
    other = np.array([0.0, 2, -2, 1, 0, 0, 0, 0, 0, 0], np.float32)
    woman = replace(
        man,
        template=man.template + man.shape_dirs @ other,
        joints_template=man.joints_template + man.joints_dirs @ other,
    )
    return {"male": man, "female": woman, "neutral": man}


@pytest.fixture
def table(bodies, tmp_path, monkeypatch):
    """Rows with pose, betas, gender, and the joints of the gender's mesh."""
    monkeypatch.setattr(pose3d.Bodies, "_read", lambda self, gender: bodies[gender])
    random = np.random.default_rng(0)
    poses, betas = random.normal(0, 0.2, (PEOPLE, 72)), random.normal(0, 1, (PEOPLE, 10))
    joints = np.zeros((PEOPLE, 24, 4))
    order = list(zip(pose3d.IN_H36M[14], pose3d.IN_J24[14], strict=True))
    for k, gender in enumerate(GENDERS):
        points = regressed(bodies[pose3d.GENDERS[gender]], poses[k], betas[k])
        for theirs, ours in order:
            joints[k, pose3d.STORED.index(ours)] = [*points[pose3d.FROM.index(theirs)], 1]
    content = {
        "imgname": np.array([f"seq{k % 2}/{k}.jpg" for k in range(PEOPLE)]),
        "center": np.full((PEOPLE, 2), 50.0),
        "scale": np.full(PEOPLE, 0.4),
        "pose": poses,
        "shape": betas,
        "S": joints,
    }

    def write(genders):
        letters = np.array(["mf"[gender] for gender in genders])
        np.savez(tmp_path / "rows.npz", **content, gender=letters)
        return Data(images=tmp_path, annotations=tmp_path / "rows.npz", bodies=tmp_path)

    return write


def regressed(model, pose, betas):
    mesh = pose3d._skinned(model, pose, betas)
    points = body.keypoints(model, mesh, "h36m17").astype(np.float64)
    return points - points[0]


def answers(cases, model, change=0.0):
    """Everybody as the rows say, with the answer's own body."""
    out = {}
    for case in cases:
        row = case.truth.row
        pose, betas = row.pose.reshape(24, 3), row.betas + change
        joints = regressed(model, pose, betas)
        found = Found(
            score=1.0,
            box=np.zeros(4),
            asked=0,
            joints={"h36m17": joints},
            pose=pose,
            betas=betas,
        )
        out[case.id] = Answer(people={pose3d.LOOK: [found]})
    return out


def run_of(data, model, **more):
    cases = PROTOCOL.read(data)
    found = answers(cases, model, **more)
    return Run(protocol=PROTOCOL, data=data, cases=cases, answers=found, model=model)


def test_an_answer_with_the_mans_body_is_exact_for_men_alone(table, bodies):
    run = run_of(table(GENDERS), bodies["male"])
    for figure in PROTOCOL.measure(run):
        value = figure.rows[:, -1] if figure.rows.ndim > 1 else figure.rows
        assert value.shape == (PEOPLE,), figure.name
        if figure.name != "PVE-T-SC":
            np.testing.assert_allclose(value[GENDERS == 0], 0, atol=2e-3, err_msg=figure.name)
        assert (value[GENDERS == 1] > 1).all(), figure.name  # millimetres
    assert {"MPJPE", "PA-MPJPE", "PVE (root-aligned)"} <= {
        figure.name for figure in PROTOCOL.measure(run)
    }


def test_exchanged_genders_are_noticed_and_named(table, bodies):
    assert pose3d.exchanged_genders(run_of(table(GENDERS), bodies["male"])) == []
    (doubt,) = pose3d.exchanged_genders(run_of(table(1 - GENDERS), bodies["male"]))
    assert "genders seem to be exchanged" in doubt
    assert doubt in checks.of_answers(run_of(table(1 - GENDERS), bodies["male"]))


def test_without_the_bodies_the_truth_cannot_be_made(table, bodies, monkeypatch):
    monkeypatch.undo()
    data = table(GENDERS)
    with pytest.raises(MissingAsset, match=r"SMPL_MALE\.pkl"):
        PROTOCOL.measure(run_of(data, bodies["male"]))
    with pytest.raises(MissingAsset, match="--bodies"):
        PROTOCOL.measure(run_of(replace(data, bodies=None), bodies["male"]))


def test_a_row_without_gender_or_pose_is_named(table, bodies):
    row = PROTOCOL.read(table(GENDERS))[0].truth.row
    read, benchmark = pose3d.Bodies(None), pose3d.BENCHMARKS["3dpw"]
    with pytest.raises(BadInput, match=r"seq0/0\.jpg.*by gender"):
        pose3d.true_mesh(replace(row, gender=-1), read, benchmark)
    with pytest.raises(BadInput, match=r"seq0/0\.jpg has no pose"):
        pose3d.true_mesh(replace(row, pose=None), read, benchmark)

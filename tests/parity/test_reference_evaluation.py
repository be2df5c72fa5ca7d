"""The protocols of 3DPW, Human3.6M and MPI-INF-3DHP give the reference's numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam import body, crops, points
from pymafsam.data import rows as tables
from pymafsam.evaluation import metrics
from pymafsam.evaluation.cases import Answer, Found
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import PROTOCOLS, pose3d
from pymafsam.geometry import rotation
from pymafsam.records import Mesh

MILLIMETRES = 1e-2
NETWORK = 1e-4  # metres


def test_procrustes_is_the_references_also_for_a_mirrored_body(parity_pack: Path):
    with np.load(parity_pack / "evaluation.npz") as file:
        golden = dict(file)
    moved = metrics.procrustes(golden["pa_S1"], golden["pa_S2"])
    np.testing.assert_allclose(moved, golden["pa_S1_hat"], atol=1e-9)
    errors = metrics.pa_mpjpe(golden["pa_S1"], golden["pa_S2"])
    np.testing.assert_allclose(errors, golden["pa_err"], atol=1e-9)


@pytest.fixture(scope="module")
def people(parity_pack: Path, official_state, smpl) -> list[Found]:
    """What the pack's network says of the pack's pictures."""
    torch = pytest.importorskip("torch")
    from pymafsam.network import official, weights

    state = {name: t.numpy() for name, t in official_state["pymaf"].items()}
    converted = official.convert_state_dict(state)
    made = weights.Checkpoint(architecture=converted.architecture, tensors=converted.tensors)
    network = weights.build(made, smpl)
    table = tables.read(parity_pack / "dataset" / "all.npz")
    every = [table[number] for number in range(len(table))]
    pictures = [np.asarray(Image.open(parity_pack / "dataset" / row.image)) for row in every]
    cut = [
        crops.normalise(crops.cut(picture, row.square))
        for picture, row in zip(pictures, every, strict=True)
    ]
    with torch.no_grad():
        grid = torch.from_numpy(points.grid()).expand(len(cut), -1, -1)
        last = network(torch.from_numpy(np.stack(cut)), grid).rounds[-1]
    mesh = Mesh(vertices=last.vertices.numpy(), joints=last.joints.numpy())
    joints = body.keypoints(smpl, mesh, "h36m17").astype(np.float64)
    turns = rotation.to_axis_angle(last.rotations.numpy().astype(np.float64))
    betas = last.betas.numpy().astype(np.float64)
    return [
        Found(score=1.0, box=np.zeros(4), joints={"h36m17": j}, pose=turn, betas=shape)
        for j, turn, shape in zip(joints, turns, betas, strict=True)
    ]


@pytest.mark.parametrize("name", ["3dpw", "h36m-p2", "mpi-inf-3dhp"])
def test_the_figures_are_the_references(name, parity_pack, stand_ins, people, smpl):
    folder = parity_pack / "dataset"
    data = Data(images=folder, annotations=folder / "all.npz", bodies=stand_ins, as_reference=True)
    cases = PROTOCOLS[name].read(data)
    answers = {
        case.id: Answer(people={pose3d.LOOK: [found]})
        for case, found in zip(cases, people, strict=True)
    }
    run = Run(protocol=PROTOCOLS[name], data=data, cases=cases, answers=answers, model=smpl)
    found = {figure.name: figure for figure in PROTOCOLS[name].measure(run)}
    wanted = json.loads((parity_pack / "evaluation.json").read_text())[name]
    names = {
        "PVE": "PVE (not aligned)",
        "MPJPE": "MPJPE",
        "Reconstruction Error": "PA-MPJPE",
    }
    for theirs, ours in names.items():
        assert found[ours].value == pytest.approx(wanted[theirs], abs=MILLIMETRES), ours
    with np.load(parity_pack / "evaluation.npz") as file:
        golden = dict(file)
    measured = list(pose3d.measured(run, pose3d.BENCHMARKS[name]))
    for key, part, within in (("pred", "found", NETWORK), ("gt", "true", 1e-5)):
        ours = np.stack([getattr(one, part) for one in measured])
        np.testing.assert_allclose(ours, golden[f"{name}_{key}"], atol=within)
    errors = [float(metrics.pa_mpjpe(one.found, one.true)) for one in measured]
    np.testing.assert_allclose(errors, golden[f"{name}_err"], atol=1e-5)


@pytest.mark.parametrize("exchanged", [False, True])
def test_exchanged_genders_are_named(exchanged, parity_pack, stand_ins, tmp_path):
    with np.load(parity_pack / "dataset" / "all.npz") as file:
        content = {name: file[name] for name in file.files if name != "has_smpl"}
    table = tables.read(parity_pack / "dataset" / "all.npz")
    bodies = pose3d.Bodies(stand_ins)
    content["S"] = np.zeros((len(table), 24, 4))
    for number, gender in enumerate(table.gender):
        row = tables.Row(
            image="a",
            centre=np.zeros(2),
            scale=1.0,
            pose=table.pose[number],
            betas=table.betas[number],
            gender=int(gender),
        )
        joints = pose3d._h36m(*pose3d.true_mesh(row, bodies, pose3d.BENCHMARKS["3dpw"]))
        places = [pose3d.STORED.index(name) for name in pose3d.IN_J24[14]]
        content["S"][number, places, :3] = pose3d.chosen(joints, 14)
        content["S"][number, places, 3] = 1
    if exchanged:
        content["gender"] = np.where(content["gender"] == "m", "f", "m")
    np.savez(tmp_path / "rows.npz", **content)
    data = Data(images=tmp_path, annotations=tmp_path / "rows.npz", bodies=stand_ins)
    cases = PROTOCOLS["3dpw"].read(data)
    run = Run(protocol=PROTOCOLS["3dpw"], data=data, cases=cases, answers={})
    doubts = pose3d.exchanged_genders(run)
    assert len(doubts) == int(exchanged)

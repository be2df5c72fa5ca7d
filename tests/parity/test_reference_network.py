"""The whole network agrees with the reference's, stage by stage, on the reference's weights."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body, points
from pymafsam.legacy.bank import from_bank
from pymafsam.records import Mesh

torch = pytest.importorskip("torch")
from pymafsam.network import geometry, official, weights  # noqa: E402
from pymafsam.network.reading import Reader, sample  # noqa: E402
from pymafsam.network.skinning import Keypoints, SkinnedBody  # noqa: E402

CLOSE = {"atol": 1e-4, "rtol": 0}
FEATURES = {"atol": 1e-3, "rtol": 0}  # they are O(10)
UNIT = {"atol": 1e-5, "rtol": 0}
DENSE = {"part": "uv_index", "coarse_part": "ann_index", "u": "u", "v": "v"}
H36M14 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]


@pytest.fixture(scope="module")
def golden(parity_pack: Path) -> dict[str, np.ndarray]:
    with np.load(parity_pack / "net_pymaf.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def checkpoint(official_state):
    return as_checkpoint(official_state["pymaf"])


def as_checkpoint(state) -> weights.Checkpoint:
    converted = official.convert_state_dict({name: t.numpy() for name, t in state.items()})
    return weights.Checkpoint(architecture=converted.architecture, tensors=converted.tensors)


@pytest.fixture(scope="module")
def network(checkpoint, smpl):
    return weights.build(checkpoint, smpl)


@pytest.fixture(scope="module")
def output(network, golden):
    grid = torch.from_numpy(points.grid())
    images = torch.from_numpy(golden["image"])
    with torch.no_grad():
        return network(images, grid.expand(len(images), -1, -1), meshes=True, dense=True)


@pytest.mark.parametrize("stage", range(4))
def test_every_round_is_the_references(output, golden, stage):
    assert {"theta", "verts", "rotmat", "pred_cam"} <= set(names_of(golden, stage))
    check_round(output.rounds[stage], golden, stage)


def check_round(found, golden, stage: int) -> None:
    """Everything that the pack holds of a round (one file has the last round's only)."""
    # Axis-angles near half a turn may point either way; as rotations they are the same.
    turns = geometry.from_axis_angle(geometry.to_axis_angle(found.rotations))
    values = {
        "smpl_kp_3d": found.joints,
        "rotmat": found.rotations,
        "pred_cam": found.camera,
        "pred_shape": found.betas,
        "pred_pose": found.state[:, :144],
        "theta": torch.cat([found.camera, found.betas, turns.flatten(1)], 1),
    }
    if f"stage{stage}_verts" in golden:
        values["verts"] = found.vertices
    for name in values.keys() & set(names_of(golden, stage)):
        wanted = golden[f"stage{stage}_{name}"]
        if name == "theta":
            pose = torch.from_numpy(wanted[:, 13:]).reshape(-1, 24, 3)
            matrices = geometry.from_axis_angle(pose).flatten(1)
            wanted = np.concatenate([wanted[:, :13], matrices], 1)
        np.testing.assert_allclose(values[name], wanted, **CLOSE, err_msg=name)


def names_of(golden, stage: int) -> list[str]:
    return [k.removeprefix(f"stage{stage}_") for k in golden if k.startswith(f"stage{stage}_")]


@pytest.mark.parametrize("stage", range(4))
def test_the_49_joints_are_the_references(output, golden, smpl, stage):
    found = output.rounds[stage]
    joints = Keypoints(smpl.regressors["j49"])(found.vertices, found.joints)
    np.testing.assert_allclose(joints, golden[f"stage{stage}_kp_3d"], **CLOSE)
    seen = geometry.project(joints, found.camera)
    np.testing.assert_allclose(seen, golden[f"stage{stage}_kp_2d"], **CLOSE)


@pytest.mark.parametrize("stage", range(4))
def test_human36m_joints_around_the_pelvis_are_the_references(output, golden, smpl, stage):
    found = output.rounds[stage]
    mesh = Mesh(vertices=found.vertices.numpy(), joints=found.joints.numpy())
    joints = body.keypoints(smpl, mesh, "h36m17")
    centred = (joints - joints[:, :1])[:, H36M14]
    np.testing.assert_allclose(centred, golden[f"stage{stage}_kp_3d_h36m14"], **CLOSE)


@pytest.mark.parametrize("name", DENSE)
def test_dense_maps_are_the_references(output, golden, name):
    found = getattr(output.dense, name).numpy()
    np.testing.assert_allclose(found, golden[f"dp_predict_{DENSE[name]}"], **CLOSE)


def test_feature_maps_are_the_references(network, golden):
    with torch.no_grad():
        images = torch.from_numpy(golden["image"])
        trunk, maps = network.backbone.trunk(images), network.backbone(images)
    np.testing.assert_allclose(trunk, golden["s_feat_0"], **FEATURES)
    for index, found in enumerate(maps, 1):
        step = 2 ** (index - 1)
        chosen = found[:, ::8, ::step, ::step]
        np.testing.assert_allclose(chosen, golden[f"s_feat_{index}_sub"], **FEATURES)


def test_each_reading_looks_and_reads_as_the_references(network, output, golden):
    with torch.no_grad():
        maps = network.backbone(torch.from_numpy(golden["image"]))
        for index, (features, read) in enumerate(zip(maps, network.readers, strict=True)):
            places = golden[f"points_{index}"]
            if index:
                looked = network.project_anchors(output.rounds[index]).numpy()
                np.testing.assert_allclose(looked, places, **CLOSE)
            found = read(features, torch.from_numpy(places))
            np.testing.assert_allclose(found, golden[f"ref_feature_{index}"], **FEATURES)


def test_the_grid_of_the_first_reading_is_walked_column_by_column(golden):
    np.testing.assert_allclose(points.grid(), golden["points_0"][0], atol=1e-7)


def test_points_from_the_bank_give_the_references_bodies(official_state, parity_pack, smpl, golden):
    checkpoint = as_checkpoint(official_state["pymafsam"])
    assert checkpoint.architecture.policy == "bank"
    network = weights.build(checkpoint, smpl)
    packs = sorted(parity_pack.glob("net_pymafsam_off*.npz"))
    assert packs
    for pack in packs:
        with np.load(pack) as file:
            wanted = dict(file)
        offset = int(wanted["mask_offset"])
        looked = torch.from_numpy(from_bank(checkpoint.bank, row=offset, count=2))
        np.testing.assert_array_equal(looked, wanted["points_0"])
        with torch.no_grad():
            images = torch.from_numpy(wanted.get("image", golden["image"]))
            found = network(images, looked, meshes=True)
        for stage, estimate in enumerate(found.rounds):
            check_round(estimate, wanted, stage)
        assert "verts" in names_of(wanted, 3)


def test_anchors_alone_give_the_same_bodies_as_whole_meshes(network, output, golden):
    grid = torch.from_numpy(points.grid()).expand(2, -1, -1)
    with torch.no_grad():
        quick = network(torch.from_numpy(golden["image"]), grid)
    assert [e.vertices is None for e in quick.rounds] == [True, True, True, False]
    for few, whole in zip(quick.rounds, output.rounds, strict=True):
        np.testing.assert_allclose(few.anchors, whole.anchors, atol=1e-5)
        np.testing.assert_allclose(few.state, whole.state, atol=1e-5)


@pytest.fixture(scope="module")
def unit(parity_pack: Path) -> dict[str, np.ndarray]:
    with np.load(parity_pack / "unit_geometry.npz") as file:
        return dict(file)


def test_sampling_and_compressing_features_are_the_references(network, unit, smpl):
    features = torch.from_numpy(unit["maf_im_feat"])
    places = torch.from_numpy(unit["maf_points"])
    np.testing.assert_allclose(sample(features, places), unit["maf_point_feat"], **UNIT)
    with torch.no_grad():
        found = network.readers[1](features, places)
        np.testing.assert_allclose(found, unit["maf_sampling_out"], **UNIT)
    anchors = smpl.template[smpl.anchors]
    np.testing.assert_allclose(anchors, unit["maf_ds_verts"], **UNIT)


def test_reading_at_the_projected_mesh_is_the_references(network, unit):
    reader: Reader = network.readers[2]
    anchors = torch.from_numpy(unit["maf_ds_verts"]).expand(2, -1, -1)
    places = geometry.project(anchors, torch.from_numpy(unit["maf_cam"]))
    with torch.no_grad():
        found = reader(torch.from_numpy(unit["maf_im_feat"]), places)
    np.testing.assert_allclose(found, unit["maf_forward_out"], **UNIT)


def test_skinning_in_torch_is_the_references(parity_pack, smpl):
    with np.load(parity_pack / "smpl.npz") as file:
        wanted = dict(file)
    skin = SkinnedBody(smpl, 10)
    shape = torch.from_numpy(wanted["betas"])
    vertices, joints = skin(torch.from_numpy(wanted["rotmat_in"]), shape)
    np.testing.assert_allclose(vertices, wanted["neutral_verts_from_rotmat"], **UNIT)
    turns = geometry.from_axis_angle(torch.from_numpy(wanted["pose"]).reshape(-1, 24, 3))
    vertices, joints = skin(turns, shape)
    np.testing.assert_allclose(vertices, wanted["neutral_verts"], **UNIT)
    np.testing.assert_allclose(joints, wanted["neutral_smpl_joints24"], **UNIT)
    found = Keypoints(smpl.regressors["j49"])(vertices, joints)
    np.testing.assert_allclose(found, wanted["neutral_joints49"], **UNIT)


@pytest.mark.parametrize("variant", ["pymaf", "pymafsam"])
def test_every_official_name_is_accounted_for(official_state, parity_pack, variant):
    lines = (parity_pack / f"checkpoint_keys_{variant}.tsv").read_text().splitlines()
    listed = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    state = official_state[variant]
    assert set(state) == set(listed)
    converted = official.convert_state_dict({name: t.numpy() for name, t in state.items()})
    kept = set(official.PYMAF_NAMES)
    for name in listed:
        renamed = any(name.startswith(prefix) for prefix in kept)
        merged = name.rpartition(".")[2] in (*official.MEAN, "Dmap", "masks_points")
        left_out = any(re.fullmatch(pattern, name) for pattern in official.LEFT_OUT)
        assert renamed + merged + left_out == 1, name
    wanted = weights.expected_shapes(converted.architecture)
    have = {name: a.shape for name, a in converted.tensors.items() if name != "bank"}
    assert have == wanted


@pytest.mark.parametrize("variant", ["pymaf", "pymafsam"])
def test_the_way_there_and_back_keeps_every_bit(official_state, smpl, variant):
    state = official_state[variant]
    checkpoint = as_checkpoint(state)
    back = official.to_official(checkpoint.tensors, checkpoint.architecture, smpl)
    assert set(back) == set(state)
    for name, tensor in state.items():
        array = tensor.numpy()
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape), name
        assert back[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize(("precision", "limit"), [("float32", 185e6), ("float16", 95e6)])
def test_files_are_lean_and_keep_the_numbers(official_state, tmp_path, precision, limit):
    checkpoint = as_checkpoint(official_state["pymafsam"])
    bank = np.resize(checkpoint.bank, (960, 441, 2))  # as many masks as the authors' file has
    checkpoint = replace(checkpoint, tensors=checkpoint.tensors | {"bank": bank})
    path = tmp_path / "lean.safetensors"
    weights.write(checkpoint, path, precision)
    assert path.stat().st_size < limit
    again = weights.read(path)
    assert again.architecture == checkpoint.architecture
    assert set(again.tensors) == set(checkpoint.tensors)
    for name, array in checkpoint.tensors.items():
        tolerance = 0 if precision == "float32" or array.ndim < 2 or name == "bank" else 1e-3
        np.testing.assert_allclose(again.tensors[name], array, rtol=tolerance, atol=1e-6)

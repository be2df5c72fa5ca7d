"""SMPL's files (stand-ins in the official formats) read here pose as in the reference."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import files
from pymafsam.files.pickles import Sparse, read_npy, read_npz, read_pickle
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.geometry.rotation import from_axis_angle, to_axis_angle
from pymafsam.legacy import datafolder
from pymafsam.records import Pose

J24_TO_J19 = [*range(13), 18, 19, 20, 21, 22, 23]
H36M_TO_J14 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
BODIES = {
    "neutral": "SMPL_NEUTRAL.pkl",
    "male": "SMPL_MALE.pkl",
    "female": "SMPL_FEMALE.pkl",
    "chumpy": "SMPL_NEUTRAL_chumpy_style.pkl",
}


@pytest.fixture(scope="module")
def golden(parity_pack: Path):
    with np.load(parity_pack / "smpl.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def pose(golden) -> Pose:
    turns = from_axis_angle(golden["pose"].reshape(-1, 24, 3).astype(np.float64))
    return Pose(rotations=turns, betas=golden["betas"].astype(np.float64))


@pytest.fixture(scope="module", params=BODIES)
def gendered(request, stand_ins):
    name = "neutral" if request.param == "chumpy" else request.param
    return name, body.load(stand_ins / "smpl" / BODIES[request.param])


def test_meshes_and_joints_are_the_references(gendered, golden, pose):
    gender, model = gendered
    mesh = body.skin(model, pose)
    np.testing.assert_allclose(mesh.vertices, golden[f"{gender}_verts"], atol=1e-5)
    np.testing.assert_allclose(mesh.joints, golden[f"{gender}_smpl_joints24"], atol=1e-5)


def test_the_49_joints_are_the_references(gendered, golden, pose):
    gender, model = gendered
    mesh = body.skin(model, pose)
    joints = body.keypoints(model, mesh, "j49")
    np.testing.assert_allclose(joints, golden[f"{gender}_joints49"], atol=1e-5)
    j24 = body.keypoints(model, mesh, "j24")
    np.testing.assert_allclose(j24, joints[:, 25:])
    np.testing.assert_allclose(j24[:, J24_TO_J19], golden[f"{gender}_joints_J19"], atol=1e-5)


def test_human36m_joints_are_the_references(gendered, golden, pose):
    gender, model = gendered
    joints = body.keypoints(model, body.skin(model, pose), "h36m17")
    np.testing.assert_allclose(joints, golden[f"{gender}_h36m_17"], atol=1e-5)
    centred = joints[:, H36M_TO_J14] - joints[:, :1]
    np.testing.assert_allclose(centred, golden[f"{gender}_h36m_14_pelvis"], atol=1e-5)


def test_rotation_matrices_pose_alike(stand_ins, golden):
    model = body.load(stand_ins / "smpl" / "SMPL_NEUTRAL.pkl")
    posed = body.skin(model, Pose(rotations=golden["rotmat_in"], betas=golden["betas"]))
    np.testing.assert_allclose(posed.vertices, golden["neutral_verts_from_rotmat"], atol=1e-5)


def test_a_folder_in_the_original_layout_is_its_neutral_body(stand_ins):
    model = body.load(stand_ins)
    assert model.name == "SMPL_NEUTRAL"
    assert set(model.regressors) == {"coco17", "feet6", "lsp14", "h36m17", "j24", "j49", "rest24"}


def test_named_keypoints_are_the_originals_where_it_has_them(stand_ins, pose):
    model = body.load(stand_ins)
    mesh = body.skin(model, pose)
    j24, names = body.keypoints(model, mesh, "j24"), LAYOUTS["j24"]
    coco = body.keypoints(model, mesh, "coco17")
    wanted = [names.index(name) for name in LAYOUTS["coco17"]]
    assert wanted == [19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0]
    np.testing.assert_array_equal(coco, j24[:, wanted])
    # The rows for fitting use vertices alone and stay near.
    surface = body.regress(model, mesh.vertices, "coco17")
    assert np.linalg.norm(surface - coco, axis=-1).mean() < 0.02


def test_surface_rows_are_the_exact_ones_in_the_rest_pose(stand_ins):
    model = body.load(stand_ins)
    rest = body.skin(model, Pose(rotations=np.eye(3)[None].repeat(24, 0), betas=np.ones(10)))
    for layout in ("coco17", "lsp14"):
        surface = body.regress(model, rest.vertices, layout)
        np.testing.assert_allclose(surface, body.keypoints(model, rest, layout), atol=1e-5)


def test_anchors_are_the_rows_that_the_dense_product_chooses(stand_ins, golden):
    model = body.load(stand_ins)
    levels = read_npz(stand_ins / "mesh_downsampling.npz")["D"]
    dense = levels[1].dense() @ levels[0].dense()
    assert model.anchors.shape == (431,)
    vertices = golden["neutral_verts"][0]
    np.testing.assert_array_equal(vertices[model.anchors], (dense @ vertices).astype(np.float32))


def test_the_mean_person_is_read(stand_ins):
    mean = files.read_mean(stand_ins / "smpl_mean_params.npz")
    np.testing.assert_array_equal(mean.camera, np.float32([0.9, 0, 0]))
    assert to_axis_angle(np.eye(3)).shape == (3,)
    first = mean.pose.reshape(24, 3, 2)[0]
    assert first[1, 1] < -0.9  # the root is upside down: y of the body is up, of pictures down


def test_conversion_keeps_every_number(stand_ins, pose, tmp_path):
    source = stand_ins / "smpl" / "SMPL_MALE.pkl"
    out = tmp_path / "SMPL_MALE.npz"
    files.convert_body(source, out, files.Companions.of(source))
    before, after = body.load(source), body.load(out)
    assert out.stat().st_size < 30e6
    assert not (tmp_path / ".SMPL_MALE").exists()
    for name in before.__dataclass_fields__:
        if name not in ("regressors",):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), name)
    for layout, rows in before.regressors.items():
        np.testing.assert_array_equal(rows.vertices, after.regressors[layout].vertices)
        np.testing.assert_array_equal(rows.weights, after.regressors[layout].weights)
    meshes = [body.skin(model, pose) for model in (before, after)]
    np.testing.assert_array_equal(meshes[0].vertices, meshes[1].vertices)


def test_the_charts_of_densepose_cover_the_body(stand_ins):
    model = body.load(stand_ins)
    assert set(np.unique(model.part)) <= set(range(25))
    assert (model.part == 0).mean() < 0.01
    assert model.uv.min() >= 0
    assert model.uv.max() <= 1


def _everything(folder: Path):
    """Every array of the stand-ins under the name that the pack's digest has for it."""
    for gender in ("NEUTRAL", "MALE", "FEMALE"):
        for name, value in read_pickle(folder / "smpl" / f"SMPL_{gender}.pkl").items():
            yield f"SMPL_{gender}.{name}", value
    for name in ("J_regressor_extra", "J_regressor_h36m", "lspet_mask_points"):
        yield name, read_npy(folder / f"{name}.npy")
    for name, value in read_npz(folder / "smpl_mean_params.npz").items():
        yield f"smpl_mean_params.{name}", value


def test_the_stand_ins_hold_what_the_pack_was_made_with(parity_pack, stand_ins):
    digest = json.loads((parity_pack / "assets_digest.json").read_text())
    compared = 0
    for name, value in _everything(stand_ins):
        if name not in digest:
            continue
        value = value.dense() if isinstance(value, Sparse) else value
        wanted = digest[name]
        assert list(value.shape) == wanted["shape"], name
        assert str(value.dtype) == wanted["dtype"], name
        np.testing.assert_allclose(np.abs(value.astype(float)).sum(), wanted["abs_sum"], rtol=1e-6)
        packed = np.ascontiguousarray(value.astype(np.float32))
        assert hashlib.sha1(packed.tobytes()).hexdigest()[:16] == wanted["sha1_f32"], name
        compared += 1
    assert compared >= 24


def test_the_data_folder_is_whole_as_far_as_it_goes(stand_ins, monkeypatch):
    found = {one.name: one for one in datafolder.inspect(stand_ins)}
    assert all(one.whole is not False for one in found.values())
    assert sum(one.whole is True for one in found.values()) == 10
    monkeypatch.setenv("PYMAFSAM_DATA", str(stand_ins))
    assert body.load("smpl").name == "SMPL_NEUTRAL"
    assert body.load("smpl-female").name == "SMPL_FEMALE"

"""Files in SMPL's format: read as they are, or refused with the reason."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from pymafsam import body
from pymafsam.body import files
from pymafsam.body.surface import farthest_points, read_charts
from pymafsam.errors import BadInput, BadUsage, MissingAsset, UntrustedFile
from pymafsam.records import Pose

COUNT, JOINTS = 50, 4


def small_body(betas=10) -> dict:
    """A sphere of 50 vertices on a chain of 4 joints, in the layout of SMPL's pickles."""
    generator = np.random.default_rng(0)
    template = generator.normal(size=(COUNT, 3))
    template /= np.linalg.norm(template, axis=1, keepdims=True)
    weights = generator.random((COUNT, JOINTS))
    rows = generator.random((JOINTS, COUNT)) * (generator.random((JOINTS, COUNT)) < 0.2)
    table = np.array([[2**32 - 1, 0, 1, 2], [0, 1, 2, 3]], np.uint32)
    return {
        "v_template": template,
        "f": generator.integers(0, COUNT, (80, 3)).astype(np.uint32),
        "shapedirs": generator.normal(0, 0.01, (COUNT, 3, betas)),
        "posedirs": generator.normal(0, 0.01, (COUNT, 3, 9 * (JOINTS - 1))),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "J_regressor": scipy.sparse.csc_matrix(rows / rows.sum(axis=1, keepdims=True)),
        "kintree_table": table,
        "vert_sym_idxs": np.arange(COUNT)[::-1].copy(),
        "bs_style": "lbs",
    }


def written(folder: Path, content, name="SMPL_NEUTRAL.pkl") -> Path:
    path = folder / name
    path.write_bytes(pickle.dumps(content, 2))
    return path


@pytest.mark.parametrize("betas", [10, 300])
def test_ten_shape_directions_are_kept(tmp_path, betas):
    content = small_body(betas)
    model = body.load(written(tmp_path, content))
    assert model.shape_dirs.shape == (COUNT, 3, 10)
    np.testing.assert_allclose(model.shape_dirs, content["shapedirs"][..., :10], rtol=1e-6)
    np.testing.assert_array_equal(model.parents, [-1, 0, 1, 2])
    assert model.mirror is not None


@pytest.mark.parametrize("kind", ["?", "f2", "f8", "g", "u1", "i8"])
def test_numbers_of_any_kind_are_reckoned_with(tmp_path, kind):
    content = small_body()
    template = np.round(np.abs(content["v_template"]) * 9).astype(kind)
    model = body.load(written(tmp_path, content | {"v_template": template}))
    np.testing.assert_array_equal(model.template, template.astype("f4"))
    np.testing.assert_array_equal(model.anchors, farthest_points(template.astype("f8")))


def test_a_body_saved_as_npz_is_the_same(tmp_path):
    content = small_body()
    np.savez(tmp_path / "b.npz", **(content | {"J_regressor": content["J_regressor"].toarray()}))
    one, other = body.load(written(tmp_path, content)), body.load(tmp_path / "b.npz")
    np.testing.assert_array_equal(one.joints_template, other.joints_template)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_a_body_without_pose_corrections_or_companions_is_converted(tmp_path):
    content = small_body()
    del content["posedirs"], content["vert_sym_idxs"]
    files.convert_body(written(tmp_path, content), tmp_path / "out" / "mine.npz")
    model = body.load(tmp_path / "out" / "mine.npz")
    assert model.name == "mine"
    assert model.pose_dirs is None
    assert model.mirror is None
    mesh = body.skin(model, Pose(rotations=np.eye(3)[None].repeat(JOINTS, 0), betas=np.zeros(10)))
    np.testing.assert_allclose(mesh.vertices, content["v_template"], atol=1e-6)
    with pytest.raises(BadUsage, match="coco17"):
        body.keypoints(model, mesh, "coco17")


class _Evil:
    def __reduce__(self):
        return os.system, ("touch PROOF",)


def test_a_body_that_runs_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, small_body() | {"v_template": _Evil()})
    with pytest.raises(UntrustedFile, match="system"):
        body.load(path)
    assert not (tmp_path / "PROOF").exists()


WRONG = {
    "v_template should be numbers": {"v_template": np.zeros((COUNT, 2))},
    "v_template holds numbers that are not finite": {"v_template": np.full((COUNT, 3), np.nan)},
    "shapedirs should be numbers, 50 x 3 x any": {"shapedirs": np.zeros((COUNT, 30))},
    "posedirs should be numbers, 50 x 3 x 27": {"posedirs": np.zeros((COUNT, 3, 207))},
    "weights should be numbers": {"weights": np.zeros((COUNT - 1, JOINTS))},
    "do not add up to 1": {"weights": np.full((COUNT, JOINTS), 0.5)},
    "faces name vertices": {"f": np.full((80, 3), COUNT, np.uint32)},
    "kintree_table is no tree": {"kintree_table": np.array([[-1, 2, 1, 0], [0, 1, 2, 3]])},
    "J_regressor should be numbers": {"J_regressor": "text"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_wrong_shapes_are_refused_with_the_reason(tmp_path, reason):
    with pytest.raises(BadInput, match=reason):
        body.load(written(tmp_path, small_body() | WRONG[reason]))


def test_other_contents_are_refused_with_the_reason(tmp_path):
    content = small_body()
    del content["weights"], content["f"]
    with pytest.raises(BadInput, match="lacks weights, f"):
        body.load(written(tmp_path, content))
    with pytest.raises(BadInput, match="a list was found"):
        body.load(written(tmp_path, [1, 2]))
    path = written(tmp_path, small_body())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(BadInput, match="truncated"):
        body.load(path)
    with pytest.raises(MissingAsset, match="SMPL_NEUTRAL"):
        body.load(tmp_path / "gone.pkl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingAsset, match="Looked for"):
        body.load(tmp_path / "empty")


def test_companions_of_another_body_are_refused(tmp_path):
    path = written(tmp_path, small_body())
    np.save(tmp_path / "J_regressor_h36m.npy", np.zeros((17, 6890)))
    with pytest.raises(BadInput, match=r"h36m\.npy.*17 x 50"):
        body.load(path)


def levels(*matrices) -> np.ndarray:
    out = np.empty(len(matrices), object)
    for i, matrix in enumerate(matrices):
        out[i] = scipy.sparse.csc_matrix(matrix)
    return out


def test_only_a_choice_of_vertices_is_taken_for_anchors(tmp_path):
    fine, coarse = np.eye(COUNT)[::2], np.eye(COUNT // 2)[::5]
    np.savez(tmp_path / "a.npz", D=levels(fine, coarse))
    np.testing.assert_array_equal(
        files.read_anchors(tmp_path / "a.npz", COUNT), np.arange(0, COUNT, 10)
    )
    with pytest.raises(BadInput, match="the body has 51"):
        files.read_anchors(tmp_path / "a.npz", 51)
    np.savez(tmp_path / "b.npz", D=levels(fine / 2, coarse))
    with pytest.raises(BadInput, match="one vertex per row"):
        files.read_anchors(tmp_path / "b.npz", COUNT)


def test_our_npz_cut_short_or_emptied_is_refused(tmp_path):
    out = tmp_path / "mine.npz"
    files.convert_body(written(tmp_path, small_body()), out)
    whole = out.read_bytes()
    out.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="whole"):
        body.load(out)
    np.savez(out, template=np.zeros((4, 3), np.float32))
    with pytest.raises(BadInput, match="parents"):
        body.load(out)


BROKEN = {
    "no finite number": {"joints_dirs": lambda a: a * np.nan},
    "no tree": {"parents": lambda a: np.array([-1, 2, 1, 0], a.dtype)},
    "add up to 1": {"weights_value": lambda a: a * 2},
    "faces name vertices": {"faces": lambda a: a + COUNT},
    "anchors name vertices": {"anchors": lambda a: a - COUNT},
}


@pytest.mark.parametrize("reason", BROKEN)
def test_our_npz_that_makes_no_body_is_refused_with_the_reason(tmp_path, reason):
    out = tmp_path / "mine.npz"
    files.convert_body(written(tmp_path, small_body()), out)
    with np.load(out) as content:
        arrays = dict(content)
    for name, spoil in BROKEN[reason].items():
        arrays[name] = spoil(arrays[name])
    np.savez(out, **arrays)
    with pytest.raises(BadInput, match=reason):
        body.load(out)


def test_a_mean_person_behind_the_camera_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", pose=np.zeros(144), shape=np.zeros(10), cam=[-0.9, 0, 0])
    with pytest.raises(BadInput, match="scale above 0"):
        files.read_mean(tmp_path / "m.npz")


def test_a_mean_person_of_another_size_is_refused(tmp_path):
    path = tmp_path / "mean.npz"
    np.savez(path, pose=np.zeros(72), shape=np.zeros(10), cam=np.zeros(3))
    with pytest.raises(BadInput, match="pose should be numbers, 144"):
        files.read_mean(path)


def test_anchors_spread_over_the_body_evenly():
    template = np.asarray(small_body()["v_template"])
    chosen = farthest_points(template, 10)
    assert len(set(chosen)) == 10
    gaps = np.linalg.norm(template[:, None] - template[chosen], axis=-1)
    between = gaps[chosen][~np.eye(10, dtype=bool)]
    # Every vertex is nearer to an anchor than the two closest anchors are to each other.
    assert gaps.min(axis=1).max() <= between.min() + 1e-9


def test_charts_of_another_body_are_refused(tmp_path):
    import scipy.io

    arrays = {
        "All_vertices": np.arange(1, 61)[None],
        "All_Faces": np.array([[1, 2, 3]]),
        "All_FaceIndices": np.array([[7]]),
        "All_U_norm": np.zeros((60, 1)),
        "All_V_norm": np.ones((60, 1)),
    }
    scipy.io.savemat(tmp_path / "uv.mat", arrays)
    assert list(read_charts(tmp_path / "uv.mat", 60).part[:4]) == [7, 7, 7, 0]
    with pytest.raises(BadInput, match="50 vertices"):
        read_charts(tmp_path / "uv.mat", COUNT)
    scipy.io.savemat(tmp_path / "uv.mat", {"x": np.zeros(3)})
    with pytest.raises(BadInput, match="DensePose"):
        read_charts(tmp_path / "uv.mat", COUNT)

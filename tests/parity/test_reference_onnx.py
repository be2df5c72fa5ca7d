"""The exported network agrees with the reference stage by stage, on ONNX Runtime."""

import numpy as np
import pytest

from pymafsam import points
from pymafsam.network import runtime

torch = pytest.importorskip("torch")
from pymafsam.network import official, onnx, weights  # noqa: E402

CLOSE = {"atol": 1e-4, "rtol": 0}


@pytest.fixture(scope="module")
def exported(official_state, smpl, tmp_path_factory):
    state = {name: t.numpy() for name, t in official_state["pymaf"].items()}
    converted = official.convert_state_dict(state)
    made = weights.Checkpoint(architecture=converted.architecture, tensors=converted.tensors)
    path = tmp_path_factory.mktemp("exported") / "pymaf.onnx"
    onnx.export(made, smpl, path)
    yield runtime.load(path, smpl, device="cpu")
    path.unlink()


@pytest.mark.parametrize("batch", [2, 1])
def test_every_round_of_the_export_is_the_references(exported, parity_pack, batch):
    with np.load(parity_pack / "net_pymaf.npz") as file:
        golden = {name: array[:batch] for name, array in file.items() if array.ndim}
    found = exported(golden["image"], np.stack([points.grid()] * batch))
    for stage in range(4):
        pose, shape, camera = np.split(found.states[:, stage], [144, 154], axis=1)
        np.testing.assert_allclose(pose, golden[f"stage{stage}_pred_pose"], **CLOSE)
        np.testing.assert_allclose(shape, golden[f"stage{stage}_pred_shape"], **CLOSE)
        np.testing.assert_allclose(camera, golden[f"stage{stage}_pred_cam"], **CLOSE)
    np.testing.assert_allclose(found.vertices, golden["stage3_verts"], **CLOSE)
    np.testing.assert_allclose(found.joints, golden["stage3_smpl_kp_3d"], **CLOSE)
    np.testing.assert_allclose(found.rotations, golden["stage3_rotmat"], **CLOSE)

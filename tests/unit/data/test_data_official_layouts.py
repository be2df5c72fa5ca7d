"""MPII, 3DPW, Human3.6M, MPI-INF-3DHP and EFT, from small files in their official layouts."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from pymafsam.data import prepare, rows
from pymafsam.data.prepare import mpi_inf_3dhp, mpii
from pymafsam.errors import BadInput, BadUsage
from pymafsam.geometry import rotation
from pymafsam.geometry.joints import J24


def prepared(name: str, raw: Path, part: str | None = None) -> rows.Rows:
    return prepare.PREPARERS.load(name)(raw, part)


def named(row: rows.Row, joint: str) -> list[float]:
    return row.keypoints[J24.index(joint)].tolist()


def place(row: rows.Row, joint: str) -> list[float]:
    return row.joints_3d[J24.index(joint)].tolist()


def mpii_person(joints: int) -> dict:
    points = [{"x": 10.0 + k, "y": 20.0 + k, "id": k, "is_visible": 1} for k in range(joints)]
    return {"objpos": {"x": 40, "y": 50}, "scale": 1.5, "annopoints": {"point": points}}


def test_mpii_takes_training_people_with_all_joints(tmp_path):
    from scipy.io import savemat

    annotated = [
        {"image": {"name": "a.jpg"}, "annorect": [mpii_person(16), mpii_person(9)]},
        {"image": {"name": "b.jpg"}, "annorect": [mpii_person(16)]},
        {"image": {"name": "c.jpg"}, "annorect": []},
    ]
    release = {"annolist": annotated, "img_train": np.array([1, 0, 1])}
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    found = prepared("mpii", tmp_path)
    assert found.image.tolist() == ["images/a.jpg"]
    row = found[0]
    assert row.centre.tolist() == [40, 50]
    assert row.scale == 1.5
    order = [0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11]  # as SPIN has it
    np.testing.assert_array_equal(row.keypoints[order, 0], 10.0 + np.arange(16))
    assert [d.reason for d in found.dropped] == ["not all of the 16 joints are annotated"]
    assert len(mpii.JOINTS) == 16


def sequence_of_3dpw() -> dict:
    turn = rotation.from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    cameras = np.tile(np.eye(4), (3, 1, 1))
    cameras[:, :3, :3] = turn
    seen = np.zeros((3, 3, 18))
    seen[:, 0], seen[:, 1], seen[:, 2] = np.arange(18) * 4, np.arange(18) * 2, 0.9
    seen[2, 2] = 0
    return {
        "sequence": "walk_00",
        "poses": [np.full((3, 72), 0.1)],
        "betas": [np.arange(10.0)],
        "poses2d": [seen],
        "cam_poses": cameras,
        "campose_valid": [np.array([1, 0, 1])],
        "genders": ["m"],
    }


def test_3dpw_turns_the_root_into_the_cameras_axes(tmp_path):
    folder = tmp_path / "sequenceFiles" / "test"
    folder.mkdir(parents=True)
    (folder / "walk_00.pkl").write_bytes(pickle.dumps(sequence_of_3dpw(), protocol=2))
    found = prepared("3dpw", tmp_path, "test")
    assert found.image.tolist() == ["imageFiles/walk_00/image_00000.jpg"]
    assert [d.reason for d in found.dropped] == [
        "its camera is not known",
        "no 2D joint was detected",
    ]
    row = found[0]
    turn = rotation.from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    wanted = turn @ rotation.from_axis_angle(np.full(3, 0.1))
    np.testing.assert_allclose(rotation.from_axis_angle(row.pose[:3]), wanted, atol=1e-9)
    np.testing.assert_array_equal(row.pose[3:], 0.1)
    assert row.gender == 0
    assert row.betas.tolist() == list(range(10))
    assert row.scale == pytest.approx(1.2 * 68 / 200)
    with pytest.raises(BadInput, match="train"):
        prepared("3dpw", tmp_path, "train")


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    import os

    from pymafsam.errors import UntrustedFile

    class Trap:
        def __reduce__(self):
            return os.system, ("true",)

    folder = tmp_path / "sequenceFiles" / "test"
    folder.mkdir(parents=True)
    (folder / "trap.pkl").write_bytes(pickle.dumps({"poses": Trap()}))
    with pytest.raises(UntrustedFile):
        prepared("3dpw", tmp_path, "test")


def test_mpi_inf_3dhp_training_frames_are_every_tenth(tmp_path):
    from scipy.io import savemat

    frames, cameras = 11, 14
    seen, metric = np.empty((cameras, 1), object), np.empty((cameras, 1), object)
    for camera in range(cameras):
        pixels = np.tile(np.arange(56.0) * 10 + 5, (frames, 1))
        if camera == 8:
            pixels[0, 2 * 16] = -3  # the right wrist leaves the picture
        seen[camera, 0] = pixels
        metric[camera, 0] = np.tile(np.arange(84.0) * 100, (frames, 1))
    folder = tmp_path / "S1" / "Seq1"
    folder.mkdir(parents=True)
    savemat(folder / "annot.mat", {"annot2": seen, "annot3": metric})
    found = prepared("mpi-inf-3dhp", tmp_path, "train")
    assert len(found) == 8 * 2 - 1
    assert [d.reason for d in found.dropped] == ["a joint is outside the picture"]
    assert found.image[1] == "S1/Seq1/imageFrames/video_0/frame_000011.jpg"
    row = found[0]
    assert named(row, "left_shoulder") == [9 * 20 + 5, 9 * 20 + 15, 1]
    assert named(row, "right_ankle") == [25 * 20 + 5, 25 * 20 + 15, 1]
    assert place(row, "pelvis") == [0, 0, 0, 1]
    assert place(row, "head") == pytest.approx([0.9, 0.9, 0.9, 1])
    # SPIN's indices of these 17 in J24.
    order = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
    assert sorted(order) == np.flatnonzero(row.keypoints[:, 2]).tolist()


def test_mpi_inf_3dhp_test_frames_are_the_valid_ones(tmp_path):
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "mpi_inf_3dhp_test_set" / "TS1"
    folder.mkdir(parents=True)
    with h5py.File(folder / "annot_data.mat", "w") as file:
        file["annot2"] = np.tile(np.arange(34.0).reshape(17, 2) * 3, (3, 1, 1, 1))
        file["annot3"] = np.tile(np.arange(51.0).reshape(17, 3) * 10, (3, 1, 1, 1))
        file["valid_frame"] = np.array([[1], [0], [1]])
    found = prepared("mpi-inf-3dhp", tmp_path, "test")
    assert [name.rpartition("/")[2] for name in found.image] == ["img_000001.jpg", "img_000003.jpg"]
    row = found[0]
    assert named(row, "head") == [0, 3, 1]
    assert named(row, "jaw") == [96, 99, 1]
    assert place(row, "pelvis") == [0, 0, 0, 1]
    assert len(mpi_inf_3dhp.TEST) == len(mpi_inf_3dhp.TRAIN) == 17
    assert set(mpi_inf_3dhp.TEST) == set(mpi_inf_3dhp.TRAIN.values())


def write_cdf(path: Path, poses: np.ndarray) -> None:
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    spec = {
        "Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True,
        "Dim_Sizes": list(poses.shape), "Compress": 0,
    }  # fmt: skip
    with CDF(path) as file:
        file.write_var(spec, var_data=poses[None].astype(np.float32))


@pytest.fixture
def human36m(tmp_path) -> Path:
    pytest.importorskip("cdflib")
    for name in ("Walking 1.54138969", "Walking 1.60457274", "_ALL 1.60457274"):
        features = tmp_path / "S9" / "MyPoseFeatures"
        write_cdf(features / "D3_Positions_mono" / f"{name}.cdf", np.tile(np.arange(96.0), (6, 1)))
        write_cdf(features / "D2_Positions" / f"{name}.cdf", np.tile(np.arange(64.0), (6, 1)))
    return tmp_path


def test_h36m_frames_are_every_fifth_and_protocol_2_has_one_camera(human36m):
    every = prepared("h36m", human36m, "valid-p1")
    one = prepared("h36m", human36m, "valid-p2")
    assert len(every) == 4
    assert one.image.tolist() == [
        "images/S9_Walking_1.60457274_000001.jpg",
        "images/S9_Walking_1.60457274_000006.jpg",
    ]
    row = one[0]
    assert named(row, "left_hip") == [12, 13, 1]
    assert place(row, "pelvis") == [0, 0, 0, 1]
    assert place(row, "head") == pytest.approx([0.012, 0.012, 0.012, 1])
    assert row.scale == pytest.approx(1.2 * (54 - 2) / 200)


def test_h36m_squares_hold_the_segmented_person(human36m):
    h5py = pytest.importorskip("h5py")
    folder = human36m / "S9" / "MySegmentsMat" / "ground_truth_bb"
    folder.mkdir(parents=True)
    with h5py.File(folder / "Walking 1.60457274.mat", "w") as file:
        inside = np.zeros((100, 80), np.uint8)  # columns first
        inside[20:50, 10:70] = 1
        file["mask"] = inside
        references = [[file["mask"].ref]] * 6
        file.create_dataset("Masks", data=references, dtype=h5py.ref_dtype)
    row = prepared("h36m", human36m, "valid-p2")[0]
    assert row.centre.tolist() == [35, 40]
    assert row.scale == pytest.approx(0.9 * 60 / 200)


def test_eft_poses_become_axis_angles_and_failed_fits_are_named(tmp_path):
    pose = rotation.from_axis_angle(np.random.default_rng(0).normal(size=(24, 3)) * 0.5)
    person = {
        "parm_pose": pose.round(6).tolist(), "parm_shape": [0.5] * 10, "parm_cam": [0.8, 0, 0],
        "bbox_center": [50, 60], "bbox_scale": 1.25, "imageName": "a.jpg",
    }  # fmt: skip
    broken = person | {"parm_pose": [[1, 2]], "imageName": "b.jpg"}
    odd = person | {"parm_shape": [9.0] * 10, "imageName": "c.jpg"}
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({"ver": 0.1, "data": [person, broken, odd]}))
    found = prepared("eft", path)
    assert found.image.tolist() == ["a.jpg"]
    assert [d.image for d in found.dropped] == ["b.jpg", "c.jpg"]
    back = rotation.from_axis_angle(found[0].pose.reshape(24, 3))
    np.testing.assert_allclose(back, pose, atol=1e-5)
    assert found[0].has_smpl


@pytest.mark.parametrize("name", ["mpii", "3dpw", "h36m", "mpi-inf-3dhp"])
def test_another_layout_is_refused_with_what_was_wanted(tmp_path, name):
    with pytest.raises(BadInput, match="want"):
        prepared(name, tmp_path)
    with pytest.raises(BadUsage, match="part"):
        prepared(name, tmp_path, "sunday")

"""Crops, keypoint maps and boxes agree with the reference's to the last bit."""

import numpy as np
import pytest

from pymafsam import crops
from pymafsam.body import smpl
from pymafsam.geometry import affine, joints, mirror, rotation
from pymafsam.legacy import keypoint_boxes as boxes
from pymafsam.legacy import video_crops

CROPS = range(7)
UPRIGHT = range(4)
# The reference was asked about these points (counted from 1); the pack holds the answers.
ASKED = np.array([[1.0, 1.0], [50.7, 60.2], [-3.3, 200.9]])
ASKED_BACK = np.array([[1.0, 1.0], [225.0, 225.0], [50.7, 60.2], [-30.5, -3.3]])


@pytest.fixture(scope="module")
def golden(golden_file) -> dict[str, np.ndarray]:
    return golden_file("image_ops.npz")


def square(golden: dict[str, np.ndarray], index: int, *, turned: bool = True) -> affine.Square:
    x, y, scale, turn = map(float, golden[f"crop{index}_args"])
    return affine.Square(centre=(x, y), side=200 * scale, angle=np.deg2rad(turn) if turned else 0.0)


@pytest.mark.parametrize("index", CROPS)
def test_crops_are_the_references_pixel_by_pixel(golden, index):
    found = crops.cut(golden["img"], square(golden, index))
    np.testing.assert_array_equal(found, golden[f"crop{index}_float"])


@pytest.mark.parametrize("index", UPRIGHT)
def test_crops_go_back_as_the_references_do(golden, index):
    shape = golden["img"].shape[:2]
    found = crops.paste_back(golden[f"crop{index}_float"], square(golden, index), shape)
    np.testing.assert_array_equal(found, golden[f"uncrop{index}"])


@pytest.mark.parametrize("index", CROPS)
def test_keypoints_go_into_the_crop_as_whole_numbers(golden, index):
    found = crops.transform_truncated(ASKED, square(golden, index))
    np.testing.assert_array_equal(found, golden[f"transform{index}"])


@pytest.mark.parametrize("index", CROPS)
def test_keypoints_come_back_as_whole_numbers(golden, index):
    found = crops.transform_truncated(ASKED_BACK, square(golden, index, turned=False), back=True)
    np.testing.assert_array_equal(found, golden[f"transform_inv{index}"])


@pytest.mark.parametrize("index", CROPS)
def test_the_unrounded_map_is_the_references(golden, index):
    found = crops.training_transform(square(golden, index))
    np.testing.assert_allclose(found, golden[f"get_transform{index}"], atol=1e-9)


@pytest.mark.parametrize("index", range(2))
def test_video_crops_are_the_references(golden, index):
    x, y, side, _ = map(float, golden[f"vcrop{index}_bbox"])
    scale = float(golden[f"vcrop{index}_scale"])
    found = video_crops.cut_upright_box(golden["img"], (x, y), side, scale)
    np.testing.assert_array_equal(found, golden[f"vcrop{index}_raw"])
    np.testing.assert_allclose(crops.normalise(found), golden[f"vcrop{index}_norm"], atol=1e-6)


@pytest.mark.parametrize("index", range(2))
def test_keypoints_follow_the_video_crop(golden, index):
    x, y, side, _ = map(float, golden[f"vcrop{index}_bbox"])
    back = video_crops.upright_to_frame((x, y), side, float(golden[f"vcrop{index}_scale"]))
    asked = np.array([[10.0, 20.0], [50.0, 60.0]])
    found = affine.apply(affine.inverse(back), asked)
    np.testing.assert_allclose(found, golden[f"vcrop{index}_kp"][:, :2], atol=1e-4)


def test_coco_keypoints_go_back_to_the_picture_without_rounding(golden):
    x, y, scale = map(float, golden["tp_args"])
    there = crops.training_transform(affine.Square(centre=(x, y), side=200 * scale))[:2]
    found = affine.apply(affine.inverse(there), golden["tp_in"])
    np.testing.assert_allclose(found, golden["tp_out"], atol=1e-9)


def test_boxes_of_a_keypoint_track_are_the_references(golden):
    track = boxes.boxes_from_keypoints(golden["sb_kps"])
    assert (track.first, track.end) == tuple(golden["sb_range"])
    np.testing.assert_allclose(track.rows, golden["sb_params"], atol=1e-9)
    np.testing.assert_allclose(boxes.smooth(track.rows), golden["sb_smooth"], atol=1e-9)


@pytest.mark.parametrize(
    ("flipped", "layout"),
    [("kp24_flip", "j24"), ("kp24_flip_smpl", "smpl24"), ("kp49_flip", "j49")],
)
def test_mirrored_keypoints_are_the_references(golden, flipped, layout):
    given = golden["kp49" if "49" in flipped else "kp24"]
    np.testing.assert_array_equal(mirror.points(given, layout), golden[flipped])


def test_mirrored_poses_are_the_references(golden):
    pose = golden["pose72"].reshape(24, 3)
    np.testing.assert_array_equal(mirror.axis_angles(pose).ravel(), golden["pose72_flip"])
    matrices = mirror.rotations(rotation.from_axis_angle(pose))
    wanted = rotation.from_axis_angle(golden["pose72_flip"].reshape(24, 3))
    np.testing.assert_allclose(matrices, wanted, atol=1e-9)


def test_turned_poses_are_the_references(golden):
    root = rotation.from_axis_angle(golden["rot_aa_in"])
    found = rotation.to_axis_angle(mirror.rotate_root(root, float(golden["rot_aa_deg"])))
    np.testing.assert_allclose(found, golden["rot_aa_out"], atol=1e-6)


def test_orders_of_joints_are_the_references(golden):
    flips = {"SMPL_JOINTS": "smpl24", "J24": "j24", "J49": "j49"}
    for name, layout in flips.items():
        np.testing.assert_array_equal(
            joints.flip_permutation(layout), golden[f"const_{name}_FLIP_PERM"]
        )
    by_joint = 3 * joints.flip_permutation("smpl24")[:, None] + np.arange(3)
    np.testing.assert_array_equal(by_joint.ravel(), golden["const_SMPL_POSE_FLIP_PERM"])
    np.testing.assert_array_equal(joints.mapping("j24", "coco17"), golden["const_J24_TO_JCOCO"])
    np.testing.assert_array_equal(joints.mapping("h36m17", "lsp14"), golden["const_H36M_TO_J14"])
    np.testing.assert_array_equal(smpl.JOINTS49, golden["const_joint_map_49"])

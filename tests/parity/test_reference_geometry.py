"""Rotations, projections and cameras agree with the reference's."""

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.geometry import camera as cameras
from pymafsam.geometry import rotation
from pymafsam.records import Camera, WeakCamera

torch = pytest.importorskip("torch")
from pymafsam.network import geometry  # noqa: E402

CLOSE = {"atol": 1e-5, "rtol": 0}
CROP = Camera(focal=5000.0, centre=(112.0, 112.0), size=(224, 224))


@pytest.fixture(scope="module")
def golden(golden_file) -> dict[str, np.ndarray]:
    return golden_file("unit_geometry.npz")


def tensor(array: np.ndarray):
    return torch.from_numpy(array)


def test_six_numbers_become_the_same_rotations(golden):
    found = geometry.from_6d(tensor(golden["rot6d_in"])).numpy()
    np.testing.assert_allclose(found, golden["rot6d_out"], **CLOSE)
    np.testing.assert_allclose(rotation.from_6d(golden["rot6d_in"]), golden["rot6d_out"], **CLOSE)


def test_rotations_become_the_same_six_numbers(golden):
    found = geometry.to_6d(tensor(golden["rot6d_out"])).numpy()
    np.testing.assert_allclose(found, golden["rotmat_to_rot6d_out"], **CLOSE)


def test_axis_angles_become_the_same_rotations(golden):
    found = geometry.from_axis_angle(tensor(golden["aa_in"])).numpy()
    np.testing.assert_allclose(found, golden["batch_rodrigues_out"], **CLOSE)
    ours = rotation.from_axis_angle(golden["aa_in"])
    np.testing.assert_allclose(ours, golden["batch_rodrigues_out"], **CLOSE)


def test_rotations_become_axis_angles_that_mean_the_same(golden):
    found = geometry.to_axis_angle(tensor(golden["batch_rodrigues_out"])).numpy()
    same = rotation.from_axis_angle(golden["rotmat_to_aa_out"].astype(np.float64))
    np.testing.assert_allclose(rotation.from_axis_angle(found.astype(np.float64)), same, **CLOSE)
    # Away from half a turn, where the axis may point either way, the numbers agree as well.
    plain = np.linalg.norm(golden["rotmat_to_aa_out"], axis=1) < np.pi - 1e-2
    assert plain.sum() > 30
    near = {"atol": 2e-4, "rtol": 0}  # single precision near zero, theirs and ours
    np.testing.assert_allclose(found[plain], golden["rotmat_to_aa_out"][plain], **near)


def test_quaternions_mean_the_same_rotations(golden):
    matrices = golden["quat_to_rotmat_out"]
    found = geometry.to_axis_angle(tensor(matrices)).numpy().astype(np.float64)
    np.testing.assert_allclose(rotation.from_axis_angle(found), matrices, **CLOSE)
    theirs = rotation.from_axis_angle(golden["quat_to_aa_out"].astype(np.float64))
    np.testing.assert_allclose(theirs, matrices, **CLOSE)
    unit = golden["quat_in"] / np.linalg.norm(golden["quat_in"], axis=1, keepdims=True)
    ours = geometry.to_quaternion(tensor(matrices)).numpy()
    same_side = np.where(unit[:, :1] < 0, -unit, unit)
    np.testing.assert_allclose(ours, same_side, atol=1e-5)


def test_the_crops_camera_projects_the_same(golden):
    found = geometry.project(tensor(golden["proj_pts"]), tensor(golden["proj_cam"])).numpy()
    wanted = golden["proj_out"]
    np.testing.assert_allclose(found, wanted, **CLOSE)


def test_pinholes_project_the_same(golden):
    names = ("proj_pts", "persp_rot", "persp_t", "persp_center")
    points, turn, shift, centre = (tensor(golden[name]) for name in names)
    found = geometry.perspective(points, turn, shift, 5000.0, centre).numpy()
    # Hundreds of pixels in single precision: 1e-5 relative.
    np.testing.assert_allclose(found, golden["persp_out"], atol=1e-5, rtol=1e-5)


def test_translations_are_estimated_the_same(golden):
    for points, seen, wanted in zip(
        golden["est_S"], golden["est_j2d"], golden["est_out"], strict=True
    ):
        used = slice(25, 49)  # the reference looks at the second half of its 49 joints
        found = cameras.estimate_translation(points[used], seen[used, :2], seen[used, 2], CROP)
        np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5)


def weak(row: np.ndarray, box: np.ndarray) -> WeakCamera:
    x, y, side, _ = map(float, box)
    corners = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    scale, *shift = map(float, row)
    return WeakCamera(scale=scale, shift=(shift[0], shift[1]), crop_box=corners)


def test_crop_cameras_become_picture_cameras_as_in_the_video_demo(golden):
    width, height = map(int, golden["cropcam_wh"])
    picture = cameras.picture_camera((width, height), focal=5000.0)
    rows = zip(
        golden["cropcam_cam"],
        golden["cropcam_bbox"],
        golden["cropcam_out"],
        golden["fullcam_out"],
        strict=True,
    )
    for row, box, stretched, translation in rows:
        found = weak(row, box)
        np.testing.assert_allclose(cameras.orig_cam(found, (width, height)), stretched, **CLOSE)
        np.testing.assert_allclose(cameras.translation_of(found, picture), translation, rtol=1e-6)


def along_the_first_axis_of_three(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A cross product that is not told its axis: torch takes the first one of length 3."""
    axis = next(i for i, n in enumerate(a.shape) if n == 3)
    return np.cross(a, b, axisa=axis, axisb=axis, axisc=axis)


def test_three_rotations_are_rotations_here_and_were_not_in_the_reference(golden):
    """docs/parity.md: the reference's batch of exactly three comes out wrong; ours does not."""
    three, four = golden["rot6d_in"][:3], golden["rot6d_in"][:4]
    columns = golden["rot6d_out"][:, :, :2]
    wrong = along_the_first_axis_of_three(columns[:3, :, 0], columns[:3, :, 1])
    assert np.abs(wrong - golden["rot6d_out"][:3, :, 2]).max() > 0.1
    right = along_the_first_axis_of_three(columns[:4, :, 0], columns[:4, :, 1])
    np.testing.assert_allclose(right, golden["rot6d_out"][:4, :, 2], **CLOSE)
    for six, wanted in ((three, golden["rot6d_out"][:3]), (four, golden["rot6d_out"][:4])):
        np.testing.assert_allclose(geometry.from_6d(tensor(six)), wanted, **CLOSE)
        np.testing.assert_allclose(rotation.from_6d(six), wanted, **CLOSE)


def test_no_confident_keypoint_is_an_error_with_a_reason_not_a_singular_matrix(golden):
    """docs/parity.md: the reference raises numpy's LinAlgError here."""
    points, seen = golden["est_S"][0], golden["est_j2d"][0]
    with pytest.raises(BadInput, match="at least two"):
        cameras.estimate_translation(points, seen[:, :2], np.zeros(len(seen)), CROP)

"""Laws of the network's geometry in torch: rotations, projection, skinning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam import body
from pymafsam.geometry import rotation
from pymafsam.records import Pose

torch = pytest.importorskip("torch")
from pymafsam.network import geometry  # noqa: E402
from pymafsam.network.skinning import Keypoints, SkinnedBody  # noqa: E402

unit = st.floats(-1, 1, allow_nan=False)


@st.composite
def axis_angles(draw):
    """Vectors with angles anywhere in [0, pi], often at the ends."""
    axis = draw(arrays(np.float64, 3, elements=unit).filter(lambda v: np.linalg.norm(v) > 1e-3))
    ends = st.one_of(st.floats(0, 1e-6), st.floats(np.pi - 1e-6, np.pi), st.just(0.0))
    angle = draw(st.one_of(st.floats(0, np.pi), ends))
    return axis / np.linalg.norm(axis) * angle


# Three is the batch at which the reference's cross product takes the wrong axis.
batches = st.one_of(
    st.lists(axis_angles(), min_size=3, max_size=3), st.lists(axis_angles(), min_size=1, max_size=5)
).map(np.stack)


@given(batches)
def test_torch_and_numpy_mean_the_same_rotations(vectors):
    matrices = geometry.from_axis_angle(torch.from_numpy(vectors))
    np.testing.assert_allclose(matrices, rotation.from_axis_angle(vectors), atol=1e-12)


@given(batches)
def test_axis_angles_come_back_near_zero_near_half_a_turn_and_between(vectors):
    matrices = geometry.from_axis_angle(torch.from_numpy(vectors))
    again = geometry.from_axis_angle(geometry.to_axis_angle(matrices))
    np.testing.assert_allclose(again, matrices, atol=1e-7)


@given(batches)
def test_six_numbers_carry_rotations_in_any_batch_of_three_too(vectors):
    matrices = geometry.from_axis_angle(torch.from_numpy(vectors))
    together = geometry.from_6d(geometry.to_6d(matrices))
    np.testing.assert_allclose(together, matrices, atol=1e-9)
    alone = torch.cat([geometry.from_6d(geometry.to_6d(m[None])) for m in matrices])
    np.testing.assert_array_equal(together, alone)


@given(arrays(np.float64, (3, 6), elements=unit), st.floats(0.1, 10))
def test_six_numbers_are_about_directions_not_lengths(six, scale):
    columns = six.reshape(3, 3, 2)
    areas = np.linalg.norm(np.cross(columns[..., 0], columns[..., 1]), axis=-1)
    if areas.min() < 1e-2:
        return
    found = geometry.from_6d(torch.from_numpy(six)).numpy()
    np.testing.assert_allclose(
        found @ found.transpose(0, 2, 1), np.eye(3)[None].repeat(3, 0), atol=1e-9
    )
    assert (np.linalg.det(found) > 0).all()
    np.testing.assert_allclose(geometry.from_6d(torch.from_numpy(six * scale)), found, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 1.0, np.pi - 1e-3])
def test_gradients_of_rotations_are_finite_at_and_near_zero(angle):
    vector = torch.tensor([[angle, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    matrix = geometry.from_axis_angle(vector)
    (gradient,) = torch.autograd.grad(matrix[0, 2, 1], vector)
    np.testing.assert_allclose(gradient[0, 0], np.cos(angle), atol=1e-6)


points = arrays(np.float64, (1, 4, 3), elements=unit)
cameras = st.tuples(st.floats(0.3, 3), unit, unit).map(lambda c: torch.tensor([c]))


@given(points, cameras)
def test_the_crops_camera_is_nearly_s_times_point_plus_shift(points, camera):
    found = geometry.project(torch.from_numpy(points), camera.double())
    scale, shift = camera[0, 0].item(), camera[0, 1:].numpy()
    nearly = scale * (points[..., :2] + shift)
    # The body is 2 * 5000 / (224 s) metres away: a metre of depth moves points by that share.
    depth = 2 * 5000 / (224 * scale)
    tolerance = np.abs(nearly).max() * 1.2 / (depth - 1) + 1e-6
    np.testing.assert_allclose(found, nearly, atol=tolerance)


@given(points, cameras, st.floats(-1, 1))
def test_shifting_the_body_or_the_camera_is_the_same(points, camera, shift):
    moved = points + np.array([shift, 0, 0])
    other = camera.double() + torch.tensor([[0, shift, 0]], dtype=torch.float64)
    found = geometry.project(torch.from_numpy(moved), camera.double())
    np.testing.assert_allclose(found, geometry.project(torch.from_numpy(points), other), atol=1e-9)


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module")
def skin(model):
    return SkinnedBody(model, 10)


poses = arrays(np.float32, (2, 24, 3), elements=st.floats(-0.75, 0.75, width=32))
shapes = arrays(np.float32, (2, 10), elements=st.floats(-2, 2, width=32))


@settings(max_examples=15)
@given(poses, shapes)
def test_torch_and_numpy_skin_alike(model, skin, pose, shape):
    turns = rotation.from_axis_angle(pose)
    mesh = body.skin(model, Pose(rotations=turns, betas=shape))
    vertices, joints = skin(torch.from_numpy(turns), torch.from_numpy(shape))
    np.testing.assert_allclose(vertices, mesh.vertices, atol=1e-5)
    np.testing.assert_allclose(joints, mesh.joints, atol=1e-5)
    found = Keypoints(model.regressors["coco17"])(vertices, joints)
    np.testing.assert_allclose(found, body.regress(model, mesh.vertices, "coco17"), atol=1e-5)


@settings(max_examples=15)
@given(poses, shapes, axis_angles())
def test_turning_the_root_turns_the_whole_body_about_it(skin, pose, shape, turn):
    turns = geometry.from_axis_angle(torch.from_numpy(pose))
    rigid = torch.from_numpy(rotation.from_axis_angle(turn)).float()
    vertices, joints = skin(turns, torch.from_numpy(shape))
    root = joints[:, :1]
    again = torch.cat([rigid @ turns[:, :1], turns[:, 1:]], 1)
    moved, joints_moved = skin(again, torch.from_numpy(shape))
    np.testing.assert_allclose(moved, (vertices - root) @ rigid.T + root, atol=1e-5)
    np.testing.assert_allclose(joints_moved, (joints - root) @ rigid.T + root, atol=1e-5)


@settings(max_examples=10)
@given(poses, shapes)
def test_a_few_vertices_are_skinned_as_all_of_them_are(model, skin, pose, shape):
    few = SkinnedBody(model, 10, model.anchors)
    turns = geometry.from_axis_angle(torch.from_numpy(pose))
    vertices, joints = skin(turns, torch.from_numpy(shape))
    anchors, same_joints = few(turns, torch.from_numpy(shape))
    np.testing.assert_allclose(anchors, vertices[:, model.anchors], atol=1e-6)
    np.testing.assert_allclose(same_joints, joints, atol=1e-6)

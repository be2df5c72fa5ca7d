"""Skinning, keypoints and placing people, against slow obvious versions."""

import numpy as np
import pytest

from pymafsam import body
from pymafsam.errors import BadInput, BadUsage
from pymafsam.geometry.camera import picture_camera, project, translation_of
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Person, Pose


@pytest.fixture(scope="module")
def anny24():
    return body.load("anny24")


@pytest.fixture(scope="module")
def with_pose_dirs(anny24):
    """A small body with everything SMPL's format can have, cut from the embedded one."""
    generator = np.random.default_rng(3)
    few = np.arange(0, len(anny24.template), 97)
    return body.BodyModel(
        name="small",
        template=anny24.template[few],
        shape_dirs=anny24.shape_dirs[few],
        pose_dirs=generator.normal(0, 0.01, (len(few), 3, 9 * 23)).astype(np.float32),
        weights=anny24.weights[few],
        parents=anny24.parents,
        faces=np.zeros((1, 3), np.int32),
        joints_template=anny24.joints_template,
        joints_dirs=anny24.joints_dirs,
        regressors={},
        anchors=np.arange(3),
        part=anny24.part[few],
        uv=anny24.uv[few],
    )


def random_pose(generator, *batch, angle=0.5):
    turns = from_axis_angle(generator.normal(0, angle, (*batch, 24, 3)))
    return Pose(rotations=turns, betas=generator.normal(0, 1, (*batch, 10)))


def slow_skin(model, turns, betas):
    """Vertex by vertex and joint by joint in float64, with 4 x 4 matrices."""
    template = model.template.astype(np.float64)
    vertices = template + np.einsum("vdb,b->vd", model.shape_dirs.astype(np.float64), betas)
    rest = model.joints_template + np.einsum("jdb,b->jd", model.joints_dirs, betas)
    if model.pose_dirs is not None:
        bent = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
        vertices = vertices + np.einsum("vde,e->vd", model.pose_dirs.astype(np.float64), bent)
    world = []
    for joint, parent in enumerate(model.parents):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    joints = np.array([matrix[:3, 3] for matrix in world])
    skinned = []
    for vertex, weights in zip(vertices, model.weights, strict=True):
        total = np.zeros(3)
        for joint in np.flatnonzero(weights):
            offset = np.append(vertex - rest[joint], 1.0)
            total += weights[joint] * (world[joint] @ offset)[:3]
        skinned.append(total)
    return np.array(skinned), joints


@pytest.mark.parametrize("name", ["anny24", "with_pose_dirs"])
def test_skinning_agrees_with_a_loop_over_vertices_in_double_precision(name, request):
    model = request.getfixturevalue(name)
    pose = random_pose(np.random.default_rng(1), 2)
    mesh = body.skin(model, pose)
    for person in range(2):
        vertices, joints = slow_skin(model, pose.rotations[person], pose.betas[person])
        np.testing.assert_allclose(mesh.vertices[person], vertices, atol=3e-6)
        np.testing.assert_allclose(mesh.joints[person], joints, atol=3e-6)


def test_a_batch_is_the_same_as_one_person_after_the_other(anny24):
    pose = random_pose(np.random.default_rng(2), 2, 3)
    mesh = body.skin(anny24, pose)
    assert mesh.vertices.shape == (2, 3, len(anny24.template), 3)
    one = body.skin(anny24, Pose(rotations=pose.rotations[1, 2], betas=pose.betas[1, 2]))
    np.testing.assert_allclose(mesh.vertices[1, 2], one.vertices, atol=1e-6)
    np.testing.assert_allclose(mesh.joints[1, 2], one.joints, atol=1e-6)


def test_chosen_vertices_are_those_of_the_whole_mesh(anny24, with_pose_dirs):
    for model in (anny24, with_pose_dirs):
        pose = random_pose(np.random.default_rng(4), 2)
        some = np.array([5, 2, 60])
        np.testing.assert_allclose(
            body.skin(model, pose, vertices=some).vertices,
            body.skin(model, pose).vertices[:, some],
            atol=1e-6,
        )


def test_missing_betas_count_as_zero(anny24):
    pose = random_pose(np.random.default_rng(5))
    for count in (3, 0):
        short = Pose(rotations=pose.rotations, betas=pose.betas[:count])
        padded = np.r_[pose.betas[:count], np.zeros(10 - count)]
        whole = body.skin(anny24, Pose(rotations=pose.rotations, betas=padded))
        np.testing.assert_allclose(body.skin(anny24, short).vertices, whole.vertices, atol=1e-6)


def test_a_pose_of_another_body_is_refused(anny24):
    with pytest.raises(BadInput, match="52 joints and 10 betas"):
        body.skin(anny24, Pose(rotations=np.tile(np.eye(3), (52, 1, 1)), betas=np.zeros(10)))
    with pytest.raises(BadInput, match="at most 10 betas"):
        body.skin(anny24, Pose(rotations=np.tile(np.eye(3), (24, 1, 1)), betas=np.zeros(16)))


def test_keypoints_are_the_weighted_vertices(anny24):
    vertices = np.random.default_rng(7).normal(size=(2, len(anny24.template), 3))
    found = body.regress(anny24, vertices, "coco17")
    rows = anny24.regressors["coco17"]
    for point in range(17):
        slow = sum(
            w * vertices[1, v]
            for v, w in zip(rows.vertices[point], rows.weights[point], strict=True)
        )
        np.testing.assert_allclose(found[1, point], slow, atol=1e-6)


def test_unknown_names_are_met_with_a_suggestion(anny24):
    with pytest.raises(BadUsage, match='did you mean "coco17"'):
        body.regress(anny24, anny24.template, "coco")
    with pytest.raises(BadUsage, match='did you mean "anny24"'):
        body.load("any24")


def standing(x=0.3, y=-0.2, z=4.0):
    turns = np.tile(np.eye(3), (24, 1, 1))
    turns[0] = from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    return Pose(rotations=turns, betas=np.zeros(10)), np.array([x, y, z])


def test_a_placed_person_stands_upright_before_the_camera_and_faces_it(anny24):
    pose, translation = standing()
    camera = picture_camera((640, 480))
    person = Person(box=np.array([300.0, 100.0, 400.0, 300.0]), score=0.9)
    placed = body.place(anny24, pose, translation, camera, person, 0.7)
    assert placed.score == 0.7
    x, y, confidence = placed.keypoints_2d["coco17"].T
    nose, left_eye, right_eye, ankle = 0, 1, 2, 15
    assert y[nose] < y[ankle]
    # Facing the camera, the person's left is on the picture's right.
    assert x[left_eye] > x[right_eye]
    assert placed.joints_3d["coco17"][nose, 2] < placed.joints_3d["body24"][15, 2]
    np.testing.assert_allclose(confidence, 0.7)
    np.testing.assert_allclose(
        placed.keypoints_2d["coco17"][:, :2], project(placed.joints_3d["coco17"], camera)
    )
    np.testing.assert_allclose(placed.joints_3d["body24"][0], translation, atol=1e-6)
    assert set(placed.joints_3d) == {"coco17", "lsp14", "h36m17", "body24"}


def test_the_weak_camera_of_a_placed_person_leads_back_to_its_translation(anny24):
    pose, translation = standing()
    camera = picture_camera((640, 480))
    person = Person(box=np.array([300.0, 100.0, 400.0, 300.0]), score=0.9)
    weak = body.place(anny24, pose, translation, camera, person, 0.7).weak_camera
    assert weak is not None
    assert weak.crop_box == (250.0, 100.0, 450.0, 300.0)
    np.testing.assert_allclose(translation_of(weak, camera), translation)


def test_a_detectors_confidence_is_kept_with_the_keypoints(anny24):
    pose, translation = standing()
    keypoints = np.random.default_rng(8).uniform(size=(33, 3))
    person = Person(box=np.zeros(4), score=0.9, keypoints=keypoints)
    placed = body.place(anny24, pose, translation, picture_camera((640, 480)), person, 0.7)
    order = [LAYOUTS["blazepose33"].index(name) for name in LAYOUTS["coco17"]]
    np.testing.assert_allclose(placed.keypoints_2d["coco17"][:, 2], keypoints[order, 2])

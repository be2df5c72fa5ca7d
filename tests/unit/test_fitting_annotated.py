"""The fit that an annotation leads, on bodies whose truth is known."""

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import skin
from pymafsam.fitting import annotated
from pymafsam.fitting.annotated import ANNOTATED, ARMS, LEGS, READINGS, Annotated, AnnotatedFit
from pymafsam.geometry import camera, joints, rotation
from pymafsam.records import Pose

VIEW = camera.picture_camera((400, 400))


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module")
def fit(model) -> AnnotatedFit:
    return AnnotatedFit(model)


@pytest.fixture(scope="module")
def walker(model) -> Annotated:
    """Somebody walking, half from the side, exactly annotated and exactly described."""
    vectors = np.zeros((24, 3))
    for name, vector in {
        "left_hip": (-0.7, 0, 0.05), "right_hip": (0.3, 0, -0.05), "right_knee": (0.9, 0, 0),
        "left_shoulder": (0, 0.4, -1.1), "right_shoulder": (0, 0.5, 1.1),
        "left_elbow": (0, -0.6, 0),
    }.items():  # fmt: skip
        vectors[joints.SMPL24.index(name)] = vector
    pose = rotation.from_axis_angle(vectors)
    pose[0] = rotation.from_axis_angle(np.array([0, 0.6, 0.0])) @ np.diag([1.0, -1.0, -1.0])
    mesh = skin(model, Pose(rotations=pose, betas=np.zeros(10)))
    shift = np.array([0.1, 0.2, 3.5])
    seen = {
        layout: body.keypoints(model, mesh, layout) + shift
        for layout in ("coco17", "lsp14", "blazepose33")
    }
    clicked = np.zeros((len(ANNOTATED), 3))
    places = dict(zip(joints.LSP14, camera.project(seen["lsp14"], VIEW), strict=True))
    for row, name in enumerate(ANNOTATED):
        if name in places:
            clicked[row] = [*places[name], 1.0]
    metric = seen["blazepose33"] - shift
    known = clicked[clicked[:, 2] > 0, :2]
    return Annotated(
        box=np.concatenate([known.min(0) - 10, known.max(0) + 10]),
        score=1.0,
        keypoints=np.column_stack([camera.project(seen["blazepose33"], VIEW), np.full(33, 0.9)]),
        world=metric,
        clicked=clicked,
    )


def test_a_body_lands_on_its_annotation(fit, walker):
    (found,) = fit.fit([walker], [None], [VIEW])
    size = np.ptp(walker.clicked[walker.clicked[:, 2] > 0, :2], axis=0)
    assert np.nanmean(found.errors) < 0.01 * np.linalg.norm(size)
    assert np.isnan(found.errors).sum() == (walker.clicked[:, 2] == 0).sum()
    assert found.reading == "as annotated"


@pytest.mark.parametrize("reading", list(READINGS))
def test_exchanged_sides_are_found(fit, walker, reading):
    from dataclasses import replace

    wrong = replace(walker, clicked=annotated.exchanged(walker.clicked, READINGS[reading]))
    (found,) = fit.fit([wrong], [None], [VIEW])
    assert found.reading == reading
    np.testing.assert_allclose(found.clicked, walker.clicked)


def test_the_annotation_leads_where_the_network_says_otherwise(fit, walker):
    from dataclasses import replace

    keypoints = walker.keypoints.copy()
    wrist = joints.BLAZEPOSE33.index("left_wrist")
    keypoints[wrist, :2] += 60
    (found,) = fit.fit([replace(walker, keypoints=keypoints)], [None], [VIEW])
    assert found.errors[ANNOTATED.index("left_wrist")] < 6


def test_nobodys_fit_depends_on_the_company(fit, walker):
    from dataclasses import replace

    other = replace(walker, clicked=annotated.exchanged(walker.clicked, LEGS))
    (alone,) = fit.fit([walker], [None], [VIEW])
    beside = fit.fit([other, walker], [None, None], [VIEW, VIEW])[1]
    np.testing.assert_array_equal(alone.rotations, beside.rotations)
    np.testing.assert_array_equal(alone.translation, beside.translation)


def test_exchanging_twice_changes_nothing(walker):
    twice = annotated.exchanged(annotated.exchanged(walker.clicked, ARMS), ARMS)
    np.testing.assert_array_equal(twice, walker.clicked)


def test_only_layouts_joints_are_known():
    keypoints = np.column_stack([np.arange(24.0), np.arange(24.0), np.arange(24) % 2])
    clicked = annotated.from_layout(keypoints, "j24")
    for name, row in zip(ANNOTATED, clicked, strict=True):
        index = joints.J24.index(name)
        assert row.tolist() == ([index, index, 1] if index % 2 else [0, 0, 0])

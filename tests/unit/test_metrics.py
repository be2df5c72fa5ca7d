"""Metrics agree with their definitions and with pycocotools."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.evaluation import coco, metrics
from pymafsam.geometry import rotation


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 5))
def test_procrustes_undoes_any_similarity(seed, scale):
    random = np.random.default_rng(seed)
    true = random.normal(size=(3, 14, 3))
    turn = rotation.from_axis_angle(random.normal(size=(3, 3)))
    moved = scale * true @ np.swapaxes(turn, -1, -2) + random.normal(size=(3, 1, 3))
    np.testing.assert_allclose(metrics.pa_mpjpe(moved, true), 0, atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_alignment_never_makes_the_squared_error_larger(seed):
    random = np.random.default_rng(seed)
    true, found = random.normal(size=(2, 5, 14, 3))
    before = ((found - true) ** 2).sum((-1, -2))
    after = ((metrics.procrustes(found, true) - true) ** 2).sum((-1, -2))
    assert (after <= before + 1e-9).all()


def test_a_mirrored_body_is_not_forgiven():
    true = np.random.default_rng(0).normal(size=(14, 3))
    assert metrics.pa_mpjpe(true * [-1, 1, 1], true) > 0.1


def test_pck_counts_known_points_within_the_share_of_the_torso():
    true = np.zeros((1, 3, 2))
    found = np.array([[[1.9, 0], [0, 2.1], [50, 50]]])
    known = np.array([[True, True, False]])
    assert metrics.correct_keypoints(found, true, known, np.array([10.0]), 0.2) == 0.5


def test_iou_and_outline_of_equal_shifted_and_empty_masks():
    square = np.zeros((100, 100), bool)
    square[20:60, 20:60] = True
    moved = np.roll(square, 20, axis=1)
    empty = np.zeros_like(square)
    assert metrics.iou(square, square) == metrics.iou(empty, empty) == 1
    assert metrics.iou(square, moved) == pytest.approx(1 / 3)
    assert metrics.iou(square, empty) == 0
    assert metrics.boundary_f(square, square) == metrics.boundary_f(empty, empty) == 1
    assert metrics.boundary_f(square, empty) == 0
    assert metrics.boundary_f(square, np.roll(square, 1, axis=1), tolerance=1.0) == 1
    assert 0 < metrics.boundary_f(square, moved, tolerance=1.0) < 0.6


@pytest.fixture
def annotations(tmp_path):
    random = np.random.default_rng(1)
    keypoints = random.uniform(20, 180, (17, 2))
    row = {
        "id": 7,
        "image_id": 3,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [10.0, 10.0, 180.0, 180.0],
        "area": 20000.0,
        "num_keypoints": 17,
        "keypoints": np.c_[keypoints, np.full(17, 2)].ravel().tolist(),
        "segmentation": [[10, 10, 190, 10, 190, 190, 10, 190]],
    }
    content = {
        "info": {},
        "images": [{"id": 3, "file_name": "a.jpg", "width": 200, "height": 200}],
        "annotations": [row, {**row, "id": 8, "iscrowd": 1}],
        "categories": [{"id": 1, "name": "person", "keypoints": [], "skeleton": []}],
    }
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content))
    return path


def test_perfect_keypoints_score_one_and_far_ones_nothing(annotations):
    (picture,) = coco.read_annotations(annotations)
    (person,) = picture.people
    good = coco.result(picture.id, person.keypoints, 0.9)
    assert coco.score(annotations, [good])["AP"] == pytest.approx(1)
    far = coco.result(picture.id, person.keypoints + np.array([500, 0, 0]), 0.9)
    assert coco.score(annotations, [far])["AP"] == 0
    assert coco.score(annotations, [])["AP"] == 0


@settings(deadline=None)
@given(st.floats(0, 40))
def test_similarity_falls_with_distance(shift):
    keypoints = np.zeros((17, 3)) + [50, 50, 2]
    person = coco.Annotated(
        id=1,
        image_id=1,
        box=np.array([0.0, 0, 100, 100]),
        area=5000.0,
        keypoints=keypoints,
        mask=lambda size: np.zeros(size[::-1], bool),
    )
    near = coco.similarity(keypoints[:, :2] + shift, person)
    assert near >= coco.similarity(keypoints[:, :2] + shift + 1, person)
    assert coco.similarity(keypoints[:, :2], person) == 1


def test_similarity_agrees_with_pycocotools(annotations):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    (picture,) = coco.read_annotations(annotations)
    (person,) = picture.people
    found = person.keypoints + np.random.default_rng(2).normal(0, 8, (17, 3)) * [1, 1, 0]
    truth = COCO(str(annotations))
    evaluation = COCOeval(truth, truth.loadRes([coco.result(picture.id, found, 1.0)]), "keypoints")
    evaluation.evaluate()
    expected = evaluation.computeOks(3, 1)[0, 0]
    assert coco.similarity(found, person) == pytest.approx(expected, abs=1e-4)

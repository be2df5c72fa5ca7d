"""Measures without labels: exact on bodies whose errors are known, blind to what they say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.evaluation.cases import Answer, Found
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import PROTOCOLS, jitter, mirror, standing
from pymafsam.geometry import mirror as mirrored
from pymafsam.geometry.affine import apply
from pymafsam.geometry.joints import COCO17, SMPL24
from pymafsam.geometry.rotation import from_axis_angle

WIDTH, HEIGHT = 200, 300


def figure_of_a_man() -> np.ndarray:
    """COCO keypoints of somebody upright, facing the camera: x, y, seen."""
    across = {"shoulder": 20, "elbow": 25, "wrist": 25, "hip": 12, "knee": 12, "ankle": 12}
    down = {"shoulder": 60, "elbow": 95, "wrist": 130, "hip": 130, "knee": 190, "ankle": 250}
    points = np.zeros((17, 3))
    for name in COCO17:
        side, _, joint = name.partition("_")
        x = 100 + across.get(joint, 3) * {"left": 1, "right": -1}.get(side, 0)
        points[COCO17.index(name)] = [x, down.get(joint, 40), 2]
    return points


@pytest.fixture
def data(tmp_path: Path) -> Data:
    from PIL import Image

    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png")
    bent = figure_of_a_man()
    bent[COCO17.index("left_knee"), 0] += 60
    people = [
        {
            "id": k,
            "image_id": 7,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [70.0, 30.0, 60.0, 230.0],
            "area": 9000.0,
            "keypoints": points.ravel().tolist(),
            "segmentation": [[70, 30, 130, 30, 130, 260, 70, 260]],
        }
        for k, points in enumerate((figure_of_a_man(), bent), start=1)
    ]
    content = {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": people,
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    return Data(images=tmp_path / "images", annotations=tmp_path / "a.json")


def run_of(name: str, data: Data, answers) -> Run:
    """A protocol's run; ``answers`` gives the joints (metres) by look, for both people."""
    protocol = PROTOCOLS[name]
    (case,) = protocol.read(data)
    people = {
        look.name: [
            Found(score=1.0, box=np.zeros(4), asked=k, joints=answers(look.name)) for k in (0, 1)
        ]
        for look in case.looks
    }
    return Run(protocol=protocol, data=data, cases=[case], answers={case.id: Answer(people=people)})


def skeleton(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(24, 3)) + [0, 0, 5]


def values(run: Run) -> dict[str, float]:
    return {figure.name: figure.value for figure in run.protocol.measure(run)}


@settings(deadline=None)
@given(st.floats(-60, 60))
def test_lean_is_the_angle_towards_the_camera(degrees):
    points = np.zeros((17, 3))
    for side in ("left", "right"):
        points[COCO17.index(f"{side}_shoulder")] = [0, -0.5, 0]
        points[COCO17.index(f"{side}_ankle")] = [0, 0.9, 0]
    # Forward of whoever faces the camera: the head comes nearer, z becomes less.
    turned = points @ from_axis_angle(np.radians([degrees, 0, 0])).T
    found = Found(score=1.0, box=np.zeros(4), joints={"coco17": turned + [0, 0, 4]})
    assert standing.lean(found, "trunk") == pytest.approx(degrees, abs=1e-6)
    assert standing.lean(found, "legs") == pytest.approx(degrees, abs=1e-6)


def test_only_whoever_stands_upright_is_measured(data):
    run = run_of("standing", data, lambda look: {"coco17": np.zeros((17, 3))})
    assert {len(figure.rows) for figure in run.protocol.measure(run)} == {1}
    lying = figure_of_a_man()[:, [1, 0, 2]]
    person = replace(run.cases[0].truth.people[0], keypoints=lying)
    assert not standing.stands(person)


def test_bodies_mirrored_along_do_not_differ_and_others_do(data):
    plain = skeleton()

    def faithful(look):
        return {"body24": plain if look == mirror.PLAIN else mirrored.points(plain, "smpl24")}

    assert max(values(run_of("mirror", data, faithful)).values()) < 1e-9

    def stiff(look):
        return {"body24": plain}

    found = values(run_of("mirror", data, stiff))
    assert found["joint difference, median"] > 100
    assert found["joint difference, mean"] >= found["joint difference, mean, PA"] > 100


def test_a_shifted_hand_gives_its_share_of_the_difference(data):
    plain, names = skeleton(), list(SMPL24)

    def answers(look):
        moved = mirrored.points(plain, "smpl24")
        moved[names.index("left_hand")] += [0, 0.024, 0]
        return {"body24": plain if look == mirror.PLAIN else moved}

    found = values(run_of("mirror", data, answers))
    assert found["joint difference, mean"] == pytest.approx(1.0)
    assert found["joint difference, median"] == pytest.approx(0.0, abs=1e-9)


def test_the_mirrored_look_shows_mirrored_pixels_in_mirrored_boxes(data):
    (case,) = PROTOCOLS["mirror"].read(data)
    plain, other = case.looks
    np.testing.assert_array_equal(other.read().pixels, plain.read().pixels[:, ::-1])
    x0, y0, x1, y1 = plain.boxes[0]
    np.testing.assert_allclose(other.boxes[0], [WIDTH - x1, y0, WIDTH - x0, y1])


@settings(deadline=None)
@given(st.sampled_from(list(jitter.CHANGES)), st.integers(0, 99))
def test_what_is_undone_is_what_was_changed(name, seed):
    change = jitter.CHANGES[name]
    joints = np.random.default_rng(seed).normal(size=(5, 3))
    linear = jitter.map_of(change, (WIDTH, HEIGHT))[:, :2] / change.scale
    seen = np.column_stack([joints[:, :2] @ linear.T, joints[:, 2]])
    np.testing.assert_allclose(jitter.undone(seen, change), joints, atol=1e-12)


def test_a_body_that_turns_with_its_picture_does_not_move_and_a_stiff_one_does(data):
    plain = skeleton()

    def faithful(look):
        change = jitter.CHANGES.get(look, jitter.Change())
        linear = jitter.map_of(change, (WIDTH, HEIGHT))[:, :2] / change.scale
        return {"body24": np.column_stack([plain[:, :2] @ linear.T, plain[:, 2]])}

    assert max(values(run_of("jitter", data, faithful)).values()) < 1e-9
    found = values(run_of("jitter", data, lambda look: {"body24": plain}))
    assert found["motion, picture turned 10 degrees left"] > 50
    assert found["motion, box 10 % larger"] < 1e-9


def test_points_of_the_picture_move_as_its_boxes(data):
    (case,) = PROTOCOLS["jitter"].read(data)
    plain, *others = case.looks
    pixels = plain.read().pixels
    for look in others:
        change = jitter.CHANGES[look.name]
        shown = look.read()
        assert shown.size == tuple(round(change.scale * side) for side in (WIDTH, HEIGHT))
        middle = (look.boxes[0, :2] + look.boxes[0, 2:]) / 2
        if change.moves_picture:
            before = (plain.boxes[0, :2] + plain.boxes[0, 2:]) / 2
            np.testing.assert_allclose(
                middle, apply(jitter.map_of(change, (WIDTH, HEIGHT)), before), atol=1e-9
            )
        else:
            assert shown.pixels is not None
            np.testing.assert_array_equal(shown.pixels, pixels)
    (shifted,) = [look for look in others if look.name == "picture 5, 3 pixels on"]
    np.testing.assert_array_equal(shifted.read().pixels[3:, 5:], pixels[:-3, :-5])

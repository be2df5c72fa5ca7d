"""Cameras that users place: orbits, matrices of other programs, and words that make no camera."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_draw import SIZE, block, stage

from pymafsam.errors import PymafsamError
from pymafsam.geometry.camera import project
from pymafsam.render import maps, overlay
from pymafsam.render.materials import MATERIALS
from pymafsam.render.viewpoint import WORLDS, Y_UP, Viewpoint, resized

ANGLES = st.floats(-180, 180)


def pixels(scene):
    """Where everybody's corners are seen."""
    return [project(one.mesh.vertices + one.translation, scene.camera) for one in scene.bodies]


def test_the_photographers_own_place_shows_what_they_saw():
    scene = stage(block((0, 0, 4)), block((1, 0.4, 6)))
    every = np.concatenate([one.mesh.vertices + one.translation for one in scene.bodies])
    middle = (every.min(axis=0) + every.max(axis=0)) / 2
    seen = Viewpoint(target=tuple(Y_UP @ (0, 0, middle[2])), distance=middle[2]).of(scene, SIZE)
    assert np.allclose(pixels(seen), pixels(scene), atol=1e-3)


@given(ANGLES, st.floats(-80, 80), ANGLES)
def test_everybody_is_in_the_picture_from_everywhere(azimuth, elevation, roll):
    scene = stage(block((0, 0, 4)), block((2, 0.4, 9)))
    seen = Viewpoint(azimuth=azimuth, elevation=elevation, roll=roll).of(scene, (90, 60))
    places = np.concatenate(pixels(seen))
    assert (places >= 0).all()
    assert (places <= (90, 60)).all()


def test_from_the_right_the_nearer_one_is_the_one_at_the_right():
    left, right = block((-2, 0, 5)), block((2, 0, 5))
    seen = Viewpoint(azimuth=90.0).of(stage(left, right), SIZE)
    depths = [one.translation[2] for one in seen.bodies]
    assert depths[1] < depths[0]
    above = Viewpoint(elevation=90.0).of(stage(block((0, -2, 5)), block((0, 2, 5))), SIZE)
    assert above.bodies[0].translation[2] < above.bodies[1].translation[2]  # y is down: 0 is above


@given(ANGLES, st.floats(-80, 80), ANGLES, st.sampled_from(sorted(WORLDS)))
def test_a_matrix_of_another_program_is_the_same_camera(azimuth, elevation, roll, up):
    """pyrender's rule: world = matrix @ (x right, y up, looking along -z)."""
    scene = stage(block((0.5, 0.2, 4)))
    orbit = Viewpoint(azimuth=azimuth, elevation=elevation, roll=roll, distance=3.0)
    turn, eye = orbit._pose(scene, scene.camera)
    pose = np.eye(4)
    pose[:3, :3] = WORLDS[up].T @ Y_UP @ turn.T @ Y_UP
    pose[:3, 3] = WORLDS[up].T @ Y_UP @ eye
    given_so = Viewpoint(matrix=pose, up=up).of(scene, SIZE)
    assert np.allclose(pixels(given_so), pixels(orbit.of(scene, SIZE)), atol=1e-2)
    corner = scene.bodies[0].mesh.vertices[0] + scene.bodies[0].translation
    there = np.linalg.inv(pose) @ [*(WORLDS[up].T @ Y_UP @ corner), 1]  # y up, behind is +z
    moved = given_so.bodies[0].mesh.vertices[0] + given_so.bodies[0].translation
    assert np.allclose(there[:3], Y_UP @ moved, atol=1e-5)


def test_an_angle_of_view_is_that_of_the_height(tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({"fov": 60, "azimuth": 10}))
    camera = Viewpoint.read(str(path)).of(stage(block((0, 0, 4))), (200, 100)).camera
    assert camera.focal == pytest.approx(50 / np.tan(np.radians(30)))
    assert Viewpoint.read("focal=77").of(stage(block((0, 0, 4))), (200, 100)).camera.focal == 77


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("azimut=3", 'did you mean "azimuth"'),
        ("left", "azimuth=30"),
        ("azimuth=left", "not a number"),
        ("fov=0", "1 to 170"),
        ("fov=40,focal=900", "not both"),
        ("distance=-1", "from 0.01"),
        ("nowhere.json", "cannot be read"),
        ({"matrix": [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]}, "without scale"),
        ({"matrix": [1, 2]}, "4 x 4"),
        ({"matrix": np.eye(4).tolist(), "azimuth": 3}, "not both"),
        ({"up": "x"}, '"y" or "z"'),
        ({"target": [1, 2]}, "3 numbers"),
    ],
)
def test_words_that_make_no_camera_are_told(said, told, tmp_path):
    if isinstance(said, dict):
        path = tmp_path / "camera.json"
        path.write_text(json.dumps(said))
        said = str(path)
    with pytest.raises(PymafsamError, match=told):
        Viewpoint.read(said)


def test_a_larger_picture_shows_the_same():
    scene = stage(block((0.4, 0, 4)), block((0, 0, 9), half=1.0))
    small, large = maps.depth(scene), maps.depth(resized(scene, (3 * SIZE[0], 3 * SIZE[1])))
    np.testing.assert_array_equal(large[1::3, 1::3], small)
    wide = resized(scene, (400, SIZE[1]))
    np.testing.assert_array_equal(maps.depth(wide)[:, 140:260], small)


def test_nobody_is_an_empty_picture():
    seen = Viewpoint(azimuth=30.0).of(stage(), (40, 30))
    assert maps.cut_out(seen).shape == (30, 40, 4)
    assert not maps.cut_out(seen)[..., 3].any()


def test_clay_is_everybodys_and_dull_and_skins_differ():
    scene = stage(block((-1, 0, 4)), block((1, 0, 4)))
    black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    drawn = {name: overlay(black, scene, opacity=1.0, material=MATERIALS[name])
             for name in MATERIALS}  # fmt: skip
    tones = {
        name: [
            np.median(half[half.any(axis=2)], axis=0) for half in np.array_split(view, 2, axis=1)
        ]
        for name, view in drawn.items()
    }
    assert np.ptp(tones["clay"][0]) < 25  # grey
    assert np.abs(tones["skin"][0] - tones["skin"][1]).max() > 20

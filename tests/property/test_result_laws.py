"""What is written to json comes back: numbers to a hundredth of a pixel, the rest exactly."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymafsam import body, export
from pymafsam.errors import BadInput
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Mask, Person, Pose, Scene

SIZE = (4000, 3000)
MODEL = body.load("anny24")
numbers = st.integers(0, 2**32 - 1)


def somebody(seed: int, camera: Camera):
    """Any pose, also with turns of half a circle, anywhere before the camera."""
    random = np.random.default_rng(seed)
    turns = random.normal(size=(24, 3))
    turns *= random.choice([0, 0.5, np.pi], (24, 1)) / np.linalg.norm(turns, axis=1)[:, None]
    pose = Pose(
        rotations=rotation.from_axis_angle(turns).astype(np.float32),
        betas=random.normal(size=10).astype(np.float32),
    )
    inside = np.zeros(SIZE[::-1], bool)
    x, y = random.integers(0, SIZE)
    inside[y : y + 400, x : x + 200] = True
    return body.place(
        MODEL,
        pose,
        np.array([*random.uniform(-1, 1, 2), random.uniform(2, 8)]),
        camera,
        Person(
            box=random.uniform(0, 3000, 4),
            score=random.uniform(),
            track=int(random.integers(0, 9)) if random.uniform() < 0.5 else None,
        ),
        score=random.uniform(),
        mask=Mask(inside=inside, score=0.5, source="mobilesam") if random.uniform() < 0.5 else None,
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(numbers, max_size=3), st.text(max_size=12))
def test_a_scene_comes_back_from_its_json(tmp_path_factory, seeds, name):
    camera = Camera(focal=5123.4, centre=(2000.5, 1500.0), size=SIZE)
    scene = Scene(
        name=name,
        index=3,
        camera=camera,
        bodies=tuple(somebody(seed, camera) for seed in seeds),
        body_name=MODEL.name,
        faces=MODEL.faces,
    )
    path = tmp_path_factory.mktemp("json") / "scene.json"
    export.save_json(scene, path)
    back = export.load(path, MODEL)
    assert (back.name, back.index, back.body_name) == (name, 3, MODEL.name)
    assert (back.camera.size, back.camera.centre) == (camera.size, camera.centre)
    assert len(back.bodies) == len(seeds)
    for before, after in zip(scene.bodies, back.bodies, strict=True):
        _same_picture(before, after, camera)
        assert after.person.track == before.person.track
        assert abs(after.score - before.score) < 1e-5
        np.testing.assert_allclose(after.person.box, before.person.box, atol=1e-3)
        assert (after.mask is None) == (before.mask is None)
        if before.mask is not None and after.mask is not None:
            np.testing.assert_array_equal(after.mask.inside, before.mask.inside)


def _same_picture(before, after, camera):
    one = project(before.mesh.vertices + before.translation, camera)
    other = project(after.mesh.vertices + after.translation, camera)
    # What single precision skinning itself leaves, and the rounding: a hundredth of a pixel.
    assert np.abs(one - other).max() < 0.01
    for name, points in before.keypoints_2d.items():
        np.testing.assert_allclose(after.keypoints_2d[name][:, :2], points[:, :2], atol=1e-3)
    for name, points in before.joints_3d.items():
        np.testing.assert_allclose(
            project(after.joints_3d[name], camera), project(points, camera), atol=0.01
        )


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6))
def test_a_file_cut_off_anywhere_says_where(tmp_path_factory, cut):
    camera = Camera(focal=500.0, centre=(20.0, 15.0), size=SIZE)
    scene = Scene(
        name="a.jpg",
        index=0,
        camera=camera,
        bodies=(somebody(1, camera),),
        body_name=MODEL.name,
        faces=MODEL.faces,
    )
    path = tmp_path_factory.mktemp("json") / "scene.json"
    export.save_json(scene, path)
    text = path.read_text()
    json.loads(text)
    path.write_text(text[: cut % (len(text.rstrip()) - 1)])
    with pytest.raises(BadInput, match=r"line .*column"):
        export.load(path, MODEL)

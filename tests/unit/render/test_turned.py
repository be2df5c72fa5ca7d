"""Scenes that are turned: shapes stay, the head is up, above is where the head is."""

import numpy as np
import pytest

from pymafsam import body
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Person, Pose, Scene
from pymafsam.render import turned

MODEL = body.load("anny24")


@pytest.fixture(scope="module")
def scene() -> Scene:
    camera = picture_camera((96, 96))
    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotations[0] = np.diag([1.0, -1.0, -1.0])
    pose = Pose(rotations=rotations, betas=np.zeros(10, np.float32))
    people = [
        body.place(
            MODEL, pose, np.array([x, 0.0, z]), camera,
            Person(box=np.array([0.0, 0, 96, 96]), score=1.0), score=1.0,
        )
        for x, z in ((-0.5, 4.0), (0.5, 6.0))
    ]  # fmt: skip
    return Scene(
        name="a.jpg", index=0, camera=camera, bodies=tuple(people), body_name=MODEL.name,
        faces=MODEL.faces,
    )  # fmt: skip


def places(scene: Scene) -> np.ndarray:
    return np.concatenate([one.mesh.vertices + one.translation for one in scene.bodies])


def test_a_full_turn_changes_nothing_and_half_turns_add_up(scene):
    half = turned.turned(scene, turned.about_vertical(np.pi))
    whole = turned.turned(half, turned.about_vertical(np.pi))
    assert np.abs(places(whole) - places(scene)).max() < 1e-4
    assert np.abs(places(half) - places(scene)).max() > 1


def test_turning_moves_nobody_apart(scene):
    other = turned.turned(scene, turned.about_vertical(1.0))
    one, two = places(scene)[::500], places(other)[::500]
    apart = lambda p: np.linalg.norm(p[:, None] - p, axis=-1)  # noqa: E731
    assert np.allclose(apart(one), apart(two), atol=1e-4)


def test_the_front_is_wider_than_the_side_and_from_above_the_far_one_is_higher(scene):
    def columns(picture: np.ndarray) -> np.ndarray:
        colour = np.ptp(picture.astype(int), axis=2) > 25  # people are coloured, the stage is grey
        return colour

    front = columns(turned.front_view(scene, (120, 120)))
    top = columns(turned.top_view(scene, (120, 120)))
    assert front.any()
    assert top.any()
    left, right = top[:, :60], top[:, 60:]
    middle = lambda part: np.nonzero(part)[0].mean()  # noqa: E731
    assert middle(right) < middle(left)  # the one on the right stands two metres farther away


def test_a_turntable_gives_its_frames_in_one_size(scene):
    frames = list(turned.turntable(scene, 4, (64, 48)))
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 4
    assert (frames[0] != frames[1]).any()

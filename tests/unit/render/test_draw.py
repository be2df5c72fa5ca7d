"""Overlays, side views, silhouettes and marks: what must hold of the pixels."""

import dataclasses

import numpy as np
import pytest

from pymafsam import render
from pymafsam.geometry.camera import picture_camera, project
from pymafsam.records import Body, Mesh, Person, Pose, Scene
from pymafsam.render import shade
from pymafsam.render.side import turn

SIZE = (120, 90)
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
# Outward, clockwise or not as the right-hand rule has it.
FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ],
    np.int32,
)


def block(place, half=0.3, track=None):
    """A cube as a body."""
    return Body(
        person=Person(box=np.zeros(4), score=1.0, track=track),
        pose=Pose(rotations=np.tile(np.eye(3), (24, 1, 1)), betas=np.zeros(10)),
        mesh=Mesh(vertices=CORNERS * half, joints=np.zeros((24, 3))),
        translation=np.array(place, float),
        score=1.0,
    )


def stage(*bodies, size=SIZE):
    return Scene(
        name="x",
        index=0,
        camera=picture_camera(size),
        bodies=bodies,
        body_name="cube",
        faces=FACES,
    )


@pytest.fixture
def photo():
    return np.random.default_rng(3).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)


def test_without_people_the_picture_stays_as_it_is(photo):
    np.testing.assert_array_equal(render.overlay(photo, stage()), photo)


def test_the_photograph_is_not_written_on_and_stays_the_same_around_the_body(photo):
    before = photo.copy()
    scene = stage(block((0, 0, 4)))
    drawn = render.overlay(photo, scene)
    np.testing.assert_array_equal(photo, before)
    corners = project(CORNERS * 0.3 + [0, 0, 4], scene.camera)
    x0, y0 = np.floor(corners.min(axis=0)).astype(int)
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int)
    changed = (drawn != photo).any(axis=2)
    assert changed[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].mean() > 0.95
    changed[y0:y1, x0:x1] = False
    assert not changed.any()


def test_whoever_is_nearer_hides_whoever_is_behind(photo):
    near, far = block((0, 0, 3), track=0), block((0, 0, 6), half=0.2, track=1)
    alone = render.overlay(photo, stage(near))
    for pair in ((near, far), (far, near)):
        np.testing.assert_array_equal(render.overlay(photo, stage(*pair)), alone)


def test_a_tracked_person_keeps_their_colour(photo):
    two = stage(block((-1, 0, 4), track=4), block((1, 0, 4), track=7))
    colours = render.colours_of(two.bodies)
    np.testing.assert_array_equal(colours[1], render.colours_of([block((0, 0, 1), track=7)])[0])
    assert not np.array_equal(colours[0], colours[1])


def test_tiles_leave_no_seams(photo):
    """The same body over a wide plain picture, moved by a whole number of pixels, is drawn the
    same although tiles cut it elsewhere."""
    size = (700, 400)
    plain = np.full((size[1], size[0], 3), 60, np.uint8)
    scene = stage(block((0, 0, 2.2), half=0.4), size=size)
    whole = render.overlay(plain, scene)
    camera = dataclasses.replace(scene.camera, size=(837, 491))
    shifted = dataclasses.replace(camera, centre=(camera.centre[0] + 137, camera.centre[1] + 91))
    wide = np.full((491, 837, 3), 60, np.uint8)
    moved = render.overlay(wide, dataclasses.replace(scene, camera=shifted))
    np.testing.assert_allclose(moved[91:, 137:].astype(int), whole.astype(int), atol=1)


def test_edges_are_smooth():
    plain = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    drawn = render.overlay(plain, stage(block((0.011, 0.007, 4))))
    levels = np.unique(drawn[SIZE[1] // 2, :, 2])
    assert len(levels) > 3, "background, body and at least two mixtures"


def test_bodies_around_behind_and_through_the_camera_do_no_harm(photo):
    for place in ((0, 0, 0), (0, 0, -3), (0.1, 0, 0.2), (50, 0, 0.3), (0, 1e4, 1e-3)):
        drawn = render.overlay(photo, stage(block(place)))
        assert drawn.shape == photo.shape
        view = render.side_view(stage(block(place), block((0, 0, 3))))
        assert view.dtype == np.uint8
    assert not render.silhouettes(stage(block((0, 0, -3))))[0].any()


def test_a_large_picture_is_drawn_where_people_stand():
    size = (6000, 4000)
    large = np.zeros((size[1], size[0], 3), np.uint8)
    drawn = render.overlay(large, stage(block((0, 0, 20)), size=size))
    assert drawn[2000, 3000].any()
    assert not drawn[:1000].any()


def test_silhouettes_show_everybody_alone_even_when_hidden():
    scene = stage(block((0, 0, 3)), block((0, 0, 6), half=0.2))
    front, hidden = render.silhouettes(scene)
    assert hidden.any()
    assert (front >= hidden).all()
    alone = render.silhouette(scene.bodies[1], FACES, scene.camera)
    np.testing.assert_array_equal(hidden, alone)


def test_a_silhouette_is_the_projected_outline():
    scene = stage(block((0.3, -0.2, 4)))
    corners = project(CORNERS * 0.3 + [0.3, -0.2, 4], scene.camera)
    seen = render.silhouettes(scene)[0]
    # The front of the cube, an axis-parallel square, is in it; all is within the corners' box.
    front = corners[CORNERS[:, 2] < 0]
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    within = (np.stack([x, y], -1) > front.min(0)) & (np.stack([x, y], -1) < front.max(0))
    outside = (np.stack([x, y], -1) < corners.min(0)) | (np.stack([x, y], -1) > corners.max(0))
    assert seen[within.all(axis=2)].all()
    assert not seen[outside.any(axis=2)].any()


def test_the_side_is_a_quarter_turn_about_the_vertical():
    points = np.random.default_rng(0).normal(size=(9, 3))
    np.testing.assert_array_equal(turn(points)[:, 1], points[:, 1])
    np.testing.assert_array_equal(turn(turn(turn(turn(points)))), points)
    np.testing.assert_array_equal(turn(np.array([[0.0, 0, 1]])), [[1, 0, 0]])


def test_the_side_view_shows_everybody_whole_and_in_order_of_depth():
    far_apart = stage(
        block((0, 0, 40), track=1), block((0.5, 0.2, 4), track=0), block((-3, 0, 5), track=2)
    )
    nobody = render.side_view(stage(), size=(400, 200)).astype(int)
    view = render.side_view(far_apart, size=(400, 200)).astype(int)
    hue = view - view.mean(axis=2, keepdims=True)
    coloured = np.abs(hue).max(axis=2) > 25
    assert np.abs(nobody - nobody.mean(axis=2, keepdims=True)).max() < 25
    assert not coloured[:, [0, -1]].any()
    assert not coloured[[0, -1]].any()
    blue = coloured & (hue.argmax(axis=2) == 2)
    orange = coloured & (hue.argmax(axis=2) == 0)
    assert blue.any()
    assert orange.any()
    assert np.nonzero(blue)[1].mean() < np.nonzero(orange)[1].mean()


def test_light_goes_to_bytes_and_back():
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(-1, 3)
    np.testing.assert_array_equal(shade.to_srgb(shade.to_linear(every)), every)


def test_normals_of_a_cube_point_out_of_its_corners():
    normals = shade.vertex_normals(CORNERS, FACES)
    assert (np.sign(normals) == np.sign(CORNERS)).all() or (
        np.sign(normals) == -np.sign(CORNERS)
    ).all()


def test_boxes_and_keypoints_are_drawn_where_they_are():
    plain = np.zeros((80, 100, 3), np.uint8)
    boxed = render.draw_box(plain, np.array([20.0, 10, 60, 70]))
    rows, columns = np.nonzero(boxed.any(axis=2))
    assert abs(columns.min() - 20) <= 3
    assert abs(rows.max() - 70) <= 3
    assert not boxed[30:50, 30:50].any()
    points = np.zeros((17, 3))
    points[0] = [50.5, 40.5, 0.9]
    points[1] = [10, 10, 0.1]
    marked = render.draw_keypoints(plain, points)
    rows, columns = np.nonzero(marked.any(axis=2))
    assert abs(rows.mean() - 40) < 0.5
    assert abs(columns.mean() - 50) < 0.5
    assert not plain.any()

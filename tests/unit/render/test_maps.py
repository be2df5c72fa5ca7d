"""Depth, normals, parts and cut-outs: numbers of what each pixel sees."""

import numpy as np
from test_draw import SIZE, block, stage

from pymafsam import render
from pymafsam.render import maps


def test_depth_is_that_of_the_nearest_surface_in_millimetres():
    seen = maps.depth(stage(block((0, 0, 4), half=0.5), block((0, 0, 9), half=0.5)))
    middle = seen[SIZE[1] // 2, SIZE[0] // 2]
    assert middle == 3500
    assert seen[0, 0] == 0
    assert maps.depth(stage()).max() == 0


def test_where_there_is_depth_there_is_a_silhouette():
    scene = stage(block((0.4, 0, 4)))
    np.testing.assert_array_equal(maps.depth(scene) > 0, render.silhouettes(scene)[0])


def test_normals_point_at_the_camera_and_are_black_beside_the_body():
    seen = maps.normals(stage(block((0, 0, 4), half=0.5)))
    middle = seen[SIZE[1] // 2, SIZE[0] // 2].astype(int)
    # A cube's corners have slanted normals; in the middle of its front they even out.
    assert middle[2] > 200
    assert abs(middle[:2] - 127).max() < 70
    assert (seen[0, 0] == 0).all()


def test_parts_are_the_joint_that_moves_most_of_what_is_seen():
    weights = np.zeros((8, 24))
    weights[:, 5] = 0.7
    weights[:, 6] = 0.3
    scene = stage(block((0, 0, 4)), block((1, 0, 5)))
    seen = maps.parts(scene, weights)
    assert set(np.unique(seen)) == {0, 6}


def test_a_cut_out_laid_on_a_photograph_is_the_overlay():
    scene = stage(block((0, 0, 4)))
    photo = np.random.default_rng(3).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    cut = maps.cut_out(scene).astype(float)
    alpha = cut[..., 3:] / 255
    laid = cut[..., :3] * alpha + photo * (1 - alpha)
    assert np.abs(laid - render.overlay(photo, scene, opacity=1.0)).max() <= 2

"""The rasteriser against triangles whose picture is known."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pymafsam.render import layers, machine_code
from pymafsam.render import raster as module
from pymafsam.render.raster import rasterise

ENGINES = pytest.mark.parametrize("engine", ["numba", "numpy"])
SQUARE = np.array([[0, 1, 2], [0, 2, 3]])


def square(x0, y0, x1, y1, depth=1.0):
    return np.array([[x0, y0, depth], [x1, y0, depth], [x1, y1, depth], [x0, y1, depth]])


@ENGINES
def test_a_box_covers_the_pixels_whose_centres_it_holds(engine):
    seen = rasterise(square(2, 1, 5, 4), SQUARE, (8, 6), engine=engine).face >= 0
    wanted = np.zeros((6, 8), bool)
    wanted[1:4, 2:5] = True
    np.testing.assert_array_equal(seen, wanted)


@ENGINES
def test_centres_on_the_left_and_top_edge_count_and_on_the_others_not(engine):
    seen = rasterise(square(1.5, 1.5, 4.5, 3.5), SQUARE, (8, 6), engine=engine).face >= 0
    wanted = np.zeros((6, 8), bool)
    wanted[1:3, 1:4] = True
    np.testing.assert_array_equal(seen, wanted)


@ENGINES
def test_the_nearer_of_two_is_seen_whatever_their_order(engine):
    points = np.concatenate([square(0, 0, 6, 6, depth=3.0), square(2, 2, 4, 4, depth=2.0)])
    faces = np.concatenate([SQUARE, SQUARE + 4])
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        raster = rasterise(points, faces[order], (6, 6), engine=engine)
        assert raster.depth[3, 3] == 2
        assert raster.depth[0, 0] == 3


@ENGINES
def test_of_two_equally_near_the_first_is_seen(engine):
    faces = np.concatenate([SQUARE, SQUARE])
    assert rasterise(square(0, 0, 3, 3), faces, (3, 3), engine=engine).face.max() <= 1


@ENGINES
def test_weights_follow_perspective(engine):
    # An edge from depth 1 to depth 3, seen at its middle: 1 / depth is halfway, 2 / 3.
    points = np.array([[0.0, 0, 1], [10, 0, 3], [0, 10, 1]])
    raster = rasterise(points, np.array([[0, 1, 2]]), (10, 10), engine=engine)
    x, y = 4.5, 0.5
    screen = np.array([1 - x / 10 - y / 10, x / 10, y / 10])
    surface = screen / points[:, 2]
    np.testing.assert_allclose(raster.barycentric[0, 4], surface / surface.sum(), rtol=1e-5)
    np.testing.assert_allclose(raster.depth[0, 4], 1 / surface.sum(), rtol=1e-5)


@ENGINES
def test_triangles_behind_or_at_the_camera_are_dropped(engine):
    for depth in (0.0, -2.0, np.nan, np.inf, 1e-6):
        points = square(0, 0, 6, 6)
        points[0, 2] = depth
        seen = rasterise(points, SQUARE[:1], (6, 6), engine=engine).face >= 0
        assert not seen.any(), depth


@ENGINES
def test_a_triangle_much_larger_than_the_picture_fills_it(engine):
    points = np.array([[-4e5, -4e5, 1], [4e5, -4e5, 1], [0, 5e5, 1.0]])
    raster = rasterise(points, np.array([[0, 1, 2]]), (40, 30), engine=engine)
    assert (raster.face == 0).all()


@ENGINES
def test_nothing_to_draw_gives_an_empty_raster(engine):
    raster = rasterise(np.zeros((0, 3)), np.zeros((0, 3), np.int32), (5, 4), engine=engine)
    assert raster.face.shape == (4, 5)
    assert (raster.face == -1).all()


def test_a_closed_surface_shows_the_outline_of_its_hull():
    """A sphere's picture from far away is a disc: its pixels are those with centres in it."""
    rings, sectors = 60, 120
    tilt = np.linspace(0, np.pi, rings)[:, None]
    turn = np.linspace(0, 2 * np.pi, sectors, endpoint=False)[None]
    ball = np.stack(
        [np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt) + 0 * turn], -1
    ).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sectors), indexing="ij")
    a, b = i * sectors + j, i * sectors + (j + 1) % sectors
    faces = np.concatenate(
        [np.stack([a, b, a + sectors], -1), np.stack([b, b + sectors, a + sectors], -1)]
    ).reshape(-1, 3)
    radius, middle = 30.0, 40.0
    points = ball[:, [0, 2, 1]] * [radius, radius, 0.1] + [middle, middle, 5]
    seen = rasterise(points, faces, (80, 80)).face >= 0
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(80) + 0.5)
    distance = np.hypot(x - middle, y - middle)
    assert seen[distance < radius - 0.1].all()
    assert not seen[distance > radius].any()


def test_the_picture_of_a_mesh_agrees_with_rays_shot_at_it():
    """Moeller and Trumbore's intersection, in floating point, as the oracle."""
    random = np.random.default_rng(4)
    points = random.uniform([-5, -5, 1], [35, 30, 4], (60, 3))
    faces = random.integers(0, 60, (40, 3))
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    raster = rasterise(points, faces, (30, 24))
    focal = 100.0
    space = points.copy()
    space[:, :2] *= points[:, 2:] / focal
    wrong = 0
    for row in range(24):
        for column in range(30):
            ray = np.array([(column + 0.5) / focal, (row + 0.5) / focal, 1.0])
            wrong += _nearest_hit(ray, space[faces]) != raster.face[row, column]
    assert wrong <= 2  # corners are snapped to 1/1024 pixel: an edge may fall to either side


def _nearest_hit(ray, triangles):
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    across = np.cross(ray, second)
    determinant = (first * across).sum(1)
    u = (-triangles[:, 0] * across).sum(1) / determinant
    other = np.cross(-triangles[:, 0], first)
    v = (ray * other).sum(1) / determinant
    distance = (second * other).sum(1) / determinant
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    return int(np.where(hit, distance, np.inf).argmin()) if hit.any() else -1


def test_without_numba_numpy_draws_and_says_so_once(monkeypatch, caplog):
    def broken():
        raise ImportError("no numba here")

    monkeypatch.setattr(module, "_numba", broken)
    module._compiled.forget()
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                seen = rasterise(square(0, 0, 3, 3), SQUARE, (3, 3)).face >= 0
        assert seen.all()
        assert [record.getMessage() for record in caplog.records].count(
            "numba cannot be used (no numba here); drawing with numpy, about 20 times slower"
        ) == 1
    finally:
        module._compiled.forget()


def test_threads_that_draw_at_once_wait_for_one_compilation(monkeypatch):
    asked, begun = [], threading.Event()

    def slow(kernel):
        asked.append(kernel.name)
        begun.set()
        time.sleep(0.1)
        raise ImportError("no numba here")

    monkeypatch.setattr(machine_code, "load", slow)
    parts = (module._numba, module._compiled, layers._compiled)
    for part in parts:
        part.forget()
    try:
        with ThreadPoolExecutor(2) as crew:
            first = crew.submit(layers.prepare)
            begun.wait()
            second = crew.submit(layers.prepare)
            first.result()
            second.result()
    finally:
        for part in parts:
            part.forget()
    assert asked == ["raster", "light"]

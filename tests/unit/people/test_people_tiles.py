"""Tiles that show BlazePose's own detector smaller people."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.people.tiles import cells, tiles


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900))
def test_tiles_of_every_size_cover_the_picture(width, height):
    by_side: dict[float, list] = {}
    for tile in tiles(width, height, 2):
        by_side.setdefault(tile.side, []).append(tile.centre)
    assert len(by_side) == 3
    for side, centres in by_side.items():
        for axis, length in ((0, width), (1, height)):
            edges = sorted({centre[axis] for centre in centres})
            assert edges[0] - side / 2 <= 1e-6
            assert edges[-1] + side / 2 >= length - 1e-6
            steps = np.diff(edges)
            assert (steps <= side / 2 + 1e-6).all()


def test_there_is_a_cell_for_each_of_the_networks_guesses():
    found = cells()
    assert found.shape == (2254, 2)
    np.testing.assert_allclose(found[0], [0.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(found[-1], [6.5 / 7, 6.5 / 7])
    np.testing.assert_allclose(found[2], [1.5 / 28, 0.5 / 28])

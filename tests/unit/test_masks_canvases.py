"""A canvas that is cut off where the picture ends gives nearly the masks of a whole one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files.frames import read_picture
from pymafsam.masks import bands, canvases, mobilesam
from pymafsam.masks.sam import SamSegmenter
from pymafsam.masks.view import (
    BEYOND,
    CANVAS,
    LEAST_ROOM,
    STEP,
    around,
    blank,
    completed,
    normalise,
    whole,
)
from pymafsam.pretrained import catalogue, networks
from pymafsam.pretrained.sessions import Session
from pymafsam.records import Prompt

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def published(request):
    """The encoder as it was published."""
    request.getfixturevalue("networks")
    return Session(catalogue.locate("mobilesam-encoder"), threads=1)


@pytest.fixture(scope="module")
def decoder():
    return networks.opened("mobilesam-decoder", threads=1, cut=mobilesam.opened)


@pytest.fixture(scope="module")
def cut():
    return networks.opened("mobilesam-encoder", threads=1, cut=canvases.any_size)


sides = st.integers(1, 5000)


@given(sides, sides)
def test_a_canvas_is_cut_off_beyond_the_picture_and_not_far_beyond(width, height):
    view = whole((width, height))
    *_, right, bottom = view.place_of_region()
    assert (view.part.top, view.part.left) == (0, 0)
    for end, length in ((bottom, view.part.bottom), (right, view.part.right)):
        assert length % STEP == 0
        assert length == CANVAS or BEYOND <= length - end < BEYOND + STEP


@given(st.integers(0, 300), st.integers(0, 200), st.integers(3, 90), st.integers(3, 90))
def test_what_is_cut_off_of_a_closer_look_is_blank(left, top, width, height):
    view = around(np.array([left, top, left + width, top + height], float), (400, 300), 2.2)
    canvas = blank()
    view.place(canvas, np.zeros((300, 400, 3), np.uint8))
    planes = normalise(canvas)
    np.testing.assert_array_equal(completed(normalise(view.part.of(canvas))), planes)


corners = st.lists(st.floats(-50, 1000), min_size=4, max_size=4)


@given(sides, sides, st.lists(corners, min_size=1, max_size=3))
def test_around_people_a_part_of_the_canvas_is_kept(width, height, boxes):
    view = whole((width, height))
    boxes = np.sort(np.array(boxes).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    near = view.cut(boxes)
    for name in ("top", "left", "bottom", "right"):
        assert getattr(near.part, name) % STEP == 0
    for low, high, before, after, k in (
        (near.part.left, near.part.right, view.part.left, view.part.right, 0),
        (near.part.top, near.part.bottom, view.part.top, view.part.bottom, 1),
    ):
        assert before <= low < high <= after
        # Everybody with some room around them, as far as there is a canvas.
        end = CANVAS * (width, height)[k] / max(width, height)
        assert low <= max(min(boxes[:, k].min() * view.scale, end) - LEAST_ROOM, before)
        assert high >= min(max(boxes[:, 2 + k].max() * view.scale, 0) + LEAST_ROOM, after)
    assert near.cut() == view
    x0, y0, x1, y1 = near.seen()
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


def test_nobody_is_where_nothing_was_looked_at():
    view = whole((640, 427)).cut(np.array([[300.0, 100, 400, 300]]))
    seen = np.isfinite(view.to_picture(np.ones((256, 256), np.float32)))
    x0, y0, x1, y1 = view.seen()
    assert seen[y0:y1, x0:x1].all()
    assert seen.sum() == (x1 - x0) * (y1 - y0) < seen.size
    assert x0 <= 260
    assert x1 >= 440


def test_of_a_whole_canvas_the_features_are_those_of_the_published_graph(published, cut):
    view = whole((600, 600))
    canvas = blank()
    view.place(canvas, np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8))
    planes = normalise(canvas)
    (expected,) = published.run(None, {"input": planes})
    found = mobilesam.MobileSam(cut, cut).encode(planes)
    np.testing.assert_allclose(found, expected, atol=1e-5)  # of .5


@pytest.mark.parametrize("size", [(96, 160), (512, 224)])
def test_in_bands_the_features_are_those_of_the_graph_in_one_piece(cut, size):
    divided = networks.opened("mobilesam-encoder", threads=1, cut=bands.in_bands)
    planes = np.random.default_rng(0).standard_normal((1, 3, *size)).astype(np.float32)
    found, expected = (one.run(None, {"input": planes})[0] for one in (divided, cut))
    np.testing.assert_allclose(found, expected, atol=1e-5)  # of .5


def test_another_network_is_not_divided_into_bands(request):
    request.getfixturevalue("networks")
    with pytest.raises(BadInput, match="not MobileSAM's encoder"):
        bands.in_bands(catalogue.locate("mobilesam-decoder"))


class Whole(mobilesam.MobileSam):
    """The published network, which takes the whole square."""

    is_local = False

    def encode(self, canvas, corner=(0, 0)):
        return super().encode(completed(canvas), corner)


@pytest.mark.parametrize(
    ("name", "box"), [("kite", [63.0, 132, 198, 384]), ("lunge", [135.0, 84, 378, 342])]
)
def test_the_mask_of_a_photograph_is_nearly_that_of_a_whole_canvas(
    published, cut, decoder, name, box
):
    pixels = read_picture(EXAMPLES / f"{name}.jpg").pixels  # one is high, one is wide
    engines = (
        Whole(published, decoder),
        mobilesam.MobileSam(cut, decoder),
    )
    prompts = [Prompt(box=np.array(box))]
    first, second = (SamSegmenter(one).segment(pixels, prompts)[0] for one in engines)
    assert first is not None
    assert second is not None
    shared = (first.inside & second.inside).sum() / (first.inside | second.inside).sum()
    assert shared > 0.96


@pytest.mark.usefixtures("networks")
def test_another_network_is_refused():
    path = catalogue.locate("mobilesam-decoder")
    with pytest.raises(BadInput, match="is not MobileSAM's encoder"):
        canvases.any_size(path)

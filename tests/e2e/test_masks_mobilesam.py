"""MobileSAM itself, on a picture whose answer is known."""

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.masks import load_segmenter
from pymafsam.masks.mobilesam import opened
from pymafsam.pretrained import catalogue
from pymafsam.records import Prompt

pytestmark = pytest.mark.network

CENTRE, RADIUS = np.array([150.0, 90.0]), 40.0


@pytest.fixture(scope="module")
def segmenter():
    if not (catalogue.is_cached("mobilesam-encoder") and catalogue.is_cached("mobilesam-decoder")):
        pytest.skip("MobileSAM is not in the cache (pymafsam fetch)")
    return load_segmenter("mobilesam", threads=1)


def disk(width=240, height=160):
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.hypot(columns - CENTRE[0], rows - CENTRE[1]) < RADIUS


def ball_on_grass():
    rng = np.random.default_rng(0)
    pixels = rng.normal((60, 110, 50), 8, (160, 240, 3))
    pixels[disk()] = rng.normal((220, 120, 40), 4, (disk().sum(), 3))
    return pixels.clip(0, 255).astype(np.uint8)


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


BOX = np.array([*CENTRE - RADIUS, *CENTRE + RADIUS])
PROMPTS = [
    Prompt(box=BOX),
    Prompt(clicks=CENTRE[None]),
    Prompt(clicks=np.array([CENTRE, [10.0, 10]]), inside=np.array([True, False])),
    Prompt(keypoints=np.array([[*CENTRE, 1], [130.0, 100, 1], [5, 5, 0.1]])),
    Prompt(mask=disk()),
    Prompt(box=BOX, mask=disk(), keypoints=np.array([[*CENTRE, 1]])),
]


def test_every_prompt_finds_the_ball(segmenter):
    # One at a time: six people who share their pixels would be parted.
    pixels = ball_on_grass()
    view_of = [segmenter.segment(pixels, [prompt])[0] for prompt in PROMPTS[:2]]
    together = segmenter.segment_together([pixels] * 4, [[prompt] for prompt in PROMPTS[2:]])
    for mask in [*view_of, *(one[0] for one in together)]:
        assert overlap(mask.inside, disk()) > 0.93
        assert mask.score > 0.7


def test_the_same_picture_gives_the_same_bits(segmenter):
    first, second = (segmenter.segment(ball_on_grass(), PROMPTS[:1])[0] for _ in range(2))
    np.testing.assert_array_equal(first.inside, second.inside)
    assert first.score == second.score


def test_another_graph_is_not_taken_for_the_decoder():
    if not catalogue.is_cached("mobilesam-encoder"):
        pytest.skip("MobileSAM is not in the cache (pymafsam fetch)")
    with pytest.raises(BadInput, match="not MobileSAM's decoder"):
        opened(catalogue.locate("mobilesam-encoder"))

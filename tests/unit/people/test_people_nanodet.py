"""People are found in the picture alone as they are in a square with a blank rest."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files.frames import read_picture
from pymafsam.people import nanodet
from pymafsam.people.nanodet import BEYOND, SIDE, STEP, NanoDet, any_size, enough
from pymafsam.pretrained import catalogue, networks
from pymafsam.pretrained.sessions import Session

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture(scope="module")
def published(request):
    request.getfixturevalue("networks")
    return Session(catalogue.locate("nanodet"), threads=1)


@given(st.integers(1, SIDE))
def test_the_input_ends_beyond_the_picture_and_not_far_beyond(length):
    found = enough(length)
    assert found % STEP == 0
    assert found == SIDE or BEYOND <= found - length < BEYOND + STEP


def test_of_a_square_the_graph_for_any_size_gives_the_published_answers(published):
    given = {"input_1": np.random.default_rng(0).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)}
    session = networks.opened("nanodet", threads=1, cut=any_size)
    for one, two in zip(session.run(None, given), published.run(None, given), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("name", ["kite", "lunge"])  # one is high, one is wide
def test_the_same_people_are_found_as_in_a_square(published, monkeypatch, name):
    pixels = read_picture(EXAMPLES / f"{name}.jpg").pixels
    cut = NanoDet(networks.opened("nanodet", threads=1, cut=any_size)).find(pixels)[0]
    monkeypatch.setattr(nanodet, "enough", lambda length: SIDE)
    whole = NanoDet(published).find(pixels)[0]
    assert abs(cut.score - whole.score) < 0.01
    np.testing.assert_allclose(cut.box, whole.box, atol=0.01 * max(pixels.shape))


@pytest.mark.usefixtures("networks")
def test_another_network_is_refused():
    path = catalogue.locate("mobilesam-decoder")
    with pytest.raises(BadInput, match="is not the NanoDet"):
        any_size(path)

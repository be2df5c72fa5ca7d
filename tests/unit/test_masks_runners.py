"""What runs MobileSAM's encoder: which one is taken, and that their masks are alike."""

from pathlib import Path

import numpy as np
import pytest

from pymafsam.files.frames import read_picture
from pymafsam.masks import SEGMENTERS, load_segmenter, mobilesam
from pymafsam.pretrained import networks
from pymafsam.records import Prompt

KITE = Path(__file__).resolve().parents[2] / "examples" / "kite.jpg"


@pytest.mark.parametrize(
    ("installed", "has_bf16", "taken"),
    [
        (False, True, "mobilesam"),
        (True, False, "mobilesam-openvino"),
        (True, True, "mobilesam-bf16"),
    ],
)
def test_the_fastest_is_known_by_what_is_here(monkeypatch, installed, has_bf16, taken):
    monkeypatch.setattr(mobilesam, "find_spec", lambda name: installed or None)
    monkeypatch.setattr(networks, "has_bf16", lambda: has_bf16)
    assert mobilesam.fastest() == taken
    assert taken in SEGMENTERS.names()


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize(
    ("name", "alike"), [("mobilesam-openvino", 0.9995), ("mobilesam-bf16", 0.97)]
)
def test_masks_by_openvino_are_nearly_those_of_onnx_runtime(name, alike):
    pytest.importorskip("openvino")
    pixels = read_picture(KITE).pixels
    prompts = [Prompt(box=np.array([63.0, 132, 198, 384]))]
    first, second, again = (
        load_segmenter(one, threads=1).segment(pixels, prompts)[0]
        for one in ("mobilesam", name, name)
    )
    assert first is not None
    assert second is not None
    assert again is not None
    assert (first.source, second.source) == ("mobilesam", name)
    shared = (first.inside & second.inside).sum() / (first.inside | second.inside).sum()
    assert shared > alike
    np.testing.assert_array_equal(second.inside, again.inside)

"""Networks of TensorFlow Lite say the same on ONNX Runtime as on their own runtime."""

import dataclasses

import numpy as np
import pytest

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.people.landmarks import SIZE, BlazePose
from pymafsam.people.litert import Network
from pymafsam.pretrained import catalogue, tflite, tflite_onnx
from pymafsam.pretrained.sessions import Session


@pytest.fixture
def path():
    try:
        return catalogue.locate("blazepose-full")
    except MissingAsset as error:
        pytest.skip(f"the network cannot be had: {error}")


def test_a_converted_network_says_what_the_file_says(path):
    here = Network(path)
    there = BlazePose(Session(tflite_onnx.to_onnx(path), threads=1))
    picture = np.random.default_rng(3).random((1, SIZE, SIZE, 3), np.float32)
    for one, two in zip(here(picture), there(picture), strict=True):
        assert one.shape == two.shape
        np.testing.assert_allclose(two, one, atol=1e-3 * max(float(np.abs(one).max()), 1.0))


def test_an_operator_that_is_not_known_is_named(path, monkeypatch):
    file = tflite.read_graph(path)
    strange = dataclasses.replace(file.operators[-1], kind="operator 200")
    changed = dataclasses.replace(file, operators=(*file.operators[:-1], strange))
    monkeypatch.setattr(tflite, "read_graph", lambda _: changed)
    with pytest.raises(BadInput, match="operator 200"):
        tflite_onnx.to_onnx(path)

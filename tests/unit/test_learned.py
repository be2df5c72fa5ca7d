"""What was learned is added to a network's own numbers."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from pymafsam.errors import BadInput
from pymafsam.pretrained.conversions import LEARNED, add_learned


@pytest.fixture
def network(tmp_path):
    """Two convolutions, the first without a bias."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(size=(4, 3, 1, 1)).astype(np.float32),
        "second": random.normal(size=(2, 4, 1, 1)).astype(np.float32),
        "bias": random.normal(size=2).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "first"], ["between"]),
        helper.make_node("Relu", ["between"], ["positive"]),
        helper.make_node("Conv", ["positive", "second", "bias"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2, 2, 2])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = tmp_path / "network.onnx"
    onnx.save_model(helper.make_model(graph), str(path))
    return path, weights


def numbers(path) -> dict[str, np.ndarray]:
    graph = onnx.load(str(path)).graph
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


def test_differences_are_added_to_the_convolutions_they_name(network, tmp_path):
    path, before = network
    more = {
        "1.weight": np.full((2, 4, 1, 1), 0.5, np.float16),
        "1.bias": np.array([1.0, -2.0], np.float16),
    }
    save_file(more, tmp_path / "more.safetensors")
    add_learned(path, tmp_path / "more.safetensors")
    after = numbers(path)
    np.testing.assert_array_equal(after["first"], before["first"])
    np.testing.assert_array_equal(after["second"], before["second"] + np.float32(0.5))
    np.testing.assert_array_equal(after["bias"], before["bias"] + np.float32([1, -2]))


@pytest.mark.parametrize("name", ["0.bias", "2.weight", "1.weight"])
def test_differences_of_another_network_are_refused(network, tmp_path, name):
    path, before = network
    save_file({name: np.ones((7, 7), np.float16)}, tmp_path / "more.safetensors")
    with pytest.raises(BadInput, match="not of this network"):
        add_learned(path, tmp_path / "more.safetensors")
    for one, value in numbers(path).items():
        np.testing.assert_array_equal(value, before[one])


def test_what_is_shipped_is_small_beside_what_was_published():
    from safetensors.numpy import load_file

    for difference in load_file(LEARNED).values():
        assert difference.dtype == np.float16
        assert np.isfinite(difference).all()
        assert np.abs(difference).max() < 1

"""TensorFlow.js graphs become ONNX graphs that compute the same."""

import base64
import json

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.pretrained.sessions import Session
from pymafsam.pretrained.tfjs import digest, to_onnx

VALID = {"s": base64.b64encode(b"VALID").decode()}


def sizes(*numbers: int) -> dict:
    return {"list": {"i": [str(n) for n in numbers]}}


class Sketch:
    """A tfjs model put together by hand."""

    def __init__(self):
        self.nodes = [{"name": "x", "op": "Placeholder"}]
        self.arrays: dict[str, np.ndarray] = {}

    def constant(self, name: str, values, dtype) -> str:
        self.arrays[name] = np.asarray(values, dtype)
        self.nodes.append({"name": name, "op": "Const"})
        return name

    def node(self, op: str, name: str, *inputs: str, **attributes) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def saved(self, folder, inputs: tuple, outputs: dict[str, tuple], half: bool = False) -> dict:
        def shape(dims):
            return {"tensorShape": {"dim": [{"size": str(d)} for d in dims]}}

        weights = []
        content = b""
        for name, array in self.arrays.items():
            row = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
            if half and array.dtype == np.float32:
                row["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
                array = array.astype(np.float16)
            weights.append(row)
            content += array.tobytes()
        model = {
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["m.bin"], "weights": weights}],
            "signature": {
                "inputs": {"x:0": shape(inputs)},
                "outputs": {f"{name}:0": shape(dims) for name, dims in outputs.items()},
            },
        }
        (folder / "m.json").write_text(json.dumps(model))
        (folder / "m.bin").write_bytes(content)
        return {"m.json": folder / "m.json", "m.bin": folder / "m.bin"}


def sketch(rng: np.random.Generator) -> tuple[Sketch, dict[str, np.ndarray]]:
    """Pad, channels-last convolution with bias, leaky ReLU, pooling, resizing, split, sigmoid."""
    s = Sketch()
    w = rng.normal(size=(3, 3, 2, 4)).astype(np.float16).astype(np.float32)
    b = rng.normal(size=4).astype(np.float16).astype(np.float32)
    last = s.constant("to_last", [0, 2, 3, 1], np.int32)
    first = s.constant("to_first", [0, 3, 1, 2], np.int32)
    pad = s.constant("pad", [[0, 0], [0, 0], [1, 1], [1, 1]], np.int32)
    s.node("Pad", "padded", "x", pad)
    s.node("Transpose", "seen", "padded", last)
    s.constant("w", w, np.float32)
    s.constant("b", b, np.float32)
    s.node("Conv2D", "conv", "seen", "w", padding=VALID, strides=sizes(1, 1, 1, 1))
    s.node("Add", "biased", "conv", "b")
    s.node("LeakyRelu", "leaky", "biased", alpha={"f": 0.1})
    s.node(
        "MaxPool",
        "pooled",
        "leaky",
        padding=VALID,
        strides=sizes(1, 2, 2, 1),
        ksize=sizes(1, 2, 2, 1),
    )
    s.constant("size", [8, 8], np.int32)
    s.node("ResizeBilinear", "resized", "pooled", "size", half_pixel_centers={"b": True})
    s.node("AddV2", "sum", "resized", "leaky")
    s.node("Transpose", "back", "sum", first)
    s.constant("shares", [1, 3], np.int32)
    s.constant("axis", 1, np.int32)
    s.node("SplitV", "split", "back", "shares", "axis", num_split={"i": "2"})
    s.node("Sigmoid", "one", "split")
    s.constant("flat", [1, 3, 64], np.int32)
    s.node("Reshape", "rows", "split:1", "flat")
    s.constant("swap", [0, 2, 1], np.int32)
    s.node("Transpose", "three", "rows", "swap")
    s.node("Identity", "a", "one")
    s.node("Identity", "c", "three")
    return s, {"w": w, "b": b}


def slowly(x: np.ndarray, weights: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The same sums by plain loops over pixels."""
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    conv = np.zeros((8, 8, 4))
    for i in range(8):
        for j in range(8):
            patch = padded[:, i : i + 3, j : j + 3].transpose(1, 2, 0)
            conv[i, j] = np.tensordot(patch, weights["w"], 3) + weights["b"]
    leaky = np.where(conv > 0, conv, 0.1 * conv)
    pooled = leaky.reshape(4, 2, 4, 2, 4).max((1, 3))
    place = (np.arange(8) + 0.5) / 2 - 0.5
    low = np.clip(np.floor(place).astype(int), 0, 3)
    high, share = np.clip(low + 1, 0, 3), np.clip(place, 0, 3) - low
    rows = pooled[low] * (1 - share)[:, None, None] + pooled[high] * share[:, None, None]
    resized = rows[:, low] * (1 - share)[:, None] + rows[:, high] * share[:, None]
    total = (resized + leaky).transpose(2, 0, 1)
    return 1 / (1 + np.exp(-total[:1])), total[1:].reshape(3, 64).T


@pytest.mark.parametrize("half", [False, True])
def test_a_converted_graph_computes_what_plain_loops_compute(tmp_path, half):
    rng = np.random.default_rng(1)
    model, weights = sketch(rng)
    files = model.saved(tmp_path, (1, 2, 8, 8), {"a": (1, 1, 8, 8), "c": (1, 64, 3)}, half)
    to_onnx(files, tmp_path / "m.onnx")
    session = Session(tmp_path / "m.onnx")
    x = rng.normal(size=(1, 2, 8, 8)).astype(np.float32)
    found = session.run(["a", "c"], {"x": x})
    for have, want in zip(found, slowly(x, weights), strict=True):
        np.testing.assert_allclose(have[0], want, atol=1e-5)


def test_the_same_input_gives_the_same_file(tmp_path):
    model, _ = sketch(np.random.default_rng(1))
    files = model.saved(tmp_path, (1, 2, 8, 8), {"a": (1, 1, 8, 8), "c": (1, 64, 3)})
    to_onnx(files, tmp_path / "1.onnx")
    to_onnx(files, tmp_path / "2.onnx")
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


def test_an_unknown_operation_is_named(tmp_path):
    model = Sketch()
    model.node("Einsum", "a", "x")
    with pytest.raises(BadInput, match="Einsum"):
        to_onnx(model.saved(tmp_path, (1,), {"a": (1,)}), tmp_path / "m.onnx")


def test_truncated_weights_are_noticed(tmp_path):
    model, _ = sketch(np.random.default_rng(1))
    files = model.saved(tmp_path, (1, 2, 8, 8), {"a": (1, 1, 8, 8)})
    files["m.bin"].write_bytes(files["m.bin"].read_bytes()[:-4])
    with pytest.raises(BadInput, match="end within"):
        to_onnx(files, tmp_path / "m.onnx")


def test_the_digest_tells_versions_of_the_operations_apart(tmp_path):
    import onnx

    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [given], [made])
    sums = set()
    for version in (13, 17, 17):
        sets = [onnx.helper.make_opsetid("", version)]
        onnx.save(onnx.helper.make_model(graph, opset_imports=sets), str(tmp_path / "a.onnx"))
        sums.add(digest(tmp_path / "a.onnx"))
    assert len(sums) == 2

"""MoveNet in torch against the ONNX form of its file, and as a backbone of the loop."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam import body, crops, points
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.pretrained import catalogue

torch = pytest.importorskip("torch")
from pymafsam.network import movenet  # noqa: E402
from pymafsam.network.architecture import Architecture  # noqa: E402
from pymafsam.network.pymaf import PyMAF  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def file():
    try:
        return catalogue.locate("movenet")
    except MissingAsset as error:
        pytest.skip(f"the network cannot be fetched here ({error})")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    photograph = Image.open(ROOT / "examples" / "pitcher.jpg").convert("RGB")
    return np.asarray(photograph.resize((256, 256)), np.float32) / 255


def normalised(picture: np.ndarray):
    return torch.tensor(((picture - crops.MEAN) / crops.DEVIATION).transpose(2, 0, 1))[None]


@pytest.mark.network
def test_its_heads_are_those_of_the_onnx_form(file, picture):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = list(movenet.HEADS)
    wanted = session.run(names, {"picture": (2 * picture - 1)[None]})
    with torch.inference_mode():
        found = movenet.pretrained(file).eval().keypoints(normalised(picture))
    for name, theirs in zip(names, wanted, strict=True):
        ours = getattr(found, name).permute(0, 2, 3, 1).numpy()
        # Vectors reach across the window: what counts is the error beside the largest of them.
        largest = float(np.abs(theirs).max())
        assert largest > 1
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-5, atol=2e-5 * max(largest, 5), err_msg=name
        )


@pytest.mark.network
def test_a_file_of_another_network_is_refused(file, tmp_path):
    damaged = tmp_path / "cut.onnx"
    damaged.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(BadInput, match="fetch movenet"):
        movenet.pretrained(damaged)


@pytest.mark.parametrize("size", [7, 8, 9, 32])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_puts_the_odd_row_below_and_to_the_right(size, stride):
    layer = movenet.SameConv(1, 1, 3, stride, bias=False)
    torch.nn.init.ones_(layer.weight)
    found = layer(torch.ones(1, 1, size, size)).detach()[0, 0]
    # Counted by hand: how many of a window's three rows lie in the picture.
    outputs = -(-size // stride)
    before = max((outputs - 1) * stride + 3 - size, 0) // 2
    starts = np.arange(outputs) * stride - before
    inside = [sum(0 <= start + k < size for k in range(3)) for start in starts]
    np.testing.assert_array_equal(found, np.outer(inside, inside))


def test_the_loop_runs_on_it_from_the_mean_person_and_from_a_given_start():
    model = body.load("anny24")
    torch.manual_seed(0)
    architecture = Architecture(
        backbone="movenet-thunder",
        anchors=len(model.anchors),
        widths=(32, 5),
        hidden=256,
        dense=False,
        body=model.name,
    )
    network = PyMAF(architecture, model).eval()
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    looked = torch.from_numpy(points.grid()).expand(2, -1, -1)
    maps = network.backbone(images)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (channels, side, side)
        for channels, side in zip(network.backbone.channels, (6, 12, 24), strict=True)
    ]
    start = network.mean.expand(2, -1) + 0.01
    output = network(images, looked, start)
    torch.testing.assert_close(output.rounds[0].state, start)
    output.rounds[-1].vertices.square().mean().backward()
    assert network.backbone.stem[0].weight.grad.abs().sum() > 0

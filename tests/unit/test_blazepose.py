"""BlazePose in torch against the runtime its file was made for."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from scipy.special import expit  # noqa: E402

from pymafsam import crops  # noqa: E402
from pymafsam.errors import BadInput, MissingAsset  # noqa: E402
from pymafsam.network import blazepose  # noqa: E402
from pymafsam.network.backbone import BACKBONES  # noqa: E402
from pymafsam.pretrained import catalogue, tflite  # noqa: E402

PYRAMIDS = {"blazepose-full": (275, 277, 279), "blazepose-heavy": (541, 543, 545)}
HEATMAPS = {"blazepose-full": 298, "blazepose-heavy": 641}
PARAMETERS = {"blazepose-full": 1.6e6, "blazepose-heavy": 10.5e6}
NAMES = list(PYRAMIDS)


@pytest.fixture(scope="module", params=NAMES)
def named(request):
    try:
        path = catalogue.locate(request.param)
    except MissingAsset as error:
        pytest.skip(f"the network cannot be fetched here ({error})")
    return request.param, path


def runtime_tensors(path, image, wanted):
    """What LiteRT computes inside, channels last."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    return [interpreter.get_tensor(i)[0].transpose(2, 0, 1) for i in wanted]


@pytest.mark.network
def test_pyramid_and_heatmaps_are_the_runtimes(named):
    name, path = named
    coarse = np.random.default_rng(0).random((9, 9, 3)).astype(np.float32)
    image = np.kron(coarse, np.ones((32, 32, 1), np.float32))[:256, :256]
    expected = runtime_tensors(path, image, [*PYRAMIDS[name], HEATMAPS[name]])
    network, head = blazepose.pretrained(name).eval(), blazepose.keypoint_head(name)
    normalised = torch.tensor(((image - crops.MEAN) / crops.DEVIATION).transpose(2, 0, 1))[None]
    with torch.inference_mode():
        maps = network(normalised)
        found = [*maps, head(maps[-1])]
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        assert ours[0].shape == theirs.shape
        assert np.abs(theirs).max() > 1
        np.testing.assert_allclose(ours[0].numpy(), theirs, rtol=0, atol=1e-3)
    # The heatmaps' logits go to -110: within 1e-3 as the probabilities they are, and in scale.
    logits, theirs = found[3][0].numpy(), expected[3]
    assert np.abs(logits - theirs).max() < 1e-4 * np.abs(theirs).max()
    np.testing.assert_allclose(expit(logits), expit(theirs), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_what_a_backbone_promises(name):
    network = BACKBONES.load(name)()
    maps = network(torch.zeros(2, 3, 224, 224))
    shapes = [tuple(m.shape) for m in maps]
    assert shapes == [(2, 48, side, side) for side in (14, 28, 56)]
    assert network.channels == (48, 48, 48)
    count = sum(p.numel() for p in network.parameters())
    assert abs(count / PARAMETERS[name] - 1) < 0.1
    # A checkpoint carries weights and biases only, not the picture's normalisation.
    assert all(key.endswith(("weight", "bias")) for key in network.state_dict())


@pytest.mark.network
def test_gradients_reach_every_weight():
    try:
        network = blazepose.pretrained("blazepose-full")
    except MissingAsset as error:
        pytest.skip(f"the network cannot be fetched here ({error})")
    torch.manual_seed(0)
    sum(m.square().mean() for m in network(torch.randn(1, 3, 64, 64))).backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.network
def test_the_weights_of_another_network_are_refused(named):
    name, path = named
    other = blazepose.heavy() if name == "blazepose-full" else blazepose.full()
    with pytest.raises(BadInput, match="another network"):
        blazepose.load_published(other, path)


@pytest.mark.network
@pytest.mark.parametrize("keep", [0, 4, 100, 50_000])
def test_a_truncated_network_is_refused(named, keep, tmp_path):
    (tmp_path / "cut.tflite").write_bytes(named[1].read_bytes()[:keep])
    with pytest.raises(BadInput, match="cut"):
        tflite.read_graph(tmp_path / "cut.tflite")

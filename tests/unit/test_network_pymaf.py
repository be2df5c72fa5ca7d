"""The loop around the embedded body (not SMPL's 6890 vertices), with random weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body, points
from pymafsam.errors import BadInput, BadUsage

torch = pytest.importorskip("torch")
from pymafsam.network import inference, weights  # noqa: E402
from pymafsam.network.architecture import Architecture  # noqa: E402
from pymafsam.network.backbone import BACKBONES  # noqa: E402
from pymafsam.network.hmr import HMR  # noqa: E402
from pymafsam.network.pymaf import PyMAF  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module", autouse=True)
def tiny():
    BACKBONES.rows["tiny"] = "tiny_backbone:Tiny"
    yield
    del BACKBONES.rows["tiny"]


@pytest.fixture(scope="module")
def architecture(model):
    anchors = len(model.anchors)
    return Architecture(backbone="tiny", anchors=anchors, widths=(16, 8, 5), body=model.name)


@pytest.fixture(scope="module")
def network(model, architecture):
    torch.manual_seed(0)
    made = PyMAF(architecture, model).eval().requires_grad_(False)
    for regressor in made.regressors:  # as far from the mean as a trained network's
        for head in (regressor.pose, regressor.shape, regressor.camera):
            head.weight *= 40
    return made


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def grid(count: int):
    return torch.from_numpy(points.grid()).expand(count, -1, -1)


def last(network, images, looked):
    return network(images, looked).rounds[-1].vertices


def disc(x: int, y: int, radius: int = 40) -> np.ndarray:
    rows, columns = np.mgrid[:224, :224]
    return (columns - x) ** 2 + (rows - y) ** 2 < radius**2


def looks(*masks: np.ndarray):
    return torch.from_numpy(np.stack([points.from_mask(mask) for mask in masks]))


def test_bodies_have_the_models_vertices_whatever_their_number(network, model, images):
    rounds = network(images, grid(3)).rounds
    assert len(rounds) == 4
    assert rounds[-1].vertices.shape == (3, len(model.template), 3)
    assert len(model.template) != 6890
    assert rounds[1].vertices is None
    assert rounds[1].anchors.shape == (3, len(model.anchors), 3)


def test_a_moved_mask_moves_the_result(network, images):
    here = last(network, images[:1], looks(disc(90, 90)))
    there = last(network, images[:1], looks(disc(130, 140)))
    assert (here - there).norm(dim=-1).max() > 1e-3


def test_pixels_outside_the_mask_that_change_nothing_in_it_change_nothing(network, images):
    mask = disc(112, 112, 60)
    speck = mask.copy()
    speck[3, 3] = True
    assert torch.equal(looks(mask), looks(speck))


def test_the_same_mask_gives_the_same_result_bit_for_bit(network, images):
    looked = looks(disc(90, 100), disc(60, 60), disc(150, 150))
    assert torch.equal(last(network, images, looked), last(network, images, looked.clone()))


def test_company_in_the_batch_does_not_matter(network, images):
    looked = looks(disc(90, 100), disc(60, 60), disc(150, 150))
    together = last(network, images, looked)
    turned = last(network, images.flip(0), looked.flip(0)).flip(0)
    alone = torch.cat([last(network, images[i : i + 1], looked[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together, turned, atol=1e-5)


def test_the_mean_person_is_remembered_until_something_changes(network, images):
    network = weights.build(weights.snapshot(network), body.load("anny24"))
    with torch.no_grad():
        first = network(images, grid(3)).rounds[0]
        kept = network._first.estimate
        assert network(images, grid(3)).rounds[0].joints.data_ptr() == first.joints.data_ptr()
        network.mean[0, 144] += 2  # another shape
        second = network(images, grid(3)).rounds[0]
        assert network._first.estimate is not kept
        assert (second.anchors - first.anchors).abs().max() > 1e-3
        network.load_state_dict({**network.state_dict(), "mean": first.state[:1]})
        third = network(images, grid(3)).rounds[0]
        np.testing.assert_array_equal(third.anchors, first.anchors)
        network.double()
        assert network(images.double(), grid(3).double()).rounds[0].anchors.dtype == torch.float64


def test_training_may_follow_inference_mode(network, images):
    network = weights.build(weights.snapshot(network), body.load("anny24"))
    with torch.inference_mode():
        network(images, grid(3))
    loss = network(images, grid(3)).rounds[-1].vertices.square().mean()
    loss.backward()
    assert network.regressors[2].pose.weight.grad.abs().max() > 0


def test_a_rounds_loss_trains_its_own_regressor_and_not_the_ones_before(network, images):
    network = weights.build(weights.snapshot(network), body.load("anny24"))
    network(images, grid(3)).rounds[2].camera.sum().backward()
    grads = [r.camera.weight.grad for r in network.regressors]
    assert grads[0] is None
    assert grads[1] is not None
    assert grads[2] is None


def test_the_dense_maps_are_made_only_when_asked_for(network, images):
    assert network(images, grid(3)).dense is None
    assert network(images, grid(3), dense=True).dense.part.shape == (3, 25, 56, 56)


def test_a_start_of_ones_own_replaces_the_mean_person(network, images):
    start = network.mean.repeat(3, 1)
    start[:, 144:154] = 1.5
    own = network(images, grid(3), start)
    np.testing.assert_allclose(own.rounds[0].betas, 1.5)
    assert (own.rounds[-1].state - network(images, grid(3)).rounds[-1].state).abs().max() > 1e-3


def test_folding_normalisation_away_changes_rounding_alone(network, images):
    with torch.no_grad():
        network.backbone.bn1.running_mean.uniform_(-0.2, 0.2)
        network.backbone.bn1.running_var.uniform_(0.5, 2)
    quick = inference.prepare(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in quick.modules())
    found = quick(images, grid(3)).rounds[-1].vertices
    np.testing.assert_allclose(found, last(network, images, grid(3)), atol=2e-5)


def test_folding_reaches_every_normalisation_of_the_official_backbone():
    backbone = BACKBONES.load("resnet50")().eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = [m.clone() for m in backbone(image)]
        inference.fold_batch_norm(backbone)
        after = backbone(image)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in backbone.modules())
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-4 * float(a.abs().max()))


def test_the_ancestor_runs_without_points(model):
    sizes = {"points": 0, "anchors": 0, "dense": False}
    torch.manual_seed(0)
    network = HMR(Architecture(network="hmr", **sizes), model, np.zeros(0, np.int64)).eval()
    with torch.no_grad():
        rounds = network(torch.rand(1, 3, 64, 64)).rounds
    assert rounds[-1].vertices.shape == (1, len(model.template), 3)
    assert (rounds[-1].state - rounds[0].state).abs().max() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": 22}, "poses 22 joints"),
        ({"anchors": 7}, "looks at 7 anchor"),
        ({"vertices": 6890}, "body of 6890 vertices"),
        ({"betas": 300}, "300 shape directions"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_reason(model, architecture, change, message):
    with pytest.raises(BadInput, match=message):
        PyMAF(replace(architecture, **change), model)


def test_devices_that_are_not_here_are_named():
    assert inference.choose_device("cpu") == "cpu"
    with pytest.raises(BadUsage, match="no device"):
        inference.choose_device("tpu")


def test_packed_convolutions_give_what_plain_ones_give_at_every_batch():
    from torch import nn

    from pymafsam.network.packed import Packed, is_possible, pack

    if not is_possible():
        pytest.skip("this torch has no packed convolutions")
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 4, 4, 2, 1))
    plain.eval().requires_grad_(False)
    packed = pack(copy.deepcopy(plain))
    assert isinstance(packed[0], Packed)
    assert isinstance(packed[2], Packed)
    for batch in (1, 3, 2, 1):
        images = torch.randn(batch, 3, 16, 16)
        with torch.inference_mode():
            torch.testing.assert_close(packed(images), plain(images), rtol=1e-5, atol=1e-5)


def test_convolutions_of_a_precision_that_the_processor_lacks_stay(monkeypatch):
    from pymafsam.network import packed

    monkeypatch.setattr(packed, "is_possible", lambda precision: precision is torch.float32)
    layers = lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())  # noqa: E731
    for precision, kind in ((torch.float32, packed.Packed), (torch.bfloat16, torch.nn.Conv2d)):
        module = packed.pack(layers().requires_grad_(False).to(precision))
        assert type(module[0]) is kind

"""Every loss term, and the gradients of their sum, are the reference's."""

from dataclasses import replace

import numpy as np
import pytest

from pymafsam import points

torch = pytest.importorskip("torch")
from pymafsam.network import geometry, official, weights  # noqa: E402
from pymafsam.training import dense, losses  # noqa: E402
from pymafsam.training.keypoints import TrainedPoints  # noqa: E402
from pymafsam.training.settings import LossWeights  # noqa: E402

SIZES = {"keypoints": "keypoints", "keypoints_3d": "keypoints_3d", "pose": "regr_pose"}
SIZES |= {"betas": "regr_betas", "camera": "cam", "vertices": "shape"}
DENSE = {"u": "U-1", "v": "V-1", "part": "IndexUV-1", "coarse_part": "segAnn-1"}
AS_THERE = LossWeights(detected=0.2, compatible=True)


@pytest.fixture(scope="module")
def golden(parity_pack):
    with np.load(parity_pack / "losses.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def network(official_state, smpl):
    state = official_state["pymaf"]
    converted = official.convert_state_dict({name: t.numpy() for name, t in state.items()})
    checkpoint = weights.Checkpoint(architecture=converted.architecture, tensors=converted.tensors)
    return weights.build(checkpoint, smpl)


@pytest.fixture(scope="module")
def targets(golden):
    image = {name: torch.from_numpy(a) for name, a in golden.items() if name.startswith("in_")}
    count = len(image["in_img"])
    known = image["in_has_smpl"] > 0
    iuv = np.zeros((count, 3, 56, 56), np.float32)
    iuv[known.numpy()] = golden["in_iuv_for_valid"][: int(known.sum())]
    maps = dense.IUV.from_image(iuv)
    nobody = torch.zeros(count, dtype=torch.bool)
    return losses.Targets(
        images=image["in_img"],
        points=torch.from_numpy(points.grid()).expand(count, -1, -1),
        keypoints=image["in_keypoints"],
        joints_3d=image["in_pose_3d"],
        rotations=geometry.from_axis_angle(image["in_pose"].reshape(count, 24, 3)),
        betas=image["in_betas"],
        camera=torch.zeros(count, 3),
        outside=torch.zeros(count, 8, 8),
        has_smpl=known,
        has_joints_3d=image["in_has_pose_3d"] > 0,
        has_camera=nobody,
        has_mask=nobody,
        has_dense=known,
        part=torch.from_numpy(maps.part),
        uv=torch.from_numpy(maps.uv),
    )


@pytest.fixture(scope="module")
def terms(network, targets, smpl):
    """The terms of every round, and of the dense maps, with the vertices' term at weight 10."""
    chosen = replace(AS_THERE, vertices=10.0)
    network.requires_grad_(True)
    output = network(targets.images, targets.points, meshes=True, dense=True)
    skin, counts = TrainedPoints(smpl, 10), losses.Counts.of(targets)
    vertices, _ = network.body(targets.rotations, targets.betas)
    rounds = [
        losses.round_losses(
            e, skin(e.rotations, e.betas), targets, counts, chosen, vertices.detach()
        )
        for e in output.rounds[1:]
    ]
    coarse = torch.tensor(dense.COARSE_OF_DENSEPOSE)
    return rounds, losses.dense_losses(output.dense, targets, coarse, counts, chosen)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_each_term_of_each_round_is_the_references(terms, golden, name, stage):
    prefix = "vertw_L" if name == "vertices" else "L"
    wanted = float(golden[f"{prefix}_loss_{SIZES[name]}_{stage}"])
    assert terms[0][stage - 1][name].item() == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", DENSE)
def test_each_dense_term_is_the_references(terms, golden, name):
    assert terms[1][name].item() == pytest.approx(float(golden[f"L_loss_{DENSE[name]}"]), rel=1e-5)


def test_the_gradients_of_the_sum_are_the_references(network, terms, golden):
    rounds, of_maps = terms
    kept = [value for each in rounds for name, value in each.items() if name != "vertices"]
    total = sum(kept) + sum(of_maps.values())
    assert total.item() == pytest.approx(float(golden["L_loss"]), rel=1e-5)
    network.zero_grad()
    total.backward(retain_graph=True)
    found = {name: p.grad for name, p in network.named_parameters()}
    for name in (n.removeprefix("gradnorm_") for n in golden if n.startswith("gradnorm_")):
        ours = found[our_name(name)]
        norm = float(golden[f"gradnorm_{name}"])
        assert float(ours.norm()) == pytest.approx(norm, rel=1e-3), name
        away = np.abs(ours.flatten()[:2000].numpy() - golden[f"grad_{name}"])
        # An activation at its kink may fall to the other side: nearly all entries, not every one.
        assert np.quantile(away, 0.99) < 1e-3 * norm, name
        assert np.linalg.norm(away) < 5e-3 * norm, name


def our_name(theirs: str) -> str:
    """Under which name of ours an official parameter is kept."""
    prefix = max((p for p in official.PYMAF_NAMES if theirs.startswith(p)), key=len)
    return official.PYMAF_NAMES[prefix] + theirs.removeprefix(prefix)


def test_configured_weights_are_applied_unless_the_reference_is_wanted(network, targets, golden):
    with torch.no_grad():
        output = network(targets.images, targets.points, dense=True)
        coarse = torch.tensor(dense.COARSE_OF_DENSEPOSE)
        counts = losses.Counts.of(targets)
        found = losses.dense_losses(output.dense, targets, coarse, counts, LossWeights())
    share = float(targets.has_dense.float().mean())
    for name, factor in {"u": 1 / share, "v": 1 / share, "part": 2.0, "coarse_part": 0.3}.items():
        wanted = factor * float(golden[f"L_loss_{DENSE[name]}"])
        assert found[name].item() == pytest.approx(wanted, rel=1e-5)


def test_target_maps_are_the_references(targets, golden):
    coarse = torch.tensor(dense.COARSE_OF_DENSEPOSE)
    iuv = dense.IUV.from_image(golden["in_iuv_for_valid"])
    part = torch.from_numpy(iuv.part)
    maps = dense.target_maps(part, torch.from_numpy(iuv.uv), coarse)
    np.testing.assert_allclose(maps.u[0], golden["iuvmap_U_b0"], atol=1e-3)
    named = {"U": maps.u, "V": maps.v, "I": maps.part, "Ann": maps.coarse}
    for name, found in named.items():
        np.testing.assert_allclose(found.sum((2, 3)), golden[f"iuvmap_sum_{name}"], rtol=1e-5)
    np.testing.assert_array_equal(maps.part.argmax(1), golden["iuvmap_I_argmax"])
    np.testing.assert_array_equal(maps.coarse.argmax(1), golden["iuvmap_Ann_argmax"])


def test_maps_become_images_as_in_the_references_two_ways(parity_pack):
    with np.load(parity_pack / "net_pymaf.npz") as file:
        maps = {k: torch.from_numpy(file[f"dp_predict_{k}"]) for k in ("u", "v")}
        part = torch.from_numpy(file["dp_predict_uv_index"])
        coarse = torch.from_numpy(file["dp_predict_ann_index"])
    with np.load(parity_pack / "iuv.npz") as file:
        golden = dict(file)
    ways = {
        "iuvmap_map2img": dense.to_image(part, maps["u"], maps["v"], coarse),
        "uvvis_map2img": dense.to_image(part, maps["u"], maps["v"], coarse, background=False),
        "iuvmap_map2img_noann": dense.to_image(part, maps["u"], maps["v"]),
    }
    for name, found in ways.items():
        np.testing.assert_allclose(found, golden[name], atol=1e-6, err_msg=name)


def test_rendered_charts_agree_with_an_independent_renderer(parity_pack, stand_ins, smpl):
    surface = dense.Surface.of(smpl, next(stand_ins.rglob("UV_Processed.mat")))
    with np.load(parity_pack / "iuv_render_independent.npz") as file:
        golden = dict(file)
    for vertices, camera, wanted, covered in zip(
        golden["verts"], golden["cam"], golden["iuv"], golden["covered"], strict=True
    ):
        found = dense.render(vertices, camera, surface)
        part = np.rint(24 * wanted[0]).astype(int)
        same = found.part == part
        assert same.mean() >= 0.995
        assert ((found.part > 0) == covered).mean() >= 0.995
        np.testing.assert_allclose(found.uv[:, same], wanted[1:, same], atol=0.02)

"""What a guess costs: laws of the terms, on the embedded body."""

from dataclasses import fields, replace

import numpy as np
import pytest

from pymafsam import body, points
from pymafsam.body.surface import charts_of
from pymafsam.geometry.joints import LAYOUTS

torch = pytest.importorskip("torch")
from pymafsam.network import geometry  # noqa: E402
from pymafsam.network.pymaf import Estimate  # noqa: E402
from pymafsam.network.skinning import SkinnedBody  # noqa: E402
from pymafsam.training import dense, keypoints, losses  # noqa: E402
from pymafsam.training.settings import LossWeights  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module")
def pose():
    generator = torch.Generator().manual_seed(3)
    turns = geometry.from_axis_angle(0.3 * torch.randn(4, 24, 3, generator=generator))
    turns[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    return turns, 0.5 * torch.randn(4, 10, generator=generator)


@pytest.fixture(scope="module")
def targets(pose):
    """Four people of whom the first two have everything."""
    generator = torch.Generator().manual_seed(4)
    some = torch.tensor([True, True, False, False])
    part = torch.randint(0, 25, (4, 8, 8), generator=generator)
    return losses.Targets(
        images=torch.zeros(4, 3, 8, 8),
        points=torch.from_numpy(points.grid()).expand(4, -1, -1),
        keypoints=torch.rand(4, 49, 3, generator=generator),
        joints_3d=torch.rand(4, 24, 4, generator=generator),
        rotations=pose[0],
        betas=pose[1],
        camera=torch.tensor([0.8, 0.0, 0.1]).expand(4, 3),
        outside=torch.zeros(4, 32, 32),
        has_smpl=some,
        has_joints_3d=some,
        has_camera=some,
        has_mask=some,
        has_dense=some,
        part=part,
        uv=torch.rand(4, 2, 8, 8, generator=generator),
    )


def rows(targets: losses.Targets, chosen: slice) -> losses.Targets:
    return losses.Targets(**{f.name: getattr(targets, f.name)[chosen] for f in fields(targets)})


def test_skinning_only_what_the_points_need_changes_nothing(model, pose):
    found = keypoints.TrainedPoints(model, 10)(*pose)
    vertices, joints = SkinnedBody(model, 10)(*pose)
    everything = torch.cat([vertices, joints], 1).numpy()
    rows = keypoints.regressor(model)
    wanted = np.einsum("km,bkmd->bkd", rows.weights, everything[:, rows.vertices])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_body_without_spins_points_lends_its_own_of_the_same_name(model, pose):
    found = keypoints.TrainedPoints(model, 10)(*pose).numpy()
    vertices = SkinnedBody(model, 10)(*pose)[0].numpy()
    # Limbs that COCO and LSP both annotate lie where COCO's annotators put them.
    only = {"coco17": LAYOUTS["coco17"], "lsp14": ("neck", "head_top")}
    for layout, names in only.items():
        theirs = body.regress(model, vertices, layout)
        theirs = theirs[:, [LAYOUTS[layout].index(name) for name in names]]
        ours = found[:, [LAYOUTS["j49"].index(name) for name in names]]
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    hips = found[:, [LAYOUTS["j49"].index(f"{side}_hip") for side in ("left", "right")]].mean(1)
    np.testing.assert_allclose(found[:, LAYOUTS["j49"].index("openpose_mid_hip")], hips, atol=1e-5)


def test_two_halves_divided_by_the_counts_of_both_sum_to_the_whole(targets, pose):
    weights = LossWeights(known_camera=1.0, mask=1.0)
    guess = keypoints.TrainedPoints(body.load("anny24"), 10)

    def total(part: slice, counts: losses.Counts):
        mine = rows(targets, part)
        turns, betas = 0.9 * pose[0][part], pose[1][part] + 0.1
        found = guess(turns, betas)
        estimate = guessed(turns, betas, targets.camera[part] + 0.1, found)
        terms = losses.round_losses(estimate, found, mine, counts, weights)
        return sum(float(value) for value in terms.values())

    both = losses.counted(targets)
    whole = total(slice(None), losses.Counts.from_vector(both))
    halves = [total(half, losses.Counts.from_vector(both)) for half in (slice(3), slice(3, 4))]
    assert whole == pytest.approx(sum(halves), rel=1e-5)


def guessed(rotations, betas, camera, anchors) -> Estimate:
    count = len(betas)
    return Estimate(
        state=torch.zeros(count, 157),
        rotations=rotations,
        betas=betas,
        camera=camera,
        joints=torch.zeros(count, 24, 3),
        anchors=anchors,
        vertices=None,
    )


def test_unknown_people_cost_nothing_and_nobody_divides_by_zero(targets, pose):
    nobody = torch.zeros(4, dtype=torch.bool)
    names = [f.name for f in fields(targets) if f.name.startswith("has_")]
    unknown = replace(targets, **dict.fromkeys(names, nobody), keypoints=0 * targets.keypoints)
    counts = losses.Counts.of(unknown)
    guess = guessed(pose[0], pose[1], targets.camera, torch.rand(4, 49, 3))
    weights = LossWeights(camera=0.0, known_camera=1.0, mask=1.0)
    terms = losses.round_losses(guess, torch.rand(4, 49, 3), unknown, counts, weights)
    assert {name: float(value) for name, value in terms.items()} == dict.fromkeys(terms, 0.0)


def disc(x: float, y: float, radius: float = 0.3, side: int = 64):
    """Distance from a disc (half crops) at every pixel's centre."""
    line = (np.arange(side) + 0.5) * 2 / side - 1
    away = np.hypot(line[None] - x, line[:, None] - y) - radius
    return torch.from_numpy(np.clip(away, 0, None)).float()


def mask_term(targets, anchors, outside) -> float:
    mine = replace(rows(targets, slice(1)), outside=outside[None])
    return float(losses.mask_loss(anchors[None], mine, losses.Counts.of(mine)))


def test_the_masks_term_is_least_where_the_body_fills_the_mask(targets):
    line = torch.linspace(-1, 1, 41)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    filled = grid[(grid**2).sum(1) <= 1] * 0.3
    at = torch.tensor([0.2, -0.1])
    outside = disc(0.2, -0.1)
    best = mask_term(targets, filled + at, outside)
    assert best < 1e-5
    for worse in (filled, 0.5 * filled + at, 1.6 * filled + at, filled + at + 0.1):
        assert mask_term(targets, worse, outside) > 10 * best + 1e-4


def test_the_masks_term_pulls_a_body_towards_the_mask(targets):
    anchors = (
        0.05 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    mine = replace(rows(targets, slice(1)), outside=disc(0.5, 0.0)[None])
    losses.mask_loss(anchors[None], mine, losses.Counts.of(mine)).backward()
    assert anchors.grad[:, 0].sum() < 0  # to the right lowers it


def test_every_pixel_of_a_rendered_body_has_a_part_and_places_on_it(model):
    surface = dense.Surface.of(model)
    turned = model.template * np.array([1, -1, -1], np.float32)
    found = dense.render(turned, np.array([0.9, 0.0, 0.0], np.float32), surface, 112)
    seen = found.part > 0
    assert 0.05 < seen.mean() < 0.5
    assert len(np.unique(found.part)) > 18
    assert found.uv[:, seen].min() >= 0
    assert found.uv[:, seen].max() <= 1
    assert not found.uv[:, ~seen].any()
    # The person's own left side is on the picture's right: left foot 11, right foot 12.
    columns = [np.nonzero(found.part == number)[1].mean() for number in (11, 12)]
    assert columns[0] > columns[1]
    back = dense.IUV.from_image(found.image())
    np.testing.assert_array_equal(back.part, found.part)


def test_no_face_of_the_charts_runs_around_a_part(model):
    charts = charts_of(model)
    u = charts.uv[charts.faces, 0]
    assert np.ptp(u, axis=1).max() <= 0.6
    assert (np.ptp(charts.part[charts.faces], axis=1) == 0).all()


def test_groups_of_parts_are_the_same_on_both_kinds_of_parts():
    assert len(dense.COARSE_OF_DENSEPOSE) == len(dense.COARSE_OF_JOINTS) == 25
    for groups in (dense.COARSE_OF_DENSEPOSE, dense.COARSE_OF_JOINTS):
        assert set(groups) == set(range(15))


@pytest.mark.parametrize("scale", [-30.0, -0.01, 0.0, 0.01, 0.9])
def test_a_scale_below_zero_is_pulled_back_and_never_overflows(scale, targets):
    """Above 0 the term is the reference's; below, its tangent at 0."""
    camera = torch.zeros(len(targets), 3)
    camera[:, 0] = scale
    camera.requires_grad_()
    found = losses.camera_loss(camera, losses.Counts.of(targets))
    found.backward()
    wanted = np.exp(-20 * scale) if scale >= 0 else 1 - 20 * scale
    assert found.item() == pytest.approx(wanted, rel=1e-5)
    assert (camera.grad[:, 0] < 0).all()
    assert camera.grad.abs().max() <= 20 / len(targets) + 1e-4

"""Items of the training data set, and the table of fits, are the reference's."""

import numpy as np
import pytest

from pymafsam.data import fits, rows
from pymafsam.data.augment import Augmentation
from pymafsam.data.people import PeopleSet
from pymafsam.geometry import rotation

ITEMS = [(augmentation, index) for augmentation in range(4) for index in (0, 3)]


@pytest.fixture(scope="module")
def people(parity_pack) -> PeopleSet:
    table = rows.read(parity_pack / "dataset" / "all.npz")
    folder = parity_pack / "dataset"
    return PeopleSet(name="pack", rows=table, images=folder, points="grid", compatible=True)


@pytest.fixture(scope="module")
def golden(parity_pack) -> dict[str, np.ndarray]:
    with np.load(parity_pack / "dataset_items.npz", allow_pickle=False) as file:
        return dict(file)


def pinned(golden: dict[str, np.ndarray], name: str) -> Augmentation:
    flip, red, green, blue, degrees, scale = map(float, golden[f"{name}_aug"])
    return Augmentation(
        flipped=bool(flip), channels=(red, green, blue), degrees=degrees, scale=scale
    )


@pytest.mark.parametrize(("augmentation", "index"), ITEMS)
def test_items_are_the_references(people, golden, augmentation, index):
    name = f"a{augmentation}_i{index}"
    found = people.augmented(index, pinned(golden, name))
    np.testing.assert_allclose(found.pixels, golden[f"{name}_img"], atol=1e-5)
    np.testing.assert_allclose(found.keypoints, golden[f"{name}_keypoints"], atol=1e-5)
    np.testing.assert_allclose(found.joints_3d, golden[f"{name}_pose_3d"], atol=1e-5)
    np.testing.assert_allclose(found.betas, golden[f"{name}_betas"], atol=1e-5)
    np.testing.assert_allclose(found.smpl_2d, golden[f"{name}_smpl_2dkps"], atol=1e-5)
    wanted = rotation.from_axis_angle(golden[f"{name}_pose"].astype(np.float64).reshape(24, 3))
    np.testing.assert_allclose(found.rotations, wanted, atol=1e-5)
    assert found.has_smpl == bool(golden[f"{name}_has_smpl"])
    assert found.has_joints_3d == bool(golden[f"{name}_has_pose_3d"])
    assert found.scale == pytest.approx(float(golden[f"{name}_scale"]), abs=1e-9)
    np.testing.assert_allclose(found.centre, golden[f"{name}_center"], atol=1e-5)
    assert found.size == tuple(golden[f"{name}_orig_shape"][::-1])
    assert found.flipped == bool(golden[f"{name}_is_flipped"])
    assert found.gender == int(golden[f"{name}_gender"])


def test_fits_are_fetched_and_stored_as_the_references(parity_pack):
    with np.load(parity_pack / "fits_dict.npz", allow_pickle=False) as file:
        golden = dict(file)
    table = golden["fits"].astype(np.float64)
    kept = fits.Fits(pose=table[:, :72], betas=table[:, 72:], valid=np.ones(len(table), bool))
    asked = golden["idx"], golden["rot"].astype(np.float64), golden["flip"] > 0
    pose, betas = kept.get(*asked)
    same_poses(pose, golden["get_pose"])
    np.testing.assert_allclose(betas, golden["get_betas"], atol=1e-5)
    new = golden["set_pose"].astype(np.float64), golden["set_betas"].astype(np.float64)
    after = kept.put(*asked, *new, golden["set_update"] > 0)
    same_poses(after.pose, golden["fits_after"][:, :72])
    np.testing.assert_allclose(after.betas, golden["fits_after"][:, 72:], atol=1e-5)


def same_poses(found: np.ndarray, wanted: np.ndarray) -> None:
    """As matrices: an axis-angle near pi may change its sign."""
    found, wanted = (
        rotation.from_axis_angle(pose.astype(np.float64).reshape(-1, 24, 3))
        for pose in (found, wanted)
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)

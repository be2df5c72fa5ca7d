"""Crops and their answers stay together, whatever is done to them."""

import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pymafsam.data import augment
from pymafsam.data.augment import Augmentation, Ranges
from pymafsam.data.excerpts import Excerpts
from pymafsam.data.mixture import Mixture, official_weights
from pymafsam.data.people import PeopleSet, check_pictures, sample_of
from pymafsam.data.rows import Row, Rows
from pymafsam.data.samples import Batch, DataSet, generator
from pymafsam.data.shards import Shards, is_shards
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import rle
from pymafsam.geometry import camera
from pymafsam.geometry import joints as orders
from pymafsam.records import Camera

augmentations = st.builds(
    Augmentation,
    flipped=st.booleans(),
    degrees=st.floats(-60, 60),
    scale=st.floats(0.75, 1.25),
)
SIZE = (160, 140)  # width, height


def dotted(places: np.ndarray) -> np.ndarray:
    """A black picture with a bright 3 x 3 dot around each place."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for x, y in np.floor(places).astype(int):
        pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    return pixels


def row_with(**known) -> Row:
    return Row(image="a.png", centre=np.array([80.0, 70.0]), scale=0.6, **known)


@given(augmentations)
@settings(max_examples=40, deadline=None)
def test_keypoints_stay_on_what_they_mark(augmentation):
    place = np.array([95.5, 60.5])
    keypoints = np.zeros((24, 3))
    keypoints[7] = [*place, 1.0]
    made = sample_of(row_with(keypoints=keypoints), dotted(place[None]), None, augmentation)
    found = orders.flip_permutation("j24")[7] if augmentation.flipped else 7
    x, y, known = made.keypoints[25 + found]
    light = made.pixels.sum(axis=0) - made.pixels.sum(axis=0).min()
    rows, columns = np.indices(light.shape) + 0.5
    middle = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
    np.testing.assert_allclose(((np.array([x, y]) + 1) * 112), middle, atol=1.5)
    assert known == 1
    assert np.count_nonzero(made.keypoints[:, 2]) == 1


@given(augmentations)
@settings(max_examples=40, deadline=None)
def test_masks_stay_on_what_they_cover(augmentation):
    inside = np.zeros(SIZE[::-1], bool)
    inside[40:90, 60:110] = True
    pixels = np.repeat(inside[..., None].astype(np.uint8) * 255, 3, axis=2)
    made = sample_of(row_with(), pixels, inside, augmentation)
    bright = made.pixels.mean(axis=0)
    bright = bright > (bright.min() + bright.max()) / 2
    assert (bright == made.mask).mean() > 0.97
    assert made.has_mask


@given(augmentations)
@settings(max_examples=40, deadline=None)
def test_3d_joints_and_pose_turn_like_the_picture(augmentation):
    """A body's root turned as the picture is turns its points as the 3D joints are."""
    random = np.random.default_rng(1)
    joints = np.concatenate([random.normal(size=(24, 3)), np.ones((24, 1))], axis=1)
    pose = random.normal(size=72) * 0.4
    made = sample_of(
        row_with(joints_3d=joints, pose=pose, betas=np.zeros(10)),
        dotted(np.array([[80.0, 70.0]])),
        None,
        augmentation,
    )
    from pymafsam.geometry import rotation

    root = rotation.from_axis_angle(pose[:3])
    own = joints[:, :3] @ root  # in the body's axes
    back = (
        made.joints_3d[orders.flip_permutation("j24")] if augmentation.flipped else made.joints_3d
    )
    mirrored = own * (-1, 1, 1) if augmentation.flipped else own
    np.testing.assert_allclose(back[:, :3], mirrored @ made.rotations[0].T, atol=1e-5)


@given(augmentations)
@settings(max_examples=40, deadline=None)
def test_the_weak_camera_shows_the_body_where_the_keypoints_are(augmentation):
    translation, focal = np.array([0.3, -0.2, 40.0]), 3000.0
    view = Camera(focal=focal, centre=(SIZE[0] / 2, SIZE[1] / 2), size=SIZE)
    place = camera.project(translation[None], view)
    keypoints = np.zeros((24, 3))
    keypoints[14] = [*place[0], 1.0]  # the pelvis, which has no other side
    row = row_with(keypoints=keypoints, pose=np.zeros(72), betas=np.zeros(10))
    row = replace(row, translation=translation, focal=focal, size=SIZE)
    made = sample_of(row, dotted(np.array([[80.0, 70.0]])), None, augmentation)
    scale, x, y = made.camera
    assert made.has_camera
    np.testing.assert_allclose([scale * x, scale * y], made.keypoints[25 + 14, :2], atol=0.02)


def test_draws_follow_the_references_order():
    """Uniform (mirrored), three uniforms (colour), normal (turn), normal (scale), uniform."""
    for seed in range(20):
        stream = np.random.RandomState(seed)
        flip, colours = stream.uniform(), stream.uniform(0.6, 1.4, 3)
        turn, scale, gate = stream.randn(), stream.randn(), stream.uniform()
        found = augment.draw(np.random.RandomState(seed), Ranges())
        assert found.flipped == (flip <= 0.5)
        assert found.channels == tuple(colours)
        assert found.degrees == (0 if gate <= 0.6 else np.clip(turn * 30, -60, 60))
        assert found.scale == pytest.approx(np.clip(1 + 0.25 * scale, 0.75, 1.25))


def test_covered_and_coarse_crops_differ_only_where_they_should():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    patch = Augmentation(patch=(0.25, 0.25, 0.5, 0.75))
    covered = augment.picture(pixels, patch)
    differs = (covered != pixels).any(axis=2)
    assert differs[16:48, 16:32].mean() > 0.9
    assert not differs[:16].any()
    assert not differs[:, 32:].any()
    assert not augment.mask(np.ones((64, 64), bool), patch)[16:48, 16:32].any()
    coarse = augment.picture(pixels, Augmentation(coarse=4.0))
    assert np.std(coarse.astype(float)) < np.std(pixels.astype(float)) / 2


@pytest.fixture
def people(tmp_path) -> PeopleSet:
    random = np.random.default_rng(3)
    inside = np.zeros((80, 60), bool)
    inside[10:70, 20:40] = True
    for k in range(3):
        pixels = random.integers(0, 255, (80, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    table = Rows(
        image=np.array([f"{k}.png" for k in range(3)]),
        centre=np.full((3, 2), 35.0),
        scale=np.full(3, 0.4),
        keypoints=random.uniform(10, 50, (3, 24, 3)),
        mask=np.array([rle.encode(inside)["counts"]] * 2 + [""]),
    )
    return PeopleSet(name="three", rows=table, images=tmp_path)


def test_the_same_seed_epoch_and_index_give_the_same_sample(people):
    assert isinstance(people, DataSet)
    one = people.sample(1, generator(7, 2, 1))
    same, other = people.sample(1, generator(7, 2, 1)), people.sample(1, generator(7, 3, 1))
    np.testing.assert_array_equal(one.pixels, same.pixels)
    np.testing.assert_array_equal(one.keypoints, same.keypoints)
    np.testing.assert_array_equal(one.points, same.points)
    assert (one.pixels != other.pixels).any()


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_pictures_in_tar_files_give_the_samples_of_a_folder(people, tmp_path, where):
    pytest.importorskip("fsspec")
    place = tmp_path / "s-*.tar"
    for number, names in enumerate((["0.png", "2.png"], ["1.png"])):
        with tarfile.open(tmp_path / f"s-{number}.tar", "w") as tar:
            for name in names:
                tar.add(tmp_path / name, f"./{name}")
    if where == "memory":
        from fsspec.implementations.memory import MemoryFileSystem

        for tar in tmp_path.glob("*.tar"):
            MemoryFileSystem().pipe_file(f"/bucket/{tar.name}", tar.read_bytes())
        place = Path("memory://bucket/s-*.tar")
    shards = Shards.open(place)
    packed = replace(people, images=pickle.loads(pickle.dumps(shards)))
    assert packed.missing() == []
    for k in range(3):
        one, two = (each.sample(k, generator(7, 0, k)) for each in (people, packed))
        np.testing.assert_array_equal(one.pixels, two.pixels)
    with pytest.raises(BadInput, match=r"no picture 9\.png"):
        shards.read("9.png")


@pytest.mark.parametrize("content", [b"", b"no tar file", b"x" * 3000])
def test_tar_files_that_are_none_are_refused(tmp_path, content):
    pytest.importorskip("fsspec")
    (tmp_path / "a.tar").write_bytes(content)
    assert is_shards(tmp_path / "a.tar")
    with pytest.raises(BadInput, match="tar"):
        Shards.open(tmp_path / "a.tar")
    with pytest.raises(BadInput, match="0 tar files"):
        Shards.open(tmp_path / "b-*.tar")


def test_first_points_come_from_the_mask_or_the_grid(people):
    from pymafsam import points

    with_mask, without = (people.sample(k, generator(0, 0, k)) for k in (0, 2))
    assert with_mask.has_mask
    assert not without.has_mask
    np.testing.assert_array_equal(without.points, points.grid())
    np.testing.assert_array_equal(with_mask.points, points.from_mask(with_mask.mask))


def test_first_points_of_a_bank_are_one_of_its_rows(people):
    bank = np.random.default_rng(0).uniform(-1, 1, (5, 441, 2))
    found = replace(people, points="bank", bank=bank).sample(0, generator(0, 0, 0)).points
    assert any(np.array_equal(found, row.astype(np.float32)) for row in bank)
    with pytest.raises(BadUsage, match="bank"):
        replace(people, points="bank")
    with pytest.raises(BadUsage, match="nowhere"):
        replace(people, points="nowhere")


def test_samples_stack_into_a_batch(people):
    samples = [people.sample(k, generator(0, 0, k)) for k in range(3)]
    batch = Batch.of(samples)
    assert len(batch) == 3
    assert batch.pixels.shape == (3, 3, 224, 224)
    assert batch.has_mask.tolist() == [True, True, False]
    assert batch.images == ("0.png", "1.png", "2.png")


def test_missing_pictures_are_named(people):
    (people.images / "1.png").unlink()
    assert people.missing() == ["1.png"]
    with pytest.raises(BadInput, match=r"1\.png"):
        check_pictures(people)
    with pytest.raises(BadInput, match=r"1\.png"):
        people.sample(1, generator(0, 0, 1))


def test_a_square_beside_the_picture_shows_black(people):
    far = Row(image="a", centre=np.array([900.0, 900.0]), scale=0.5)
    made = sample_of(far, np.full((40, 40, 3), 200, np.uint8), None, Augmentation())
    assert np.ptp(made.pixels.reshape(3, -1), axis=1).max() == 0


def test_a_mixture_draws_by_its_weights(people):
    parts = [people, replace(people, name="other")]
    drawn = [
        Mixture(parts=parts, weights=[1.0, 3.0]).sample(k % 3, generator(0, k, 0)).dataset
        for k in range(80)
    ]
    assert 45 <= drawn.count("other") <= 75
    with pytest.raises(BadUsage, match="weight"):
        Mixture(parts=parts, weights=[1.0])
    with pytest.raises(BadUsage, match="weight"):
        Mixture(parts=parts, weights=[0.0, 0.0])


def test_the_official_shares_are_pymafs():
    assert official_weights(10, [30, 10], 5) == pytest.approx((0.5, 0.225, 0.075, 0.2))
    assert official_weights(0, [10], 0) == pytest.approx((0, 0.3, 0))


def test_excerpts_that_cannot_be_kept_cost_nobody(people, tmp_path, caplog):
    (tmp_path / "kept").write_text("where a folder should be")
    unkept = replace(people, kept=Excerpts(tmp_path / "kept"))
    plain, made = (data.augmented(0, Augmentation()) for data in (people, unkept))
    np.testing.assert_array_equal(made.pixels, plain.pixels)
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("compatible", [False, True])
def test_kept_excerpts_give_the_same_samples(people, tmp_path, compatible):
    small = replace(people, compatible=compatible, rows=people.rows.take(np.array([0])))
    small = replace(small, rows=replace(small.rows, scale=np.array([0.12])))
    kept = replace(small, kept=Excerpts(tmp_path / "kept"))
    for epoch in range(12):
        one, other = (each.sample(0, generator(1, epoch, 0)) for each in (small, kept))
        np.testing.assert_allclose(
            one.pixels, other.pixels, atol=0.06
        )  # OpenCV rounds weights: 2 of 255
        if compatible or not one.degrees:
            np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.mask, other.mask)
        assert one.size == other.size
    (file,) = (tmp_path / "kept").rglob("*.npz")
    file.write_bytes(b"cut off")
    made_again = kept.sample(0, generator(1, epoch, 0))
    np.testing.assert_array_equal(made_again.pixels, other.pixels)

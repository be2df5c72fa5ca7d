"""Official raw layouts become rows: small files as the data sets are laid out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam.data import prepare, rows
from pymafsam.data.prepare.boxes import into_j24, square
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import rle
from pymafsam.geometry.joints import COCO17, J24, LSP14


def picture(path: Path, size: tuple[int, int] = (60, 80)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def prepared(name: str, raw: Path, part: str | None = None) -> rows.Rows:
    return prepare.PREPARERS.load(name)(raw, part)


def test_a_square_is_a_fifth_larger_than_the_longer_side():
    centre, scale = square(np.array([10.0, 20.0, 50.0, 120.0]))
    assert centre.tolist() == [30, 70]
    assert scale == pytest.approx(1.2 * 100 / 200)


def test_coco_joints_go_where_spin_has_them():
    order = [19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0]
    points = np.arange(17 * 3, dtype=float).reshape(17, 3) + 1
    placed = into_j24(points, COCO17)
    np.testing.assert_array_equal(placed[order], points)
    assert not placed[12:19].any()


def coco_file(path: Path, people: list[dict]) -> Path:
    images = [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 80}]
    path.write_text(json.dumps({"images": images, "annotations": people}))
    return path


def coco_person(known: int, **more) -> dict:
    """Somebody whose last ``known`` keypoints (limbs first) are annotated."""
    keypoints = np.zeros((17, 3))
    keypoints[17 - known :] = [20, 30, 2]
    keypoints[16] = [40, 70, 1]
    return {
        "image_id": 1,
        "bbox": [10, 20, 30, 50],
        "keypoints": keypoints.ravel().tolist(),
        "segmentation": [[10, 20, 40, 20, 40, 70, 10, 70]],
    } | more


def test_coco_takes_whom_spin_takes(tmp_path):
    people = [coco_person(12), coco_person(8), coco_person(0, keypoints=[0] * 51)]
    path = coco_file(tmp_path / "person_keypoints_val.json", people)
    found = prepared("coco", path)
    assert len(found) == 1
    assert [d.reason for d in found.dropped] == [
        "fewer than 12 limb joints are annotated",
        "no keypoints are annotated",
    ]
    row = found[0]
    assert row.scale == pytest.approx(1.2 * 50 / 200)
    assert row.centre.tolist() == [25, 45]
    assert row.keypoints[J24.index("right_ankle")].tolist() == [40, 70, 1]
    inside = rle.decode({"size": [80, 60], "counts": row.mask}, (60, 80))
    assert inside.sum() == 30 * 50
    assert len(prepared("coco", tmp_path, "all")) == 2


def test_lspet_visible_joints_are_known_and_unlisted_pictures_named(tmp_path):
    joints = np.full((14, 3, 3), np.nan)
    joints[:, :, 0] = np.column_stack([np.arange(14) * 5.0, np.arange(14) * 3.0, np.ones(14)])
    joints[3, 2, 0] = 0  # hidden
    joints[:, :, 2] = joints[:, :, 0]
    write_mat(tmp_path / "joints.mat", "joints", joints)
    picture(tmp_path / "images" / "im00001.jpg")
    found = prepared("lspet", tmp_path)
    assert found.image.tolist() == ["images/im00001.jpg"]
    assert [d.reason for d in found.dropped] == [
        "no joints are annotated",
        "there is no such picture",
    ]
    known = found[0].keypoints
    assert known[J24.index(LSP14[3]), 2] == 0
    assert known[J24.index(LSP14[5])].tolist() == [25, 15, 1]
    with pytest.raises(BadUsage, match="part"):
        prepared("lspet", tmp_path, "train")


def test_lsp_in_its_official_layout_has_all_joints_and_two_parts(tmp_path):
    joints = np.zeros((3, 14, 1002))
    joints[0], joints[1] = np.arange(14)[:, None] * 4.0, np.arange(14)[:, None] * 2.0
    joints[2] = 1  # hidden: annotated all the same
    write_mat(tmp_path / "joints.mat", "joints", joints)
    for name in ("im0001", "im1001", "im1002"):
        picture(tmp_path / "images" / f"{name}.jpg")
    assert prepared("lsp", tmp_path, "test").image.tolist() == [
        "images/im1001.jpg",
        "images/im1002.jpg",
    ]
    train = prepared("lsp", tmp_path, "train")
    assert train.image.tolist() == ["images/im0001.jpg"]
    assert (train[0].keypoints[:, 2] > 0).sum() == 14


def test_pictures_on_a_list_are_left_out_and_named(tmp_path):
    path = coco_file(tmp_path / "person_keypoints.json", [coco_person(12)] * 2)
    found = prepared("coco", path)
    names = tmp_path / "dev.txt"
    names.write_text("b.jpg\nimages/c.jpg\n")
    assert len(prepare.without(found, prepare.names_in(names))) == 2
    names.write_text("a.jpg\n")
    with pytest.raises(BadInput, match="left out"):
        prepare.without(found, prepare.names_in(names))
    names.write_text("\n")
    with pytest.raises(BadInput, match="names no picture"):
        prepare.names_in(names)


@pytest.mark.parametrize("name", ["lspet", "lsp", "coco"])
def test_another_layout_is_refused(tmp_path, name):
    with pytest.raises(BadInput):
        prepared(name, tmp_path)


def write_mat(path: Path, name: str, array: np.ndarray) -> None:
    from scipy.io import savemat

    savemat(path, {name: array})

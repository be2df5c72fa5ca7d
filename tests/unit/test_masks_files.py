"""Masks made elsewhere are read in every form, and refused in words."""

import io
import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from pymafsam.errors import BadInput, UntrustedFile
from pymafsam.files import rle
from pymafsam.masks import files, folder

SIZE = (12, 10)
LEFT = np.zeros((10, 12), bool)
LEFT[2:8, 1:5] = True
RIGHT = np.zeros((10, 12), bool)
RIGHT[1:9, 7:11] = True
LABELS = LEFT * np.uint8(1) + RIGHT * np.uint8(2)


def polygon(x0, y0, x1, y1):
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def write_labels(folder):
    Image.fromarray(LABELS).save(folder / "a.png")


def write_palette(folder):
    picture = Image.fromarray(LABELS).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(folder / "a.png")


def write_one_each(folder):
    for k, inside in enumerate((LEFT, RIGHT)):
        Image.fromarray(inside.astype(np.uint8) * 255).save(folder / f"a_person{k}.png")


def write_numbered(folder):
    (folder / "a").mkdir()
    for k, inside in enumerate((LEFT, RIGHT)):
        Image.fromarray(inside).save(folder / "a" / f"{k}.png")


def write_rle(folder):
    (folder / "a.json").write_text(json.dumps([rle.encode(LEFT), rle.encode(RIGHT)]))


def write_polygons(folder):
    content = [polygon(1, 2, 5, 8), polygon(7, 1, 11, 9)]
    (folder / "a.json").write_text(json.dumps(content))


def write_coco(folder):
    rows = [
        {"image_id": 1, "segmentation": polygon(1, 2, 5, 8)},
        {"image_id": 1, "segmentation": rle.encode(RIGHT)},
    ]
    content = {"images": [{"id": 1, "file_name": "x/a.jpg"}], "annotations": rows}
    (folder / "instances.json").write_text(json.dumps(content))


def write_stack(folder):
    np.save(folder / "a.npy", np.stack([LEFT, RIGHT]))


def write_label_array(folder):
    np.save(folder / "a.npy", LABELS.astype(float))


@pytest.mark.parametrize(
    "write",
    [
        write_labels,
        write_palette,
        write_one_each,
        write_numbered,
        write_rle,
        write_polygons,
        write_coco,
        write_stack,
        write_label_array,
    ],
)
def test_every_form_gives_the_same_two_people(tmp_path, write):
    write(tmp_path)
    found = folder.open_folder(tmp_path).masks("photos/a.jpg", SIZE)
    assert found is not None
    np.testing.assert_array_equal(found, [LEFT, RIGHT])
    assert folder.open_folder(tmp_path).masks("b.jpg", SIZE) is None


def test_numbered_files_keep_their_order_beyond_ten(tmp_path):
    for k in range(12):
        inside = np.zeros((10, 12), bool)
        inside[0, k] = True
        Image.fromarray(inside).save(tmp_path / f"a_person{k}.png")
    found = folder.open_folder(tmp_path).masks("a.jpg", SIZE)
    assert found is not None
    assert [int(np.argmax(one[0])) for one in found] == list(range(12))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([0, 1, 255], "unknown label 255 beside 1"),
        (list(range(0, 240, 2)), "119 values from 0 to 238: unknown labels"),
    ],
)
def test_unknown_label_values_are_named(tmp_path, values, says):
    labels = np.resize(np.array(values, np.uint8), (10, 12))
    Image.fromarray(labels).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match=says):
        files.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((2, 3, 4, 5)), "wanted an array"),
        (np.array(["a"]), "wanted an array"),
        (np.full((10, 12), 0.5), "holds fractions"),
        (np.full((1, 10, 12), 7), "unknown labels 7"),
        (np.full((10, 12), -1), "unknown labels"),
    ],
)
def test_arrays_that_are_no_masks_are_refused(tmp_path, array, says):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(BadInput, match=says):
        files.read(tmp_path / "a.npy")


class _Trap:
    def __reduce__(self):
        return os.system, ("exit 3",)


def test_a_pickle_with_code_inside_is_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    (tmp_path / "a.npy").write_bytes(stream.getvalue() + pickle.dumps(_Trap()))
    with pytest.raises(UntrustedFile):
        files.read(tmp_path / "a.npy")


def test_colour_pictures_jpegs_and_rubbish_are_refused(tmp_path):
    Image.new("RGB", SIZE).save(tmp_path / "c.png")
    with pytest.raises(BadInput, match="colour picture"):
        files.read(tmp_path / "c.png")
    Image.new("L", SIZE).save(tmp_path / "c.jpg")
    with pytest.raises(BadInput, match="JPEG blurs"):
        files.read(tmp_path / "c.jpg")
    (tmp_path / "d.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="not a picture"):
        files.read(tmp_path / "d.png")
    write_labels(tmp_path)
    with pytest.raises(BadInput, match="holds 2 people's masks"):
        files.read_one(tmp_path / "a.png")
    with pytest.raises(BadInput, match="no mask file"):
        files.read(tmp_path / "none.png")


def test_a_mask_of_another_size_or_an_empty_one_is_named(tmp_path):
    write_labels(tmp_path)
    with pytest.raises(BadInput, match=r"Mask 0 of a\.jpg: the mask is 12 x 10 .* 20 x 10"):
        folder.open_folder(tmp_path).masks("a.jpg", (20, 10))
    np.save(tmp_path / "b.npy", np.zeros((1, 10, 12), bool))
    with pytest.raises(BadInput, match="empty"):
        folder.open_folder(tmp_path).masks("b.jpg", SIZE)


def test_a_folder_without_masks_is_refused(tmp_path):
    with pytest.raises(BadInput, match="holds no masks"):
        folder.open_folder(tmp_path)
    with pytest.raises(BadInput, match="no folder of masks"):
        folder.open_folder(tmp_path / "none")


def test_masks_are_people_with_boxes_around_them(tmp_path):
    write_labels(tmp_path)
    people = folder.open_folder(tmp_path).people("a.jpg", SIZE)
    assert people is not None
    np.testing.assert_array_equal([p.box for p in people], [[1, 2, 5, 8], [7, 1, 11, 9]])


def write_mask(path, inside):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(inside).save(path)


def test_frames_of_a_video_have_the_masks_of_their_number(tmp_path):
    write_mask(tmp_path / "bear" / "00001.png", LEFT)
    write_mask(tmp_path / "bear" / "00002.png", RIGHT)
    masks = folder.open_folder(tmp_path)
    for name, inside in (("00001", LEFT), ("00002.jpg", RIGHT)):
        found = masks.masks(f"bear/{name}", SIZE)
        assert found is not None
        np.testing.assert_array_equal(found, [inside])
    both = masks.masks("bear.jpg", SIZE)
    assert both is not None
    assert len(both) == 2, "for a picture of that name they are two people"


def test_masks_of_pictures_with_one_stem_are_told_apart_by_their_folders(tmp_path):
    write_mask(tmp_path / "x" / "a.png", LEFT)
    write_mask(tmp_path / "y" / "a_person0.png", RIGHT)
    masks = folder.open_folder(tmp_path, ["x/a.jpg", "y/a.jpg"])
    for name, inside in (("x/a.jpg", LEFT), ("y/a.jpg", RIGHT)):
        found = masks.masks(name, SIZE)
        assert found is not None
        np.testing.assert_array_equal(found, [inside])
    with pytest.raises(BadInput, match=r"x/a and y/a could all be meant for a\.jpg"):
        masks.masks("a.jpg", SIZE)


def test_names_with_dots_are_not_cut_short(tmp_path):
    write_mask(tmp_path / "IMG.0001.png", LEFT)
    write_mask(tmp_path / "IMG.0002.png", RIGHT)
    found = folder.open_folder(tmp_path).masks("IMG.0002.jpg", SIZE)
    assert found is not None
    np.testing.assert_array_equal(found, [RIGHT])


def test_two_results_of_one_picture_are_named(tmp_path):
    content = {"format": "pymafsam-masks/1", "image": "a.jpg", "width": 12, "height": 10}
    for name in ("one", "two"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**content, "people": [{"mask": rle.encode(LEFT)}]}))
    with pytest.raises(BadInput, match=r"one\.json and .*two\.json hold masks of the same picture"):
        folder.open_folder(tmp_path).masks("a.jpg", SIZE)


def test_a_postscript_file_named_like_a_mask_reaches_no_interpreter(tmp_path, monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("it was run"))
    lure = tmp_path / "a.png"
    lure.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    )
    with pytest.raises(BadInput, match="not a picture"):
        files.read(lure)

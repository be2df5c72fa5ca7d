"""Boxes given by the user in COCO's form."""

import json

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.people import boxes

IMAGES = [{"id": 7, "file_name": "a/photo.jpg"}, {"id": 8, "file_name": "empty.jpg"}]


def written(tmp_path, content) -> boxes.GivenBoxes:
    path = tmp_path / "people.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return boxes.read(path)


def one(**row):
    return {"images": IMAGES, "annotations": [{"image_id": 7, "bbox": [10, 20, 30, 40], **row}]}


def test_boxes_become_corners_cut_at_the_pictures_edges(tmp_path):
    given = written(tmp_path, one(bbox=[-5, 20, 30, 400]))
    (person,) = given.people("a/photo.jpg", (100, 80))
    np.testing.assert_array_equal(person.box, [0, 20, 25, 80])
    assert person.score == 1.0


def test_score_and_track_are_kept(tmp_path):
    (person,) = written(tmp_path, one(score=0.4, track_id=3)).people("a/photo.jpg", (100, 80))
    assert (person.score, person.track) == (0.4, 3)


def test_a_picture_is_found_without_its_folders_where_that_is_one_only(tmp_path):
    given = written(tmp_path, one())
    assert len(given.people("photo.jpg", (100, 80))) == 1
    assert len(given.people("elsewhere/photo.jpg", (100, 80))) == 1
    twice = one()
    twice["images"] = [*IMAGES, {"id": 9, "file_name": "b/photo.jpg"}]
    assert written(tmp_path, twice).people("photo.jpg", (100, 80)) == []


def test_pictures_without_boxes_and_unknown_ones_have_nobody(tmp_path):
    given = written(tmp_path, one())
    assert given.people("empty.jpg", (100, 80)) == []
    assert given.people("other.jpg", (100, 80)) == []


def test_crowds_and_other_categories_are_passed_over(tmp_path):
    assert written(tmp_path, one(iscrowd=1)).people("photo.jpg", (100, 80)) == []
    cats = one(category_id=17) | {
        "categories": [{"id": 1, "name": "person"}, {"id": 17, "name": "cat"}]
    }
    assert written(tmp_path, cats).people("photo.jpg", (100, 80)) == []


def test_a_box_outside_its_picture_is_named(tmp_path):
    given = written(tmp_path, one(bbox=[200, 20, 30, 40]))
    with pytest.raises(BadInput, match=r"x 200\.0 to 230\.0.*outside a/photo\.jpg.*100 x 80"):
        given.people("a/photo.jpg", (100, 80))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{broken", "is not json"),
        ("[]", 'no "images" and "annotations"'),
        ({"images": [{"id": 1}], "annotations": []}, r"images\[0\] has no id or no file_name"),
        (one(image_id=99), r"annotations\[0\] names no image"),
        (one(bbox=[1, 2, 3]), r"annotations\[0\]: bbox is not"),
        (one(bbox="wide"), r"annotations\[0\]: bbox is not"),
        (one(bbox=[1, 2, 0, 5]), "is empty"),
        (one(bbox=[1, 2, float("nan"), 5]), "is empty"),
    ],
)
def test_a_faulty_file_is_told_where_and_why(tmp_path, content, sentence):
    with pytest.raises(BadInput, match=sentence):
        written(tmp_path, content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        boxes.read(tmp_path / "nowhere.json")

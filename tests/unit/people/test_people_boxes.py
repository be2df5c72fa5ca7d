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
    with pytest.raises(BadInput, match=r"a/photo\.jpg and b/photo\.jpg could all be meant"):
        written(tmp_path, twice).people("photo.jpg", (100, 80))


def test_pictures_without_boxes_and_unknown_ones_have_nobody(tmp_path):
    given = written(tmp_path, one())
    assert given.people("empty.jpg", (100, 80)) == []
    assert given.people("other.jpg", (100, 80)) == []
    assert given.names("empty.jpg")
    assert not given.names("other.jpg")


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
        ('{"images": [{"id": NaN}], "annotations": []}', "NaN is not a number"),
        (one(bbox=[1, 2, 1e308, 5]), "lies in no picture"),
        (one(bbox=[1, 2, True, "5"]), "bbox is not"),
        (one(bbox=None), "bbox is not"),
        (one(score="high"), r'"annotations\[0\].score" is "high", not a number'),
        (one(score=-1), "score.*a number from 0 to 1"),
        (one(track_id="left"), "track_id.*a whole number"),
        (one(iscrowd="no"), "iscrowd.*true or false"),
        (one(image_id=[7]), "image_id.*a whole number or text"),
        (one(image_id={}), "image_id.*a whole number or text"),
        (one(category_id=[1]), "category_id.*a whole number or text"),
        (one() | {"images": 5}, '"images" is 5, not a list'),
        (one() | {"annotations": {}}, '"annotations" is {}, not a list'),
        (one() | {"annotations": [3]}, "names no image"),
        (one() | {"categories": 3}, '"categories" is 3, not a list'),
        (one() | {"images": [{"id": [7], "file_name": "a.jpg"}]}, "a whole number or text"),
        (one() | {"images": [{"id": 7, "file_name": 3}]}, "file_name.*a string"),
        ("[" * 100_000, "nested too deeply"),
        ('{"images": ' + "9" * 5000 + ', "annotations": []}', "is not json"),
        ("", "line 1, column 1"),
    ],
)
def test_a_faulty_file_is_told_where_and_why(tmp_path, content, sentence):
    with pytest.raises(BadInput, match=sentence):
        written(tmp_path, content)


def test_categories_may_be_null_or_odd(tmp_path):
    for categories in (None, [], [{}, {"id": 1}], [{"name": "cat"}]):
        given = written(tmp_path, one() | {"categories": categories})
        assert len(given.people("photo.jpg", (100, 80))) == 1


def test_a_byte_order_mark_does_not_matter(tmp_path):
    path = tmp_path / "people.json"
    path.write_text(json.dumps(one()), encoding="utf-8-sig")
    assert boxes.read(path).names("a/photo.jpg")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        boxes.read(tmp_path / "nowhere.json")

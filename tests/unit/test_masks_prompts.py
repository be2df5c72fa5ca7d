"""Prompts go to json and back; bad ones are refused in words."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files import rle
from pymafsam.masks import prompts
from pymafsam.records import Person, Prompt

SIZE = (40, 30)
PLACES = st.tuples(st.integers(0, 40), st.integers(0, 30))


@st.composite
def some_prompts(draw):
    clicks = draw(st.lists(PLACES, max_size=4))
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:30] = True
    # As parts: beartype checks a record's items by chance, which no strategy may do.
    labels = draw(st.lists(st.booleans(), min_size=len(clicks), max_size=len(clicks)))
    return {
        "box": draw(st.sampled_from([None, np.array([2.5, 3.0, 30.25, 28.0])])),
        "clicks": np.array(clicks, float) if clicks else None,
        "inside": np.array(labels) if clicks else None,
        "keypoints": draw(st.sampled_from([None, np.array([[1.0, 2, 0.5], [7, 8, 1]])])),
        "mask": draw(st.sampled_from([None, mask])),
    }


@given(some_prompts())
def test_what_was_prompted_can_be_replayed(parts):
    prompt = Prompt(**parts)
    again = prompts.from_json(json.loads(json.dumps(prompts.to_json(prompt))), SIZE)
    for name in ("box", "clicks", "inside", "keypoints", "mask"):
        mine, theirs = getattr(prompt, name), getattr(again, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)


def far_mask():
    mask = np.zeros((30, 40), bool)
    mask[25:, 35:] = True
    return mask


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        (Prompt(clicks=np.array([[41.0, 3]])), r"click at \(41, 3\) lies outside.*40 x 30"),
        (Prompt(clicks=np.array([[3.0, -1]])), "lies outside the picture"),
        (Prompt(mask=np.zeros((30, 40), bool)), "the mask is empty"),
        (Prompt(mask=np.ones((20, 40), bool)), "mask is 40 x 20 pixels, its picture 40 x 30"),
        (Prompt(box=np.array([5.0, 5, 5, 9])), "holds nothing"),
        (Prompt(box=np.array([5.0, 5, np.nan, 9])), "holds nothing"),
        (Prompt(box=np.array([50.0, 5, 60, 9])), "lies outside the picture"),
        (Prompt(box=np.array([0.0, 0, 9, 9]), mask=far_mask()), "box and mask disagree: 0 %"),
    ],
)
def test_prompts_that_make_no_sense_are_refused(prompt, says):
    with pytest.raises(BadInput, match=rf"Person 3: .*{says}|Person 3:.*{says}"):
        prompts.check(prompt, SIZE, "Person 3")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([1, 2], "wanted an object"),
        ({"bx": [1, 2, 3, 4]}, "unknown word bx"),
        ({"box": [1, 2, 3]}, '"box" wants 4 numbers'),
        ({"box": "all"}, '"box" wants 4 numbers'),
        ({"clicks": [[1, 2]]}, '"clicks" wants 3 numbers'),
        ({"clicks": [[1, 2, 2]]}, r"1 \(inside\) or 0 \(outside\), not 2"),
        ({"clicks": [[1, None, 1]]}, '"clicks" wants 3 numbers'),
        ({"mask": {"size": [3, 3], "counts": "x"}}, "3 x 3 pixels, its picture 40 x 30"),
        ({"mask": "nowhere.png"}, "no mask file"),
        ({"mask": {"size": [30, 40], "counts": [10, 10]}}, "run lengths sum to 20"),
        ({"mask": [[1, 1, 1e8, 1, 5, 5]]}, "nowhere near the picture"),
        ({"mask": 5}, "list of polygons"),
        ({"box": [0, 0, 1e9, 9]}, "outside the picture"),
        ({"box": []}, '"box" wants 4 numbers'),
        ({"clicks": [[]]}, '"clicks" wants 3 numbers'),
        ({"box": ["1", "2", "3", "4"]}, '"box" wants 4 numbers'),
        ({"box": {"x": 1}}, '"box" wants 4 numbers'),
        ({"keypoints": [[1e9, 2, 0.5]]}, "far outside the picture"),
        ({"keypoints": [[[1, 2, 3]]]}, '"keypoints" wants 3 numbers'),
    ],
)
def test_json_that_is_no_prompt_is_refused(row, says):
    with pytest.raises(BadInput, match=says):
        prompts.from_json(row, SIZE)


def test_broken_json_is_named_by_line_and_column(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"pictures": {\n  "a.jpg": [{"box": [1, 2,, 4]}]}}')
    with pytest.raises(BadInput, match=r"p\.json is not json: .* at line 2, column 27"):
        prompts.read_file(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is not json"):
        prompts.read_file(path)


def test_a_prompts_file_finds_its_pictures_by_path_name_or_stem(tmp_path):
    path = tmp_path / "p.json"
    said = {"a/b.jpg": [prompts.to_json(Prompt(box=np.array([1.0, 2, 3, 4])))], "c.png": []}
    path.write_text(json.dumps({"format": prompts.FORMAT, "pictures": said}))
    given = prompts.read_file(path)
    (prompt,) = given.prompts("a/b.jpg", SIZE) or ()
    np.testing.assert_array_equal(prompt.box, [1, 2, 3, 4])
    assert given.prompts("elsewhere/c.jpg", SIZE) == []
    assert given.prompts("d.jpg", SIZE) is None


def test_coco_annotations_prompt_with_boxes_and_keypoints(tmp_path):
    path = tmp_path / "coco.json"
    row = {"image_id": 7, "bbox": [1, 2, 10, 20], "keypoints": [5, 6, 2, 0, 0, 0]}
    crowd = {"image_id": 7, "bbox": [0, 0, 1, 1], "iscrowd": 1}
    content = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [row, crowd]}
    path.write_text(json.dumps(content))
    (prompt,) = prompts.read_file(path).prompts("a.jpg", SIZE) or ()
    np.testing.assert_array_equal(prompt.box, [1, 2, 11, 22])
    np.testing.assert_array_equal(prompt.keypoints, [[5, 6, 1], [0, 0, 0]])
    content["annotations"][0]["image_id"] = 8
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match="not a COCO annotation file"):
        prompts.read_file(path)


def test_a_mask_file_of_polygons_may_be_named_beside_the_prompts(tmp_path):
    (tmp_path / "outline.json").write_text(json.dumps([[[5, 5, 20, 5, 20, 25, 5, 25]]]))
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"pictures": {"a.jpg": [{"mask": "outline.json"}]}}))
    (prompt,) = prompts.read_file(path).prompts("a.jpg", SIZE) or ()
    assert prompt.mask is not None
    assert prompt.mask.sum() == 15 * 20


def test_a_result_of_reconstruct_prompts_with_its_boxes_and_masks(tmp_path):
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:20] = True
    person = {"box": [4.0, 4, 21, 21], "mask": rle.encode(mask), "score": 0.5}
    content = {"format": "pymafsam/1", "image": "a.jpg", "people": [person, {"box": [1, 1, 9, 9]}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    first, second = prompts.read_file(tmp_path / "a.json").prompts("a.jpg", SIZE) or ()
    np.testing.assert_array_equal(first.mask, mask)
    np.testing.assert_array_equal(second.box, [1, 1, 9, 9])


def test_other_json_is_no_prompts_file(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("[1, 2]")
    with pytest.raises(BadInput, match=r"is not a prompts file: wanted .*found \[1, 2\]"):
        prompts.read_file(path)


def test_what_the_user_said_goes_before_what_the_detector_found():
    found = Person(
        box=np.array([0.0, 0, 9, 9]),
        score=0.9,
        keypoints=np.ones((33, 3)),
        prompt=Prompt(box=np.array([1.0, 1, 5, 5]), clicks=np.array([[2.0, 2]])),
    )
    prompt = prompts.for_person(found)
    np.testing.assert_array_equal(prompt.box, [1, 1, 5, 5])
    assert prompt.clicks is not None
    np.testing.assert_array_equal(prompt.keypoints[:, 2], 33 * [1])


def test_findings_of_somebody_else_are_left_out():
    keypoints = np.array([[5.0, 5, 0.9], [35, 25, 0.8], [10.2, 5, 0.7]])
    person = Person(box=np.array([0.0, 0, 10, 10]), score=1.0, keypoints=keypoints, mask=far_mask())
    prompt = prompts.for_person(person)
    assert prompt.mask is None
    assert prompt.keypoints is not None
    np.testing.assert_array_equal(prompt.keypoints[:, :2], keypoints[:, :2])
    np.testing.assert_array_equal(prompt.keypoints[:, 2], [0.9, 0, 0.7])


def test_the_same_person_is_not_described_twice():
    mask = np.zeros((30, 40), bool)
    mask[5:25, 3:18] = True
    findings = {"mask": mask, "keypoints": np.ones((17, 3))}
    own = Prompt(box=np.array([3.0, 5, 18, 25]), **findings)
    thief = Prompt(box=np.array([10.0, 2, 38, 28]), **findings)
    elsewhere = Prompt(box=np.array([20.0, 0, 40, 30]), mask=far_mask())
    for order in ([own, thief, elsewhere], [elsewhere, thief, own]):
        cleared = dict(zip(map(id, order), prompts.untangled(order), strict=True))
        assert cleared[id(own)] is own
        assert cleared[id(elsewhere)] is elsewhere
        left = cleared[id(thief)]
        assert left.box is thief.box
        assert left.mask is None
        assert left.keypoints is None

"""Which file belongs to which picture: the path, else the last part where it is unique."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files.frames import Source
from pymafsam.files.names import ByPicture, result_stems, told_apart, without_ending

some_names = st.from_regex(r"(?:[ab]/){0,2}[xyz](?:\.v2)?\.(?:jpg|png)", fullmatch=True)


def match(picture, names, pictures=()):
    things = {name: name for name in names}
    return ByPicture(where="file", things=things, pictures=pictures).find(picture)


@given(st.lists(some_names, min_size=1, max_size=6, unique=True), st.data())
def test_whoever_is_named_by_path_is_found_whatever_else_there_is(names, data):
    picture = data.draw(st.sampled_from(names))
    assert match(picture, names, names) == picture


@given(st.lists(some_names, max_size=5, unique=True), st.lists(some_names, min_size=1, max_size=5))
def test_a_name_belongs_to_one_picture_of_a_run_at_most(names, pictures):
    owners = {}
    for picture in dict.fromkeys(pictures):
        try:
            name = match(picture, names, pictures)
        except BadInput:
            continue
        if name is not None:
            assert owners.setdefault(name, picture) == picture


@pytest.mark.parametrize(
    ("picture", "names", "found"),
    [
        ("a.jpg", ["a.jpg", "a.png"], "a.jpg"),
        ("x/a.jpg", ["a.jpg", "x/a.jpg", "y/a.jpg"], "x/a.jpg"),
        ("x/a.jpg", ["a"], "a"),
        ("a.jpg", ["train/a.jpg"], "train/a.jpg"),
        ("a.jpg", ["/data/coco/a.jpg", "/data/coco/b.jpg"], "/data/coco/a.jpg"),
        ("x/a.jpg", ["y/a.png"], "y/a.png"),
        ("a.jpg", ["a_jpg", "a_png"], "a_jpg"),
        ("IMG.0001.jpg", ["IMG.0001", "IMG.0002"], "IMG.0001"),
        ("IMG.0003.jpg", ["IMG.0001", "IMG.0002"], None),
        ("./a b.jpg", ["a b.jpg"], "a b.jpg"),
        ("x/a.jpg", ["x\\a.jpg", "y\\a.jpg"], "x\\a.jpg"),
        ("u\u0308.jpg", ["\u00fc.jpg"], "\u00fc.jpg"),
        ("clip/000001", ["clip/000001", "other/000001"], "clip/000001"),
        ("clip/000001", ["000001"], "000001"),
        ("clip/000001", ["other/000001"], None),
    ],
)
def test_the_path_goes_before_the_last_part(picture, names, found):
    assert match(picture, names) == found


@pytest.mark.parametrize(
    ("picture", "names", "pictures", "both"),
    [
        ("a.jpg", ["x/a.jpg", "y/a.jpg"], [], ["x/a.jpg", "y/a.jpg"]),
        ("a.gif", ["a.jpg", "a.png"], [], ["a.jpg", "a.png"]),
        ("x/a.jpg", ["a"], ["x/a.jpg", "y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        ("a.jpg", ["a"], ["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        ("p/000001", ["000001"], ["p.mp4", "q.mp4"], ["p/000001", "q/000001"]),
    ],
)
def test_what_could_mean_two_things_is_an_error_that_names_both(picture, names, pictures, both):
    with pytest.raises(BadInput) as told:
        match(picture, names, pictures)
    assert all(name in str(told.value) for name in both)


def test_the_last_part_does_not_take_what_another_picture_owns():
    assert match("a.jpg", ["x/a.jpg"], ["a.jpg", "x/a.jpg"]) is None
    assert match("a.jpg", ["a.png"], ["a.jpg", "a.png"]) is None


def test_numbered_files_match_with_their_folder_only():
    numbered = ByPicture(where="f", things={"bear/00001": 1, "0": 2}, by_path=True)
    assert numbered.find("JPEGImages/bear/00001.jpg") == 1
    assert numbered.find("bear/00001.jpg") == 1
    assert numbered.find("00001.jpg") is None


def test_only_known_endings_are_taken_off():
    assert without_ending("a/IMG.0001.JPG") == "a/IMG.0001"
    assert without_ending("IMG.0001") == "IMG.0001"


@given(
    st.lists(
        st.from_regex(r"(?:[ab]/)?[ab](?:_jpg)?\.(?:jpg|png|mp4|mov)", fullmatch=True), max_size=12
    )
)
def test_no_result_lies_where_anothers_frames_go(names):
    stems = result_stems(names)
    assert len(set(stems)) == len(names)
    for name, stem in zip(names, stems, strict=True):
        if name.endswith((".mp4", ".mov")):
            assert not [other for other in stems if other.startswith(f"{stem}/")]


def test_files_of_one_name_are_told_apart_by_their_folders():
    paths = ["x/a.jpg", "y/a.jpg", "y/b.jpg", "x/a.jpg"]
    sources = [Source(path=Path(p), name=Path(p).name) for p in paths]
    assert [s.name for s in told_apart(sources)] == ["x/a.jpg", "y/a.jpg", "b.jpg"]

"""What results are called, and what --save understands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.cli.inputs import read_names
from pymafsam.cli.reconstruct import GivenPeople, Reconstruct
from pymafsam.errors import BadUsage
from pymafsam.files.names import result_stems
from pymafsam.files.pictures import write_png

names = st.lists(
    st.from_regex(r"(?:[ab]/)?[xyzä ]{1,2}\.(?:jpg|png|mp4)", fullmatch=True), max_size=12
)


@given(names)
def test_no_two_results_share_a_name(names):
    stems = result_stems(names)
    assert len(stems) == len(names)
    assert len(set(stems)) == len(names)


def test_results_are_called_after_their_pictures():
    assert result_stems(["a.jpg", "sub/a.jpg", "b.jpg", "b.png", "c.jpg", "c.jpg"]) == [
        "a",
        "sub/a",
        "b_jpg",
        "b_png",
        "c_jpg",
        "c_jpg-2",
    ]


def test_formats_are_read_once_each_and_unknown_ones_are_named():
    assert read_names("--save", "json, picture,json", ["picture", "json"]) == ("json", "picture")
    with pytest.raises(BadUsage, match='did you mean "picture"'):
        read_names("--save", "pictur", ["picture", "json"])
    with pytest.raises(BadUsage, match="nothing to choose"):
        read_names("--save", " ,", ["picture", "json"])


def test_a_video_is_stale_when_a_mask_of_its_frames_is_another(tmp_path):
    folder = tmp_path / "masks" / "clip"
    folder.mkdir(parents=True)
    options = Reconstruct(out=tmp_path / "o", masks=folder.parent)
    given = GivenPeople(options=options, names=["clip.mp4"])
    for k in range(2):
        write_png(np.full((8, 8), 255, np.uint8), folder / f"{k:06d}.png", "")
    before = given.digest_of_masks()
    assert given.digest_of_masks() == before
    write_png(np.zeros((9, 9), np.uint8), folder / "000001.png", "")
    changed = given.digest_of_masks()
    (folder / "000001.png").rename(folder / "000002.png")
    assert len({before, changed, given.digest_of_masks()}) == 3
    assert GivenPeople(options=Reconstruct(out=tmp_path), names=[]).digest_of_masks() == ""

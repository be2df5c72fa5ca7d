"""Files appear whole or not at all."""

import os

import pytest

from pymafsam.errors import BadInput
from pymafsam.files.atomic import check_writable, writing


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "mesh.obj"
    path.write_text("old")

    def interrupted():
        with writing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_write_appears_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "mesh.obj"
    with writing(path) as temporary:
        assert temporary.suffix == ".obj"
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="--out"), writing(tmp_path / "file" / "mesh.obj"):
        pass


def test_a_folder_is_checked_without_leaving_a_trace(tmp_path):
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput):
        check_writable(tmp_path / "file")


def test_an_interruption_right_after_the_file_was_made_leaves_no_litter(tmp_path, monkeypatch):
    close = os.close

    def interrupted(handle):
        close(handle)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", interrupted)
    with pytest.raises(KeyboardInterrupt), writing(tmp_path / "mesh.obj"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\0b.obj", "x" * 300 + ".obj"])
def test_a_name_that_no_file_can_have_is_told_of(tmp_path, name):
    with pytest.raises(BadInput, match="--out"), writing(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert list(tmp_path.iterdir()) == []

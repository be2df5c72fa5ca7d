"""A journal gives back what was finished, and nothing else: cut off, full, by others, of others."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files import journal

SETTINGS = {"code": "a", "options": {"limit": "3"}}
PIECES = st.dictionaries(
    st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4)
)


def written(path, pieces):
    with journal.opened(path, "fit", SETTINGS) as notes:
        for key, value in pieces.items():
            assert notes.add(key, value) == value
    return path


@given(pieces=PIECES, data=st.data())
def test_a_file_cut_off_anywhere_gives_the_pieces_before_the_cut(tmp_path_factory, pieces, data):
    path = written(tmp_path_factory.mktemp("j") / "fits.journal", pieces)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    lines = path.read_bytes().count(b"\n")
    found = journal.read(path, "fit", SETTINGS)
    if lines:
        # The last line may be whole but for its end.
        assert list(found.items()) in [list(pieces.items())[:k] for k in (lines - 1, lines)]
    path.write_bytes(whole)
    assert journal.read(path, "fit", SETTINGS) == pieces


def test_work_goes_on_behind_a_line_that_was_cut_off(tmp_path):
    path = written(tmp_path / "fits.journal", {"a": 1, "b": 2})
    path.write_bytes(path.read_bytes()[:-3])
    with journal.opened(path, "fit", SETTINGS) as notes:
        assert notes.done == {"a": 1}
        notes.add("c", 3)
    assert journal.read(path, "fit", SETTINGS) == {"a": 1, "c": 3}


def test_work_done_under_other_settings_is_not_read(tmp_path):
    path = written(tmp_path / "fits.journal", {"a": 1})
    assert journal.read(path, "fit", {**SETTINGS, "code": "b"}) == {}
    assert journal.read(path, "evaluate", SETTINGS) == {}
    with journal.opened(path, "fit", {**SETTINGS, "code": "b"}) as notes:
        assert notes.done == {}
    assert journal.read(path, "fit", SETTINGS) == {}


@pytest.mark.parametrize("content", ["my notes\n", '{"my": "json"}\n', ""])
def test_a_file_that_is_no_journal_of_this_verb_stays(tmp_path, content):
    path = tmp_path / "fits.journal"
    path.write_text(content)
    with pytest.raises(BadInput, match="left as it is"), journal.opened(path, "fit", SETTINGS):
        pass
    assert path.read_text() == content


def test_a_full_disk_is_named_and_what_was_finished_stays(tmp_path, monkeypatch):
    path = tmp_path / "fits.journal"

    def full(handle, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with journal.opened(path, "fit", SETTINGS) as notes:
        notes.add("a", 1)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(BadInput, match=r"fits\.journal.*No space left"):
            notes.add("b", 2)
    assert journal.read(path, "fit", SETTINGS) == {"a": 1}

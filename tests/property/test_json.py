"""Json documents: what they cost is known before they are read; what is no file is not read."""

import json
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.files import json as documents
from pymafsam.files import limits
from pymafsam.files.frames import read_picture
from pymafsam.files.matlab import read_mat
from pymafsam.files.pickles import read_npy, read_npz, read_pickle

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def memory(value):
    """Bytes that a value takes, whatever it shares counted again."""
    own = sys.getsizeof(value)
    if isinstance(value, dict):
        return own + sum(memory(key) + memory(inner) for key, inner in value.items())
    return own + (sum(map(memory, value)) if isinstance(value, list) else 0)


def cost(text):
    return len(text) + sum(each * text.count(sign) for sign, each in limits.JSON_COSTS.items())


@given(VALUES)
def test_a_document_takes_no_more_memory_than_was_reckoned(value):
    text = json.dumps([value], ensure_ascii=False).encode("utf-8", "surrogatepass")
    found = json.loads(text)
    assert memory(found) <= 4 * len(text) + cost(text)  # a letter has up to four bytes


@pytest.mark.parametrize("item", ["[]", "{}", "5", "0.5", '""', '{"a": {}}', "[[]]"])
def test_long_lists_take_no_more_memory_than_was_reckoned(item):
    text = f"[{', '.join([item] * 5000)}]".encode()
    assert memory(json.loads(text)) <= cost(text)


def test_a_document_that_unfolds_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_JSON", 100_000)
    path = tmp_path / "a.json"
    path.write_text("[" + ",".join(["[]"] * 5000) + "]")
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BadInput, match="unfolds"):
        documents.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize(
    "read", [documents.read, read_npz, read_npy, read_pickle, read_mat, read_picture]
)
def test_no_reader_waits_for_a_pipe(tmp_path, read):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(BadInput, match="pipe"):
        read(tmp_path / "a")


def test_of_a_long_value_only_the_beginning_is_written_for_a_message(monkeypatch):
    class Long(list):
        def __iter__(self):
            yield from range(40)
            pytest.fail("nobody will see it")

    assert documents.shown(Long([0])).startswith("[0, 1, 2")
    assert documents.shown({"a": [None, "b"]}) == '{"a": [null, "b"]}'


FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(FINITE)
def test_pieces_of_a_document_are_the_document(value):
    assert "".join(documents.pieces(value)) == json.dumps(value)


@given(st.lists(st.lists(st.floats(-1e9, 1e9)), max_size=9), st.integers(1, 4))
def test_rows_written_some_at_a_time_are_the_list(rows, together):
    written = documents.Rows(len(rows), lambda low, high: rows[low:high])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "TOGETHER", together)
        found = "".join(documents.pieces({"a": written, "b": [{"c": written}]}))
    assert found == json.dumps({"a": rows, "b": [{"c": rows}]})

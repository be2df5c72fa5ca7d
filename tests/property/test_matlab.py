"""MATLAB files: the values that were saved; damaged ones are refused before scipy sees them."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pymafsam.errors import BadInput
from pymafsam.files import limits, matlab
from pymafsam.files.matlab import read_mat

NUMBERS = hnp.arrays(
    st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"]),
    hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4),
)


def saved(compressed=False, **variables) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables, do_compression=compressed, long_field_names=True)
    return stream.getvalue()


@given(NUMBERS, NUMBERS, st.booleans())
def test_numbers_are_what_was_saved(first, second, compressed):
    read = read_mat(saved(compressed, first=first, a_longer_name=second))
    for name, value in (("first", first), ("a_longer_name", second)):
        assert read[name].shape == value.shape
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.booleans())
def test_cells_keep_their_order(values, compressed):
    cells = np.empty((1, len(values)), object)
    for i, value in enumerate(values):
        cells[0, i] = value
    read = read_mat(saved(compressed, cells=cells))["cells"]
    assert read.shape == cells.shape
    for i, value in enumerate(values):
        np.testing.assert_array_equal(read[0, i], value)


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=30))
def test_text_is_text(text):
    assert read_mat(saved(name=text))["name"] == text


def test_structures_are_dictionaries():
    record = {"image": "im0001.jpg", "joints": np.arange(6.0).reshape(2, 3), "deep": {"x": 1}}
    read = read_mat(saved(True, release=record))["release"]
    assert read["image"] == "im0001.jpg"
    np.testing.assert_array_equal(read["joints"], record["joints"])
    assert read["deep"]["x"].item() == 1


def test_several_structures_are_an_array_of_dictionaries():
    records = np.array([(1.0, "a"), (2.0, "b")], dtype=[("n", object), ("s", object)])
    read = read_mat(saved(records=records))["records"].ravel()
    assert [r["s"] for r in read] == ["a", "b"]


def test_sparse_matrices_are_refused():
    with pytest.raises(BadInput, match="sparse"):
        read_mat(saved(m=scipy.sparse.csc_matrix(np.diag([1.0, 0, 3.0]))))


@pytest.mark.parametrize("kind", ["cell", "numbers", "text", "structures"])
@pytest.mark.parametrize("shape", [(1 << 30, 1), (1 << 30, 1 << 30), (-1, -1), (5, 1)])
def test_more_entries_than_there_are_bytes_are_refused_at_once(kind, shape):
    cell = np.empty((1, 1), object)
    cell[0, 0] = np.eye(2)
    value = {"cell": cell, "numbers": np.eye(1), "text": "a", "structures": {"a": 1.0}}[kind]
    data = saved(x=value)
    place = data.index(struct.pack("<II", 5, 8), 128) + 8  # the first element of sizes
    with pytest.raises(BadInput, match=r"damaged|unfolds"):
        read_mat(data[:place] + struct.pack("<ii", *shape) + data[place + 8 :])


def test_a_file_that_unfolds_without_end_is_refused(monkeypatch):
    for module in (matlab, limits):
        monkeypatch.setattr(module, "LARGEST", 1 << 16)
    endless = zlib.compress(bytes(1 << 20), 9)
    with pytest.raises(BadInput, match="unfolds"):
        read_mat(SEEDS[0][:128] + struct.pack("<II", 15, len(endless)) + endless)


def test_rows_of_text_stay_rows():
    assert read_mat(saved(names=np.array(["left", "back"])))["names"] == ["left", "back"]


SEEDS = [saved(c, a=np.arange(12.0).reshape(3, 4), s={"x": "text", "y": np.eye(2)}) for c in (0, 1)]


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_files_are_read_or_refused(seed, data):
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInput):
        read_mat(bytes(damaged[: data.draw(st.integers(0, len(seed)))]))


def test_a_truncated_file_is_refused():
    for keep in (0, 100, 130, 200, len(SEEDS[0]) - 8):
        with pytest.raises(BadInput):
            read_mat(SEEDS[0][:keep])


def test_the_newer_hdf5_kind_says_how_to_save_it():
    with pytest.raises(BadInput, match="-v7"):
        read_mat(b"MATLAB 7.3 MAT-file, HDF5 schema 1.00".ljust(124) + b"\x00\x02IM" + b"\x89HDF")


def test_the_joints_of_lsp_extended_are_read_as_scipy_reads_them(shared_data: Path):
    path = shared_data / "lspet" / "joints.mat"
    np.testing.assert_array_equal(read_mat(path)["joints"], scipy.io.loadmat(path)["joints"])


def test_numbers_said_to_be_complex_need_their_imaginary_part():
    data = bytearray(saved(first=np.arange(12.0), second=np.eye(2)))
    data[128 + 8 + 8 + 1] |= 0x08  # the flag; scipy took the next variable for the missing part
    with pytest.raises(BadInput, match="numbers in elements"):
        read_mat(bytes(data))


@pytest.mark.parametrize("kind", [0, 8, 14, 200, 2**15])
def test_numbers_of_a_type_that_there_is_not_are_refused(kind):
    data = saved(first=np.arange(12.0))
    element = struct.pack("<II", 9, 96)
    assert element in data
    with pytest.raises(BadInput):
        read_mat(data.replace(element, struct.pack("<II", kind, 96)))

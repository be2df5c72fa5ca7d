"""Pickles are read as data: whatever a file asks for, nothing of it is run."""

import builtins
import collections
import contextlib
import io
import os
import pickle
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pymafsam.errors import BadInput, PymafsamError, UntrustedFile
from pymafsam.files import json
from pymafsam.files.pickles import Sparse, read_npy, read_npz, read_pickle
from pymafsam.files.pickles.unpickler import RECOGNISED, Sealed

PICKLES = Path(__file__).parents[1] / "data" / "pickles"
PROTOCOLS = st.integers(0, 5)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)
ARRAYS = hnp.arrays(
    st.sampled_from(["<f8", ">f4", "<i4", "<u4", "|b1", "|S5", "<U3", "|u1"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)


@given(PLAIN, PROTOCOLS)
def test_plain_values_survive(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol)) == value


@given(ARRAYS, PROTOCOLS, st.booleans())
def test_arrays_survive_in_every_protocol_and_order(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    read = read_pickle(pickle.dumps({"a": array}, protocol))["a"]
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


@given(st.sampled_from([np.float32(1.5), np.int64(-3), np.bool_(True)]), PROTOCOLS)
def test_numpy_scalars_survive(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol)) == value


@given(
    hnp.arrays(np.float64, (4, 6), elements=st.sampled_from([0.0, 0.0, 1.0, -2.5])),
    st.sampled_from(["csc", "csr", "coo", "lil"]),
    st.sampled_from(["matrix", "array"]),
    PROTOCOLS,
)
def test_scipy_matrices_are_read_without_scipy(dense, layout, kind, protocol):
    matrix = getattr(scipy.sparse, f"{layout}_{kind}")(dense)
    read = read_pickle(pickle.dumps(matrix, protocol))
    assert isinstance(read, Sparse)
    np.testing.assert_array_equal(read.dense(), dense)


def test_scipy_matrices_of_old_versions_are_read():
    data = pickle.dumps(scipy.sparse.csc_matrix(np.eye(3)), 2)
    assert b"cscipy.sparse._csc\n" in data
    read = read_pickle(data.replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n"))
    np.testing.assert_array_equal(read.dense(), np.eye(3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ch", [[0, 1, 2], [3, 4, 5]]),
        ("select", [[3, 4, 5]]),
        ("reshape", [[0, 1], [2, 3], [4, 5]]),
        ("ravel", [0, 1, 2, 3, 4, 5]),
        ("transpose", [[0, 3], [1, 4], [2, 5]]),
    ],
)
def test_pickles_written_by_chumpy_itself_are_read(name, value):
    np.testing.assert_array_equal(read_pickle(PICKLES / f"real_{name}.pkl"), value)


def test_python_2_byte_strings_hold_arrays():
    raw = np.array([1.5, -2.0]).tobytes()
    python2 = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10" + raw + b"tb."
    )
    np.testing.assert_array_equal(read_pickle(python2), [1.5, -2.0])


class _Call:
    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


ATTACKS = {
    "os.system": _Call(os.system, "touch PROOF"),
    "nested": {"v_template": [1, (2, {"x": _Call(subprocess.Popen, ["touch", "PROOF"])})]},
    "eval": _Call(eval, "open('PROOF', 'w')"),
    "getattr": _Call(getattr, os, "system") if os.name == "nt" else _Call(builtins.getattr, 1, "x"),
    "numpy.load": _Call(np.load, "PROOF"),
    "numpy.fromfile": _Call(np.fromfile, "PROOF"),
    "numpy.save": _Call(np.save, "PROOF", 1),
    "numpy.memmap": _Call(np.memmap, "PROOF", "u1", "w+"),
    "runstring": _Call(np.testing.runstring, "open('PROOF', 'w')", {}),
    "a chosen class": collections.Counter("ab"),
    "open": _Call(open, "PROOF", "w"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_call_to_anything_else_is_refused_by_name(attack, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedFile, match="wants to run"):
        read_pickle(pickle.dumps(ATTACKS[attack], protocol))
    assert not list(tmp_path.iterdir())


HAND_MADE = {
    "INST": b"(S'touch PROOF'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch PROOF'\no.",
    "NEWOBJ": b"cos\nsystem\nS'touch PROOF'\n\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04cos\nsystem\n)}\x92.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93S'touch PROOF'\n\x85R.",
    "EXT1": b"\x80\x02\x82\x01.",
    "PERSID": b"Pos.system\n.",
    "BINPERSID": b"S'x'\nQ.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "attributes of an allowed name": b"cnumpy\ndtype\n}S'type'\nS'x'\nsb.",
    "slots of an allowed name": b"cnumpy\ndtype\nN}S'__call__'\nS'x'\ns\x86b.",
    "a dotted name": b"cnumpy\ncore.multiarray._reconstruct.__globals__\n.",
    "an allowed class called": b"cnumpy\nndarray\nK\x05\x85R.",
    "a codec that runs": b"c_codecs\nencode\nS'a'\nS'hex'\n\x86R.",
}


@pytest.mark.parametrize("attack", HAND_MADE)
def test_every_way_to_call_is_refused(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedFile):
        read_pickle(HAND_MADE[attack])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", RECOGNISED)
def test_what_a_recognised_name_leads_to_is_ours_and_cannot_be_changed(name):
    stand_in = RECOGNISED[name]
    assert isinstance(stand_in, Sealed)
    assert stand_in.__module__ == "pymafsam.files.pickles.unpickler"
    module, _, attribute = name.rpartition(".")
    for state in (b"}S'extra'\nS'x'\ns", b"N}S'extra'\nS'x'\ns\x86"):
        with pytest.raises(UntrustedFile, match="a change to"):
            read_pickle(f"c{module}\n{attribute}\n".encode() + state + b"b.")
    assert not hasattr(stand_in, "extra")


def _seeds() -> list[bytes]:
    values = [
        {"J": scipy.sparse.csc_matrix(np.eye(4)), "v": np.arange(6.0).reshape(2, 3)},
        {"foreground": {"imgname": ["im00001"], "mask_fore_points_x": [1, 2, 3]}},
        np.array([scipy.sparse.lil_matrix(np.eye(2)), {"a": (1, 2.5)}], dtype=object),
    ]
    dumped = [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4)]
    return dumped + [path.read_bytes() for path in sorted(PICKLES.glob("*.pkl"))]


SEEDS = _seeds()


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_files_are_read_or_refused_never_more(seed, data):
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(damaged)))
    for candidate in (bytes(damaged), bytes(damaged[:cut])):
        with contextlib.suppress(PymafsamError):
            read_pickle(candidate)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_random_bytes_are_read_or_refused(data):
    with contextlib.suppress(PymafsamError):
        read_pickle(data + b".")


@given(st.sampled_from(SEEDS), st.data())
def test_truncated_files_are_refused(seed, data):
    with pytest.raises(PymafsamError):
        read_pickle(seed[: data.draw(st.integers(0, len(seed) - 1))])


BOMBS = {
    "a shape beyond the data": pickle.dumps(np.zeros(3), 2).replace(
        b"K\x03\x85", b"J\0\0\0\x40\x85"
    ),
    "a long string announced": b"B" + struct.pack("<I", 0xFFFFFFF0) + b"ab.",
    "deep nesting": b")" + b"\x85" * 50_000 + b".",
    "deep nesting as a key": b"})" + b"\x85" * 50_000 + b"Ns.",
    "a list within itself": b"]q\x00h\x00a.",
    "a memory cell that was never filled": b"h\x05.",
    "a memory cell far away": b"Nr\xff\xff\xff\x7f.",
    "a call of a built value": b"]S'x'\n\x85R.",
    "lists that share lists": b"]q\x00" + b"0](h\x00h\x00eq\x00" * 40 + b".",
    "tuples that share tuples": b"N" + b"q\x00h\x00\x86" * 40 + b".",
    "dictionaries that share": b"}q\x00" + b"0}(K\x01h\x00K\x02h\x00uq\x00" * 40 + b".",
    "a chumpy array of lists that share lists": (
        b"\x80\x02cchumpy.ch\nCh\n)\x81}X\x01\0\0\0x]q\x00" + b"0](h\x00h\x00eq\x00" * 40 + b"sb."
    ),
    "a long text among many": (
        b"]X"
        + struct.pack("<I", 1 << 20)
        + b"a" * (1 << 20)
        + b"q\x00a"
        + b"h\x00a" * 50_000
        + b"."
    ),
    "a large array in many places": b"]("
    + pickle.dumps(np.zeros(1 << 16), 2)[2:-1]
    + b"q\xff"
    + b"h\xff" * 5000
    + b"e.",
    "numbers that fall on one hash": (
        b"}("
        + b"".join(
            b"\x8a\x0a" + ((2**61 - 1) * k).to_bytes(10, "little") + b"N" for k in range(30_000)
        )
        + b"u."
    ),
    "tuples as keys": b"}(" + b"K\x01K\x02\x86N" * 10 + b"u.",
    "nested tuples in a set": b"\x80\x04\x8f()" + b"\x85" * 50_000 + b"\x90.",
    "a frozen set of nested tuples": b"\x80\x04()" + b"\x85" * 50_000 + b"\x91.",
    "bytes announced": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "a frame announced": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
    "one text encoded again and again": (
        b"c_codecs\nencode\nq\x00X"
        + struct.pack("<I", 1 << 24)
        + b"a" * (1 << 24)
        + b"X\x06\0\0\0latin1\x86q\x01"
        + b"]"
        + b"h\x00h\x01Ra" * 70
        + b"."
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_files_that_would_fill_the_memory_are_refused(bomb):
    with pytest.raises(BadInput):
        read_pickle(BOMBS[bomb])


def test_a_file_of_too_many_steps_is_refused(monkeypatch):
    monkeypatch.setattr("pymafsam.files.pickles.unpickler.MOST_STEPS", 1000)
    assert read_pickle(b"]0" * 499 + b"N.") is None
    with pytest.raises(BadInput, match="steps"):
        read_pickle(b"]0" * 500 + b"N.")


def test_a_huge_sparse_matrix_is_not_written_out():
    with pytest.raises(BadInput, match="unfolds"):
        Sparse(np.ones(1), np.zeros(1, int), np.zeros(1, int), (10**6, 10**6)).dense()


def _saved(value) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    return stream.getvalue()


@given(ARRAYS, st.booleans())
def test_numpy_files_survive(array, fortran):
    array = np.asfortranarray(array) if fortran else array
    read = read_npy(_saved(array))
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tobytes() == array.tobytes()


def test_a_dictionary_saved_by_numpy_comes_back_as_itself():
    value = {"foreground": {"imgname": ["im00001"], "mask_fore_points_x": [3, 1]}}
    assert read_npy(_saved(np.array(value, dtype=object))) == value


def test_an_object_array_that_calls_is_refused():
    with pytest.raises(UntrustedFile, match="system"):
        read_npy(_saved(np.array([_Call(os.system, "true")], dtype=object)))


def test_numpy_files_of_python_2_are_read_without_a_word():
    data = _saved(np.arange(20.0).reshape(2, 10)).replace(b"(2, 10), }  ", b"(2L, 10L), }")
    np.testing.assert_array_equal(read_npy(data), np.arange(20.0).reshape(2, 10))


def test_a_header_that_does_not_end_is_refused():
    data = _saved(np.zeros(3)).replace(b"(3,)", b"(3, ")
    with pytest.raises(BadInput, match="whole"):
        read_npy(data)


@pytest.mark.parametrize("keep", [4, 30, 100, 140])
def test_truncated_numpy_files_are_refused(keep):
    with pytest.raises(BadInput):
        read_npy(_saved(np.zeros(10))[:keep])


def test_a_numpy_file_that_announces_too_much_is_refused():
    data = _saved(np.zeros(10)).replace(b"(10,), }        ", b"(10000000000,), }")
    with pytest.raises(BadInput, match=r"truncated|whole"):
        read_npy(data)


def test_archives_hold_arrays_and_objects(tmp_path):
    objects = np.empty(2, object)
    objects[0], objects[1] = scipy.sparse.csc_matrix(np.eye(2)), scipy.sparse.csr_matrix(np.eye(3))
    np.savez(tmp_path / "a.npz", D=objects, pose=np.arange(3.0))
    read = read_npz(tmp_path / "a.npz")
    assert sorted(read) == ["D", "pose"]
    assert "D" in read
    assert read.get("X") is None
    np.testing.assert_array_equal(read["D"][1].dense(), np.eye(3))
    with pytest.raises(BadInput, match='no "X"'):
        read["X"]


@pytest.mark.parametrize("keep", [0, 10, 200, 500])
def test_truncated_archives_are_refused(tmp_path, keep):
    np.savez(tmp_path / "a.npz", pose=np.arange(300.0))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(BadInput):
        read_npz(tmp_path / "b.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.pkl"):
        read_pickle(tmp_path / "gone.pkl")


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="there are no devices here")
def test_a_device_is_no_file():
    for read in (read_pickle, read_npy, json.read):
        with pytest.raises(BadInput, match="is a device"):
            read(Path("/dev/zero"))

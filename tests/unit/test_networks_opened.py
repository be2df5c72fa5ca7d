"""Networks are opened from the graph that was optimised here before, and give the same bits."""

import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from pymafsam.errors import MissingAsset
from pymafsam.people.nanodet import NanoDet, any_size
from pymafsam.pretrained import catalogue, networks
from pymafsam.pretrained.sessions import Session


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where optimised graphs go; the networks themselves stay where they are."""
    try:
        catalogue.locate("nanodet")
    except MissingAsset as error:
        pytest.skip(f"the network cannot be had: {error}")
    monkeypatch.setattr(networks, "cache_folder", lambda: tmp_path)
    return tmp_path / "optimised"


def found(session):
    """Everything NanoDet says of one picture."""
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    boxes, scores = NanoDet(session).candidates(pixels)
    return boxes, scores, of_ones(session)


def of_ones(session):
    """NanoDet's first answer to a square of ones."""
    return session.run(None, {session.inputs[0]: np.ones((1, 3, 416, 416), np.float32)})[0]


def test_a_kept_graph_gives_the_bits_of_the_file_it_was_made_of(folder):
    plain = found(Session(any_size(catalogue.locate("nanodet")), threads=1))
    made = found(networks.opened("nanodet", threads=1, cut=any_size))
    assert {path.suffix for path in folder.iterdir()} == {".onnx", ".weights"}
    again = found(networks.opened("nanodet", threads=1, cut=any_size))
    for one, two, three in zip(plain, made, again, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_a_kept_graph_is_used_without_reading_the_network_again(folder, monkeypatch):
    networks.opened("nanodet", threads=1, cut=any_size).run(None, picture())
    monkeypatch.setattr(catalogue, "locate", lambda name: pytest.fail("it was read again"))
    networks.opened("nanodet", threads=1, cut=any_size).run(None, picture())


@pytest.mark.parametrize("suffix", [".onnx", ".weights"])
@pytest.mark.parametrize(
    "damage", [lambda b: b[:1000], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""]
)
def test_a_damaged_graph_is_made_again(folder, damage, suffix):
    networks.opened("nanodet", threads=1, cut=any_size).run(None, picture())
    (path,) = folder.glob(f"*{suffix}")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    networks.opened("nanodet", threads=1, cut=any_size).run(None, picture())
    assert len(path.read_bytes()) == len(whole)
    assert not list(folder.glob(".pymafsam-*"))


def test_a_copied_cache_is_believed_by_its_content(folder, monkeypatch):
    before = found(networks.opened("nanodet", threads=1, cut=any_size))
    (weights,) = folder.glob("*.weights")
    os.utime(weights, (1, 1))
    monkeypatch.setattr(networks, "_keep", lambda *_: pytest.fail("it was made again"))
    for one, two in zip(
        before, found(networks.opened("nanodet", threads=1, cut=any_size)), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_where_nothing_can_be_kept_the_network_runs_all_the_same(folder):
    kept_graph = found(networks.opened("nanodet", threads=1, cut=any_size))
    shutil.rmtree(folder)
    folder.write_bytes(b"in the way")
    for one, two in zip(
        kept_graph, found(networks.opened("nanodet", threads=1, cut=any_size)), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("precision", "near"), [("f32", 1e-5), ("bf16", 0.01)])
def test_openvino_says_nearly_the_same(folder, precision, near):
    pytest.importorskip("openvino")
    exact = of_ones(networks.opened("nanodet", threads=1))
    other = networks.opened_in_openvino("nanodet", precision=precision, threads=1)
    found = of_ones(other)
    assert other.inputs == ("input_1",)
    np.testing.assert_allclose(found, exact, atol=near)  # chances, 0..1
    np.testing.assert_array_equal(found, of_ones(pickle.loads(pickle.dumps(other))))


def test_what_openvino_compiled_is_kept_and_gives_the_same_bits(folder, monkeypatch):
    pytest.importorskip("openvino")
    made = of_ones(networks.opened_in_openvino("nanodet", precision="f32", cut=any_size))
    (path,) = folder.iterdir()
    monkeypatch.setattr(catalogue, "locate", lambda name: pytest.fail("it was read again"))
    again = of_ones(networks.opened_in_openvino("nanodet", precision="f32", cut=any_size))
    np.testing.assert_array_equal(made, again)
    monkeypatch.undo()
    monkeypatch.setattr(networks, "cache_folder", lambda: folder.parent)
    path.write_bytes(path.read_bytes()[:-1])
    mended = of_ones(networks.opened_in_openvino("nanodet", precision="f32", cut=any_size))
    np.testing.assert_array_equal(made, mended)


def test_without_openvino_it_is_refused(monkeypatch):
    monkeypatch.setattr(networks, "find_spec", lambda _: None)
    with pytest.raises(MissingAsset, match=r"pip install 'pymafsam\[openvino\]'"):
        networks.opened_in_openvino("nanodet", precision="bf16")


def test_what_goes_wrong_in_the_thread_is_told_to_who_waits():
    def broken():
        raise MissingAsset("not here")

    with pytest.raises(MissingAsset, match="not here"):
        networks.Opening(broken).run(None, {})


def test_a_pickled_opening_opens_the_network_again(folder):
    here = networks.opened("nanodet", threads=1, cut=any_size)
    pickled = pickle.dumps(here)
    assert len(pickled) < 1000
    (one, *_), (other, *_) = (
        session.run(None, picture()) for session in (here, pickle.loads(pickled))
    )
    np.testing.assert_array_equal(one, other)


def picture():
    return {"input_1": np.zeros((1, 3, 416, 416), np.float32)}


ENDS = """
import time
from pymafsam.pretrained.networks import Opening
Opening(lambda: time.sleep(0.5) or print("opened"))
"""


def test_a_process_that_ends_lets_a_network_be_opened_first():
    """Else Python ends the thread in the middle of the runtime, and that the whole process."""
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=True)
    assert done.stdout == "opened\n"

"""The verbs ``mask save``, ``mask points`` and ``mask show``, with a stand-in for the networks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from standins import Boxes

from pymafsam.cli import mask_save
from pymafsam.cli.main import main
from pymafsam.masks import saver2024, store

scipy_io = pytest.importorskip("scipy.io")


@pytest.fixture
def boxes(monkeypatch):
    monkeypatch.setattr(mask_save, "load_segmenter", lambda name, threads: Boxes())


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos" / "a b.jpg"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def raw_lspet(folder, count=6, broken=()):
    """A data set in LSP-Extended's layout with ``count`` small pictures."""
    (folder / "images").mkdir(parents=True)
    joints = np.full((14, 3, count), 0.0)
    rng = np.random.default_rng(0)
    for k in range(count):
        joints[:, :2, k] = rng.uniform(10, 70, (14, 2))
        joints[:, 2, k] = 1
        path = folder / "images" / f"im{k + 1:05d}.jpg"
        Image.new("RGB", (80, 90), (k, 100, 100)).save(path)
        if k + 1 in broken:
            path.write_bytes(path.read_bytes()[:100])
    joints[:, :, -1] = np.nan
    scipy_io.savemat(folder / "joints.mat", {"joints": joints}, do_compression=True)
    return folder


def run(*words):
    return main([str(word) for word in words])


def test_boxes_and_clicks_become_masks_that_can_be_replayed(boxes, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("mask", "save", photo, "--out", out, "--box", "10,20,60,80", "--click", "30,30") == 0
    assert {p.name for p in out.iterdir()} == {
        "a b.json", "a b_person0.png", "a b_masks.jpg", "prompts.json",
    }  # fmt: skip
    saved = store.load_json(out / "a b.json")
    mask = saved.masks[0]
    assert mask is not None
    assert mask.inside.sum() == 50 * 60
    png = np.asarray(Image.open(out / "a b_person0.png"))
    np.testing.assert_array_equal(png, mask.inside * np.uint8(255))
    for replayed in (out / "prompts.json", out / "a b.json"):
        again = tmp_path / f"again {replayed.stem}"
        assert run("mask", "save", photo, "--out", again, "--prompts", replayed) == 0
        first, second = (json.loads((folder / "a b.json").read_text()) for folder in (out, again))
        assert {**first, "made": None} == {**second, "made": None}


def test_masks_made_elsewhere_prompt_by_the_pictures_name(boxes, photo, tmp_path):
    rough = tmp_path / "rough"
    rough.mkdir()
    labels = np.zeros((90, 120), np.uint8)
    labels[10:30, 10:30], labels[40:60, 50:70] = 1, 2
    Image.fromarray(labels).save(rough / "a b.png")
    assert run("mask", "save", photo, "--out", tmp_path / "o", "--masks", rough) == 0
    saved = store.load_json(tmp_path / "o" / "a b.json")
    assert [m.inside.sum() for m in saved.masks if m is not None] == [400, 400]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--box", "1,2,3"], 2, "wanted 4 numbers as in --box x0,y0,x1,y1"),
        (["--click", "1;2"], 2, "wanted 2 numbers as in --click x,y"),
        (["--box", "0,0,9,9", "--box", "9,9,20,20", "--click", "5,5"], 2, "whose the clicks are"),
        (["--click", "500,5"], 1, r"click at (500, 5) lies outside the picture"),
        (["--box", "200,0,300,9"], 1, "lies outside the picture"),
        (["--box", "0,0,9,9", "--save", "gif"], 2, 'there is no "gif"'),
        (["--index", "3"], 2, "--lspet, which is missing"),
    ],
)
def test_bad_prompts_are_refused_in_words(boxes, photo, tmp_path, capsys, words, code, says):
    assert run("mask", "save", photo, "--out", tmp_path / "out", *words) == code
    assert says in capsys.readouterr().err


def test_broken_prompts_name_line_and_column(boxes, photo, tmp_path, capsys):
    path = tmp_path / "p.json"
    path.write_text('{"pictures": {\n"a b.jpg": [}}')
    assert run("mask", "save", photo, "--out", tmp_path / "out", "--prompts", path) == 1
    assert "line 2, column 13" in capsys.readouterr().err


def test_one_bad_picture_does_not_stop_the_others(boxes, photo, tmp_path, capsys):
    (photo.parent / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert run("mask", "save", photo.parent, "--out", out, "--box", "1,2,30,40") == 1
    assert "failed: broken.jpg" in capsys.readouterr().err
    assert (out / "a b.json").is_file()
    assert not (out / "broken.json").exists()


def test_lspet_by_index_names_failures_and_goes_on_where_it_was(boxes, tmp_path, capsys):
    raw, out = raw_lspet(tmp_path / "raw", broken=(3,)), tmp_path / "out"
    assert run("mask", "save", "--lspet", raw, "--out", out, "--index", "2", "--save", "json") == 0
    assert [p.name for p in out.iterdir()] == ["im00002.json"]
    before = (out / "im00002.json").stat().st_mtime_ns
    assert run("mask", "save", "--lspet", raw, "--out", out, "--save", "json,2024") == 1
    said = capsys.readouterr()
    assert "failed: im00003.jpg" in said.err
    assert "1 pictures were there already" in said.out
    assert (out / "im00002.json").stat().st_mtime_ns == before
    stems = {p.stem for p in out.glob("im*.json")}
    assert stems == {"im00001", "im00002", "im00004", "im00005"}, "6 has no joints, 3 no pixels"
    inside = saver2024.read(out / "masks_fore1_im00001.npy")
    np.testing.assert_array_equal(inside, saver2024.read(out / "masks_back1_im00001.npy"))
    assert inside.any()


@pytest.mark.parametrize("index", ["0", "x", "1-y", "6", "2-"])
def test_an_index_that_is_none_is_refused(boxes, tmp_path, capsys, index):
    raw = raw_lspet(tmp_path / "raw")
    assert run("mask", "save", "--lspet", raw, "--out", tmp_path / "o", "--index", index) == 2
    assert "--index" in capsys.readouterr().err


def test_a_folder_that_is_not_lspet_is_refused(boxes, tmp_path, capsys):
    assert run("mask", "save", "--lspet", tmp_path, "--out", tmp_path / "o") == 1
    assert "is not LSP-Extended: wanted joints.mat" in capsys.readouterr().err


SLOW = """
import sys, time
sys.path.insert(0, {tests!r})
from standins import Boxes
from pymafsam.cli import mask_save
from pymafsam.cli.main import main
class Slow(Boxes):
    def one(self, pixels, prompt):
        time.sleep(0.05)
        return super().one(pixels, prompt)
mask_save.load_segmenter = lambda name, threads: Slow()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_interrupted_in_the_middle_is_completed_by_the_next(boxes, tmp_path, how):
    raw, out = raw_lspet(tmp_path / "raw", count=40), tmp_path / "out"
    words = ["mask", "save", "--lspet", str(raw), "--out", str(out), "--save", "png,json"]
    code = SLOW.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stderr=subprocess.PIPE,
        env=os.environ,
        # A shell's background jobs, and what they start, ignore Ctrl-C; this one is to heed it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("im*.json"))) < 5:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    process.communicate(timeout=30)
    done = {p.name: p.stat().st_mtime_ns for p in out.glob("im*.json")}
    assert 5 <= len(done) < 39, "it was interrupted in the middle"
    for name in done:
        store.load_json(out / name)
    if how != signal.SIGKILL:
        assert not list(out.glob(".*")), "no half file is left behind"
    assert run(*words) == 0
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("im*.json")}
    assert len(after) == 39
    assert {name: after[name] for name in done} == done


def test_a_bank_has_a_row_per_person_and_says_whose(boxes, photo, tmp_path):
    out = tmp_path / "masks"
    run("mask", "save", photo, "--out", out, "--box", "5,5,60,80", "--box", "60,5,110,80")
    for policy in ("mask", "2024"):
        bank = tmp_path / f"{policy}.npy"
        assert run("mask", "points", out, "--policy", policy, "--out", bank) == 0
        rows = np.load(bank, allow_pickle=False)
        assert rows.shape == (2, 441, 2)
        assert rows.dtype == np.float32
        assert np.abs(rows).max() <= 1
        first = bank.read_bytes()
        run("mask", "points", out, "--policy", policy, "--out", bank)
        assert bank.read_bytes() == first
        said = json.loads(bank.with_suffix(".json").read_text())
        assert said["rows"] == [{"image": "a b.jpg", "person": k} for k in (0, 1)]


def test_the_2024_files_make_a_bank_too(tmp_path):
    inside = np.zeros((224, 224), bool)
    inside[20:200, 60:150] = True
    saver2024.save(inside, tmp_path / "old", "im00001")
    bank = tmp_path / "b.npy"
    assert run("mask", "points", tmp_path / "old", "--policy", "2024", "--out", bank) == 0
    assert np.load(bank).shape == (1, 441, 2)


def test_masks_are_shown_over_their_pictures(boxes, photo, tmp_path, capsys):
    out, shown = tmp_path / "masks", tmp_path / "shown"
    run("mask", "save", photo, "--out", out, "--box", "5,5,60,80", "--click-out", "90,9")
    for points in ("mask", "grid", "none"):
        words = ["mask", "show", out, "--pictures", photo.parent, "--out", shown]
        assert run(*words, "--points", points, "--sheet", shown / "sheet.jpg") == 0
        drawn = np.asarray(Image.open(shown / "a b_masks.jpg"))
        assert drawn.shape == (480, 640, 3)
        assert (shown / "sheet.jpg").is_file()
    Image.new("RGB", (50, 50)).save(photo)
    assert run("mask", "show", out, "--pictures", photo.parent, "--out", shown) == 1
    assert "50 x 50 pixels, its masks were made on 120 x 90" in capsys.readouterr().err

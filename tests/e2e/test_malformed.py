"""About sixty files that are not what they should be: one paragraph each, and the exit code 1."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from standins import Boxes, Nobody

from pymafsam.cli import mask_save
from pymafsam.cli.reconstruct import Reconstruct

SIZE = (64, 48)
BOX = {"image_id": 1, "bbox": [5, 5, 20, 20]}
IMAGE = {"id": 1, "file_name": "a.jpg"}


def coco(images=(IMAGE,), rows=(BOX,), **more):
    return json.dumps({"images": images, "annotations": rows, **more})


def one(**row):
    return coco(rows=[{**BOX, **row}])


def said(*people):
    return json.dumps({"format": "pymafsam-prompts/1", "pictures": {"a.jpg": people}})


def masks(**person):
    head = {"format": "pymafsam-masks/1", "image": "a.jpg", "width": 64, "height": 48}
    return json.dumps({**head, "segmenter": "x", "people": [person]})


ANY = ["", "{", "nul", "[]", "5", '"text"', "NaN", "[" * 50_000, '{"a": 1e999}', "\ufeff"]
BOXES = [
    *ANY,
    coco(images=5),
    coco(images=None),
    coco(images=[3]),
    coco(images=[{"id": [1], "file_name": "a.jpg"}]),
    coco(images=[{"id": 1, "file_name": None}]),
    coco(rows=5),
    coco(rows=[None]),
    coco(rows=[{"image_id": 9, "bbox": [1, 1, 2, 2]}]),
    coco(categories=7),
    one(bbox=None),
    one(bbox=[1, 2, 3]),
    one(bbox="all"),
    one(bbox=[[1, 2, 3, 4]]),
    one(bbox=[1, 2, -3, 4]),
    one(bbox=[1e300, 2, 1e300, 4]),
    one(bbox=[900, 900, 20, 20]),
    one(score="high"),
    one(score=[1]),
    one(score=1e9),
    one(track_id="x"),
    one(image_id=[1]),
    one(iscrowd=[]),
    one(category_id={}),
]
PROMPTS = [
    *ANY,
    said(5),
    said({"box": "all"}),
    said({"box": [1, 2, 3]}),
    said({"box": [9, 9, 1, 1]}),
    said({"box": [-1e12, -1e12, 1e12, 1e12]}),
    said({"clicks": [[1e9, 5, 1]]}),
    said({"clicks": [[5, 5, 7]]}),
    said({"clicks": {"x": 1}}),
    said({"keypoints": [[1e12, 1, 1]]}),
    said({"mask": 5}),
    said({"mask": []}),
    said({"mask": "../nowhere.png"}),
    said({"mask": "x" * 1000}),
    said({"mask": [[1, 1, 1e8, 1, 5, 5]]}),
    said({"mask": {"size": [48, 64], "counts": [10, 10]}}),
    said({"mask": {"size": [48, 64], "counts": ""}}),
    said({"mask": {"size": [48, 64], "counts": "\ud800"}}),
    said({"mask": {"size": [48], "counts": [3072]}}),
    json.dumps({"pictures": {"a.jpg": {"box": [1, 2, 3, 4]}}}),
    one(keypoints=[1, 2]),
]
MASKS = [
    *ANY,
    "[5]",
    "[[]]",
    "[[[1, 1, 5, 1]]]",
    "[[[1, 1, 5, 1, 5, true]]]",
    '[{"size": [1000000000, 1000000000], "counts": [1000000000000000000]}]',
    '[{"size": [48, 64], "counts": [-5, 3077]}]',
    masks(mask={"size": [48, 64], "counts": [1, 2, 3]}),
    masks(mask={"size": [4, 6], "counts": [24]}),
    masks(mask="text"),
    json.dumps({"format": 3, "image": 4, "people": []}),
    json.dumps({"width": -1, "height": 0, "people": [{"mask": []}]}),
    one(segmentation=[[1e8, 1, 20, 1, 20, 20]]),
    one(segmentation={"size": [48, 64], "counts": [1]}),
]


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setattr(Reconstruct, "load", lambda self: Nobody())
    monkeypatch.setattr(mask_save, "load_segmenter", lambda name, threads: Boxes())
    Image.new("RGB", SIZE).save(tmp_path / "a.jpg")
    return tmp_path / "a.jpg"


CASES = [
    *(("reconstruct", "--boxes", content) for content in BOXES),
    *(("reconstruct", "--prompts", content) for content in PROMPTS),
    *(("mask save", "--prompts", content) for content in PROMPTS),
    # An empty list is right: nobody has a mask.
    *(("reconstruct", "--masks", content) for content in MASKS if content != "[]"),
]


@pytest.mark.parametrize(("verb", "option", "content"), CASES)
def test_a_file_that_is_not_what_it_should_be_is_told(run, photo, verb, option, content):
    path = photo.parent / "said" / "a.json"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    given = path.parent if option == "--masks" else path
    code, _, err = run(*verb.split(), photo, option, given, "--out", photo.parent / "o")
    assert code == 1, err
    assert "Traceback" not in err
    assert "unexpected" not in err
    assert 0 < len(err) < 3000


def test_saved_masks_that_were_damaged_are_told(run, photo):
    from pymafsam.files import made

    folder = photo.parent / "m"
    run("mask", "save", photo, "--out", folder, "--box", "1,1,20,20")
    good = json.loads((folder / "a.json").read_text())
    for change in (
        {"width": 1.5}, {"width": 10**9}, {"people": 5}, {"people": [{}]}, {"segmenter": None},
        {"people": [{"prompt": {}, "mask": {"size": [48, 64], "counts": "o"}, "score": 1}]},
        {"people": [{"prompt": {"box": [1]}, "mask": None}]},
        {"image": ["a.jpg"]}, {"format": "pymafsam-masks/9"},
    ):  # fmt: skip
        (folder / "a.json").write_text(json.dumps({**good, **change}))
        assert made.read(folder / "a.json") is not None
        for words in (
            ["mask", "points", folder, "--out", photo.parent / "bank.npy"],
            ["mask", "show", folder, "--pictures", photo.parent, "--out", photo.parent / "shown"],
        ):
            code, _, err = run(*words)
            assert code == 1, (change, err)
            assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["reconstruct", "", "--out", "o"], 2, "An argument is empty"),
        (["reconstruct", "{photo}", "--out", ""], 2, "An argument is empty"),
        (["mask", "--help"], 0, "pymafsam mask points"),
        (["mask"], 2, "needs one more word"),
        (["reconstruct", "x" * 5000, "--out", "o"], 1, "There is no file or folder"),
        (["reconstruct", "{photo}", "--out", "o", "--boxes", "x" * 5000], 1, "cannot be read"),
        (["reconstruct", "{photo}", "--out", "o", "--masks", "x" * 5000], 1, "no folder of masks"),
        (["reconstruct", "{photo}", "--out", "x" * 5000], 1, "Nothing can be written"),
        (["mask", "show", "m", "--pictures", "p", "--sheet", "s.gif"], 2, ".jpg file"),
        (
            ["mask", "show", "m", "--pictures", "p", "--sheet", "s.jpg", "--across", "0"],
            2,
            "must be 1 to 1000",
        ),
    ],
)
def test_wrong_words_are_told(run, photo, words, code, told):
    got, out, err = run(*(word.format(photo=photo) for word in words))
    assert got == code
    assert told in out + err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_to_itself_is_told(run, photo):
    loop = photo.parent / "loop.json"
    loop.symlink_to(loop.name)
    for words in (["--boxes", loop], ["--prompts", loop], ["--masks", loop]):
        code, _, err = run("reconstruct", photo, *words, "--out", photo.parent / "o")
        assert code == 1
        assert "unexpected" not in err


def command(*words):
    return [sys.executable, "-m", "pymafsam.cli", *words]


def test_a_terminal_of_one_column_gets_its_help(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1")
    done = subprocess.run(
        command("reconstruct", "--help"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert "--boxes" in done.stdout


def test_a_reader_that_leaves_is_not_told_about_it():
    with subprocess.Popen(
        command("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.wait(120) == 141
        assert process.stderr.read() == ""


def test_an_index_beyond_all_pictures_takes_no_time():
    from pymafsam.errors import BadUsage
    from pymafsam.files import lspet

    assert lspet.indices("1-99999999999", [1, 5]) == [1, 5]
    for text in ("9" * 5000, "1-" + "9" * 5000, "²", "1-2-3"):
        with pytest.raises(BadUsage, match="--index"):
            lspet.indices(text, [1, 5])
    with pytest.raises(BadUsage, match="no picture"):
        lspet.indices("1", [])
    assert np.all(lspet.indices("5,1-5", [1, 5]) == [5, 1])

"""What a verb did not make it does not write over; its own results it may."""

import json
import os

import numpy as np
import pytest

from pymafsam.cli import evaluation
from pymafsam.data import rows
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import made

THEIRS = b"somebody else's"


@pytest.fixture
def annotated(tmp_path):
    """COCO's json of one person, and where a table of it may go."""
    keypoints = np.tile([9.0, 9.0, 2.0], 17).tolist()
    person = {"image_id": 1, "category_id": 1, "keypoints": keypoints, "bbox": [1, 1, 9, 9]}
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [person]}
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content))
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["people.npz", "people.json"])
def test_prepare_leaves_files_of_others(annotated, run, name):
    table = annotated / "out" / "people.npz"
    theirs = annotated / "out" / name
    theirs.write_bytes(THEIRS)
    code, _, err = run("prepare", "coco", annotated / "person_keypoints.json", "--out", table)
    assert (code, theirs.read_bytes()) == (1, THEIRS)
    assert "pymafsam did not make it" in err


def test_prepare_writes_over_its_own_and_not_over_its_input(annotated, run):
    raw, table = annotated / "person_keypoints.json", annotated / "out" / "people.npz"
    for _ in range(2):
        assert run("prepare", "coco", raw, "--out", table)[0] == 0
    assert made.read(table).maker == "prepare"
    before = raw.read_bytes()
    code, _, err = run("prepare", "coco", raw, "--out", annotated / "person_keypoints.npz")
    assert (code, raw.read_bytes()) == (1, before)
    assert "one of the inputs" in err


@pytest.mark.parametrize("name", ["fits.npz", "fits.json", "fits.png", "fits.journal"])
def test_fit_leaves_files_of_others(annotated, run, name):
    table = annotated / "out" / "people.npz"
    assert run("prepare", "coco", annotated / "person_keypoints.json", "--out", table)[0] == 0
    theirs = annotated / "out" / name
    theirs.write_bytes(THEIRS)
    code, _, err = run("fit", table, "--images", annotated, "--out", annotated / "out" / "fits.npz")
    assert (code, theirs.read_bytes()) == (1, THEIRS), err
    code, _, err = run("fit", table, "--images", annotated, "--out", table)
    assert code == 1
    assert "one of the inputs" in err
    assert len(rows.read(table)) == 1


def test_convert_leaves_files_of_others(annotated, run):
    theirs = annotated / "out" / "smpl.npz"
    theirs.write_bytes(THEIRS)
    code, _, err = run("convert", annotated / "SMPL_NEUTRAL.pkl", "--out", theirs)
    assert (code, theirs.read_bytes()) == (1, THEIRS)
    assert "pymafsam did not make it" in err


def test_a_page_is_not_written_over_files_of_others(tmp_path, run, photograph):
    before = photograph.read_bytes()
    code, _, err = run("view", photograph, "--save-html", photograph)
    assert (code, photograph.read_bytes()) == (1, before), err
    assert "pymafsam did not make it" in err


@pytest.mark.parametrize("content", ["list", "pipe"])
def test_a_list_without_an_end_is_refused(annotated, run, content, monkeypatch):
    from pymafsam.files import limits

    without = annotated / "without.txt"
    if content == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no pipes with names")
        os.mkfifo(without)
    else:
        with without.open("wb") as file:
            file.truncate(limits.LARGEST_TEXT + 1)
    table = annotated / "out" / "people.npz"
    raw = annotated / "person_keypoints.json"
    code, _, err = run("prepare", "coco", raw, "--without", without, "--out", table)
    assert code == 1
    assert "without.txt" in err


@pytest.mark.parametrize("name", ["run.yaml", "metrics.jsonl", "best.safetensors"])
def test_a_run_of_training_leaves_files_of_others(tmp_path, name):
    pytest.importorskip("torch")
    from pymafsam.training import recipes, run_folder

    (tmp_path / name).write_bytes(THEIRS)
    with pytest.raises(BadUsage, match="pymafsam did not make it"):
        run_folder.begin(tmp_path, recipes.find("smoke"), "smoke", {})
    assert (tmp_path / name).read_bytes() == THEIRS


def test_a_run_that_was_killed_early_may_be_begun_again(tmp_path):
    pytest.importorskip("torch")
    from pymafsam.training import recipes, run_folder

    for _ in range(2):
        run_folder.begin(tmp_path, recipes.find("smoke"), "smoke", {})


@pytest.mark.parametrize("name", [*evaluation.MARKED, *evaluation.PLAIN])
def test_an_evaluation_leaves_files_of_others(tmp_path, name):
    (tmp_path / name).write_bytes(THEIRS)
    options = evaluation.Evaluation(out=tmp_path)
    options.protocol = "coco"
    with pytest.raises(BadInput, match="pymafsam did not make it"):
        options.claim()
    assert (tmp_path / name).read_bytes() == THEIRS

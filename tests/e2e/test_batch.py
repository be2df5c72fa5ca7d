"""``pymafsam batch``: rows and files are the same whoever works, and a run goes on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pymafsam.cli.batch import Batch
from pymafsam.cli.main import main

pq = pytest.importorskip("pyarrow.parquet", reason="the extra [batch] is not installed")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def pictures(networks, tmp_path_factory):
    """Two photographs and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("lunge.jpg", "tennis.jpg"):
        shutil.copy(EXAMPLES / name, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


COMMON = ("--segmenter", "none", "--detector", "fast", "--shard", "2", "--save", "json")


def batch(pictures, out, *options):
    return main(["batch", str(pictures), "--out", str(out), *COMMON, *options])


def content(folder):
    """Every file's bytes, by its path below the folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def by_one(pictures, tmp_path_factory):
    """What one worker makes."""
    out = tmp_path_factory.mktemp("one")
    assert batch(pictures, out, "--workers", "1") == 1
    return out


def test_every_picture_is_a_row_also_one_that_failed(by_one):
    from pymafsam.scale import rows

    table = pq.read_table(by_one).to_pylist()
    assert [(row["image"], row["status"]) for row in table] == [
        ("broken.jpg", "failed"),
        ("lunge.jpg", "done"),
        ("tennis.jpg", "done"),
    ]
    (failure,) = json.loads((by_one / "_failures.json").read_text())
    assert failure["key"].endswith("broken.jpg")
    assert "not a picture" in failure["error"]
    saved = json.loads((by_one / "_files/part-000000/000001-lunge.json").read_text())
    assert rows.document(table[1]) == saved


def test_two_workers_make_the_same_bytes_and_nothing_is_done_twice(
    pictures, by_one, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    assert batch(pictures, out, "--workers", "2", "--part", "2/2") == 0
    assert "1 of 2 shards are other jobs'" in capsys.readouterr().out
    monkeypatch.setattr(Batch, "load", lambda self: pytest.fail("there is nothing to do"))
    assert batch(pictures, out, "--part", "2/2") == 0
    monkeypatch.undo()
    before = (out / "part-000001.parquet").stat().st_mtime_ns
    assert batch(pictures, out, "--workers", "2") == 1
    assert (out / "part-000001.parquet").stat().st_mtime_ns == before
    assert content(out) == content(by_one)


def test_other_options_do_not_go_on_with_a_run(pictures, by_one, capsys):
    assert batch(pictures, by_one, "--focal", "500") == 1
    assert "another run (other options)" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--part", "3/2"), ("--shard", "0"), ("--engine", "rey")])
def test_wrong_use_is_told_before_anything_is_loaded(pictures, tmp_path, wrong):
    assert batch(pictures, tmp_path, *wrong) == 2


def test_ray_makes_the_files_that_this_machine_makes(pictures, by_one, tmp_path):
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    words = ["batch", str(pictures), "--out", str(tmp_path / "o"), "--engine", "ray"]
    words += ["--workers", "1", *COMMON]
    quiet = {"RAY_DATA_DISABLE_PROGRESS_BARS": "1", "RAY_worker_niceness": "0"}
    quiet |= {"RAY_ADDRESS": ""}  # a cluster of its own, whatever this machine belongs to
    # A process of its own: what Ray starts ends with it.
    done = subprocess.run(
        [sys.executable, "-m", "pymafsam.cli", *words],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # one of the pictures is broken
    assert content(tmp_path / "o") == content(by_one)

"""The numbered examples run, in their order, in one folder; the networks are loaded once."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import pymafsam
from pymafsam.files import frames
from pymafsam.files.video import Encoder

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*.py"))
FRAMES = 4


@pytest.fixture(scope="module")
def people(networks):
    return pymafsam.Reconstructor.load()


@pytest.fixture(scope="module")
def working_folder(tmp_path_factory):
    """Where the examples run; with a film in which the photograph goes by."""
    folder = tmp_path_factory.mktemp("examples")
    pixels = frames.read_picture(EXAMPLES / "tennis.jpg").pixels
    height, width = (length // 2 * 2 for length in pixels.shape[:2])
    encoder = Encoder(folder / "film.mp4", (width - 16, height), 25.0)
    for k in range(FRAMES):
        seen = pixels[:height, 4 * k : 4 * k + width - 16]
        encoder.write(np.ascontiguousarray(seen), k / 25)
    encoder.close()
    return folder


def test_they_are_numbered_without_a_gap():
    assert [int(name[:2]) for name in PROGRAMS] == list(range(1, len(PROGRAMS) + 1))


@pytest.mark.network
def test_every_example_runs(people, working_folder, monkeypatch, capsys):
    monkeypatch.chdir(working_folder)
    monkeypatch.setattr(sys, "argv", ["example", "film.mp4"])
    monkeypatch.setattr(pymafsam.Reconstructor, "load", lambda: people)
    said = {}
    for name in PROGRAMS:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        said[name] = capsys.readouterr().out
    assert "score" in said["01_reconstruct.py"]
    assert said["02_who_is_meant.py"].count("by ") == 3
    assert "degrees" in said["04_read_results.py"]
    assert f"1 people in {FRAMES} frames" in said["07_video.py"]
    made = {path.name for path in (working_folder / "out").iterdir()}
    assert {"tennis_rig.glb", "tennis_joints.csv", "film_rig.glb", "top.png", "three.html"} <= made

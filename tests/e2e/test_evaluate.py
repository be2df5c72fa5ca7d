"""``evaluate`` end to end: figures, files, the page, comparisons, and answers that are wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam.files import rle
from pymafsam.geometry.joints import COCO17

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SIDE, BOX = 64, [16, 8, 48, 56]
COUNT = 12


def inside():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    return mask


def person(number: int):
    """17 keypoints in the box: x and y grow with the row, sides left and right of the middle."""
    generator = np.random.default_rng(number)
    heights = np.linspace(BOX[1] + 2, BOX[3] - 2, 17)
    sides = [-1 if "left" in name else 1 if "right" in name else 0 for name in COCO17]
    across = 32 + 10 * np.array(sides) + generator.uniform(-2, 2, 17)
    return np.column_stack([across, heights])


@pytest.fixture
def benchmark(tmp_path):
    """COCO's layout: pictures of one person each, the last of them not to be read."""
    width, height = BOX[2] - BOX[0], BOX[3] - BOX[1]
    images, people = [], []
    for k in range(COUNT):
        Image.new("RGB", (SIDE, SIDE), (9, 9, 9)).save(tmp_path / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png", "width": SIDE, "height": SIDE})
        keypoints = np.column_stack([person(k), np.full(17, 2.0)])
        people.append(
            {
                "id": k,
                "image_id": k,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [BOX[0], BOX[1], width, height],
                "area": width * height,
                "keypoints": keypoints.ravel().tolist(),
                "num_keypoints": 17,
                "segmentation": rle.encode(inside()),
            }
        )
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO17)}]
    content = {"images": images, "annotations": people, "categories": categories}
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content))
    return tmp_path


def answers(path: Path, away: float = 0.0, order=slice(None)) -> Path:
    """A COCO result file: everybody found, ``away`` pixels to the right."""
    rows = []
    for k in range(COUNT):
        points = (person(k) + [away, 0])[order]
        keypoints = np.column_stack([points, np.ones(17)])
        row = {"image_id": k, "category_id": 1, "score": 0.5 + k / 100}
        rows.append({**row, "keypoints": keypoints.ravel().tolist()})
    path.write_text(json.dumps(rows))
    return path


def words(benchmark, out, protocol="coco"):
    annotations = benchmark / "person_keypoints.json"
    data = ["--images", benchmark, "--annotations", annotations]
    return ["evaluate", protocol, *data, "--out", out, "--draws", "50"]


def figures(out: Path) -> dict[tuple[str, str], float]:
    rows = json.loads((out / "scores.json").read_text())["figures"]
    return {(row["name"], row["whose"]): row["value"] for row in rows}


def test_the_annotation_itself_scores_one_and_less_is_significantly_less(benchmark, run, tmp_path):
    for name, away in (("right", 0.0), ("moved", 4.0)):
        out = tmp_path / name
        results = answers(tmp_path / f"{name}.json", away)
        code, told, err = run(*words(benchmark, out), "--results", results)
        assert code == 0, err
        assert "passed" in told
    found = figures(tmp_path / "right")
    assert found["AP", "mesh"] == found["AR", "mesh"] == 1
    assert found["OKS", "mesh"] == pytest.approx(1)
    assert ("OKS", "detector") not in found  # the file says nothing of one
    assert found["OKS, crowding: alone", "mesh"] == pytest.approx(1)  # by what makes a person hard
    assert figures(tmp_path / "moved")["OKS", "mesh"] < 0.95
    page = (tmp_path / "right" / "report.html").read_text()
    assert page.count("data:image/") >= COUNT  # in the page itself
    assert "http" not in page.replace("http://www.w3.org", "")
    code, told, _ = run("evaluate", "compare", tmp_path / "right", tmp_path / "moved")
    assert code == 0
    assert "yes" in next(line for line in told.splitlines() if "OKS " in line)
    code, told, _ = run("evaluate", "compare", tmp_path / "right", tmp_path / "right")
    assert "yes" not in told


def test_sides_that_are_exchanged_are_noticed_and_named(benchmark, run, tmp_path):
    swapped = [COCO17.index(_other_side(name)) for name in COCO17]
    results = answers(tmp_path / "results.json", order=swapped)
    code, told, _ = run(*words(benchmark, tmp_path / "out"), "--results", results)
    assert code == 0
    (doubt,) = (line for line in told.splitlines() if line.startswith("DOUBTFUL"))
    assert "exchanged" in doubt


def test_an_unreadable_picture_is_named_and_counts_as_missed(benchmark, run, tmp_path):
    (benchmark / "3.png").write_bytes(b"no picture")
    results = answers(tmp_path / "results.json")
    code, told, _ = run(*words(benchmark, tmp_path / "out"), "--results", results)
    assert code == 1
    assert "missed: 3" in told
    assert figures(tmp_path / "out")["OKS", "mesh"] == pytest.approx(1 - 1 / COUNT)


def _other_side(name: str) -> str:
    pairs = {"left": "right", "right": "left"}
    side, _, part = name.partition("_")
    return f"{pairs[side]}_{part}" if side in pairs else name


@pytest.mark.network
def test_masks_and_bodies_of_a_photograph_are_measured(run, tmp_path):
    """Annotated with what the flow itself found, so that the figures are known."""
    shutil.copy(EXAMPLES / "tennis.jpg", tmp_path / "tennis.jpg")
    flow = ["--segmenter", "detector"]
    made = ["--save", "json", "--out", tmp_path / "made"]
    assert run("reconstruct", tmp_path / "tennis.jpg", *made, *flow)[0] == 0
    (body,) = json.loads((tmp_path / "made" / "tennis.json").read_text())["people"]
    width, height = body["mask"]["size"][::-1]
    x0, y0, x1, y1 = body["box"]
    keypoints = np.array(body["keypoints_2d"]["coco17"])
    keypoints[:, 2] = 2
    person = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0) / 2,
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": 17,
        "segmentation": body["mask"],
    }
    image = {"id": 1, "file_name": "tennis.jpg", "width": width, "height": height}
    category = {"id": 1, "name": "person", "keypoints": list(COCO17)}
    content = {"images": [image], "annotations": [person], "categories": [category]}
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content))
    assert run(*words(tmp_path, tmp_path / "masks", "masks"), *flow)[0] == 0
    assert figures(tmp_path / "masks")["IoU", "mask"] > 0.98
    both = [*words(tmp_path, tmp_path / "coco"), *flow, "--boxes", "both"]
    assert run(*both)[0] == 0
    found = figures(tmp_path / "coco")
    assert found["AP", "mesh"] > 0.9
    assert found["AP", "mesh, detected boxes"] > 0.9
    assert found["mask_iou", "mask"] > 0.98
    assert 0.5 < found["silhouette_iou", "silhouette"] < 1
    before = (tmp_path / "coco" / "predictions.jsonl").read_bytes()
    assert run(*both)[0] == 0  # from the journal, without the networks
    assert (tmp_path / "coco" / "predictions.jsonl").read_bytes() == before
    (rows,) = [json.loads((tmp_path / "coco" / "keypoints.json").read_text())]
    assert {row["image_id"] for row in rows} == {1}


@pytest.mark.network
def test_rendered_people_are_measured_against_what_they_are(run, tmp_path):
    out = ["--out", tmp_path / "out", "--every", "150", "--draws", "50"]
    code, _, err = run("evaluate", "synthetic", *out, "--segmenter", "detector")
    assert code == 0, err
    found = figures(tmp_path / "out")
    assert 20 < found["PA-MPJPE", "mesh"] < 200
    assert found["PA-MPJPE", "mesh"] <= found["N-MPJPE", "mesh"] <= found["MPJPE", "mesh"] + 1e-9
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["figures"][0]["samples"] == 2

"""``prepare`` and ``fit`` end to end, on a photograph of the examples."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pymafsam.data import rows
from pymafsam.geometry.joints import COCO17

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# The tennis player's limbs as one would click them; the arms' sides are exchanged on purpose.
CLICKS = {
    "left_shoulder": (400, 168), "left_elbow": (428, 218), "left_wrist": (453, 268),
    "right_shoulder": (386, 198), "right_elbow": (366, 236), "right_wrist": (394, 228),
    "left_hip": (316, 255), "left_knee": (346, 335), "left_ankle": (368, 425),
    "right_hip": (285, 240), "right_knee": (197, 258), "right_ankle": (100, 252),
}  # fmt: skip


@pytest.fixture
def annotated(tmp_path) -> Path:
    """A folder in COCO's layout: the photograph, and one that is listed but not there."""
    keypoints = np.zeros((17, 3))
    for name, place in CLICKS.items():
        keypoints[COCO17.index(name)] = [*place, 2]
    person = {
        "category_id": 1, "keypoints": keypoints.ravel().tolist(), "bbox": [55, 115, 410, 335],
    }  # fmt: skip
    content = {
        "images": [{"id": k, "file_name": name} for k, name in enumerate(("tennis.jpg", "no.jpg"))],
        "annotations": [person | {"image_id": k} for k in range(2)],
    }
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content))
    (tmp_path / "images").mkdir()
    shutil.copy(EXAMPLES / "tennis.jpg", tmp_path / "images" / "tennis.jpg")
    return tmp_path


@pytest.mark.network
def test_an_annotation_becomes_a_body(networks, annotated, run):
    table, fits = annotated / "coco.npz", annotated / "fits.npz"
    code, out, err = run("prepare", "coco", annotated, "--out", table)
    assert code == 0, err
    assert "2" in out
    assert json.loads(table.with_suffix(".json").read_text())["counts"]["keypoints"] == 2

    code, out, err = run("fit", table, "--images", annotated, "--out", fits)
    assert code == 0, err
    assert "1 valid (50.0%)" in out
    fitted = rows.read(fits)
    assert [fitted[k].has_smpl for k in range(2)] == [True, False]
    report = json.loads(fits.with_suffix(".json").read_text())
    assert report["mean_error_of_valid"] < 0.04
    assert report["readings"] == {"arms exchanged": 1}
    assert list(report["not_valid"]) == ["images/no.jpg"]
    assert fits.with_suffix(".png").is_file()

    before = fits.read_bytes()
    code, _, err = run("fit", table, "--images", annotated, "--out", fits)
    assert code == 0, err
    np.testing.assert_array_equal(rows.read(fits).pose, fitted.pose)
    assert len(fits.read_bytes()) == len(before)


def test_a_network_is_fine_tuned_for_every_row(annotated, run):
    pytest.importorskip("torch")
    from pymafsam import body
    from pymafsam.network import weights
    from pymafsam.training import building, recipes

    smoke = recipes.find("smoke")
    untrained = replace(smoke, network=replace(smoke.network, pretrained=False))
    network = building.network_of(untrained, body.load("anny24"))
    weights.write(weights.snapshot(network), annotated / "w.safetensors")
    assert run("prepare", "coco", annotated, "--out", annotated / "coco.npz")[0] == 0
    words = ("fit", annotated / "coco.npz", "--images", annotated, "--method", "eft")
    words = (*words, "--out", annotated / "eft.npz")
    code, _, err = run(*words)
    assert code == 2
    assert "--weights" in err
    # A network that never saw anybody is far off after two steps: nothing here is to be learnt.
    code, out, err = run(*words, "--weights", annotated / "w.safetensors", "--steps", 2)
    assert code == 0, err
    assert "2 rows, 0 valid" in out
    report = json.loads((annotated / "eft.json").read_text())
    assert sum(report["histogram"].values()) == 1
    assert set(report["not_valid"]) == {"images/tennis.jpg", "images/no.jpg"}


def test_mistakes_are_told_in_a_paragraph(annotated, run):
    cases = {
        ("prepare", "cocoa", annotated, "--out", annotated / "a.npz"): (2, 'did you mean "coco"?'),
        ("prepare", "coco", annotated, "--out", annotated / "a.txt"): (2, "a table is a .npz"),
        ("prepare", "coco", annotated / "images", "--out", annotated / "a.npz"): (1, "one was"),
        ("fit", annotated / "no.npz", "--images", annotated, "--out", annotated / "f.npz"): (
            1,
            "no.npz",
        ),
        (
            "fit",
            annotated / "no.npz",
            "--images",
            annotated,
            "--out",
            annotated / "f.npz",
            "--method",
            "etf",
        ): (2, 'did you mean "eft"'),
    }
    for words, (wanted, said) in cases.items():
        code, _, err = run(*words)
        assert code == wanted, err
        assert said in err
        assert "Traceback" not in err

"""A measuring run survives interruption and counts what it should."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.evaluation import lsp, people
from pymafsam.evaluation.people import Row
from pymafsam.geometry import joints


@dataclass
class Picture:
    id: int


def row(number):
    nobody = [float(number)] * 51
    return Row(
        picture=number,
        mesh=nobody,
        mesh_score=0.5,
        detector=nobody,
        detector_score=0.25,
        mask_iou=0.75,
        area=100.0,
    )


def test_an_interrupted_run_measures_every_picture_once(tmp_path):
    journal, measured = tmp_path / "o" / "journal.jsonl", []
    pictures = [Picture(k) for k in range(5)]

    def measure(picture):
        measured.append(picture.id)
        return [row(picture.id)]

    work = people.resumed(pictures, measure, journal, {"body": "a"})
    for _ in range(3):
        next(work)
    work.close()
    # The process died while it wrote a line.
    journal.write_text(journal.read_text() + '{"id": "3", "ro')
    rows = [
        r for _, found in people.resumed(pictures, measure, journal, {"body": "a"}) for r in found
    ]
    assert measured == [0, 1, 2, 3, 4]
    assert rows == [row(k) for k in range(5)]


def test_other_settings_start_afresh(tmp_path):
    journal, measured = tmp_path / "journal.jsonl", []

    def measure(picture):
        measured.append(picture.id)
        return []

    for settings in ({"body": "a"}, {"body": "b"}, {"body": "b"}):
        list(people.resumed([Picture(1)], measure, journal, settings))
    assert measured == [1, 1]


def test_pck_takes_the_torso_from_left_shoulder_to_right_hip():
    true = np.zeros((14, 3))
    true[:, 2] = 1
    true[joints.LSP14.index("left_shoulder"), :2] = [0, 100]
    found = np.zeros((17, 3))
    found[joints.COCO17.index("left_shoulder"), :2] = [0, 100]
    found[joints.COCO17.index("left_knee"), :2] = [0, 19]
    found[joints.COCO17.index("right_knee"), :2] = [0, 21]
    found[joints.COCO17.index("nose"), :2] = [500, 500]
    flat = found.ravel().tolist()
    rows = [Row(picture=0, mesh=flat, mesh_score=1.0, detector=[0.0] * 51, detector_score=1.0)]
    figures = people.percentage_correct(rows, [true], 0.2)
    assert figures["mesh"] == pytest.approx(11 / 12)
    assert figures["detector"] == pytest.approx(11 / 12)


@pytest.fixture
def table(tmp_path):
    values = np.random.default_rng(0).uniform(10, 90, (3, 14, 3)).astype(np.float32)
    values[0, 3] = np.nan
    np.savez(
        tmp_path / "joints.npz",
        imgname=np.array(["a.jpg", "b.jpg", "c.jpg"]),
        joints=values,
        split=np.array(["train", "dev", "dev"]),
    )
    return tmp_path / "joints.npz"


def test_lsp_rows_are_chosen_by_split_and_unknown_joints_stay_unknown(table):
    assert [p.id for p in lsp.read_joints(table, "dev")] == ["b.jpg", "c.jpg"]
    first = lsp.read_joints(table)[0]
    assert first.joints[:, 2].tolist() == [1, 1, 1, 0] + [1] * 10
    x0, y0, x1, y1 = first.box
    known = first.joints[first.joints[:, 2] > 0]
    assert (x0, y0) < tuple(known[:, :2].min(0))
    assert (x1, y1) > tuple(known[:, :2].max(0))
    with pytest.raises(BadInput, match="known: dev, train"):
        lsp.read_joints(table, "test")


def test_other_tables_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no")
    with pytest.raises(BadInput, match=r"a\.npz"):
        lsp.read_joints(tmp_path / "a.npz")


def test_summary_means_only_what_was_annotated(tmp_path):
    annotations = {
        "info": {},
        "images": [{"id": 0, "file_name": "a.jpg", "width": 9, "height": 9}],
        "annotations": [],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(annotations))
    figures = people.summarise_coco(tmp_path / "a.json", [row(0), row(0)])
    assert figures["people"] == 2
    assert figures["mask_iou"] == 0.75
    assert figures["mask_iou_large"] is None
    assert figures["silhouette_iou"] is None

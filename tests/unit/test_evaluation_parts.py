"""LSP's silhouettes and parts: official file names, exact figures, parts under other numbers."""

import json

import numpy as np
import pytest
from PIL import Image

from pymafsam import body as bodies
from pymafsam.body.regions import REGIONS, regions
from pymafsam.cli.main import main
from pymafsam.errors import BadInput
from pymafsam.evaluation import checks
from pymafsam.evaluation.cases import Answer, Found, from_json, to_json
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import PROTOCOLS, lsp_parts
from pymafsam.evaluation.protocols.lsp import LOOK
from pymafsam.files import rle
from pymafsam.files.json import Field
from pymafsam.geometry.joints import COCO17

PARTS = PROTOCOLS["lsp-parts"]


@pytest.fixture
def data(tmp_path):
    """Three pictures in the official layout: bars of the six parts, a rim that says nothing."""
    generator = np.random.default_rng(0)
    names = [f"im{1001 + k}.jpg" for k in range(3)]
    for k, name in enumerate(names):
        stem = tmp_path / name.removesuffix(".jpg")
        Image.new("RGB", (60, 40), (90, 90, 90)).save(tmp_path / name)
        parts = np.zeros((40, 60), np.uint8)
        for number in range(1, 7):
            parts[5 + k : 30 + k, 6 * number : 6 * number + 5] = number
        Image.fromarray((parts > 0).astype(np.uint8) * 255).save(f"{stem}_segmentation.png")
        parts[0] = 255
        Image.fromarray(parts).save(f"{stem}_part_segmentation.png")
    joints = np.concatenate([generator.uniform(5, 35, (3, 14, 2)), np.ones((3, 14, 1))], axis=2)
    table = tmp_path / "joints.npz"
    np.savez(table, imgname=np.array(names), joints=joints)
    return Data(images=tmp_path, annotations=table, labels=tmp_path)


def run_of(data, answers):
    cases = PARTS.read(data)
    given = {case.id: answers(case) for case in cases}
    return Run(protocol=PARTS, data=data, cases=cases, answers=given)


def test_the_labels_against_themselves_and_under_the_next_name(data):
    told = checks.of_measure(run_of(data, lsp_parts.perfect))
    assert len(told) == 17
    assert all(check.passed for check in told)


def test_figures_are_those_of_the_obvious_loops(data):
    def half(case):
        """Everything moved by two pixels."""
        true = np.roll(case.truth.parts, 2, axis=1)
        return Answer(
            people={
                LOOK: [
                    Found(
                        score=1.0,
                        box=case.truth.box,
                        silhouette=rle.encode((true > 0) & (true < 7)),
                        parts=tuple(rle.encode(true == k + 1) for k in range(6)),
                    )
                ]
            }
        )

    run = run_of(data, half)
    found = {figure.name: figure.value for figure in PARTS.measure(run)}
    right = total = 0
    counts = np.zeros((7, 3))
    for case in run.cases:
        true = case.truth.parts
        given = np.roll(true, 2, axis=1)
        given[given == 255] = 0
        for t, g in zip(true.ravel(), given.ravel(), strict=True):
            right += g == (0 if t == 255 else t)
            total += 1
            if t == 255:
                continue
            for c in range(7):
                counts[c] += (t == c and g == c, t != c and g == c, t == c and g != c)
    f1 = 2 * counts[:, 0] / (2 * counts[:, 0] + counts[:, 1] + counts[:, 2])
    assert found["parts accuracy"] == pytest.approx(right / total)
    assert found["parts F1"] == pytest.approx(f1.mean())
    assert found["F1, left leg"] == pytest.approx(f1[5])


def test_labels_under_other_numbers_are_noticed_and_named(data):
    assert list(lsp_parts.another_order(run_of(data, lsp_parts.perfect))) == []
    other = ("right leg", "left leg", "right arm", "left arm", "torso", "head")
    run = run_of(data, lsp_parts.perfect)
    changed = Data(images=data.images, annotations=data.annotations, labels=data.labels)
    swapped = Run(
        protocol=PARTS,
        data=Data(**{**{f: getattr(changed, f) for f in changed.__slots__}, "parts": other}),
        cases=PARTS.read(
            Data(images=data.images, annotations=data.annotations, labels=data.labels, parts=other)
        ),
        answers=run.answers,
    )
    (doubt,) = lsp_parts.another_order(swapped)
    assert ",".join(REGIONS) in doubt


def test_labels_that_are_none_are_refused(data):
    Image.new("RGB", (60, 40)).save(data.labels / "im1001_part_segmentation.png")
    case = PARTS.read(data)[0]
    with pytest.raises(BadInput, match="colours"):
        _ = case.truth.parts
    with pytest.raises(BadInput, match="im1001_segmentation"):
        PARTS.read(Data(images=data.images, annotations=data.annotations, labels=data.labels / "x"))


def test_an_answer_with_parts_is_the_same_from_the_journal(data):
    (found,) = lsp_parts.perfect(PARTS.read(data)[0]).of(LOOK)
    again = from_json(Field(value=json.loads(json.dumps(to_json(found))), file="here"))
    assert again.parts == found.parts


def test_regions_lie_where_their_names_say():
    model = bodies.load("anny24")
    of_vertex = regions(model)
    keypoints = bodies.regress(model, model.template, "coco17")
    for name, region in (
        ("nose", "head"),
        ("left_wrist", "left arm"),
        ("right_elbow", "right arm"),
        ("left_knee", "left leg"),
        ("right_ankle", "right leg"),
    ):
        near = np.linalg.norm(model.template - keypoints[COCO17.index(name)], axis=1).argmin()
        assert REGIONS[of_vertex[near] - 1] == region


@pytest.mark.network
def test_parts_are_measured_from_pictures_to_figures(tmp_path, networks, data):
    words = ["--images", data.images, "--annotations", data.annotations, "--labels", data.labels]
    words += ["--detector", "fast", "--segmenter", "none", "--out", tmp_path / "o", "--draws", "20"]
    assert main(["evaluate", "lsp-parts", *map(str, words)]) == 0
    scores = json.loads((tmp_path / "o" / "scores.json").read_text())
    assert scores["protocol"]["name"] == "lsp-parts"
    assert {row["name"] for row in scores["figures"]} >= {"parts F1", "silhouette accuracy"}

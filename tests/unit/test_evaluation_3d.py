"""Benchmarks in their official layout through the real readers; checks name what is wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from pymafsam import body
from pymafsam.cli.main import main
from pymafsam.errors import BadInput
from pymafsam.evaluation import calibration, checks, saved
from pymafsam.evaluation.cases import Answer, Found
from pymafsam.evaluation.checks import Pair
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import PROTOCOLS, find, pose3d, views
from pymafsam.evaluation.shares import Share
from pymafsam.geometry.joints import flip_permutation
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Person

NAMES = ["images/S9_Directions_1.54138969_000001.jpg", "images/S9_Directions_1.54138969_000006.jpg"]
NAMES += ["images/S11_Walking_2.60457274_000001.jpg"]


@pytest.fixture
def rows(tmp_path):
    """Three frames in SPIN's layout of Human3.6M, with their pictures."""
    random = np.random.default_rng(0)
    joints = np.concatenate([random.normal(0, 0.4, (3, 24, 3)), np.ones((3, 24, 1))], 2)
    joints[:, 14, :3] = 0  # the pelvis is the origin
    np.savez(
        tmp_path / "rows.npz",
        imgname=np.array(NAMES),
        center=np.full((3, 2), 50.0),
        scale=np.full(3, 0.4),
        S=joints,
    )
    (tmp_path / "images").mkdir()
    for name in NAMES:
        Image.fromarray(random.integers(0, 255, (100, 100, 3), np.uint8)).save(tmp_path / name)
    return tmp_path


def joints_of(row) -> np.ndarray:
    """Human3.6M's joints that give a row's own."""
    out = np.zeros((17, 3))
    for count in (17, 14):
        out[[pose3d.FROM.index(n) for n in pose3d.IN_H36M[count]]] = pose3d.stored(row, count)
    return out


@pytest.mark.parametrize("name", ["h36m-p1", "h36m-p2", "mpi-inf-3dhp"])
def test_saved_joints_are_measured_end_to_end(name, rows, capsys):
    cases = find(name).read(Data(images=rows, annotations=rows / "rows.npz"))
    answers = np.stack([joints_of(case.truth.row) for case in cases])
    answers[:, 1:, 0] += 0.01
    np.savez(rows / "saved.npz", h36m17=answers)
    words = ["evaluate", name, "--images", rows, "--annotations", rows / "rows.npz"]
    words += ["--results", rows / "saved.npz", "--out", rows / "out", "--draws", "20"]
    assert main(list(map(str, words))) == 0
    written = json.loads((rows / "out" / "scores.json").read_text())
    values = {row["name"]: row["value"] for row in written["figures"]}
    moved = 10.0 if name != "mpi-inf-3dhp" else 10.0 * 16 / 17
    assert values["MPJPE"] == pytest.approx(moved, abs=1e-3)
    assert all(check["passed"] for check in written["checks"])
    assert written["clusters"] == 2
    if name == "mpi-inf-3dhp":
        assert values["PCK@150mm"] == 1
    else:
        for action in ("Directions", "Walking"):
            assert values[f"MPJPE, {action}"] == pytest.approx(10, abs=1e-3)
    page = (rows / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 3
    assert "http" not in page
    capsys.readouterr()


def test_an_unreadable_picture_is_a_miss_and_the_exit_code_says_so(rows, capsys):
    (rows / NAMES[1]).write_bytes(b"no picture")
    np.savez(rows / "saved.npz", h36m17=np.zeros((3, 17, 3)))
    words = ["evaluate", "h36m-p1", "--images", rows, "--annotations", rows / "rows.npz"]
    words += ["--results", rows / "saved.npz", "--out", rows / "out", "--draws", "5", "--no-page"]
    assert main(list(map(str, words))) == 1
    assert NAMES[1] in capsys.readouterr().out


def pairs(change) -> list[Pair]:
    random = np.random.default_rng(1)
    out = []
    for _ in range(5):
        true = random.normal(size=(17, 3))
        found = change(true + random.normal(0, 0.02, true.shape))
        out.append(Pair(found=found, true=true, layout="coco17", kind="joints"))
    return out


def test_a_wrong_unit_and_a_wrong_order_are_detected_and_named():
    flip = flip_permutation("coco17")
    assert list(checks.suspicions(pairs(lambda points: points))) == []
    (unit,) = checks.suspicions(pairs(lambda points: 1000 * points))
    assert "millimetres" in unit
    (sides,) = checks.suspicions(pairs(lambda points: points[flip]))
    assert "left and right" in sides


def test_protocols_pass_their_own_checks_and_a_broken_measure_does_not(rows):
    data = Data(images=rows, annotations=rows / "rows.npz")
    protocol = PROTOCOLS["h36m-p1"]
    run = Run(protocol=protocol, data=data, cases=protocol.read(data), answers={})
    tried = checks.of_measure(run)
    assert {check.what for check in tried} == {"truth against itself", "known perturbation"}
    assert all(check.passed for check in tried)
    assert not checks.Check(what="x", figure="y", wanted=0.0, found=0.1).passed


def test_our_json_and_cocos_answer_the_boxes_they_overlap(tmp_path):
    row = {"image_id": 7, "keypoints": [float(k) for k in range(51)], "score": 0.5}
    (tmp_path / "coco.json").write_text(json.dumps([row]))
    people = saved.SavedKeypoints(path=tmp_path / "coco.json").people["7"]
    np.testing.assert_array_equal(people[0].keypoints.ravel(), np.arange(51.0))
    found = [Found(score=1.0, box=np.array([0.0, 0, 10, 10]))]
    found += [Found(score=1.0, box=np.array([50.0, 50, 60, 60]))]
    boxes = np.array([[51, 51, 60, 60], [1, 0, 10, 10], [90, 90, 99, 99]], np.float32)
    asked = saved.asked(found, [Person(box=box, score=1.0) for box in boxes])
    assert [one.asked for one in asked] == [1, 0]
    with pytest.raises(BadInput, match="No results"):
        saved.subject(tmp_path / "nothing", body.load("anny24"))


def test_shares_are_disjoint_and_whole():
    everything = list(range(11))
    parts = [Share(rank=rank, world=3).of(everything) for rank in range(3)]
    assert sorted(number for part in parts for number in part) == everything
    assert Share().gathered({"a": Answer()}) == {"a": Answer()}


QUALISYS = """<?xml version='1.0'?>
<calibration><cameras>{cameras}</cameras></calibration>"""
CAMERA = (
    '<camera serial="{name}"><fov_video left="0" top="0" right="639" bottom="479"/>'
    '<transform x="{x}" y="{y}" z="{z}" {axes}/>'
    '<intrinsic focalLengthU="{f}" focalLengthV="{f}" centerPointU="20448" centerPointV="15328" '
    'radialDistortion1="-0.1" radialDistortion2="0.01" tangentalDistortion1="0" '
    'tangentalDistortion2="0"/></camera>'
)


@pytest.fixture
def lab(tmp_path):
    """Three cameras around the middle of a room, as Qualisys writes them and as toml."""
    texts, tables, made = [], [], []
    for k, turn in enumerate((0.0, 1.2, 2.4)):
        forward = np.array([np.cos(turn), np.sin(turn), 0.0])
        place = -4 * forward + [0, 0, 1]
        axes = np.stack([np.cross(forward, [0, 0, 1.0]), [0, 0, 1.0], -forward])
        made.append((place, calibration.TURNED @ axes))
        words = " ".join(f'r{r + 1}{c + 1}="{axes[r, c]}"' for r in range(3) for c in range(3))
        x, y, z = 1000 * place
        texts.append(CAMERA.format(name=f"cam{k}", x=x, y=y, z=z, axes=words, f=64 * 600))
        import cv2

        vector = cv2.Rodrigues(made[-1][1])[0].ravel().tolist()
        shift = (-made[-1][1] @ place).tolist()
        tables.append(
            f'[cam{k}]\nname = "cam{k}"\nsize = [640.0, 480.0]\n'
            "matrix = [[600.0, 0.0, 319.5], [0.0, 600.0, 239.5], [0.0, 0.0, 1.0]]\n"
            f"distortions = [-0.1, 0.01, 0.0, 0.0]\nrotation = {vector}\ntranslation = {shift}\n"
        )
    (tmp_path / "lab.qca.txt").write_text(QUALISYS.format(cameras="".join(texts)))
    (tmp_path / "lab.toml").write_text("\n".join(tables) + "\n[metadata]\nerror = 0.0\n")
    for k in range(3):
        (tmp_path / "pictures" / f"cam{k}").mkdir(parents=True)
        for number in range(2):
            picture = Image.new("RGB", (640, 480), (number * 9, 0, 0))
            picture.save(tmp_path / "pictures" / f"cam{k}" / f"{number}.png")
    return tmp_path


def test_both_kinds_of_calibration_say_the_same(lab):
    first, second = calibration.read(lab / "lab.qca.txt"), calibration.read(lab / "lab.toml")
    for one, other in zip(first, second, strict=True):
        assert (one.name, one.size) == (other.name, other.size)
        np.testing.assert_allclose(one.rotation, other.rotation, atol=1e-6)
        np.testing.assert_allclose(one.translation, other.translation, atol=1e-6)
        np.testing.assert_allclose(one.intrinsics, other.intrinsics, atol=1e-6)
        np.testing.assert_allclose(one.distortion[:4], other.distortion[:4])


def test_triangulation_finds_the_points_that_were_projected(lab):
    cameras = calibration.read(lab / "lab.toml")
    points = np.random.default_rng(0).normal(0, 0.4, (6, 3)) + [0, 0, 1]
    places = []
    for view in cameras:
        seen = points @ view.rotation.T + view.translation
        assert (seen[:, 2] > 1).all()
        places.append(
            view.pinhole.focal * seen[:, :2] / seen[:, 2:] + np.array(view.pinhole.centre)
        )
    weights = np.ones((3, 6))
    weights[1:, 5] = 0  # one view alone says nothing
    found, residual = calibration.triangulated(np.stack(places), weights, cameras)
    np.testing.assert_allclose(found[:5], points[:5], atol=1e-9)
    assert residual[:5].max() < 1e-6
    assert np.isnan(found[5]).all()


def test_views_of_one_body_agree_and_a_turned_one_does_not(lab):
    data = Data(images=lab / "pictures", annotations=lab / "lab.toml", calibration=lab / "lab.toml")
    cases = PROTOCOLS["views"].read(data)
    assert [look.name for look in cases[0].looks] == ["cam0", "cam1", "cam2"]
    frame = cases[1].looks[0].read()
    assert frame.focal == 600
    run = Run(protocol=PROTOCOLS["views"], data=data, cases=cases, answers={})
    assert all(check.passed for check in checks.of_measure(run))
    answers = {case.id: views.perfect(case) for case in cases}
    for answer in answers.values():
        one = answer.people["cam0"][0]
        turned = one.joints["body24"] @ from_axis_angle(np.array([0, 0.5, 0])).T
        answer.people["cam0"][0] = Found(
            score=1.0, box=one.box, detector=one.detector, joints={**one.joints, "body24": turned}
        )
    run = Run(protocol=PROTOCOLS["views"], data=data, cases=cases, answers=answers)
    values = {figure.name: figure.value for figure in PROTOCOLS["views"].measure(run)}
    assert values["disagreement, PA"] < 1e-6
    assert values["disagreement, calibrated"] > 50
    assert values["MPJPE, triangulated"] < 1e-6


def test_pictures_may_lack_what_a_coder_padded_and_no_more(lab):
    view = calibration.read(lab / "lab.toml")[0]
    assert view.fitted((632, 480)).size == (632, 480)
    with pytest.raises(BadInput, match="320"):
        view.fitted((320, 240))


def test_other_files_are_no_calibration(tmp_path):
    for name, text in (("a.toml", "x = 1"), ("b.qca.txt", "<x/>"), ("c.qca.txt", "no")):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInput, match=name[:1]):
            calibration.read(tmp_path / name)

"""A measuring run survives interruption, bad pictures and other people's journals."""

import json
from pathlib import Path

import numpy as np
import pytest

from pymafsam.errors import BadInput
from pymafsam.evaluation import cases, lsp, metrics, shares
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.predictions import Predictions
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import PROTOCOLS
from pymafsam.evaluation.protocols import lsp as protocol_lsp
from pymafsam.evaluation.run import answered
from pymafsam.files import digests
from pymafsam.files.json import Field
from pymafsam.geometry import joints
from pymafsam.pretrained.networks import digest_of
from pymafsam.records import Frame


def found(number: float, asked: int | None = 0) -> Found:
    return Found(
        score=number,
        box=np.zeros(4),
        asked=asked,
        keypoints=np.full((17, 3), number),
        joints={"coco17": np.full((17, 3), number)},
        betas=np.array([number]),
    )


def good(name: str) -> Look:
    pixels = np.zeros((4, 4, 3), np.uint8)
    return Look(name=name, read=lambda: Frame(pixels=pixels, name=name), boxes=np.zeros((1, 4)))


def bad(name: str) -> Look:
    def read() -> Frame:
        raise BadInput(f"{name} is cut off")

    return Look(name=name, read=read)


class Counting:
    """A subject that answers every look with its number, and remembers who asked."""

    def __init__(self):
        self.asked = []

    def answer(self, requests):
        for request in requests:
            self.asked.append(request.key.replace("\n", "/"))
            yield request, [found(len(self.asked) / 10)]


def pictures(*looks: Look) -> list[Case]:
    return [Case(id=str(k), looks=(look, good("again"))) for k, look in enumerate(looks)]


def test_an_interrupted_run_asks_for_every_case_once(tmp_path):
    subject, book = Counting(), Predictions(folder=tmp_path / "o", key={"code": "a"})
    every = pictures(good("a"), good("b"), good("c"))
    work = answered(every, subject, book)
    next(work), next(work)
    work.close()
    # The process died while it wrote a line.
    path = tmp_path / "o" / "predictions.jsonl"
    path.write_text(path.read_text() + '{"key": "2", "va')
    answers = {case.id: answer for case, answer in answered(every, subject, book)}
    once = ["0/a", "0/again", "1/b", "1/again", "2/c", "2/again"]
    assert sorted(set(subject.asked)) == sorted(once)
    assert subject.asked[:4] == once[:4]
    assert [len(a.people) for a in answers.values()] == [2, 2, 2]
    before = list(subject.asked)
    again = {case.id: answer for case, answer in answered(every, subject, book)}
    assert list(again) == list(answers)
    assert all(cases.answer_to_json(again[k]) == cases.answer_to_json(answers[k]) for k in again)
    assert subject.asked == before


def test_a_journal_under_another_key_is_not_read(tmp_path):
    subject = Counting()
    for code in ("a", "b", "b"):
        list(
            answered(pictures(good("a")), subject, Predictions(folder=tmp_path, key={"code": code}))
        )
    assert len(subject.asked) == 4


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_unreadable_picture_is_named_and_the_run_goes_on(tmp_path, place, caplog):
    looks = [good("a"), good("b"), good("c")]
    looks[place] = bad("broken.jpg")
    book = Predictions(folder=tmp_path, key={})
    answers = [answer for _, answer in answered(pictures(*looks), Counting(), book)]
    assert [answer.missed is not None for answer in answers] == [k == place for k in range(3)]
    assert "broken.jpg" in (answers[place].missed or "")
    assert "broken.jpg" in caplog.text
    assert str(place) not in book.read()  # tried again next time


def test_a_person_survives_the_journal():
    person = Found(
        score=0.25,
        box=np.arange(4.0),
        keypoints=np.random.default_rng(0).uniform(0, 99, (17, 3)).round(3),
        pose=np.ones((24, 3)),
        translation=np.zeros(3),
        mask={"size": [2, 3], "counts": "06"},
    )
    written = cases.answer_to_json(Answer(people={"x": [person]}))
    answer = cases.answer_from_json(Field(json.loads(json.dumps(written)), "here"))
    assert cases.to_json(answer.of("x")[0]) == cases.to_json(person)
    with pytest.raises(BadInput, match="here"):
        cases.answer_from_json(Field({"people": {"x": [{"score": 1}]}}, "here"))


def test_an_answer_changed_by_hand_is_made_again(tmp_path):
    subject, book = Counting(), Predictions(folder=tmp_path, key={})
    list(answered(pictures(good("a"), good("b")), subject, book))
    path = tmp_path / "predictions.jsonl"
    head, first, second = path.read_text().splitlines()
    path.write_text("\n".join([head, first.replace('"box"', '"bx"'), second]) + "\n")
    assert list(book.read()) == ["1"]


def test_answers_of_several_processes_count_once_and_a_miss_gives_way():
    first = {"a": Answer(people={"x": [found(1.0)]}), "b": Answer(missed="cut off")}
    second = {"b": Answer(people={"x": []}), "a": Answer(missed="no")}
    together = shares.merged([first, second])
    assert set(together) == {"a", "b"}
    assert not [answer for answer in together.values() if answer.missed]


def test_digests_tell_pictures_and_weights_apart(tmp_path):
    for name, text in (("a.jpg", "1"), ("b.jpg", "22")):
        (tmp_path / name).write_text(text)
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    assert digests.of_pictures(files) == digests.of_pictures(files)
    assert digests.of_pictures(files) != digests.of_pictures(files[:1])
    assert digest_of(str(files[0])) != digest_of(str(files[1]))
    assert digest_of("fit") == digest_of("fit") != digest_of("other")
    assert digests.of_code() == digests.of_code()


def lsp_run(found_points: np.ndarray | None, true: np.ndarray) -> Run:
    picture = lsp.LspPicture(id="a.jpg", joints=true)
    people = []
    if found_points is not None:
        people = [Found(score=1.0, box=np.zeros(4), keypoints=found_points)]
    return Run(
        protocol=PROTOCOLS["lsp"],
        data=Data(images=Path(), annotations=Path()),
        cases=[Case(id="a.jpg", looks=(), truth=picture)],
        answers={"a.jpg": Answer(people={protocol_lsp.LOOK: people})},
    )


def upright() -> tuple[np.ndarray, np.ndarray]:
    """LSP joints at zero but the left shoulder, 100 away; COCO keypoints two of which are off."""
    true = np.zeros((14, 3))
    true[:, 2] = 1
    true[joints.LSP14.index("left_shoulder"), :2] = [0, 100]
    found = np.zeros((17, 3))
    found[joints.COCO17.index("left_shoulder"), :2] = [0, 100]
    found[joints.COCO17.index("left_knee"), :2] = [0, 19]
    found[joints.COCO17.index("right_knee"), :2] = [0, 21]
    found[joints.COCO17.index("nose"), :2] = [500, 500]
    return found, true


def test_pck_takes_the_torso_from_left_shoulder_to_right_hip():
    mesh, detector, *_ = protocol_lsp.figures(lsp_run(*upright()))
    assert mesh.value == pytest.approx(11 / 12)
    assert detector.value == 0  # nobody said where the detector saw them: all wrong


def test_an_unlabelled_hip_takes_the_other_diagonal_and_none_at_all_takes_nobody():
    found_points, true = upright()
    true[joints.LSP14.index("right_hip")] = 0
    true[joints.LSP14.index("right_shoulder"), :2] = [0, 50]
    assert metrics.torso(true[None])[0] == 50
    true[joints.LSP14.index("right_shoulder")] = 0
    assert np.isnan(metrics.torso(true[None])[0])
    mesh, *_ = protocol_lsp.figures(lsp_run(found_points, true))
    assert np.isnan(mesh.value)


def test_whoever_is_missed_has_no_joint_right():
    mesh, *_ = protocol_lsp.figures(lsp_run(None, upright()[1]))
    assert mesh.value == 0


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

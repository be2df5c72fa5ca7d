"""Pseudo ground truth: who is fitted, what is noted, and that interrupted runs go on."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam import body
from pymafsam.data import pseudo, sheet
from pymafsam.data.pseudo import Fitter, Limits, PseudoTruth
from pymafsam.data.rows import Row, Rows
from pymafsam.files import journal
from pymafsam.fitting.annotated import ANNOTATED, AnnotatedFit
from pymafsam.geometry.joints import J24, LSP14

# Somebody standing, pixels of a picture of 100 x 200.
STANDING = {
    "right_ankle": (40, 180), "right_knee": (41, 145), "right_hip": (42, 108),
    "left_hip": (58, 108), "left_knee": (59, 145), "left_ankle": (60, 180),
    "right_wrist": (28, 112), "right_elbow": (30, 85), "right_shoulder": (36, 60),
    "left_shoulder": (64, 60), "left_elbow": (70, 85), "left_wrist": (72, 112),
    "neck": (50, 52), "head_top": (50, 22),
}  # fmt: skip


def standing(names=LSP14) -> np.ndarray:
    keypoints = np.zeros((24, 3))
    for name in names:
        keypoints[J24.index(name)] = [*STANDING[name], 1]
    return keypoints


def unsure(picture: np.ndarray) -> list[np.ndarray]:
    """A landmark network that sees a faint person in the middle of every window."""
    heat = np.full((1, 64, 64, 39), -6.0)
    heat[:, 32, 32] = -1.0
    mask = np.full((1, 256, 256, 1), -6.0)
    mask[:, 60:200, 100:150] = 6.0
    points = np.zeros((1, 195))
    return [points, np.array([[0.5]]), mask, heat, np.zeros((1, 117))]


@pytest.fixture(scope="module")
def fit() -> AnnotatedFit:
    return AnnotatedFit(body.load("anny24"))


@pytest.fixture
def fitter(fit, tmp_path) -> Fitter:
    for name in "abc":
        Image.new("RGB", (100, 200), (90, 120, 90)).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"nonsense")
    return Fitter(fit=fit, network=unsure, images=tmp_path)


def rows_of(*people: tuple[str, np.ndarray]) -> Rows:
    return Rows.of(
        [
            Row(image=image, centre=np.array([50.0, 100.0]), scale=0.95, keypoints=keypoints)
            for image, keypoints in people
        ]
    )


def run(fitter: Fitter, rows: Rows, path: Path) -> list[PseudoTruth]:
    with journal.opened(path, "fit", {"table": "t"}) as notes:
        list(pseudo.noted(fitter, rows, notes))
        return [pseudo.from_journal(notes.done[str(k)]) for k in range(len(rows))]


def test_rows_that_cannot_be_fitted_are_named_and_the_rest_goes_on(fitter, tmp_path):
    rows = rows_of(
        ("a.png", standing()),
        ("absent.png", standing()),
        ("broken.png", standing()),
        ("b.png", standing(LSP14[:3])),
        ("c.png", np.zeros((24, 3))),
    )
    found = run(fitter, rows, tmp_path / "journal")
    assert "absent.png" in found[1].failed
    assert "broken.png" in found[2].failed
    assert found[3].failed == "only 3 joints are annotated, 6 are wanted"
    assert found[4].failed == "only 0 joints are annotated, 6 are wanted"
    assert found[0].error < 0.02
    learnt = pseudo.learnt(rows, found, Limits())
    assert [learnt[k].has_smpl for k in range(5)] == [True, False, False, False, False]
    assert learnt[0].size == (100, 200)
    assert learnt.counts()["smpl"] == 1


def test_an_interrupted_run_goes_on_where_it_was(fitter, tmp_path):
    fitter = replace(fitter, together=1)
    rows = rows_of(*((f"{name}.png", standing()) for name in "abc"))
    with journal.opened(tmp_path / "journal", "fit", {"table": "t"}) as notes:
        work = pseudo.noted(fitter, rows, notes)
        next(work), next(work)
        work.close()
    with (tmp_path / "journal").open("a") as lines:
        lines.write('{"key": "2", "val')  # cut off while it was written
    asked = []
    counting = replace(fitter, network=lambda seen: asked.append(1) or unsure(seen))
    found = run(counting, rows, tmp_path / "journal")
    assert len(asked) == 1
    assert found == run(fitter, rows, tmp_path / "afresh")


def test_fits_too_far_from_the_annotation_are_not_learnt_from(fitter, tmp_path):
    keypoints = standing()
    keypoints[J24.index("left_ankle"), :2] = [95, 5]  # above the head
    (found,) = run(fitter, rows_of(("a.png", keypoints)), tmp_path / "journal")
    assert not found.failed
    strict = Limits(error=0.01)
    assert strict.against(found) == "further than 1% of the diagonal from the annotation"
    assert "energy" in Limits(error=1.0, energy=found.energy / 2).against(found)


def test_what_is_noted_comes_back_as_it_was(fitter):
    ((_, found),) = fitter.group(rows_of(("a.png", standing())), [0])
    import json

    assert pseudo.from_journal(json.loads(json.dumps(asdict(found)))) == found


def test_exchanged_sides_are_put_right_in_the_annotation():
    rows = rows_of(("a.png", standing()))
    one = PseudoTruth(
        pose=(0.0,) * 72,
        betas=(0.0,) * 10,
        translation=(0.0, 0.0, 3.0),
        error=0.0,
        energy=0.0,
        reading="legs exchanged",
    )
    put_right = pseudo.learnt(rows, [one], Limits())[0].keypoints
    assert put_right[J24.index("left_knee"), :2].tolist() == list(STANDING["right_knee"])
    assert put_right[J24.index("left_elbow"), :2].tolist() == list(STANDING["left_elbow"])


def test_the_window_stands_on_the_annotated_torso():
    clicked = np.zeros((len(ANNOTATED), 3))
    for row, name in enumerate(ANNOTATED):
        if name in STANDING:
            clicked[row] = [*STANDING[name], 1]
    box = np.array([20.0, 15.0, 80.0, 190.0])
    window = pseudo.window_of(clicked, box)
    assert window.centre == (50, 108)
    assert window.angle == pytest.approx(0)
    assert window.side > 2 * 86
    upside_down = clicked * (1, -1, 1) + (0, 200, 0)
    assert abs(pseudo.window_of(upside_down, box).angle) == pytest.approx(np.pi)
    clicked[ANNOTATED.index("left_hip"), 2] = clicked[ANNOTATED.index("right_hip"), 2] = 0
    assert pseudo.window_of(clicked, box) is None


def test_sheets_show_the_best_the_median_and_the_worst():
    errors = np.array([0.05, np.nan, 0.01, 0.03, 0.02, 0.04, 0.06])
    assert sheet.best_median_worst(errors, 1) == [2, 3, 6]
    assert sorted(sheet.best_median_worst(errors, 9)) == [0, 2, 3, 4, 5, 6]
    assert sheet.best_median_worst(np.full(3, np.nan), 2) == []


def test_sheets_can_do_without_photographs(fitter, tmp_path):
    rows = rows_of(("a.png", standing()))
    learnt = pseudo.learnt(rows, run(fitter, rows, tmp_path / "journal"), Limits())
    model = fitter.fit.model
    drawn = sheet.contact_sheet(model, learnt, [0], None)
    assert drawn.shape[2] == 3
    (tmp_path / "a.png").unlink()
    np.testing.assert_array_equal(drawn, sheet.contact_sheet(model, learnt, [0], None))

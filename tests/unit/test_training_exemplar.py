"""Exemplar fine-tuning: a copy of a network learns one row, the network itself does not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from posed_people import SMALL, posed

from pymafsam import body
from pymafsam.data import pseudo
from pymafsam.data.rows import Row, Rows
from pymafsam.errors import BadUsage
from pymafsam.files import journal, rle
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera, project
from pymafsam.records import Pose

torch = pytest.importorskip("torch")
from pymafsam.network.backbone import BACKBONES  # noqa: E402
from pymafsam.training import building, keypoints  # noqa: E402
from pymafsam.training.exemplar import ExemplarFitter, Tuning  # noqa: E402

SIZE = (120, 160)


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture
def network(model):
    BACKBONES.rows["tiny"] = "tiny_backbone:Tiny"
    yield building.network_of(SMALL, model)
    del BACKBONES.rows["tiny"]


@pytest.fixture
def table(model, tmp_path) -> Rows:
    """Somebody whose body is known, annotated where its points appear; and two who cannot be."""
    Image.new("RGB", SIZE, (90, 120, 90)).save(tmp_path / "a.png")
    true = posed(model, 3)
    mesh = body.skin(model, Pose(rotations=true.rotations, betas=true.betas))
    rows = keypoints.regressor(model)
    everything = np.concatenate([mesh.vertices, mesh.joints])
    points = np.einsum("km,kmd->kd", rows.weights, everything[rows.vertices])
    seen = project(
        points[keypoints.DETECTED :].astype(np.float64) + [0, 0, 3], picture_camera(SIZE)
    )
    annotated = np.column_stack([seen, np.arange(24) < 14])
    inside = np.zeros(SIZE[::-1], bool)
    low, high = annotated[:14, :2].min(0).astype(int), annotated[:14, :2].max(0).astype(int)
    inside[low[1] : high[1], low[0] : high[0]] = True
    one = Row(
        image="a.png",
        centre=annotated[:14, :2].mean(0),
        scale=0.7,
        keypoints=annotated,
        mask=rle.encode(inside)["counts"],
    )
    few = replace(one, keypoints=annotated * (np.arange(24) < 3)[:, None])
    return Rows.of([one, replace(one, image="absent.png"), few])


def test_a_row_is_learnt_by_a_copy_and_the_network_stays(model, network, table, tmp_path):
    tuning = Tuning(steps=60, rate=1e-3, enough=0.0)
    fitter = ExemplarFitter(network, model, tmp_path, tuning=tuning)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with journal.opened(tmp_path / "journal", "fit", {"table": "t"}) as notes:
        found = dict(pseudo.noted(fitter, table, notes))
        kept = [pseudo.from_journal(notes.done[str(k)]) for k in range(3)]
        # In words: a focal length that is not a number equals nothing.
        assert [str(one) for one in kept] == [str(one) for one in found.values()]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    first = ExemplarFitter(network, model, tmp_path, tuning=replace(tuning, steps=1))
    ((_, little),) = first.group(table, [0])
    assert found[0].error < 0.06 < little.error
    assert "absent.png" in found[1].failed
    assert found[2].failed == "only 3 joints are annotated, 6 are wanted"
    # The body stands where the picture's own camera sees it.
    turns = rotation.from_axis_angle(np.array(found[0].pose).reshape(24, 3)).astype(np.float32)
    pose = Pose(rotations=turns, betas=np.array(found[0].betas, np.float32))
    hips = body.skin(model, pose).joints[[1, 2]] + found[0].translation
    seen = project(hips.astype(np.float64), picture_camera(SIZE)).mean(0)
    assert np.linalg.norm(seen - table[0].keypoints[[2, 3], :2].mean(0)) < 12


def test_the_same_row_gives_the_same_body_bit_for_bit(model, network, table, tmp_path):
    fitter = ExemplarFitter(network, model, tmp_path, tuning=Tuning(steps=3, rate=1e-3))
    assert fitter.group(table, [0]) == fitter.group(table, [0])


def test_it_stops_when_the_annotation_is_met_well_enough(model, network, table, tmp_path):
    asked = []

    network.register_forward_hook(lambda *_: asked.append(1))
    ExemplarFitter(network, model, tmp_path, tuning=Tuning(enough=10.0)).group(table, [0])
    assert len(asked) == 1


def test_no_steps_and_no_rate_are_refused():
    with pytest.raises(BadUsage, match="at least one step"):
        Tuning(steps=0)

"""``train`` from the command line: rendered people in, weights that reconstruct out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body
from pymafsam.cli import main
from pymafsam.files import digests

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
from pymafsam.data import augment  # noqa: E402
from pymafsam.data.people import sample_of  # noqa: E402
from pymafsam.data.samples import generator  # noqa: E402
from pymafsam.network import weights  # noqa: E402
from pymafsam.network.geometry import project  # noqa: E402
from pymafsam.training import run_folder  # noqa: E402
from pymafsam.training.batches import targets_of  # noqa: E402
from pymafsam.training.dense import Surface  # noqa: E402
from pymafsam.training.keypoints import DETECTED, TrainedPoints  # noqa: E402
from pymafsam.training.rendered import RenderedPeople, row_of  # noqa: E402

FEW = "--steps 2 --batch 2 --data.synthetic-size 4 --data.validation-people 2 --log-every 1"


def test_a_smoke_run_is_begun_gone_on_with_and_leaves_weights(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "smoke", *FEW.split(), "--network.no-pretrained", "--out", str(out)]
    assert main.main(words) == 0
    assert "2 of 2 steps are done" in capsys.readouterr().out
    assert main.main(words) == 2  # the folder is taken
    assert "--resume" in capsys.readouterr().err
    assert main.main(["train", "smoke", "--out", str(out), "--resume", "--steps", "3"]) == 0
    assert [row["step"] for row in run_folder.measured(out) if "rate" in row] == [1, 2, 3]
    assert main.main(["train", "smoke", "--out", str(out), "--resume", "--batch", "4"]) == 2
    assert "these differ: batch" in capsys.readouterr().err
    about = json.loads((out / "about.json").read_text())
    assert (about["recipe"], about["seed"]) == ("smoke", 0)
    assert about["code"] == digests.of_code()
    found = weights.read(out / "last.safetensors").architecture
    assert (found.backbone, found.policy, found.body) == ("movenet-thunder", "mask", "anny24")


@pytest.fixture(scope="module")
def rendered():
    return RenderedPeople.of(
        body.load("anny24"), count=3, seed=5, points="mask", ranges=augment.Ranges()
    )


def from_afar(picture, times: float = 100.0):
    """The same picture seen from so much farther through so much longer a lens: no perspective."""
    person, camera = picture.people[0], picture.camera
    moved = replace(person, translation=person.translation * np.array([1.0, 1.0, times]))
    return replace(picture, people=(moved,), camera=replace(camera, focal=camera.focal * times))


def test_rendered_people_lie_where_their_answers_say(rendered):
    """Projected by the crop's own camera the pose's points are the annotated ones."""
    points = TrainedPoints(rendered.stage.model, 10)
    for index in range(3):
        picture = from_afar(rendered.stage.picture(rendered.seed, index))
        drawn = augment.draw(generator(0, 0, index), augment.Ranges(upright=0.0))
        row = row_of(picture, rendered.stage.model)
        one = sample_of(row, picture.frame.pixels, picture.people[0].mask, drawn)
        turns, betas, camera = (
            torch.from_numpy(np.asarray(getattr(one, name), np.float32))[None]
            for name in ("rotations", "betas", "camera")
        )
        found = points(turns, betas)[0, DETECTED:].numpy()
        seen = project(torch.from_numpy(found)[None], camera)[0].numpy()
        # The crop's square is cut in whole pixels.
        np.testing.assert_allclose(seen, one.keypoints[DETECTED:, :2], atol=0.03)
        hips = found[[2, 3]].mean(axis=0)
        np.testing.assert_allclose(found - hips, one.joints_3d[:, :3], atol=1e-4)


def test_the_same_number_is_the_same_person(rendered):
    one, again = (rendered.sample(1, generator(0, 3, 1)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    np.testing.assert_array_equal(one.keypoints, again.keypoints)


def test_what_is_hidden_has_no_place_on_the_surface_to_be_learnt(rendered):
    model = rendered.stage.model
    samples = [rendered.sample(index, generator(0, 0, index)) for index in range(4)]
    found = targets_of(samples, model, Surface.of(model))
    whole = targets_of(
        [replace(one, exact_mask=False) for one in samples], model, Surface.of(model)
    )
    in_sight = torch.from_numpy(np.stack([one.mask[2::4, 2::4] for one in samples]))
    assert found.has_dense.all()
    assert ((found.part > 0) == ((whole.part > 0) & in_sight)).all()
    assert (found.part > 0).sum() < (whole.part > 0).sum()
    assert not found.uv.movedim(1, -1)[~in_sight].any()

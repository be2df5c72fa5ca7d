"""The real networks on real photographs."""

from pathlib import Path

import numpy as np
import pytest

from pymafsam import people
from pymafsam.errors import BadUsage, MissingAsset
from pymafsam.files import frames
from pymafsam.geometry.boxes import intersection_over_union
from pymafsam.geometry.joints import BLAZEPOSE33
from pymafsam.pretrained import catalogue
from pymafsam.pretrained import networks as kept_networks
from pymafsam.records import Person, Pixels

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.network


def loaded(name: str) -> people.Detector:
    try:
        return people.load(name)
    except MissingAsset as error:
        pytest.skip(f"the networks cannot be had: {error}")


@pytest.fixture(scope="module")
def nanodet() -> people.Detector:
    return loaded("nanodet")


@pytest.fixture(scope="module")
def tennis() -> Pixels:
    return frames.read_picture(EXAMPLES / "tennis.jpg").pixels


@pytest.fixture(scope="module")
def player(nanodet, tennis) -> Person:
    (person,) = nanodet.describe(tennis, nanodet.find(tennis)[:1])
    return person


def joint(person: Person, name: str) -> np.ndarray:
    assert person.keypoints is not None
    return person.keypoints[BLAZEPOSE33.index(name), :2]


def test_three_people_are_found_in_a_picture_of_three(nanodet):
    pixels = frames.read_picture(EXAMPLES / "three.jpg").pixels
    sure = [person for person in nanodet.find(pixels) if person.score >= 0.4]
    assert len(sure) == 3


def test_keypoints_and_mask_lie_on_the_person(player):
    x0, _, x1, _ = player.box
    inside = (player.keypoints[:, 0] > x0 - 20) & (player.keypoints[:, 0] < x1 + 20)
    assert inside.mean() > 0.9
    assert joint(player, "left_ankle")[1] > joint(player, "left_hip")[1] > joint(player, "nose")[1]
    rows, columns = np.nonzero(player.mask)
    around = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)
    assert intersection_over_union(around, player.box[None])[0, 0] > 0.5
    assert player.presence > 0.9
    assert 0.5 < player.keypoint_score <= 1
    height = np.ptp(player.world[:, 1])
    assert 1.0 < height < 2.1  # metres


def test_a_mirrored_picture_gives_the_mirrored_person(nanodet, tennis, player):
    """Left and right change places; everything else stays within a few pixels."""
    width = tennis.shape[1]
    mirrored = np.ascontiguousarray(tennis[:, ::-1])
    box = player.box[[2, 1, 0, 3]] * (-1, 1, -1, 1) + (width, 0, width, 0)
    (other,) = nanodet.describe(mirrored, [Person(box=box, score=1.0)])
    side = np.ptp(player.box[[1, 3]])
    for name in ("shoulder", "hip", "knee", "ankle"):
        was, now = joint(player, f"left_{name}"), joint(other, f"right_{name}")
        assert np.linalg.norm(now - (width - was[0], was[1])) < 0.08 * side


def test_the_same_picture_gives_the_same_bits(nanodet, tennis, player):
    (again,) = nanodet.describe(tennis, nanodet.find(tennis)[:1])
    np.testing.assert_array_equal(again.keypoints, player.keypoints)
    np.testing.assert_array_equal(again.world, player.world)


def test_a_person_turned_on_their_head_is_still_described(nanodet, tennis, player):
    height, width = tennis.shape[:2]
    turned = np.ascontiguousarray(tennis[::-1, ::-1])
    box = np.array([width, height] * 2) - player.box[[2, 3, 0, 1]]
    (other,) = nanodet.describe(turned, [Person(box=box, score=1.0)])
    assert joint(other, "left_ankle")[1] < joint(other, "left_hip")[1]


def test_pip_alone_finds_and_describes_the_player_too(tennis, player, monkeypatch):
    """BlazePose's own detector, and the smaller landmark network."""
    for name in ("blazepose-detector", "blazepose-full"):
        try:
            catalogue.locate(name)
        except MissingAsset as error:
            pytest.skip(f"the networks cannot be had: {error}")
    real = catalogue.locate

    def pip_only(name: str):
        if all(source.client != "pip" for source in catalogue.ASSETS[name].sources):
            raise MissingAsset("npm is not installed")
        return real(name)

    monkeypatch.setattr(catalogue, "locate", pip_only)
    monkeypatch.setattr(kept_networks, "is_kept", lambda name, cut=None: False)
    detector = people.load("auto")
    found = detector.find(tennis)
    overlaps = intersection_over_union(np.stack([p.box for p in found]), player.box[None])
    assert overlaps.max() > 0.5
    (person,) = detector.describe(tennis, [found[int(overlaps.argmax())]])
    side = np.ptp(player.box[[1, 3]])
    assert np.linalg.norm(joint(person, "left_knee") - joint(player, "left_knee")) < 0.1 * side


def test_nobody_is_found_in_an_empty_picture_and_in_a_single_pixel(nanodet):
    for shape in ((60, 90, 3), (1, 1, 3)):
        found = nanodet.find(np.full(shape, 127, np.uint8))
        assert [person for person in found if person.score >= 0.35] == []
    assert nanodet.describe(np.zeros((1, 1, 3), np.uint8), []) == []


def test_an_unknown_detector_gets_a_suggestion():
    with pytest.raises(BadUsage, match="nanodet"):
        people.load("nanodett")

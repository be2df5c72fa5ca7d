"""Synthetic people: what is said to be true is what the picture shows, and seeds decide all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam import body
from pymafsam.body.surface import charts_of
from pymafsam.data import synthetic
from pymafsam.data.synthetic import Stage, answers
from pymafsam.data.synthetic.backgrounds import Backgrounds
from pymafsam.data.synthetic.everyday import KINDS, everyday
from pymafsam.data.synthetic.limbs import AT, reach, rest_joints, stance
from pymafsam.data.synthetic.outfit import HAIR, SHIRT, SHOES, SKIN, TROUSERS, Outfit, draw
from pymafsam.data.synthetic.scenes import OUTSIDE, SEEN
from pymafsam.errors import MissingAsset
from pymafsam.geometry import boxes
from pymafsam.geometry.camera import project
from pymafsam.render.raster import rasterise

MODEL = body.load("anny24")
REST = rest_joints(MODEL)
SEEDS = range(12)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage.of(MODEL, side=(200, 260))


@pytest.fixture(scope="module")
def pictures(stage):
    return [stage.picture(5, index) for index in SEEDS]


def test_a_seed_and_an_index_give_the_same_bits(stage, pictures):
    again = stage.picture(5, 3)
    assert np.array_equal(again.frame.pixels, pictures[3].frame.pixels)
    assert np.array_equal(again.people[0].mask, pictures[3].people[0].mask)
    assert np.array_equal(again.people[0].pose.rotations, pictures[3].people[0].pose.rotations)


def test_pixels_say_where_on_the_body_they_look(stage, pictures):
    """Every vertex in sight is found again where it appears: its part, and its u and v."""
    own = charts_of(MODEL)
    for picture in pictures[:4]:
        truth, found = picture.people[0], synthetic.charted(picture, MODEL)
        assert not found.part[~truth.mask].any()
        covered = found.part > 0
        assert covered.sum() > 0.5 * truth.mask.sum()  # the rest are clothes that stand off
        assert ((found.uv >= 0) & (found.uv <= 1)).all()
        assert not found.uv[:, ~covered].any()
        vertices = body.skin(MODEL, truth.pose).vertices + truth.translation
        points = np.concatenate([project(vertices, picture.camera), vertices[:, 2:]], axis=1)
        raster = rasterise(points, MODEL.faces, picture.camera.size)
        # A face's middle, where the nearest surface is that face, is of the face's own chart.
        corners = points[MODEL.faces]
        middle = corners[..., :2].mean(axis=1)
        column, row = np.floor(middle).astype(int).T
        width, height = picture.camera.size
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        faces = np.flatnonzero(inside)
        faces = faces[raster.face[row[faces], column[faces]] == faces]
        faces = faces[covered[row[faces], column[faces]]]
        assert len(faces) > 50
        first = own.faces[faces, 0]
        assert (found.part[row[faces], column[faces]] == own.part[first]).all()
        low, high = (getattr(own.uv[own.faces[faces]], end)(axis=1) for end in ("min", "max"))
        seen = found.uv[:, row[faces], column[faces]].T
        assert ((seen >= low - 1e-5) & (seen <= high + 1e-5)).all()


def test_a_companion_has_a_map_of_its_own(stage):
    several = (stage.picture(5, index) for index in range(60))
    picture = next(one for one in several if len(one.people) > 1 and one.people[1].mask.any())
    both = [synthetic.charted(picture, MODEL, number=k).part > 0 for k in range(2)]
    assert both[1].any()
    assert not (both[0] & both[1]).any()


def test_other_seeds_give_other_pictures(stage, pictures):
    other = stage.picture(6, 3)
    assert other.frame.pixels.shape != pictures[3].frame.pixels.shape or not np.array_equal(
        other.frame.pixels, pictures[3].frame.pixels
    )


def test_the_naked_body_lies_in_the_silhouette_of_the_dressed_one(pictures):
    for picture in pictures:
        truth, camera = picture.people[0], picture.camera
        mesh = body.skin(MODEL, truth.pose)
        vertices = mesh.vertices + truth.translation
        points = np.concatenate([project(vertices, camera), vertices[:, 2:]], axis=1)
        naked = rasterise(points, MODEL.faces, camera.size).face >= 0
        own = naked & truth.mask
        # What the mask lacks of the body is hidden by something; what it has more is cloth.
        if truth.visible > 0.99:
            assert own.sum() / naked.sum() > 0.97
        assert own.sum() / truth.mask.sum() > 0.5


def test_keypoints_in_sight_lie_in_the_mask_and_others_do_not(pictures):
    for picture in pictures:
        truth = picture.people[0]
        width, height = picture.camera.size
        column, row = np.floor(truth.keypoints).astype(int).T
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        assert np.array_equal(truth.sight == OUTSIDE, ~inside)
        seen = truth.sight == SEEN
        # Toes and finger tips are at the very edge of the body.
        assert truth.mask[row[seen], column[seen]].mean() > 0.9


def test_keypoints_are_the_body_s_own(pictures):
    for picture in pictures:
        truth = picture.people[0]
        mesh = body.skin(MODEL, truth.pose)
        points = body.regress(MODEL, mesh.vertices, "blazepose33") + truth.translation
        near = points[:, 2] > 0.1
        seen = project(points[near], picture.camera)
        assert np.allclose(seen, truth.keypoints[near], atol=0.01)
        assert np.allclose(truth.joints, mesh.joints + truth.translation, atol=1e-5)


def test_boxes_hold_the_mask(pictures):
    for picture in pictures:
        truth = picture.people[0]
        assert np.array_equal(truth.box, boxes.bounds(truth.mask))
        assert 0 < truth.visible < 1.05
        low, high = truth.found[:2], truth.found[2:]
        assert (low >= 0).all()
        assert (high <= picture.camera.size).all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_everyday_poses_are_rotations_and_limits_of_knees_hold(kind):
    for seed in range(8):
        pose = everyday(kind, REST, np.random.default_rng(seed))
        assert np.allclose(pose @ pose.swapaxes(1, 2), np.eye(3), atol=1e-9)
        assert np.allclose(np.linalg.det(pose), 1)
        for side in ("left", "right"):
            stood = stance(REST, pose)
            thigh = stood.places[AT[f"{side}_knee"]] - stood.places[AT[f"{side}_hip"]]
            shank = stood.places[AT[f"{side}_ankle"]] - stood.places[AT[f"{side}_knee"]]
            forward = stood.turns[AT[f"{side}_hip"]][:, 2]
            # A shank never swings in front of its thigh's line.
            along = thigh / np.linalg.norm(thigh)
            assert (shank - (shank @ along) * along) @ forward < 0.02


def test_people_who_stand_stand_on_level_ground():
    for seed in range(10):
        pose = everyday("standing", REST, np.random.default_rng(seed))
        places = stance(REST, pose).places
        assert abs(places[AT["left_ankle"], 1] - places[AT["right_ankle"], 1]) < 0.03
        assert places[AT["head"], 1] > 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_limb_ends_where_it_reaches_for(seed):
    g = np.random.default_rng(seed)
    start = REST[AT["left_shoulder"]]
    toward = g.normal(size=3)
    target = start + toward / np.linalg.norm(toward) * g.uniform(0.2, 0.45)
    upper, fore = reach(REST, "left_elbow", start, target, g.normal(size=3))
    elbow = start + upper @ (REST[AT["left_elbow"]] - REST[AT["left_shoulder"]])
    wrist = elbow + fore @ (REST[AT["left_wrist"]] - REST[AT["left_elbow"]])
    assert np.allclose(wrist, target, atol=1e-6)


def test_clothes_are_where_they_belong():
    outfit: Outfit = draw(np.random.default_rng(1), child=False)
    places = np.array(
        [[0, 0.3, 0.12], [0.75, 0.42, 0], [0, 0.6, 0.14], [0.14, -0.85, 0.1]], np.float32
    )
    cloth = outfit.cloth(places, np.zeros(4, np.float32))
    assert cloth[0] == SHIRT
    assert cloth[1] == SKIN
    assert cloth[3] in (SHOES, SKIN)
    lift = outfit.lift(places, np.full(4, TROUSERS))
    assert (lift >= 0).all()
    assert (lift < 0.2).all()
    assert HAIR != SKIN


def test_the_test_set_is_the_same_in_every_call():
    first, second = synthetic.test_set(), synthetic.test_set()
    assert len(first) == 300
    one, other = first[17], second[17]
    assert np.array_equal(one.frame.pixels, other.frame.pixels)
    assert np.array_equal(one.people[0].joints, other.people[0].joints)
    with pytest.raises(IndexError):
        first[300]


def test_backgrounds_come_from_parts_without_people(shared_data):
    training = Backgrounds.of(shared_data / "coco" / "train")
    held_out = Backgrounds.of(shared_data / "coco" / "train", held_out=True)
    assert len(training.photographs) > 5 * len(held_out.photographs) > 0
    contents = {photograph.content for photograph in training.photographs}
    assert not contents & {photograph.content for photograph in held_out.photographs}


def test_a_folder_without_annotations_is_named(tmp_path):
    with pytest.raises(MissingAsset, match="person_keypoints"):
        Backgrounds.of(tmp_path)


class Says:
    """A describer that says the truth's box corners, to see what is kept of it."""

    def find(self, pixels):
        return []

    def describe(self, pixels, people):
        points = np.zeros((33, 3))
        return [
            replace(
                person,
                keypoints=points,
                world=points,
                presence=1.0,
                keypoint_score=0.5,
                answers={"coco17": points[:17]},
                mask=np.ones(pixels.shape[:2], bool),
            )
            for person in people
        ]


def test_answers_are_kept_beside_the_truth_and_a_run_goes_on_where_it_stopped(stage, tmp_path):
    paths = list(answers.write(stage, Says(), tmp_path, seed=5, shards=range(2), size=2))
    assert [path.name for path in paths] == ["answers-5-00000.npz", "answers-5-00001.npz"]
    assert not list(answers.write(stage, Says(), tmp_path, seed=5, shards=range(2), size=2))
    with np.load(paths[1], allow_pickle=False) as table:
        third = stage.picture(5, 2)
        assert table["said_coco17"].shape == (2, 17, 3)
        assert table["index"].tolist() == [2, 3]
        assert np.allclose(table["rotations"][0], third.people[0].pose.rotations)
        depth = table["points_blazepose33"][0, :, 2:]
        seen = table["points_blazepose33"][0, :, :2] / depth * table["focal"][0]
        near = depth[:, 0] > 0.1
        places = (seen + table["centre"][0])[near]
        assert np.allclose(places, third.people[0].keypoints[near], atol=0.05)

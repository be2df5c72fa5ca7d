"""The lifter: numpy and torch agree, mirror images mirror, company changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam import body
from pymafsam.config import EstimatorOptions
from pymafsam.errors import BadInput, BadUsage
from pymafsam.fitting import KeypointFit, keypoints
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Points, Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LINKS, landmark_points, link_matrix, ray_frames
from pymafsam.fitting.lifter import (
    FREE,
    OF_LIMBS,
    Inputs,
    Lifter,
    LiftTrust,
    gather,
    mirrored_links,
)
from pymafsam.geometry import camera, joints, mirror, rotation
from pymafsam.people.features import Features
from pymafsam.records import Person

MODEL = body.load("anny24")
SIZE = (640, 480)
SEEDS = st.integers(0, 2**31)


def lifter() -> Lifter:
    found = Lifter.of(MODEL)
    assert found is not None
    return found


LIFTER = lifter()
FEATURES = LIFTER.weights["join.weight"].shape[1] // 17
FIT = KeypointFit(MODEL, lifter=LIFTER)


def somebody(seed: int) -> Person:
    """A person somewhere in the picture, as two noisy networks see them."""
    generator = np.random.default_rng(seed)
    skeleton = Skeleton.of(MODEL, ())
    turns = generator.normal(size=(1, 24, 3)) * 0.2
    turns[0, 0] = 0
    rotations = rotation.from_axis_angle(turns)
    about_y = np.array([0.0, generator.uniform(-np.pi, np.pi), 0.0])
    rotations[:, 0] = np.diag([1.0, -1.0, -1.0]) @ rotation.from_axis_angle(about_y)
    place = np.array([[generator.uniform(-0.8, 0.8), 0.0, generator.uniform(3.0, 6.0)]])
    state = State(
        rotations=rotations, betas=generator.normal(size=(1, 10)) * 0.3, translation=place
    )
    posed = forward_kinematics(skeleton, state)
    rows = MODEL.regressors["blazepose33"]
    points = Points.on_surface(MODEL, rows.vertices, rows.weights)
    metres = skinned_points(points, posed, state.betas).sum(axis=1)[0].T
    seen = camera.project(metres, camera.picture_camera(SIZE))
    box = np.concatenate([seen.min(0), seen.max(0)])
    noise = generator.normal(size=(2, 33, 2))
    both = seen + noise * 2
    confidence = generator.uniform(0.3, 1.0, size=(33, 1))
    blaze = np.hstack([both[0], confidence])
    coco = np.hstack([both[1], confidence])[joints.mapping("blazepose33", "coco17")]
    return Person(
        box=box,
        score=1.0,
        keypoints=blaze,
        answers={"coco17": coco, "blazepose33": blaze},
        features=generator.normal(size=(2, 17, FEATURES)).astype(np.float16),
        world=metres - metres[23:25].mean(0) + generator.normal(size=metres.shape) * 0.03,
        presence=0.9,
    )


def mirrored(person: Person) -> Person:
    """The same of the mirrored picture."""
    width = SIZE[0]

    def flip(points: np.ndarray, layout: str) -> np.ndarray:
        out = points[joints.flip_permutation(layout)].copy()
        out[:, 0] = width - out[:, 0]
        return out

    assert person.keypoints is not None
    assert person.world is not None
    assert person.features is not None
    x0, y0, x1, y1 = person.box
    return replace(
        person,
        box=np.array([width - x1, y0, width - x0, y1]),
        keypoints=flip(person.keypoints, "blazepose33"),
        answers={layout: flip(points, layout) for layout, points in person.answers.items()},
        features=person.features[::-1],
        world=mirror.points(person.world, "blazepose33"),
    )


def cameras(people: int = 1) -> Cameras:
    return Cameras.of([camera.picture_camera(SIZE)] * people)


def test_the_mirror_image_of_a_link_is_a_link():
    twins, signs = mirrored_links()
    assert (twins[twins] == np.arange(len(LINKS))).all()
    assert (signs[twins] == signs).all()
    across = LINKS.index(("left_hip", "right_hip", 1.0))
    assert twins[across] == across
    assert signs[across] == -1


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_unfitted_bodies_are_posed_as_they_were_lifted_and_placed_by_their_keypoints(seed):
    person = somebody(seed)
    lift = keypoints.load_lifted(MODEL, EstimatorOptions(weights="lift"))
    state, _ = lift.solve([person], [None], [camera.picture_camera(SIZE)])
    told = LIFTER([person], cameras())
    assert np.allclose(state.rotations[:, list(FREE)], told.turns)
    assert np.allclose(state.betas, told.betas)
    assert person.keypoints is not None
    hips = camera.project(lift.points(state)[0].T, camera.picture_camera(SIZE))[11:13].mean(0)
    extent = np.ptp(person.box.reshape(2, 2), axis=0).max()
    assert np.linalg.norm(hips - person.keypoints[23:25, :2].mean(0)) < 0.2 * extent


def test_what_is_believed_along_the_ray_keeps_limbs_from_leaning():
    people = [somebody(seed) for seed in range(12)]
    told = LIFTER(people, cameras(12))
    skeleton, points, links = Skeleton.of(MODEL, ()), landmark_points(MODEL), link_matrix()

    def depths(state: State) -> np.ndarray:
        posed = forward_kinematics(skeleton, state)
        bones = skinned_points(points, posed, state.betas).sum(axis=1) @ links
        frames = ray_frames(np.stack([person.box for person in people]), cameras(12))
        return (frames @ bones)[:, 2, OF_LIMBS]

    turns = np.broadcast_to(np.eye(3), (12, 24, 3, 3)).copy()
    turns[:, list(FREE)] = told.turns
    lifted = depths(State(rotations=turns, betas=told.betas, translation=np.zeros((12, 3))))
    apart = []
    for along_ray in (0.2, 0.45, 2.0):
        fit = KeypointFit(MODEL, lifter=LIFTER, lift_trust=LiftTrust(along_ray=along_ray))
        state, _ = fit.solve(people, [None] * 12, [camera.picture_camera(SIZE)] * 12)
        apart.append(np.abs(depths(state) - lifted).mean())
    assert apart[0] < apart[1] < apart[2]


def test_a_body_the_lifter_does_not_know_is_not_lifted():
    other = replace(MODEL, joints_template=MODEL.joints_template + 0.01)
    with pytest.raises(BadUsage, match="--weights lift"):
        keypoints.load_lifted(other, EstimatorOptions(weights="lift"))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_inputs_of_the_mirrored_person_are_the_mirrored_inputs(seed):
    person = somebody(seed)
    one = gather([person], cameras()).mirrored()
    two = gather([mirrored(person)], cameras())
    assert np.allclose(one.rows(), two.rows(), atol=1e-5)
    assert np.allclose(one.mirrored().rows(), gather([person], cameras()).rows())
    assert one.features is not None
    assert two.features is not None
    assert (one.features == two.features).all()


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_mirrored_people_are_lifted_to_mirrored_poses(seed):
    person = somebody(seed)
    one, two = LIFTER([person], cameras()), LIFTER([mirrored(person)], cameras())
    poses = np.broadcast_to(np.eye(3), (2, 24, 3, 3)).copy()
    poses[0, list(FREE)], poses[1, list(FREE)] = one.turns[0], two.turns[0]
    assert np.allclose(mirror.rotations(poses[0]), poses[1], atol=1e-4)
    assert np.allclose(one.betas, two.betas, atol=1e-4)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_nobody_is_lifted_otherwise_in_company(seed):
    people = [somebody(seed + k) for k in range(3)]
    alone, together = LIFTER(people[:1], cameras()), LIFTER(people, cameras(3))
    assert (alone.turns[0] == together.turns[0]).all()
    assert (alone.bone_sigma[0] == together.bone_sigma[0]).all()


def test_who_has_no_features_is_lifted_without_and_changes_nobody():
    known, plain = somebody(1), replace(somebody(2), features=None)
    once = replace(somebody(3), features=somebody(3).features[:1])  # no mirror image looked at
    together = LIFTER([known, plain, once], cameras(3))
    for row, person in enumerate([known, plain, once]):
        assert (LIFTER([person], cameras()).turns[0] == together.turns[row]).all()
    assert np.isfinite(together.turns).all()
    assert not np.allclose(together.turns[1], LIFTER([somebody(2)], cameras()).turns[0], atol=1e-4)
    assert not np.allclose(together.turns[2], LIFTER([somebody(3)], cameras()).turns[0], atol=1e-4)


def test_people_who_cannot_be_lifted_change_nothing_for_those_who_can():
    known, plain = somebody(1), replace(somebody(2), answers={})
    views = [camera.picture_camera(SIZE)] * 2
    alone, energy = FIT.solve([known], [None], views[:1])
    together, energies = FIT.solve([plain, known], [None, None], views)
    assert (together.rotations[1] == alone.rotations[0]).all()
    assert energies[1] == energy[0]
    unled, _ = KeypointFit(MODEL).solve([plain], [None], views[:1])
    assert (together.rotations[0] == unled.rotations[0]).all()


def test_deviations_are_positive_and_rotations_are_rotations():
    lifted = LIFTER([somebody(k) for k in range(5)], cameras(5))
    assert (lifted.turn_sigma > 0).all()
    assert (lifted.bone_sigma > 0).all()
    assert np.allclose(lifted.turns @ np.swapaxes(lifted.turns, -1, -2), np.eye(3), atol=1e-6)


def test_another_body_has_no_lifter():
    other = replace(MODEL, joints_template=MODEL.joints_template * 1.1)
    assert Lifter.of(other) is None


def test_places_far_outside_the_picture_are_cut_off():
    far = np.full((1, 17, 3), 1e6)
    inputs = Inputs.of(
        boxes=np.array([[10.0, 10.0, 50.0, 90.0]]),
        coco=far,
        landmarks=np.full((1, 33, 3), -1e6),
        metres=np.zeros((1, 33, 3)),
        presence=np.ones(1),
        cameras=cameras(),
    )
    assert np.isfinite(inputs.rows()).all()
    assert np.abs(inputs.coco[..., :2]).max() <= 3


class TestTraining:
    """The torch side (skipped where torch is absent)."""

    def test_numpy_gives_what_torch_gives(self):
        torch = pytest.importorskip("torch")
        from pymafsam.training import lifter_files, lifting

        torch.manual_seed(0)
        mean = rotation.from_axis_angle(np.random.default_rng(0).normal(size=(len(FREE), 3)))
        network = lifting.LifterNetwork(mean, 10, len(LINKS), width=32, channels=40, features=6)
        for value in network.parameters():
            torch.nn.init.normal_(value, std=0.1)
        inputs = gather([somebody(k) for k in range(4)], cameras(4))
        rows = torch.from_numpy(inputs.rows())
        network.train()(rows)  # so that the means of the inputs are not zero
        generator = np.random.default_rng(0)
        sampled = generator.normal(3, 2, size=(4, 17, 60)).astype(np.float32)
        whitening = lifter_files.Whitening.of(sampled.reshape(-1, 60), 40)
        known = torch.ones(4, 17)
        known[3] = 0
        with torch.no_grad():
            seen = lifting.Seen(channels=whitening(sampled).float(), points=known)
            told = network.eval()(rows, seen)
        arrays = whitening.features(network)
        features = Features(arrays["weight"].astype(np.float32), arrays["bias"])(sampled)
        features[3] = np.nan
        inputs = replace(inputs, features=np.repeat(features[:, None], 2, axis=1))
        ours = Lifter(lifter_files.to_arrays(network, MODEL)).read(inputs)
        assert np.allclose(ours.turns, told.turns, atol=0.02)  # weights are kept in 16 bits
        assert np.allclose(ours.bones, told.bones, atol=0.02)
        assert np.allclose(np.log(ours.bone_sigma), told.bone_log, atol=0.05)

    def test_a_saved_lifter_goes_on_as_it_was_also_in_other_components(self, tmp_path):
        torch = pytest.importorskip("torch")
        from pymafsam.training import lifter_files, lifting

        mean = rotation.from_axis_angle(np.random.default_rng(0).normal(size=(len(FREE), 3)))
        make = lambda kept: lifting.LifterNetwork(  # noqa: E731
            mean, 10, len(LINKS), width=32, channels=kept, features=6
        ).eval()
        generator = np.random.default_rng(1)
        sampled = generator.normal(3, 2, size=(40, 17, 30)).astype(np.float32)
        before = lifter_files.Whitening.of(sampled.reshape(-1, 30), 20)
        after = lifter_files.Whitening.of(sampled[:20].reshape(-1, 30), 30)
        torch.manual_seed(0)
        network, other = make(20), make(30)
        for value in network.parameters():
            torch.nn.init.normal_(value, std=0.1)
        lifter_files.save(network, MODEL, tmp_path / "lifter.safetensors", before)
        lifter_files.resume(other, tmp_path / "lifter.safetensors", after)
        rows = torch.from_numpy(gather([somebody(k) for k in range(4)], cameras(4)).rows())
        known = torch.ones(4, 17)
        with torch.no_grad():
            one = network(rows, lifting.Seen(channels=before(sampled[:4]).float(), points=known))
            two = other(rows, lifting.Seen(channels=after(sampled[:4]).float(), points=known))
        assert np.allclose(one.turns, two.turns, atol=0.02)  # kept in 16 bits
        assert not np.allclose(one.turns, make(30)(rows).turns.detach(), atol=0.1)
        narrow = lifting.LifterNetwork(mean, 10, len(LINKS), width=32, blocks=1)
        with pytest.raises(BadInput, match="another lifter"):
            lifter_files.resume(narrow, tmp_path / "lifter.safetensors")

    def test_the_chain_in_torch_is_the_chain_in_numpy(self):
        torch = pytest.importorskip("torch")
        from pymafsam.training import lifting

        generator = np.random.default_rng(3)
        skeleton = Skeleton.of(MODEL, [j for j in range(24) if j not in FREE])
        turns = rotation.from_axis_angle(generator.normal(size=(4, len(FREE), 3)) * 0.5)
        full = np.broadcast_to(np.eye(3), (4, 24, 3, 3)).copy()
        full[:, list(FREE)] = turns
        betas = generator.normal(size=(4, 10))
        state = State(rotations=full, betas=betas, translation=np.zeros((4, 3)))
        posed = forward_kinematics(skeleton, state)
        points = skinned_points(landmark_points(MODEL), posed, betas).sum(axis=1)
        chain = lifting.Chain(MODEL, np.array(FREE))
        places, landmarks = chain(
            torch.from_numpy(turns.astype(np.float32)), torch.from_numpy(betas.astype(np.float32))
        )
        # The chain in torch counts from the pelvis, the other from the body's origin.
        origin = posed.places[:, :1]
        assert np.allclose(places, posed.places - origin, atol=1e-5)
        assert np.allclose(landmarks, points.transpose(0, 2, 1) - origin, atol=1e-5)

    def test_a_few_steps_bring_the_answers_nearer(self):
        torch = pytest.importorskip("torch")
        from pymafsam.training import lifter_run, lifting

        generator = torch.Generator().manual_seed(0)
        rows = torch.from_numpy(gather([somebody(k) for k in range(8)], cameras(8)).rows())
        free = len(FREE)
        turns = torch.eye(3).repeat(8, free, 1, 1)
        betas = torch.randn(8, 10, generator=generator)
        chain = lifting.Chain(MODEL, np.array(FREE))
        places, points = chain(turns, betas)
        links = torch.from_numpy(link_matrix().astype(np.float32))
        truth = lifting.Rendered(
            inputs=rows,
            turns=turns,
            betas=betas,
            bones=(points.mT @ links).mT,
            joints=places,
        )
        network = lifting.LifterNetwork(np.eye(3)[None].repeat(free, 0), 10, len(LINKS), width=32)
        before = float(lifting.rendered_loss(network.eval()(rows), truth, chain).detach())
        recipe = lifter_run.LifterRecipe(steps=60, warm_up=5, batch=8, average=0.8)
        better = lifter_run.train(network, chain, truth, None, None, recipe, lambda *_: None)
        after = lifting.rendered_loss(better.eval()(rows), truth, chain).detach()
        assert float(after) < before - 0.5


def test_the_more_the_lifted_age_is_believed_the_nearer_bodies_stay_to_it():
    people = [somebody(seed) for seed in range(12)]
    told = LIFTER(people, cameras(12)).betas[:, 0]
    away = []
    for age in (0.5, 6.0, 60.0):
        fit = KeypointFit(MODEL, lifter=LIFTER, lift_trust=LiftTrust(age=age))
        state, _ = fit.solve(people, [None] * 12, [camera.picture_camera(SIZE)] * 12)
        away.append(np.abs(state.betas[:, 0] - told).mean())
    assert away[0] > 2 * away[1] > 4 * away[2]

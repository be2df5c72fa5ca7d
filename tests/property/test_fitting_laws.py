"""What must hold of the fit's derivatives and of its answers, whatever the person."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam import body
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Skeleton, State, forward_kinematics, jacobian, skinned_points
from pymafsam.fitting.evidence import ALIASES, LANDMARKS, gather_evidence
from pymafsam.fitting.objective import Objective
from pymafsam.fitting.priors import JOINT_PRIORS, PosePrior, left_jacobian_inverse
from pymafsam.fitting.silhouette import Outline
from pymafsam.geometry import camera, joints, rotation
from pymafsam.records import Camera, Person, Pose

FIT = KeypointFit(body.load("anny24"))
SIZE = (640, 480)
VIEW = camera.picture_camera(SIZE)
SEEDS = st.integers(0, 2**31)


def some_state(generator: np.random.Generator, people: int = 1, spread: float = 0.3) -> State:
    """Standing people before the camera, joints turned at random."""
    turns = generator.normal(size=(people, 24, 3)) * spread
    turns[:, FIT.skeleton.free[1:]] = (
        FIT.prior.mean
        + spread * generator.normal(size=(people, *FIT.prior.mean.shape)) / FIT.prior.precision
    )
    turns[:, [10, 11, 22, 23]] = 0
    rotations = rotation.from_axis_angle(turns)
    upright = rotation.from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    yaw = rotation.from_axis_angle(generator.normal(size=(people, 1)) * np.array([0.1, 1.0, 0.1]))
    rotations[:, 0] = upright @ yaw
    return State(
        rotations=rotations,
        betas=0.5 * generator.normal(size=(people, 10)),
        translation=np.array([0.2, 0.0, 5.0]) + 0.1 * generator.normal(size=(people, 3)),
    )


def points_of(state: State) -> np.ndarray:
    posed = forward_kinematics(FIT.skeleton, state)
    return skinned_points(FIT.landmarks, posed, state.betas).sum(axis=1)


def person_of(points: np.ndarray, view: Camera = VIEW) -> Person:
    """A detector's flawless description of landmarks (3, points)."""
    seen = camera.project(points.T, view)
    keypoints, world = np.zeros((33, 3)), np.zeros((33, 3))
    box = np.concatenate([seen.min(0), seen.max(0)])
    frame = gather_evidence(
        [Person(box=box, score=1.0, keypoints=keypoints, world=world)],
        Cameras.of([view]),
        FIT.trust,
    ).view[0]
    for row, name in enumerate(LANDMARKS):
        at = [joints.BLAZEPOSE33.index(n) for n in ALIASES.get(name, (name,))]
        keypoints[at, :2], keypoints[at, 2], world[at] = seen[row], 0.95, frame @ points[:, row]
    return Person(box=box, score=1.0, keypoints=keypoints, world=world)


def objective_of(people: list[Person], masks: list[np.ndarray | None]) -> Objective:
    evidence = gather_evidence(people, Cameras.of([VIEW] * len(people)), FIT.trust)
    return Objective(
        skeleton=FIT.skeleton,
        landmarks=FIT.landmarks,
        links=FIT.links,
        leaning=FIT.leaning,
        prior=FIT.prior,
        evidence=replace(evidence, unseen=np.full((len(people), 5), 0.7)),
        cameras=Cameras.of([VIEW] * len(people)),
        settings=FIT.settings,
        surface=FIT.surface,
        outline=Outline.of(masks, evidence.pixel, Cameras.of([VIEW] * len(people))),
        support=np.ones((len(people), FIT.surface.count)),
    )


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_the_points_derivatives_are_those_of_finite_differences(seed):
    generator = np.random.default_rng(seed)
    state = some_state(generator)
    posed = forward_kinematics(FIT.skeleton, state)
    parts = skinned_points(FIT.landmarks, posed, state.betas)
    analytic = jacobian(FIT.skeleton, FIT.landmarks, posed, parts)[0]
    step = 1e-5
    for unknown in generator.choice(FIT.skeleton.unknowns, 20, replace=False):
        change = np.zeros((1, FIT.skeleton.unknowns))
        change[0, unknown] = step
        ahead = points_of(state.moved(change, FIT.skeleton.free))
        behind = points_of(state.moved(-change, FIT.skeleton.free))
        np.testing.assert_allclose(analytic[unknown], (ahead - behind)[0] / (2 * step), atol=1e-6)


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_the_gradient_is_half_the_slope_of_the_energy(seed):
    generator = np.random.default_rng(seed)
    truth, state = some_state(generator), some_state(generator)
    mask = np.zeros(SIZE[::-1], bool)
    mask[100:420, 250:400] = True
    whole = objective_of([person_of(points_of(truth)[0])], [mask])
    # Bones do not pull at the shape, on purpose: there the law holds of everything else.
    silent = replace(whole.evidence, bone_weight=np.zeros_like(whole.evidence.bone_weight))
    shapeless = replace(whole, evidence=silent)
    shapes = FIT.skeleton.unknowns - state.betas.shape[1]
    step = 1e-6
    for unknown in generator.choice(FIT.skeleton.unknowns, 12, replace=False):
        problem = whole if unknown < shapes else shapeless
        gradient = problem(state).gradient[0]
        change = np.zeros((1, FIT.skeleton.unknowns))
        change[0, unknown] = step
        ahead = problem(state.moved(change, FIT.skeleton.free)).energy[0]
        behind = problem(state.moved(-change, FIT.skeleton.free)).energy[0]
        slope = (ahead - behind) / (4 * step)
        assert slope == pytest.approx(gradient[unknown], rel=1e-3, abs=0.02)


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_landmarks_that_ride_on_bones_are_those_of_the_skinned_mesh(seed):
    state = some_state(np.random.default_rng(seed))
    mesh = body.skin(FIT.model, Pose(rotations=state.rotations[0], betas=state.betas[0]))
    skinned = body.regress(FIT.model, mesh.vertices, "coco17") + state.translation[0]
    np.testing.assert_allclose(FIT.coco_points(state)[0].T, skinned, atol=2e-5)


@given(st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3), SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_logarithms_derivative_is_that_of_finite_differences(vector, seed):
    vector = np.array(vector)
    delta = np.random.default_rng(seed).normal(size=3) * 1e-6
    turn = rotation.from_axis_angle(vector)
    ahead = rotation.to_axis_angle(rotation.from_axis_angle(delta) @ turn)
    behind = rotation.to_axis_angle(rotation.from_axis_angle(-delta) @ turn)
    expected = (ahead - behind) / 2
    np.testing.assert_allclose(left_jacobian_inverse(vector) @ delta, expected, atol=1e-9)


@given(SEEDS)
@settings(max_examples=6, deadline=None)
def test_usual_poses_come_back_from_their_own_keypoints(seed):
    truth = some_state(np.random.default_rng(seed))
    points = points_of(truth)
    found, _ = FIT.solve([person_of(points[0])], [None], [VIEW])
    away = camera.project(points_of(found)[0].T, VIEW) - camera.project(points[0].T, VIEW)
    assert np.median(np.linalg.norm(away, axis=1)) < 2.0
    # From one picture nobody's size is known, so neither is the distance: compared in one size.
    one, true = (p - p.mean(axis=1, keepdims=True) for p in (points_of(found)[0], points[0]))
    off = one * (one * true).sum() / (one * one).sum() - true
    assert np.linalg.norm(off, axis=0).mean() < 0.06


def mirrored(person: Person) -> Person:
    """The same person in the picture seen in a mirror."""
    order = joints.flip_permutation(person.layout)
    keypoints, world = person.keypoints[order].copy(), person.world[order].copy()
    keypoints[:, 0], world[:, 0] = SIZE[0] - keypoints[:, 0], -world[:, 0]
    box = np.array([SIZE[0] - person.box[2], person.box[1], SIZE[0] - person.box[0], person.box[3]])
    return replace(person, keypoints=keypoints, world=world, box=box)


@given(SEEDS)
@settings(max_examples=4, deadline=None)
def test_a_mirrored_person_gets_the_mirrored_body(seed):
    truth = some_state(np.random.default_rng(seed))
    person = person_of(points_of(truth)[0])
    one, _ = FIT.solve([person], [None], [VIEW])
    other, _ = FIT.solve([mirrored(person)], [None], [VIEW])
    twin = [LANDMARKS.index(joints.mirrored(name)) for name in LANDMARKS]
    expected = points_of(one)[0][:, twin] * np.array([[-1.0], [1.0], [1.0]])
    # The surface is symmetric to a few millimetres, and so is the answer.
    assert np.linalg.norm(points_of(other)[0] - expected, axis=0).mean() < 0.03


@given(SEEDS, st.floats(0.3, 3.0))
@settings(max_examples=4, deadline=None)
def test_a_larger_copy_of_the_picture_gives_the_same_body(seed, scale):
    truth = some_state(np.random.default_rng(seed))
    person = person_of(points_of(truth)[0])
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    view = Camera(focal=VIEW.focal * scale, centre=(320 * scale, 240 * scale), size=size)
    keypoints = person.keypoints * np.array([scale, scale, 1.0])
    larger = replace(person, keypoints=keypoints, box=person.box * scale)
    one, _ = FIT.solve([person], [None], [VIEW])
    other, _ = FIT.solve([larger], [None], [view])
    np.testing.assert_allclose(points_of(other), points_of(one), atol=0.01)


def test_a_shifted_picture_with_its_camera_gives_the_same_body():
    person = person_of(points_of(some_state(np.random.default_rng(5)))[0])
    assert (person.box > 30).all()
    assert (person.box[2:] < np.array(SIZE) - 30).all()
    shift = np.array([20.0, -15.0])
    view = replace_centre(VIEW, shift)
    keypoints = person.keypoints + np.array([*shift, 0.0])
    moved = replace(person, keypoints=keypoints, box=person.box + np.tile(shift, 2))
    one, _ = FIT.solve([person], [None], [VIEW])
    other, _ = FIT.solve([moved], [None], [view])
    np.testing.assert_allclose(points_of(other), points_of(one), atol=1e-4)


def replace_centre(view: Camera, shift: np.ndarray) -> Camera:
    return replace(view, centre=(view.centre[0] + shift[0], view.centre[1] + shift[1]))


def test_the_same_input_gives_the_same_bits():
    people = [person_of(p) for p in points_of(some_state(np.random.default_rng(1), 3))]
    one, energy = FIT.solve(people, [None] * 3, [VIEW] * 3)
    other, again = FIT.solve(people, [None] * 3, [VIEW] * 3)
    assert np.array_equal(one.rotations, other.rotations)
    assert np.array_equal(one.translation, other.translation)
    assert np.array_equal(energy, again)


def test_nobodys_body_depends_on_the_company():
    people = [person_of(p) for p in points_of(some_state(np.random.default_rng(2), 4))]
    together, _ = FIT.solve(people, [None] * 4, [VIEW] * 4)
    for index, person in enumerate(people):
        alone, _ = FIT.solve([person], [None], [VIEW])
        np.testing.assert_allclose(points_of(alone)[0], points_of(together)[index], atol=1e-4)


def test_habits_of_the_right_side_mirror_those_of_the_left():
    for name, habit in JOINT_PRIORS.items():
        again = habit.mirrored().mirrored()
        assert again == habit, name


def test_the_prior_is_smallest_at_the_usual_pose():
    prior = PosePrior.of(Skeleton.of(FIT.model, [10, 11, 22, 23]))
    residual, _ = prior.residuals(prior.mean[None])
    assert not residual.any()

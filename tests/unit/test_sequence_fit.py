"""The fit over time: laws of its equations, then a rendered walk with exact truth."""

from dataclasses import replace

import numpy as np
import pytest
from walkers import CAMERA, RATE, Walker, film, passing_by, walking_pose

from pymafsam import body as bodies
from pymafsam.fitting.chain import State, forward_kinematics, skinned_points
from pymafsam.fitting.contacts import ROWS, standing
from pymafsam.fitting.evidence import landmark_points
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.fitting.sequence import SequenceFit, Stretch, Windows, bridged, spread
from pymafsam.fitting.temporal import Ties, _lower_band, minimise
from pymafsam.geometry import rotation


@pytest.fixture(scope="module")
def fit():
    return KeypointFit(bodies.load("anny24"))


@pytest.fixture(scope="module")
def walk():
    """People as detected, and true bodies, of somebody who walks for 0.8 seconds."""
    truths = passing_by(0.8)
    return [t.detected[0][1] for t in truths], [t.bodies[0] for t in truths]


def state_of(fit, frames, generator, spread=0.05):
    poses = [walking_pose(fit.model, k / RATE) for k in range(frames)]
    state = State(
        rotations=np.stack([pose.rotations for pose in poses]),
        betas=np.tile(generator.normal(0, 0.5, 10), (frames, 1)),
        translation=np.tile([0.1, 0.0, 4.0], (frames, 1)) + generator.normal(0, 0.02, (frames, 3)),
    )
    step = np.zeros((frames, fit.skeleton.unknowns))
    step[:, :-10] = generator.normal(0, spread, (frames, fit.skeleton.unknowns - 10))
    return state.moved(step, fit.skeleton.free)


def problem_of(fit, people, seconds, feet=1.0):
    ties = Ties(
        seconds=seconds,
        standing=np.full((len(people) - 1, 4), feet),
        pinned=np.zeros(len(people), bool),
    )
    return SequenceFit(fit)._problem(people, CAMERA, ties)


def test_the_gradient_is_that_of_the_energy(fit, walk):
    people, _ = walk
    generator = np.random.default_rng(1)
    seconds = np.array([0.0, 0.04, 0.07, 0.12])
    problem = problem_of(fit, people[:4], seconds)
    state = state_of(fit, 4, generator, spread=0.01)
    found = problem(state)
    direction = np.zeros((4, fit.skeleton.unknowns))
    direction[:, :-10] = generator.normal(0, 1, found.gradient.shape)
    direction[:, :3] *= 0.1
    step = 1e-6
    free = fit.skeleton.free
    rise = problem(state.moved(step * direction, free)).energy
    fall = problem(state.moved(-step * direction, free)).energy
    slope = 2 * float(np.sum(found.gradient * direction[:, :-10]))  # gradients are halves
    assert slope == pytest.approx((rise - fall) / (2 * step), rel=0.02)


def test_the_band_holds_every_block_where_the_whole_matrix_has_it():
    generator = np.random.default_rng(2)
    frames, unknowns = 5, 3
    blocks = tuple(generator.normal(size=(frames - d, unknowns, unknowns)) for d in range(3))
    whole = np.zeros((frames * unknowns, frames * unknowns))
    for d, block in enumerate(blocks):
        for t, own in enumerate(block):
            rows, columns = (
                slice(t * unknowns, (t + 1) * unknowns),
                slice((t + d) * unknowns, (t + d + 1) * unknowns),
            )
            whole[rows, columns] = own
            whole[columns, rows] = own.T
    band = _lower_band(blocks)
    for below in range(len(band)):
        diagonal = np.diagonal(np.tril(whole), -below)
        if below >= unknowns:  # within a block the lower triangle is its transpose's
            assert band[below, : len(diagonal)] == pytest.approx(diagonal)


def solved(fit, people, windows=None, seconds=None):
    """The state over time of people (None: not seen), from fits of single frames."""
    known = np.array([k for k, person in enumerate(people) if person is not None])
    there = [people[k] for k in known]
    begin, _ = fit.solve(there, [None] * len(there), [CAMERA] * len(there))
    seconds = np.arange(len(people)) / RATE if seconds is None else seconds
    over_time = SequenceFit(fit, windows=windows)
    betas = over_time.shape(there, begin, CAMERA)
    stretch = Stretch(
        seconds=seconds,
        people=tuple(people),
        begin=bridged(begin, known, seconds),
        camera=CAMERA,
        still=np.ones(len(people) - 1, bool),
    )
    parts = [state for state, _ in over_time.solve(stretch.part, len(people), betas)]
    state = State(
        rotations=np.concatenate([part.rotations for part in parts]),
        betas=np.concatenate([part.betas for part in parts]),
        translation=np.concatenate([part.translation for part in parts]),
    )
    return begin, state


def joints(fit, state):
    return forward_kinematics(fit.skeleton, state).places


def jitter(places):
    return np.linalg.norm(np.diff(places, 3, axis=0), axis=-1).mean() * RATE**3


@pytest.fixture(scope="module")
def whole(fit, walk):
    """The walk solved frame by frame, and over time."""
    return solved(fit, walk[0])


def test_a_walk_is_calm_of_one_shape_and_nearer_the_truth(fit, walk, whole):
    truth = walk[1]
    single, state = whole
    assert jitter(joints(fit, state)) < jitter(joints(fit, single)) / 4
    assert (state.betas == state.betas[0]).all()
    bones = joints(fit, state)[:, 1:] - joints(fit, state)[:, fit.skeleton.parents[1:]]
    assert np.linalg.norm(bones, axis=-1).std(axis=0).max() < 1e-6

    def error(found):
        true = np.stack([body.mesh.joints for body in truth])
        places = joints(fit, found)
        around = (places - places[:, :1]) - (true - true[:, :1])
        return np.linalg.norm(around, axis=-1).mean()

    assert error(state) < error(single)


def test_windows_meet_without_a_jump(fit, walk, whole):
    _, parts = solved(fit, walk[0], Windows(kept=11, ahead=6))
    apart = np.linalg.norm(joints(fit, whole[1]) - joints(fit, parts), axis=-1)
    assert np.median(apart) < 0.02
    assert jitter(joints(fit, parts)) < 1.6 * jitter(joints(fit, whole[1]))


def pose_apart(fit, one, other):
    """Metres between joints around the pelvis, frame by frame."""
    places = joints(fit, one), joints(fit, other)
    around = [place - place[:, :1] for place in places]
    return np.linalg.norm(around[0] - around[1], axis=-1).mean(axis=1)


def test_a_gap_is_filled_and_a_spoilt_frame_passed_over(fit, walk, whole):
    people = list(walk[0])
    people[6:8] = [None, None]
    keypoints = people[14].keypoints.copy()
    keypoints[:, :2] += (25, -18)
    people[14] = replace(people[14], keypoints=keypoints)
    _, state = solved(fit, people)
    apart = pose_apart(fit, whole[1], state)
    assert apart[6:8].max() < 0.05
    assert apart[14] < 0.05


def test_feet_that_stand_do_not_slide(fit):
    generator = np.random.default_rng(3)
    walker = Walker(lambda t: (0.0, 0.0, 4.0), (180, 40, 40), (60, 60, 60))
    seconds = np.arange(20) / RATE
    frames = np.zeros((20, 4, 3))
    frames[..., :2] = generator.normal(100, 0.15, (20, 4, 2))
    frames[..., 2] = 1.0
    still = np.ones(19, bool)
    assert standing(frames, seconds, 150.0, still).all()
    assert not standing(frames, seconds, 150.0, ~still).any()
    people = [next(film([walker], 0.05, generator)).detected[0][1] for _ in range(12)]
    problem = problem_of(fit, people, np.arange(12) / RATE)
    state = state_of(fit, 12, generator, spread=0.02)
    solved_state, _ = minimise(problem, state, 15, free_shape=False)
    posed = forward_kinematics(fit.skeleton, solved_state)
    # The soles themselves, wherever networks see toes and heels.
    places = skinned_points(landmark_points(fit.model), posed, solved_state.betas).sum(axis=1)
    feet = places[:, :, ROWS]
    assert np.linalg.norm(feet - feet.mean(axis=0), axis=1).max() < 0.003


def test_bridged_bodies_turn_half_way_in_the_middle():
    turn = rotation.from_axis_angle(np.array([[0.0, 0, 0], [0.0, 1.0, 0]]))
    state = State(
        rotations=turn[:, None],
        betas=np.zeros((2, 1)),
        translation=np.array([[0.0, 0, 0], [2, 0, 0]]),
    )
    full = bridged(state, np.array([0, 4]), np.arange(6) / 4)
    assert full.translation[:, 0] == pytest.approx([0, 0.5, 1, 1.5, 2, 2])
    assert rotation.to_axis_angle(full.rotations[2, 0]) == pytest.approx([0, 0.5, 0])


def test_frames_for_the_shape_are_spread_and_the_best_of_their_part():
    scores = np.array([0.1, 0.9, 0.2, 0.3, 0.8, 0.1])
    assert spread(scores, 3).tolist() == [1, 3, 4]

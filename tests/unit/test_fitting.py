"""The keypoint fit on people who are cut off, hidden, alone, or not there at all."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body
from pymafsam.errors import BadUsage
from pymafsam.export.pictures import LEAST_DRAWN
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import (
    ALIASES,
    LANDMARKS,
    LINKS,
    Trust,
    correspondence,
    far_ends,
    gather_evidence,
    link_matrix,
)
from pymafsam.fitting.quality import COEFFICIENTS, FEATURES, features, score
from pymafsam.fitting.silhouette import Outline
from pymafsam.fitting.solver import minimise
from pymafsam.geometry import camera, joints, rotation
from pymafsam.people.corrections import corrected
from pymafsam.records import Body, Flip, Frame, Mask, Observation, Person, Pose, Prompt

FIT = KeypointFit(body.load("anny24"))
SIZE = (640, 480)
VIEW = camera.picture_camera(SIZE)


def standing(depth: float = 5.0, yaw: float = 0.4, height: float = 0.0) -> State:
    """Somebody in the usual pose before the camera, turned by ``yaw`` from facing it."""
    turns = np.zeros((1, 24, 3))
    turns[:, FIT.skeleton.free[1:]] = FIT.prior.mean
    rotations = rotation.from_axis_angle(turns)
    upright = rotation.from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    rotations[:, 0] = upright @ rotation.from_axis_angle(np.array([0.0, yaw, 0.0]))
    place = np.array([[0.0, height, depth]])
    return State(rotations=rotations, betas=np.zeros((1, 10)), translation=place)


def described(state: State, confidence: float = 0.95) -> Person:
    """What a flawless detector would say."""
    points = FIT.points(state)[0]
    seen = camera.project(points.T, VIEW)
    keypoints, world = np.zeros((33, 3)), np.zeros((33, 3))
    for row, name in enumerate(LANDMARKS):
        at = [joints.BLAZEPOSE33.index(n) for n in ALIASES.get(name, (name,))]
        keypoints[at, :2], keypoints[at, 2], world[at] = seen[row], confidence, points[:, row]
    box = np.concatenate([seen.min(0), seen.max(0)])
    return Person(box=box, score=0.9, keypoints=keypoints, world=world - world[23:25].mean(0))


def silhouette_of(state: State) -> np.ndarray:
    from pymafsam.render import rasterise

    mesh = body.skin(FIT.model, Pose(rotations=state.rotations[0], betas=state.betas[0]))
    vertices = mesh.vertices + state.translation[0]
    drawn = np.concatenate([camera.project(vertices, VIEW), vertices[:, 2:]], axis=1)
    return rasterise(drawn.astype(np.float32), FIT.model.faces, SIZE).face >= 0


def _observation(people: list[Person], masks: list[Mask | None] | None = None) -> Observation:
    return Observation(
        frame=Frame(pixels=np.zeros((SIZE[1], SIZE[0], 3), np.uint8), name="a"),
        camera=VIEW,
        people=tuple(people),
        masks=tuple(masks or [None] * len(people)),
    )


def estimate(people: list[Person], masks: list[Mask | None] | None = None) -> list[Body]:
    """Their bodies, all in one picture."""
    return next(FIT.estimate([_observation(people, masks)]))


def bend(state: State, joint: str) -> float:
    """Rotation of a joint about its x, radians (knees flex about +x)."""
    vectors = rotation.to_axis_angle(state.rotations[0])
    return float(vectors[joints.SMPL24.index(joint), 0])


def test_a_body_lands_where_the_keypoints_are_and_has_a_score():
    person = described(standing())
    bodies = estimate([person])
    assert len(bodies) == 1
    truth = camera.project(FIT.coco_points(standing())[0].T, VIEW)
    away = np.linalg.norm(bodies[0].keypoints_2d["coco17"][:, :2] - truth, axis=1)
    assert away.max() < 3.0
    assert 0.5 < bodies[0].score <= 1.0
    assert bodies[0].translation[2] == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize("yaw", [0.0, 1.5, np.pi, -1.5])
def test_people_face_the_way_the_metric_landmarks_say(yaw):
    state, _ = FIT.solve([described(standing(yaw=yaw))], [None], [VIEW])
    forward = forward_kinematics(FIT.skeleton, state).world[0, 0, :, 2]
    truth = standing(yaw=yaw).rotations[0, 0, :, 2]
    assert forward @ truth > 0.95


def test_invented_legs_below_the_picture_do_not_bend_the_body():
    truth = standing(depth=1.8, height=0.6, yaw=0.0)
    person = described(truth)
    keypoints, world = person.keypoints.copy(), person.world.copy()
    hidden = keypoints[:, 1] > SIZE[1]
    assert 4 < hidden.sum() < 20
    keypoints[hidden, 2] = 0.1
    # The network squeezes what it cannot see into the box, folded towards the camera.
    keypoints[hidden, 1] = SIZE[1] + 10
    world[hidden] += np.array([0.0, -0.5, -0.6])
    box = np.array([person.box[0], person.box[1], person.box[2], SIZE[1]])
    cut = replace(person, keypoints=keypoints, world=world, box=box)
    state, _ = FIT.solve([cut], [None], [VIEW])
    up = forward_kinematics(FIT.skeleton, state).world[0, 0, :, 1]
    assert abs(up[2]) < 0.27  # 16 degrees
    for side in ("left", "right"):
        assert -0.1 < bend(state, f"{side}_knee") < 1.2
        assert abs(bend(state, f"{side}_hip")) < 1.0


def test_knees_and_elbows_do_not_bend_backwards_even_when_the_points_say_so():
    person = described(standing(yaw=1.5))
    keypoints, world = person.keypoints.copy(), person.world.copy()
    for name in ("left_knee", "right_knee"):
        row = joints.BLAZEPOSE33.index(name)
        keypoints[row, 0] -= np.sign(np.sin(1.5)) * 25
        keypoints[row, 0] += 50
        world[row] += np.array([-0.15, 0.0, 0.0])
    state, _ = FIT.solve([replace(person, keypoints=keypoints, world=world)], [None], [VIEW])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        assert bend(state, f"{side}_knee") > -0.15
        vectors = rotation.to_axis_angle(state.rotations[0])
        assert sign * vectors[joints.SMPL24.index(f"{side}_elbow"), 1] < 0.15


def test_one_wild_keypoint_is_left_aside():
    person = described(standing())
    keypoints = person.keypoints.copy()
    keypoints[joints.BLAZEPOSE33.index("left_wrist"), :2] += 150
    state, _ = FIT.solve([replace(person, keypoints=keypoints)], [None], [VIEW])
    seen = camera.project(FIT.points(state)[0].T, VIEW)
    truth = camera.project(FIT.points(standing())[0].T, VIEW)
    rest = [row for row, name in enumerate(LANDMARKS) if name != "left_wrist"]
    rest = [row for row in rest if LANDMARKS[row] not in ("left_hand", "left_elbow")]
    assert np.linalg.norm(seen - truth, axis=1)[rest].mean() < 4.0


def test_a_mask_widens_a_body_that_is_too_thin():
    wide = standing()
    wide = replace(wide, betas=wide.betas + np.eye(10)[1] * 2.0)
    person, inside = described(wide, confidence=0.3), silhouette_of(wide)
    thin = replace(FIT.prior, betas_precision=np.full(10, 3.0))
    fit = KeypointFit(FIT.model, prior=thin)
    without, _ = fit.solve([person], [None], [VIEW])
    with_mask, _ = fit.solve([person], [Mask(inside=inside, score=1.0, source="mobilesam")], [VIEW])

    def overlap(state: State) -> float:
        drawn = silhouette_of(state)
        return (drawn & inside).sum() / (drawn | inside).sum()

    assert overlap(with_mask) > overlap(without)
    assert overlap(with_mask) > 0.85


def test_coco_keypoints_without_metric_landmarks_are_enough_for_a_body():
    seen = camera.project(FIT.coco_points(standing(yaw=0.2))[0].T, VIEW)
    keypoints = np.column_stack([seen, np.full(17, 0.95)])
    box = np.concatenate([seen.min(0), seen.max(0)])
    person = Person(box=box, score=1.0, keypoints=keypoints, layout="coco17")
    (found,) = estimate([person])
    away = np.linalg.norm(found.keypoints_2d["coco17"][:, :2] - seen, axis=1)
    assert np.median(away) < 4.0


def test_somebody_without_keypoints_is_the_callers_mistake():
    with pytest.raises(BadUsage, match="keypoints"):
        estimate([Person(box=np.array([0.0, 0.0, 9.0, 9.0]), score=1.0)])


def test_nobody_gives_no_bodies():
    assert estimate([]) == []


def test_more_people_than_a_group_come_back_in_order():
    people = [described(standing(yaw=0.1 * k)) for k in range(18)]
    bodies = estimate(people)
    assert [id(b.person) for b in bodies] == [id(p) for p in people]


def test_nonsense_keypoints_give_finite_bodies_with_a_low_score():
    generator = np.random.default_rng(0)
    keypoints = np.column_stack([generator.uniform(0, 400, (33, 2)), np.full(33, 0.05)])
    world = generator.normal(size=(33, 3))
    person = Person(
        box=np.array([100.0, 90, 300, 400]), score=0.5, keypoints=keypoints, world=world
    )
    (found,) = estimate([person])
    assert np.isfinite(found.mesh.vertices).all()
    assert np.isfinite(found.translation).all()
    assert found.translation[2] > 0.3
    assert found.score < LEAST_DRAWN


def test_a_masks_tiny_box_and_missing_numbers_do_no_harm():
    person = described(standing())
    keypoints = person.keypoints.copy()
    keypoints[3:6] = np.nan
    tiny = replace(person, keypoints=keypoints, box=np.array([5.0, 5.0, 5.0, 5.0]))
    empty = Mask(inside=np.zeros(SIZE[::-1], bool), score=0.0, source="mobilesam")
    (found,) = estimate([tiny], [empty])
    assert np.isfinite(found.mesh.vertices).all()


def test_the_energy_never_rises():
    person = described(standing())
    evidence = gather_evidence([person], Cameras.of([VIEW]), FIT.trust)
    from pymafsam.fitting.objective import Objective

    problem = Objective(
        skeleton=FIT.skeleton,
        landmarks=FIT.landmarks,
        links=FIT.links,
        leaning=FIT.leaning,
        prior=FIT.prior,
        evidence=evidence,
        cameras=Cameras.of([VIEW]),
        settings=FIT.settings,
    )
    state = FIT.placed(FIT.start(evidence), evidence, Cameras.of([VIEW]))
    energies = [minimise(problem, state, FIT.skeleton.free, n)[1][0] for n in range(8)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(energies))
    assert energies[-1] < energies[0] / 2


def test_confidence_raises_weight_and_the_middle_has_half():
    trust = Trust()
    weights = trust.of(np.linspace(0, 1, 11))
    assert (np.diff(weights) > 0).all()
    assert trust.of(np.array([trust.middle]))[0] == pytest.approx(0.5)


def test_points_both_unsure_and_outside_the_picture_weigh_nothing():
    person = described(standing())
    keypoints = person.keypoints.copy()
    row = joints.BLAZEPOSE33.index("left_ankle")
    keypoints[row] = [300.0, 700.0, 0.1]
    evidence = gather_evidence(
        [replace(person, keypoints=keypoints)], Cameras.of([VIEW]), FIT.trust
    )
    at = LANDMARKS.index("left_ankle")
    assert evidence.seen_weight[0, at] == 0
    shin = [index for index, link in enumerate(LINKS) if "left_ankle" in link]
    assert (evidence.bone_weight[0, shin] <= FIT.trust.metric_floor).all()


def test_every_layouts_keypoints_are_averages():
    for layout in ("blazepose33", "coco17", "body25"):
        matrix = correspondence(layout)
        assert set(np.round(matrix.sum(axis=1), 6)) <= {0.0, 1.0}
    assert correspondence("blazepose33").sum() == pytest.approx(len(LANDMARKS))


def test_links_are_differences():
    assert not link_matrix().sum(axis=0).any()


def test_limbs_are_supported_by_their_far_ends():
    ends = far_ends(FIT.model, np.arange(len(FIT.model.template)))
    heights = FIT.model.template[:, 1]
    lowest = ends[np.argmin(heights)]
    assert LANDMARKS[lowest].endswith("ankle")
    assert ends[np.argmax(heights)] == len(LANDMARKS)


def test_points_inside_the_mask_and_outside_the_picture_are_not_pulled():
    inside = np.zeros(SIZE[::-1], bool)
    inside[100:300, 200:300] = True
    outline = Outline.of([inside], np.array([3.0]), Cameras.of([VIEW]))
    points = np.array([[[250.0, 250.0, -50.0], [150.0, 250.0, 200.0]]])
    drop = replace(outline, sample_weight=np.zeros_like(outline.sample_weight))
    pull = drop.pull(points, np.ones((1, 3)), 4.0)
    assert not pull.weight.any()
    assert pull.energy[0] == 0


def test_points_beside_the_mask_are_pulled_to_its_nearest_edge():
    inside = np.zeros(SIZE[::-1], bool)
    inside[100:300, 200:300] = True
    outline = Outline.of([inside], np.array([1.0]), Cameras.of([VIEW]))
    drop = replace(outline, sample_weight=np.zeros_like(outline.sample_weight))
    pull = drop.pull(np.array([[[320.0], [200.0]]]), np.ones((1, 1)), 4.0)
    cell = outline.cell[0]
    np.testing.assert_allclose(pull.residual[0, :, 0], [20.0, 0.0], atol=1.5 * cell)


def test_masks_cut_by_the_picture_have_no_outline_there():
    inside = np.zeros(SIZE[::-1], bool)
    inside[300:, 200:300] = True
    outline = Outline.of([inside], np.array([3.0]), Cameras.of([VIEW]))
    samples = outline.samples[0][outline.sample_weight[0] > 0]
    assert len(samples) > 20
    assert (
        samples[:, 1].max() < SIZE[1] - 1
        or (
            np.abs(samples[samples[:, 1] > SIZE[1] - 1, 0, None] - [200, 300]).min(axis=1) < 6
        ).all()
    )


def test_a_person_without_a_mask_pulls_nothing():
    outline = Outline.of([None], np.array([3.0]), Cameras.of([VIEW]))
    pull = outline.pull(np.full((1, 2, 4), 100.0), np.ones((1, 4)), 4.0)
    assert not pull.weight.any()
    assert pull.energy[0] == 0


def test_scores_rise_with_confidence():
    person = described(standing())
    projected = camera.project(FIT.points(standing())[0].T, VIEW)
    scores = []
    for confidence in (0.2, 0.5, 0.9):
        keypoints = person.keypoints.copy()
        keypoints[:, 2] = confidence
        values = features(replace(person, keypoints=keypoints), projected, VIEW)
        assert len(values) == len(FEATURES) == len(COEFFICIENTS)
        scores.append(score(values))
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 1


def test_scores_fall_the_worse_the_keypoints_are_explained():
    person = described(standing())
    projected = camera.project(FIT.points(standing())[0].T, VIEW)
    off = np.array([[1.0, 0.0]]) * np.linspace(0, 60, 5)[:, None, None]
    scores = [score(features(person, projected + by, VIEW)) for by in off]
    assert scores == sorted(scores, reverse=True)


def test_scores_fall_when_the_body_leaves_its_box():
    person = described(standing())
    projected = camera.project(FIT.points(standing())[0].T, VIEW)
    there = score(features(person, projected, VIEW))
    away = score(features(person, projected + 200, VIEW))
    assert away < there


def test_riding_points_move_with_their_share_of_every_bone():
    state = standing()
    posed = forward_kinematics(FIT.skeleton, state)
    parts = skinned_points(FIT.landmarks, posed, state.betas)
    moved = replace(state, translation=state.translation + 1.0)
    again = skinned_points(FIT.landmarks, forward_kinematics(FIT.skeleton, moved), moved.betas)
    np.testing.assert_allclose(again.sum(axis=1), parts.sum(axis=1) + 1.0, atol=1e-9)


def test_a_segmenters_mask_counts_more_than_the_detectors_own():
    inside = silhouette_of(standing())
    own, other = (Mask(inside=inside, score=1.0, source=s) for s in ("detector", "mobilesam"))
    assert FIT.mask_trust(own) == FIT.mask_trust(None) == 1.0
    assert FIT.mask_trust(other) == FIT.settings.segmented > 1.0


def test_a_rejected_mask_is_not_replaced_by_the_detectors_own():
    bare = described(standing())
    detected = replace(bare, mask=silhouette_of(standing(yaw=1.0)))
    (one,), (other,) = estimate([bare]), estimate([detected])
    np.testing.assert_array_equal(one.mesh.vertices, other.mesh.vertices)


def test_the_fit_goes_on_from_other_bodies():
    person = described(standing())
    (first,) = estimate([person])
    (again,) = next(FIT.estimate([_observation([person])], start=[[first]]))
    away = np.linalg.norm(again.mesh.vertices - first.mesh.vertices, axis=1)
    assert away.mean() < 0.02
    assert FIT.state_of([first]).rotations == pytest.approx(first.pose.rotations[None])


def test_a_pinned_keypoint_leads_the_body_there():
    person = described(standing())
    name = "left_wrist"
    seen = estimate([person])[0].keypoints_2d["coco17"][joints.COCO17.index(name), :2]
    wanted = seen + [25.0, -30.0]
    pins = Prompt(pins={name: (float(wanted[0]), float(wanted[1]))})
    (led,) = estimate([corrected(replace(person, prompt=pins))])
    reached = led.keypoints_2d["coco17"][joints.COCO17.index(name), :2]
    assert np.linalg.norm(reached - wanted) < 8.0


@pytest.mark.parametrize("part", ["left_arm", "whole"])
def test_a_limb_turned_over_leads_the_other_way_in_depth_and_looks_the_same(part):
    state = standing(yaw=0.0)
    swing = rotation.from_axis_angle(np.array([0.0, -0.8, 0.0]))  # the arm forward, to the camera
    shoulder = joints.SMPL24.index("left_shoulder")
    state.rotations[0, shoulder] = swing @ state.rotations[0, shoulder]
    person = described(state)
    flip = Prompt(flips=(Flip(part=part, way="depth"),))
    (before,), (after,) = estimate([person]), estimate([replace(person, prompt=flip)])
    rows = [joints.COCO17.index(f"left_{name}") for name in ("shoulder", "wrist")]
    depth = [np.diff(b.joints_3d["coco17"][rows, 2])[0] for b in (before, after)]
    assert depth[0] < -0.1 < 0.1 < depth[1]
    moved = before.keypoints_2d["coco17"][rows, :2] - after.keypoints_2d["coco17"][rows, :2]
    assert np.linalg.norm(moved, axis=1).max() < 12


def test_points_are_not_pulled_out_of_others():
    inside, crowd = np.zeros((2, *SIZE[::-1]), bool)
    inside[100:300, 200:300] = True
    crowd[100:300, 200:340] = True  # somebody else's to the right, below nobody's
    pixel, cameras = np.array([1.0]), Cameras.of([VIEW])
    alone = Outline.of([inside], pixel, cameras)
    beside = Outline.of([inside], pixel, cameras, crowds=[crowd])
    points = np.array([[[320.0, 250.0], [200.0, 320.0]]])
    weights = []
    for outline in (alone, beside):
        drop = replace(outline, sample_weight=np.zeros_like(outline.sample_weight))
        weights.append(drop.pull(points, np.ones((1, 2)), 4.0).weight[0] > 0)
    assert weights[0].all()
    assert weights[1].tolist() == [False, True]
    np.testing.assert_array_equal(alone.samples, beside.samples)


def test_whoever_is_hidden_behind_somebody_is_not_squeezed_into_what_is_left():
    one = standing()
    person, inside = described(one, confidence=0.3), silhouette_of(one)
    strip = inside.copy()
    strip[:, int(person.box[[0, 2]].mean()) :] = False
    mask = Mask(inside=strip, score=1.0, source="mobilesam")
    whole, _ = FIT.solve([person], [None], [VIEW])
    left, _ = FIT.solve([person], [mask], [VIEW])
    behind, _ = FIT.solve([person], [mask], [VIEW], crowds=[inside])
    away = lambda state: np.linalg.norm(FIT.points(state) - FIT.points(whole))  # noqa: E731
    assert away(behind) < 0.5 * away(left)


def test_people_of_one_picture_may_be_behind_one_another():
    one, two = standing(depth=5.0), standing(depth=4.0)
    two = replace(two, translation=two.translation + [0.25, 0, 0])
    people = tuple(described(state, confidence=0.4) for state in (one, two))
    masks = [silhouette_of(state) for state in (one, two)]
    told = (
        Mask(inside=masks[0] & ~masks[1], score=1.0, source="mobilesam"),
        Mask(inside=masks[1], score=1.0, source="mobilesam"),
    )
    frame = Frame(pixels=np.zeros((*SIZE[::-1], 3), np.uint8), name="two")
    picture = Observation(frame=frame, people=people, masks=told, camera=VIEW)
    (bodies,) = FIT.estimate([picture])
    crowds = [masks[0] | masks[1]] * 2
    state, _ = FIT.solve(people, told, [VIEW] * 2, crowds=crowds)
    blind, _ = FIT.solve(people, told, [VIEW] * 2)
    for k, found in enumerate(bodies):
        np.testing.assert_array_equal(found.translation, state.translation[k])
    assert (blind.translation != state.translation).any(axis=1).all()

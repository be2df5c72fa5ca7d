"""Bodies from keypoints and masks: the estimator that needs no trained mesh network.

The schedule: the torso is aligned with the metric landmarks, the pose is solved on metric
landmarks and the pose prior alone, the body is put before the camera in closed form, and then
everything is solved together, at the end with the mask. ``docs/fitting.md`` has the derivation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import repeat

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body import BodyModel, place
from pymafsam.body.surface import farthest_points
from pymafsam.config import EstimatorOptions
from pymafsam.errors import BadUsage
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Points, Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.corrections import led_by_visitor
from pymafsam.fitting.evidence import (
    LANDMARKS,
    Trust,
    far_ends,
    gather_evidence,
    keypoint_shifts,
    landmark_points,
    lean_matrix,
    link_matrix,
)
from pymafsam.fitting.lifter import Lifter, LiftTrust, described, led
from pymafsam.fitting.objective import Evidence, Objective, Settings
from pymafsam.fitting.priors import PosePrior
from pymafsam.fitting.quality import features, score
from pymafsam.fitting.silhouette import Outline
from pymafsam.fitting.solver import minimise
from pymafsam.geometry import joints, rotation
from pymafsam.geometry.camera import project
from pymafsam.records import Body, Camera, Inside, Mask, Observation, Person, Pose

FIXED = [joints.SMPL24.index(n) for n in "left_foot right_foot left_hand right_hand".split()]
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
FACE = ("nose", "left_ear", "right_ear")
SURFACE_POINTS = 250
GROUP = 16  # people solved at once; more gain nothing
AHEAD = 16  # pictures waited for at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Steps of each stage."""

    metric: int = 6
    picture: int = 8
    silhouette: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known of one person; ``begin``: a body to start from.

    ``crowd``: all pixels of the picture that are anybody's; None where nobody else has any.
    """

    person: Person
    mask: Mask | None
    crowd: Inside | None
    camera: Camera
    begin: Body | None


class KeypointFit:
    """Fits a body model to the keypoints, metric landmarks and masks of people.

    An ``Estimator``: a row of ``pipeline.ESTIMATORS``.
    """

    needs = frozenset({"keypoints", "masks"})

    def __init__(
        self,
        model: BodyModel,
        settings: Settings | None = None,
        schedule: Schedule | None = None,
        prior: PosePrior | None = None,
        trust: Trust | None = None,
        lifter: Lifter | None = None,
        lift_trust: LiftTrust | None = None,
    ):
        self.model = model
        self.settings = settings or Settings()
        self.schedule = schedule or Schedule()
        self.skeleton = Skeleton.of(model, FIXED)
        self.prior = prior or PosePrior.of(self.skeleton, body=model.name)
        self.landmarks = landmark_points(model).shifted(keypoint_shifts())
        surface = _surface(model)
        self.surface = Points.on_surface(model, surface[:, None], np.ones((len(surface), 1)))
        self.far_ends = far_ends(model, surface)
        self.links, self.leaning = link_matrix(), lean_matrix()
        self.trust = trust or Trust()
        self.lifter = lifter
        self.lift_trust = lift_trust or LiftTrust()

    def estimate(
        self,
        observations: Iterable[Observation],
        start: Iterable[Sequence[Body]] | None = None,
    ) -> Iterator[list[Body]]:
        """A body for every person; each needs ``keypoints`` (BadUsage otherwise).

        ``start``: bodies of the same model to begin from, instead of the mean person. People of
        several pictures are solved together (at most ``GROUP``, from ``AHEAD`` pictures), which
        changes nobody's body: only the time it takes.
        """
        begins: Iterable[Sequence[Body] | None] = repeat(None) if start is None else start
        waiting: list[tuple[Observation, Sequence[Body] | None]] = []
        count = 0
        for observation, begin in zip(observations, begins, strict=False):
            waiting.append((observation, begin))
            count += len(observation.people)
            if count >= GROUP or len(waiting) >= AHEAD:
                yield from self._pictures(waiting)
                waiting, count = [], 0
        yield from self._pictures(waiting)

    def _pictures(
        self, pictures: Sequence[tuple[Observation, Sequence[Body] | None]]
    ) -> Iterator[list[Body]]:
        """The bodies of some pictures, solved in groups."""
        given = [one for picture, begin in pictures for one in _given(picture, begin)]
        bodies: list[Body] = []
        for first in range(0, len(given), GROUP):
            bodies += self._group(given[first : first + GROUP])
        done = 0
        for picture, _ in pictures:
            yield bodies[done : done + len(picture.people)]
            done += len(picture.people)

    def _group(self, given: Sequence[Given]) -> list[Body]:
        begins = [one.begin for one in given if one.begin is not None]
        state, _ = self.solve(
            [one.person for one in given],
            [one.mask for one in given],
            [one.camera for one in given],
            self.state_of(begins) if begins else None,
            [one.crowd for one in given],
        )
        points = self.points(state)
        bodies = []
        for index, one in enumerate(given):
            projected = project(points[index].T, one.camera)
            values = features(one.person, projected, one.camera)
            pose = Pose(rotations=state.rotations[index], betas=state.betas[index])
            where = state.translation[index]
            bodies.append(
                place(self.model, pose, where, one.camera, one.person, score(values), one.mask)
            )
        return bodies

    def solve(
        self,
        people: Sequence[Person],
        masks: Sequence[Mask | None],
        cameras: Sequence[Camera],
        begin: State | None = None,
        crowds: Sequence[Inside | None] | None = None,
    ) -> tuple[State, Float[np.ndarray, "people"]]:
        """Poses, shapes and places of the people, and the energy each is left with.

        ``cameras``: one for each person, as are ``crowds``: all pixels of their picture that are
        anybody's, behind whom they may be. Nobody's answer depends on who else is solved for.
        """
        crowds = [None] * len(people) if crowds is None else crowds
        apart = self._apart(people)
        if len(apart) > 1:
            return self._solved_apart(apart, people, masks, cameras, begin, crowds)
        problem = self.objective(people, cameras)
        free, schedule = self.skeleton.free, self.schedule
        state = self.first_state(problem) if begin is None else begin
        state, energy = minimise(problem, state, free, schedule.picture)
        masked = np.flatnonzero([mask is not None for mask in masks])
        if self.settings.silhouette > 0 and schedule.silhouette > 0 and len(masked):
            own = problem.take(masked)
            told = [(masks[int(k)], crowds[int(k)]) for k in masked]
            drawn = self._in_mask(own, told, state.take(masked))
            state = state.put(masked, drawn)
            energy = energy.copy()
            energy[masked] = own(drawn).energy
        return state, energy

    def _apart(self, people: Sequence[Person]) -> list[list[int]]:
        """Who can be lifted and who cannot are solved apart: nobody's way depends on others."""
        able = [self.lifter is not None and described(person) for person in people]
        kinds = [[k for k, one in enumerate(able) if one is kind] for kind in (True, False)]
        return [rows for rows in kinds if rows]

    def _solved_apart(
        self,
        apart: Sequence[Sequence[int]],
        people: Sequence[Person],
        masks: Sequence[Mask | None],
        cameras: Sequence[Camera],
        begin: State | None,
        crowds: Sequence[Inside | None],
    ) -> tuple[State, Float[np.ndarray, "people"]]:
        states, energies = [], []
        for rows in apart:
            state, energy = self.solve(
                [people[k] for k in rows],
                [masks[k] for k in rows],
                [cameras[k] for k in rows],
                None if begin is None else begin.take(np.array(rows)),
                [crowds[k] for k in rows],
            )
            states.append(state)
            energies.append(energy)
        order = np.argsort(np.concatenate(apart))
        return State.joined(states).take(order), np.concatenate(energies)[order]

    def first_state(self, problem: Objective) -> State:
        """Where the fit begins: the lifted pose, else the one that metric landmarks lead to."""
        state = problem.first
        if state is None:
            state = self.start(problem.evidence)
            metric = replace(problem, use_picture=False)
            state, _ = minimise(metric, state, self.skeleton.free, self.schedule.metric)
        return self.placed(state, problem.evidence, problem.cameras)

    def objective(self, people: Sequence[Person], cameras: Sequence[Camera]) -> Objective:
        """Everything but the masks, for these people before their cameras."""
        views = Cameras.of(cameras)
        problem = Objective(
            skeleton=self.skeleton,
            landmarks=self.landmarks,
            links=self.links,
            leaning=self.leaning,
            prior=self.prior,
            evidence=gather_evidence(people, views, self.trust),
            cameras=views,
            settings=self.settings,
        )
        if self.lifter is not None and all(described(person) for person in people):
            problem = led(problem, self.lifter(people, views), self.lift_trust)
        return led_by_visitor(problem, people)

    def _in_mask(
        self, problem: Objective, told: Sequence[tuple[Mask | None, Inside | None]], state: State
    ) -> State:
        """Solved further, with the masks (first) and everybody's pixels."""
        trust = np.array([self.mask_trust(mask) for mask, _ in told])
        inside = [None if mask is None else mask.inside for mask, _ in told]
        crowds = [crowd for _, crowd in told]
        outline = Outline.of(inside, problem.evidence.pixel, problem.cameras, trust, crowds)
        seen = np.pad(problem.evidence.support, ((0, 0), (0, 1)), constant_values=1.0)
        whole = replace(
            problem, surface=self.surface, outline=outline, support=seen[:, self.far_ends]
        )
        return minimise(whole, state, self.skeleton.free, self.schedule.silhouette)[0]

    def mask_trust(self, mask: Mask | None) -> float:
        """How much a mask counts: 1 for the keypoint network's own, more for a segmenter's."""
        return 1.0 if mask is None or mask.source == "detector" else self.settings.segmented

    def state_of(self, bodies: Sequence[Body]) -> State:
        """What the fit solves for, as these bodies have it. Raises BadUsage for another body."""
        betas = self.skeleton.joint_dirs.shape[2]
        if any(body.pose.rotations.shape[-3] != len(self.skeleton.parents) for body in bodies):
            raise BadUsage(f"The bodies to start from are not of the body {self.model.name}.")
        rotations = np.stack([body.pose.rotations for body in bodies]).astype(np.float64)
        known = np.zeros((len(bodies), betas))
        for row, body in zip(known, bodies, strict=True):
            row[: len(body.pose.betas)] = body.pose.betas[:betas]
        return State(
            rotations=rotations,
            betas=known,
            translation=np.stack([body.translation for body in bodies]).astype(np.float64),
        )

    def start(self, evidence: Evidence) -> State:
        """The mean body, usual pose, turned so that its torso lies as the metric landmarks say."""
        people, betas = len(evidence.pixel), self.skeleton.joint_dirs.shape[2]
        count = len(self.skeleton.parents)
        rotations = np.broadcast_to(np.eye(3), (people, count, 3, 3)).copy()
        state = State(
            rotations=rotations,
            betas=np.zeros((people, betas)),
            translation=np.zeros((people, 3)),
        )
        rest = self.points(state)[0] @ self.links  # 3 links
        turned = evidence.bones @ evidence.view  # rays' frames -> camera axes
        weight = np.array([_of_torso(column) for column in self.links.T])
        rotations[:, 0] = _aligned(rest.T, turned, weight * evidence.bone_weight)
        vectors = np.broadcast_to(self.prior.mean, (people, *self.prior.mean.shape))
        rotations[:, self.skeleton.free[1:]] = rotation.from_axis_angle(vectors)
        return state

    def placed(self, state: State, evidence: Evidence, cameras: Cameras) -> State:
        """Moved so that the landmarks project near the keypoints (linear least squares).

        The picture's x (Z + tz) = f (X + tx) is linear in the translation.
        """
        points = self.points(replace(state, translation=np.zeros_like(state.translation)))
        ratio = (evidence.seen - cameras.centre[:, None]) / cameras.focal[:, None, None]
        weight = evidence.seen_weight + 1e-6
        rows = np.zeros((*ratio.shape, 3))
        rows[..., 0, 0] = rows[..., 1, 1] = 1.0
        rows[..., 2] = -ratio
        rhs = ratio * points[:, 2, :, None] - points[:, :2].transpose(0, 2, 1)
        people = len(weight)
        rows, rhs = rows.reshape(people, -1, 3), rhs.reshape(people, -1, 1)
        turned = rows.transpose(0, 2, 1) * np.repeat(weight, 2, axis=1)[:, None]
        matrix = turned @ rows + 1e-9 * np.eye(3)
        translation = np.linalg.solve(matrix, turned @ rhs)[..., 0]
        nearest = 0.3 - points[:, 2].min(axis=1)
        translation[:, 2] = np.maximum(translation[:, 2], nearest)
        return replace(state, translation=translation)

    def points(self, state: State) -> Float[np.ndarray, "people 3 points"]:
        """The body's landmarks, metres."""
        posed = forward_kinematics(self.skeleton, state)
        return skinned_points(self.landmarks, posed, state.betas).sum(axis=1)

    def coco_points(self, state: State) -> Float[np.ndarray, "people 3 17"]:
        """COCO's keypoints of the bodies, where annotators put them; metres, camera axes."""
        rows = self.model.regressors["coco17"]
        points = Points.on_surface(self.model, rows.vertices, rows.weights)
        return skinned_points(points, forward_kinematics(self.skeleton, state), state.betas).sum(
            axis=1
        )


def _given(observation: Observation, begin: Sequence[Body] | None) -> Iterator[Given]:
    """Everybody of an observation. Raises BadUsage when somebody has no keypoints."""
    if any(person.keypoints is None for person in observation.people):
        raise BadUsage(
            "The keypoint fit needs every person's keypoints, but somebody has only a box.\n"
            "  Let the detector describe the people first (Detector.describe)."
        )
    begins = repeat(None) if begin is None else begin
    masks = [mask.inside for mask in observation.masks if mask is not None]
    crowd = reduce(np.logical_or, masks) if len(masks) > 1 else None
    for person, mask, body in zip(observation.people, observation.masks, begins, strict=False):
        yield Given(person=person, mask=mask, crowd=crowd, camera=observation.camera, begin=body)


def load(model: BodyModel, options: EstimatorOptions) -> KeypointFit:
    """The row ``fit`` of the table of estimators."""
    return KeypointFit(model, lifter=Lifter.of(model))


def load_lifted(model: BodyModel, options: EstimatorOptions) -> KeypointFit:
    """The row ``lift``: as the lifter tells people, placed by their keypoints and not fitted.

    Raises BadUsage for a body that the lifter was not trained on.
    """
    lifter = Lifter.of(model)
    if lifter is None:
        raise BadUsage(
            f"--weights lift: the lifter was trained on the embedded body, not on {model.name}.\n"
            "  Leave out --body, or give --weights fit."
        )
    return KeypointFit(model, schedule=Schedule(picture=0, silhouette=0), lifter=lifter)


def _surface(model: BodyModel) -> Int[np.ndarray, "points"]:
    """A subset of the anchors, spread by farthest points in the rest pose."""
    anchors = np.asarray(model.anchors)
    places = np.asarray(model.template, np.float64)[anchors]
    chosen = farthest_points(places, SURFACE_POINTS, first=int(np.argmax(places[:, 1])))
    return anchors[chosen].astype(np.int64)


def _of_torso(column: Float[np.ndarray, "points"]) -> float:
    """Weight of a link in the first alignment: the torso's count, the face's a little."""
    names = {LANDMARKS[i] for i in np.flatnonzero(column)}
    if names <= set(TORSO):
        return 1.0
    return 0.3 if names <= set(FACE) else 0.0


def _aligned(
    rest: Float[np.ndarray, "links 3"],
    measured: Float[np.ndarray, "people links 3"],
    weight: Float[np.ndarray, "people links"],
) -> Float[np.ndarray, "people 3 3"]:
    """Rotations that take rest vectors onto measured ones (Kabsch, 1976)."""
    upright = np.diag([1.0, -1.0, -1.0])  # the body's y up, facing the camera
    covariance = (measured * weight[..., None]).transpose(0, 2, 1) @ rest + 1e-6 * upright
    u, _, vt = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= sign[:, None]
    return u @ vt

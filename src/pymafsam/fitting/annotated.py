"""The keypoint fit with a person's annotated joints in the lead: pseudo ground truth.

What people clicked is where the body's own keypoints are to be; the network's keypoints help with
what nobody clicked (face, hands, feet), its metres with depth, the mask with the outline.
An annotation may call left what is right, of the arms, the legs or the whole person: every reading
of the sides that contradicts the network less is tried too, and the one that all the evidence fits
best is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.body import BodyModel, regressor
from pymafsam.fitting.chain import Points, State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LANDMARKS
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.fitting.objective import Evidence, Objective
from pymafsam.geometry import joints
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Mask, Person

# What annotations name: COCO's points, the base of the neck, the highest point of the head.
ANNOTATED: tuple[str, ...] = (*joints.COCO17, "neck", "head_top")
ARMS = ("shoulder", "elbow", "wrist")
LEGS = ("hip", "knee", "ankle")
LIMBS = tuple(f"{side}_{part}" for part in (*ARMS, *LEGS) for side in ("left", "right"))

# Which parts' sides are exchanged.
READINGS: Mapping[str, tuple[str, ...]] = {
    "as annotated": (),
    "arms exchanged": ARMS,
    "legs exchanged": LEGS,
    "sides exchanged": (*ARMS, *LEGS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated(Person):
    """A person with what was annotated: rows of x, y (picture pixels), confidence, in the order of
    ``ANNOTATED``.
    """

    clicked: Float[np.ndarray, "annotated 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """How far annotation and network are believed, as weights of their squared deviations."""

    clicked: float = 3.0  # of an annotated joint; a sure keypoint of the network has 1
    beside: float = 0.1  # times as much for the network's keypoint of a joint that was clicked
    unclicked: float = 0.5  # and of one that was not
    shape: float = 1.6  # times the usual precision of the shape: clicks are no tape measure
    # An exchanged reading must leave so much less energy: annotations are mostly right.
    doubt: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A body found for an annotation.

    ``errors`` are distances between the body's keypoints and the annotation, pixels, NaN where
    nothing is annotated. ``reading`` is a key of ``READINGS``.
    """

    rotations: Float[np.ndarray, "joints 3 3"]
    betas: Float[np.ndarray, "betas"]
    translation: Float[np.ndarray, "3"]
    energy: float
    errors: Float[np.ndarray, "annotated"]
    reading: str
    clicked: Float[np.ndarray, "annotated 3"]  # as it was read


def from_layout(
    keypoints: Float[np.ndarray, "points 3"], layout: str
) -> Float[np.ndarray, "annotated 3"]:
    """Annotated joints in the order of ``ANNOTATED``; what the layout lacks has confidence 0."""
    names = joints.LAYOUTS[layout]
    out = np.zeros((len(ANNOTATED), 3))
    for row, name in enumerate(ANNOTATED):
        if name in names and keypoints[names.index(name), 2] > 0:
            out[row] = keypoints[names.index(name)]
    return out


def exchanged(
    clicked: Float[np.ndarray, "annotated 3"], parts: Sequence[str]
) -> Float[np.ndarray, "annotated 3"]:
    """The annotation with left and right of some parts exchanged."""
    out = clicked.copy()
    for part in parts:
        rows = [ANNOTATED.index(f"{side}_{part}") for side in ("left", "right")]
        out[rows] = clicked[rows[::-1]]
    return out


class AnnotatedFit(KeypointFit):
    """Fits a body model to ``Annotated`` people."""

    def __init__(self, model: BodyModel, belief: Belief | None = None, **settings):
        super().__init__(model, **settings)
        self.belief = belief or Belief()
        usual = self.prior.betas_precision
        self.prior = replace(self.prior, betas_precision=usual * self.belief.shape)
        self.clickable = _clickable(model)
        known = self.landmarks.count
        self.landmarks = self.landmarks.joined(self.clickable)
        more = ((0, self.clickable.count), (0, 0))
        self.links, self.leaning = np.pad(self.links, more), np.pad(self.leaning, more)
        # The trunk's points are led nowhere: one past the last landmark, of which there are more.
        self.far_ends = np.where(self.far_ends == known, self.landmarks.count, self.far_ends)

    def objective(self, people: Sequence[Person], cameras: Sequence[Camera]) -> Objective:
        """Everything but the masks; the annotation leads."""
        problem = super().objective(people, cameras)
        return replace(problem, evidence=self._led(problem.evidence, people))

    def _led(self, evidence: Evidence, people: Sequence[Person]) -> Evidence:
        """The evidence of the networks, less believed, followed by the annotation."""
        clicked = np.stack([_clicked_of(person) for person in people])
        known = (clicked[..., 2] > 0).astype(np.float64)
        beside = np.zeros(evidence.seen_weight.shape)
        for column, name in enumerate(LANDMARKS):
            if name in ANNOTATED:
                beside[:, column] = known[:, ANNOTATED.index(name)]
        less = np.where(beside > 0, self.belief.beside, self.belief.unclicked)
        seen_weight = np.concatenate([evidence.seen_weight * less, self.belief.clicked * known], 1)
        return replace(
            evidence,
            seen=np.concatenate([evidence.seen, clicked[..., :2]], axis=1),
            seen_weight=seen_weight,
            support=np.concatenate([np.maximum(evidence.support, beside), known], axis=1),
            unseen=_still_unseen(evidence.unseen, beside),
        )

    def fit(
        self,
        people: Sequence[Annotated],
        masks: Sequence[Mask | None],
        cameras: Sequence[Camera],
    ) -> list[Fitted]:
        """A body for everybody, under the reading of the annotation's sides that fits best."""
        tries = [(k, reading) for k, person in enumerate(people) for reading in plausible(person)]
        read = [
            replace(people[k], clicked=exchanged(people[k].clicked, READINGS[reading]))
            for k, reading in tries
        ]
        owners = [k for k, _ in tries]
        state, energy = self.solve(read, [masks[k] for k in owners], [cameras[k] for k in owners])
        doubt = np.array([self.belief.doubt if READINGS[reading] else 0.0 for _, reading in tries])
        # The first of equals is the annotation as it is: its reading is always tried first.
        best = [
            min(np.flatnonzero(np.equal(owners, k)), key=lambda row: energy[row] + doubt[row])
            for k in range(len(people))
        ]
        return [
            self._fitted(
                state.take(np.array([row])), float(energy[row]), read[row], camera, reading
            )
            for row, camera, reading in zip(
                best, cameras, (tries[row][1] for row in best), strict=True
            )
        ]

    def _fitted(
        self, own: State, energy: float, person: Annotated, camera: Camera, reading: str
    ) -> Fitted:
        """One person's state with how far it is from the annotation."""
        posed = forward_kinematics(self.skeleton, own)
        places = skinned_points(self.clickable, posed, own.betas).sum(axis=1)[0]
        errors = np.linalg.norm(project(places.T, camera) - person.clicked[:, :2], axis=1)
        return Fitted(
            rotations=own.rotations[0],
            betas=own.betas[0],
            translation=own.translation[0],
            energy=energy,
            errors=np.where(person.clicked[:, 2] > 0, errors, np.nan),
            reading=reading,
            clicked=person.clicked,
        )


def plausible(person: Annotated, least: float = 0.3) -> list[str]:
    """The readings worth trying: as annotated, and those that agree better with the network.

    Arms or legs agree better exchanged when that brings them nearer to the network's by ``least``
    of the distance between the sides. Where only one of them does, the other may be the network's
    own mistake, so both together are tried as well.
    """
    gains = {"arms exchanged": _gain(person, ARMS), "legs exchanged": _gain(person, LEGS)}
    better = [reading for reading, gain in gains.items() if gain > least]
    return ["as annotated", *better, *(["sides exchanged"] if better else [])]


def _gain(person: Annotated, parts: Sequence[str]) -> float:
    """By how much exchanging these parts brings the annotation nearer to the network's keypoints,
    as a share of the distance between the sides (-1 to 1)."""
    assert person.keypoints is not None
    names = joints.LAYOUTS[person.layout]
    total, apart = 0.0, 0.0
    for part in parts:
        rows = [ANNOTATED.index(f"{side}_{part}") for side in ("left", "right")]
        left, right = person.clicked[rows]
        seen_left, seen_right = (
            person.keypoints[names.index(f"{side}_{part}")] for side in ("left", "right")
        )
        if min(left[2], right[2]) <= 0:
            continue
        sure = float(min(seen_left[2], seen_right[2]))
        straight = _apart(left, seen_left) + _apart(right, seen_right)
        crossed = _apart(right, seen_left) + _apart(left, seen_right)
        total += sure * (straight - crossed)
        apart += sure * 2 * _apart(left, right)
    return total / apart if apart > 0 else 0.0


def _apart(one: Float[np.ndarray, "3"], other: Float[np.ndarray, "3"]) -> float:
    return float(np.linalg.norm(one[:2] - other[:2]))


def _clicked_of(person: Person) -> Float[np.ndarray, "annotated 3"]:
    assert isinstance(person, Annotated)
    return person.clicked


def _still_unseen(
    unseen: Float[np.ndarray, "people leaning"], beside: Float[np.ndarray, "people points"]
) -> Float[np.ndarray, "people leaning"]:
    """What was clicked is seen: of the torso's legs (the first column), and of each part's end."""
    ends = [
        LANDMARKS.index(f"{side}_{part}")
        for part in ("knee", "ankle")
        for side in ("left", "right")
    ]
    clicked = beside[:, ends]
    return unseen * (1 - np.concatenate([clicked.max(axis=1, keepdims=True), clicked], axis=1))


def _clickable(model: BodyModel) -> Points:
    """The body's keypoints in the order of ``ANNOTATED``. Raises BadUsage where it has none."""
    coco, lsp = regressor(model, "coco17"), regressor(model, "lsp14")
    head = [joints.LSP14.index(name) for name in ("neck", "head_top")]
    return Points.on_surface(model, coco.vertices, coco.weights).joined(
        Points.on_surface(model, lsp.vertices[head], lsp.weights[head])
    )

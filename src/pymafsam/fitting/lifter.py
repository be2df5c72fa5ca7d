"""From what keypoint networks say of a person to the pose, shape and bones they probably have.

Keypoint networks place points well and guess depth badly, and not by chance: metric landmarks lean,
hunch and shrink in the same way for the same pose and view. A small fully connected network (after
Martinez et al., "A simple yet effective baseline for 3D human pose estimation", 2017) has learned
on rendered people, whose truth is exact, what such answers mean. It gives every quantity with a
deviation (Kendall and Gal, "What uncertainties do we need in Bayesian deep learning", 2017), so the
fit knows how far to follow it. docs/lifting.md has the training and what it is worth.

Everything is in the person's viewing ray's frame (z through the middle of the box), where an
answer does not depend on where in the picture somebody stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from pymafsam.body import BodyModel
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LINKS, ray_frames
from pymafsam.fitting.objective import Objective
from pymafsam.geometry import joints, rotation
from pymafsam.geometry.mirror import ACROSS
from pymafsam.records import Person

# Joints whose rotations are told, the root first; toes and hands stay as they are at rest.
FREE = tuple(j for j, name in enumerate(joints.SMPL24) if not name.endswith(("_foot", "_hand")))
WEIGHTS = "lifter.safetensors"  # beside this file
FURTHEST = 3.0  # places are cut off this many box sides from the middle: inventions lie anywhere
LANDMARKS, COCO = len(joints.BLAZEPOSE33), len(joints.COCO17)
# Columns of the input: places and confidences of both networks, metres, and what is known of the
# view: direction of the box (2), log of its angular size, log of its aspect, whether it ends at
# the picture's left, top, right, bottom edge, presence.
VIEW = 9
INPUTS = 3 * COCO + 3 * LANDMARKS + 3 * LANDMARKS + VIEW
LEAST_LOG, MOST_LOG = -4.6, 1.5  # of stated deviations: .01 to 4.5
START_LOG = (-1.0, 0.0, -2.5)  # where those of turns, betas and bones begin in training
EPSILON = 1e-5  # torch's, in both kinds of normalisation
# Bones of trunk, arms and legs: of those links whose ends are of one side, hips and shoulders among
# them.
OF_LIMBS = [
    row
    for row, (start, end, _) in enumerate(LINKS)
    if start.endswith(("hip", "shoulder", "elbow", "knee"))
    and end.endswith(("shoulder", "elbow", "wrist", "knee", "ankle"))
    and start.split("_")[0] == end.split("_")[0]
]
EDGE = 0.01  # of the box's side: nearer to the picture's edge than this, a box is cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the lifter reads, before it is laid into one row; all in the ray's frame.

    Places are box sides (root of its area) from its middle, y down; third column the confidence.
    ``metres`` are around the hips' middle. ``features`` are those of people and of their mirror
    images (``records.Person``), NaN where there are none.
    """

    coco: Float[np.ndarray, "people 17 3"]
    landmarks: Float[np.ndarray, "people 33 3"]
    metres: Float[np.ndarray, "people 33 3"]
    view: Float[np.ndarray, "people 9"]
    features: Float[np.ndarray, "people 2 17 features"] | None = None

    @staticmethod
    def of(
        *,
        boxes: Float[np.ndarray, "people 4"],
        coco: Float[np.ndarray, "people 17 3"],
        landmarks: Float[np.ndarray, "people 33 3"],
        metres: Float[np.ndarray, "people 33 3"],
        presence: Float[np.ndarray, "people"],
        cameras: Cameras,
    ) -> "Inputs":
        """From picture pixels. BlazePose measures its metres along the ray already."""
        frames, angular = ray_frames(boxes, cameras), box_sides(boxes) / cameras.focal
        return Inputs(
            coco=_seen(coco, frames, angular, cameras),
            landmarks=_seen(landmarks, frames, angular, cameras),
            metres=metres,
            view=_view(boxes, presence, cameras),
        )

    def rows(self) -> Float[np.ndarray, "people inputs"]:
        """One row per person, as the network takes it."""
        people = len(self.view)
        parts = [a.reshape(people, -1) for a in (self.coco, self.landmarks, self.metres)]
        return np.concatenate([*parts, self.view], axis=1).astype(np.float32)

    def mirrored(self) -> "Inputs":
        """What the networks would say of the mirror image."""
        view = self.view[:, [0, 1, 2, 3, 6, 5, 4, 7, 8]].copy()
        view[:, 0] *= -1
        return Inputs(
            coco=_mirrored(self.coco, "coco17"),
            landmarks=_mirrored(self.landmarks, "blazepose33"),
            metres=_mirrored(self.metres, "blazepose33"),
            view=view,
            features=None if self.features is None else self.features[:, ::-1],
        )


def _mirrored(points: Float[np.ndarray, "people points 3"], layout: str) -> np.ndarray:
    out = points[:, joints.flip_permutation(layout)].copy()
    out[..., 0] *= -1
    return out


def mirrored_links() -> tuple[Int[np.ndarray, "links"], Float[np.ndarray, "links"]]:
    """For every link its twin on the other side, and -1 where that counts the other way round."""
    ends = [(start, end) for start, end, _ in LINKS]
    twins, signs = [], []
    for start, end in ends:
        first, last = joints.mirrored(start), joints.mirrored(end)
        forward = (first, last) in ends
        twins.append(ends.index((first, last) if forward else (last, first)))
        signs.append(1.0 if forward else -1.0)
    return np.array(twins), np.array(signs)


def gather(people: Sequence[Person], cameras: Cameras) -> Inputs:
    """What was said of these people, each before their camera; all must be ``described``."""
    presence = [1.0 if person.presence is None else person.presence for person in people]
    inputs = Inputs.of(
        boxes=np.stack([person.box for person in people]).astype(np.float64),
        coco=np.stack([person.answers["coco17"] for person in people]),
        landmarks=np.stack([person.answers["blazepose33"] for person in people]),
        metres=np.stack([person.world for person in people if person.world is not None]),
        presence=np.array(presence),
        cameras=cameras,
    )
    return replace(inputs, features=stacked_features(people))


def stacked_features(
    people: Sequence[Person],
) -> Float[np.ndarray, "people 2 17 features"] | None:
    """Everybody's features, NaN where there are none; None where nobody has any."""
    known = [person.features for person in people if person.features is not None]
    if not known:
        return None
    out = np.full((len(people), 2, *known[0].shape[1:]), np.nan, known[0].dtype)
    for row, person in zip(out, people, strict=True):
        if person.features is not None:
            row[: len(person.features)] = person.features
    return out


def described(person: Person) -> bool:
    """Whether both networks have said what they see of this person."""
    return {"coco17", "blazepose33"} <= set(person.answers) and person.world is not None


def directions(
    places: Float[np.ndarray, "people points 2"],
    frames: Float[np.ndarray, "people 3 3"],
    cameras: Cameras,
) -> Float[np.ndarray, "people points 2"]:
    """x / z and y / z, in the ray's frame, of what is seen at picture pixels ``places``."""
    flat = (places - cameras.centre[:, None]) / cameras.focal[:, None, None]
    ray = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=2) @ frames.transpose(0, 2, 1)
    return ray[..., :2] / np.maximum(ray[..., 2:], 0.1)


def box_sides(boxes: Float[np.ndarray, "people 4"]) -> Float[np.ndarray, "people"]:
    """The root of each box's area, pixels."""
    return np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0), axis=1))


def _seen(
    points: Float[np.ndarray, "people points 3"],
    frames: Float[np.ndarray, "people 3 3"],
    angular: Float[np.ndarray, "people"],
    cameras: Cameras,
) -> Float[np.ndarray, "people points 3"]:
    places = directions(points[..., :2].astype(np.float64), frames, cameras)
    places = np.clip(places / angular[:, None, None], -FURTHEST, FURTHEST)
    return np.concatenate([places, points[..., 2:]], axis=2)


def _view(
    boxes: Float[np.ndarray, "people 4"],
    presence: Float[np.ndarray, "people"],
    cameras: Cameras,
) -> Float[np.ndarray, "people 9"]:
    side = box_sides(boxes)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - cameras.centre
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    gaps = np.concatenate([boxes[:, :2], cameras.size - boxes[:, 2:]], axis=1)
    return np.column_stack(
        [
            middle / cameras.focal[:, None],
            np.log(side / cameras.focal),
            np.log(extent[:, 1] / extent[:, 0]),
            gaps < EDGE * side[:, None],
            presence,
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What people probably are like, with deviations (radians, betas, metres).

    The root turns into camera axes; its deviations, and the bones, are in the ray's frame.
    """

    turns: Float[np.ndarray, "people free 3 3"]
    turn_sigma: Float[np.ndarray, "people free 3"]
    betas: Float[np.ndarray, "people betas"]
    beta_sigma: Float[np.ndarray, "people betas"]
    bones: Float[np.ndarray, "people links 3"]
    bone_sigma: Float[np.ndarray, "people links 3"]

    def mirrored(self) -> "Lifted":
        """The same of the mirror image (only in the ray's frame)."""
        twins, signs = mirrored_links()
        order = [FREE.index(joint) for joint in joints.flip_permutation("smpl24")[list(FREE)]]
        return Lifted(
            turns=self.turns[:, order] * (ACROSS[:, None] * ACROSS),
            turn_sigma=self.turn_sigma[:, order],
            betas=self.betas,
            beta_sigma=self.beta_sigma,
            bones=self.bones[:, twins] * signs[:, None] * ACROSS,
            bone_sigma=self.bone_sigma[:, twins],
        )

    def mean(self, other: "Lifted") -> "Lifted":
        """The mean of two answers; deviations as those of the mean of two that agree."""
        return Lifted(
            turns=rotation.from_6d((rotation.to_6d(self.turns) + rotation.to_6d(other.turns)) / 2),
            turn_sigma=(self.turn_sigma + other.turn_sigma) / 2,
            betas=(self.betas + other.betas) / 2,
            beta_sigma=(self.beta_sigma + other.beta_sigma) / 2,
            bones=(self.bones + other.bones) / 2,
            bone_sigma=(self.bone_sigma + other.bone_sigma) / 2,
        )

    def in_camera(self, frames: Float[np.ndarray, "people 3 3"]) -> "Lifted":
        """With the root in camera axes, when it was in the ray's frame."""
        turns = self.turns.copy()
        turns[:, 0] = frames.transpose(0, 2, 1) @ turns[:, 0]
        return replace(self, turns=turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftTrust:
    """How far the lifter is followed: factors on its own deviations, and their least values.

    Chosen on training pictures of COCO and Leeds Sports Pose and on rendered people
    (docs/lifting.md, "Depth is believed more than direction").
    """

    turn: float = 1.0
    least_turn: float = 0.08  # radians
    bones: float = 0.8
    least_bone: float = 0.02  # metres
    # Of limbs' and the trunk's bones along the ray, beside that. People are not built like the body
    # that is fitted, and noise makes limbs shorter or longer in the picture: whatever may lean
    # does, to look it, unless it is told not to.
    along_ray: float = 0.45
    # Precision (1 / deviation) of the first beta around what was lifted, which has been taught to
    # tell children from grown-ups (docs/lifting.md, "Ages").
    age: float = 6.0


def led(problem: Objective, lifted: Lifted, trust: LiftTrust) -> Objective:
    """The same problem with what was lifted in place of metric landmarks and what is usual."""
    first = _state(problem, lifted)
    sigma = np.maximum(trust.bones * lifted.bone_sigma, trust.least_bone)
    sigma[:, OF_LIMBS, 2] *= trust.along_ray
    evidence = replace(
        problem.evidence,
        bones=_bones(problem, first),
        bone_weight=np.ones_like(problem.evidence.bone_weight),
        bone_sigma=sigma,
    )
    turns = np.maximum(trust.turn * lifted.turn_sigma[:, 1:], trust.least_turn)
    shape = np.array(np.broadcast_to(problem.prior.betas_precision, lifted.betas.shape))
    shape[:, 0] = trust.age
    prior = replace(
        problem.prior,
        mean=rotation.to_axis_angle(lifted.turns[:, 1:]),
        precision=1 / turns,
        betas_mean=lifted.betas,
        betas_precision=shape,
    )
    return replace(problem, evidence=evidence, prior=prior, first=first)


def _bones(problem: Objective, state: State) -> Float[np.ndarray, "people links 3"]:
    """The bone vectors of a pose, in the ray's frame.

    Told beside the rotations, the lifter's own vectors serve for their deviations only: they are
    not held to one body, and lean more (docs/lifting.md).
    """
    posed = forward_kinematics(problem.skeleton, state)
    points = skinned_points(problem.landmarks, posed, state.betas).sum(axis=1)
    return (problem.evidence.view @ (points @ problem.links)).transpose(0, 2, 1)


def _state(problem: Objective, lifted: Lifted) -> State:
    """The lifted pose and shape; joints that are not free at rest, the place not yet known."""
    people, count = len(lifted.betas), len(problem.skeleton.parents)
    rotations = np.broadcast_to(np.eye(3), (people, count, 3, 3)).copy()
    rotations[:, problem.skeleton.free] = lifted.turns
    return State(rotations=rotations, betas=lifted.betas.copy(), translation=np.zeros((people, 3)))


class Lifter:
    """The trained network in numpy; ``weights`` as training.lifting names them."""

    def __init__(self, weights: Mapping[str, Shaped[np.ndarray, "..."]]):
        self.weights = {name: value.astype(np.float32) for name, value in weights.items()}
        self.blocks = sum(name.endswith("first.weight") for name in weights)
        self.free = len(weights["mean"])
        self.betas, self.links = (int(n) for n in weights["sizes"])

    @staticmethod
    def load(path: Path | None = None) -> "Lifter":
        """The lifter that comes with the package, or another of a file."""
        from safetensors.numpy import load_file

        return Lifter(load_file(path or Path(__file__).with_name(WEIGHTS)))

    @staticmethod
    def of(model: BodyModel) -> "Lifter | None":
        """The lifter that comes with the package, if it was trained on this body."""
        lifter = Lifter.load()
        same = np.array_equal(lifter.weights["joints"], model.joints_template)
        return lifter if same else None

    def __call__(self, people: Sequence[Person], cameras: Cameras) -> Lifted:
        """What the people are like; everybody must be ``described``."""
        frames = ray_frames(np.stack([p.box for p in people]).astype(np.float64), cameras)
        inputs = gather(people, cameras)
        # Who is mirrored has the mirrored pose. The network has learned that only nearly; the mean
        # with the mirror image's answer makes it true.
        answer = self.read(inputs).mean(self.read(inputs.mirrored()).mirrored())
        return answer.in_camera(frames)

    def read(self, inputs: Inputs) -> Lifted:
        """The network itself; everything, the root too, in the ray's frame."""
        out = self._linear("leave", self.known(inputs))[:, 0].astype(np.float64)
        free, links, betas = self.free, self.links, self.betas
        sizes = (6 * free, 3 * free, betas, betas, 3 * links, 3 * links)
        six, turn, shape, beta, bones, bone = np.split(out, np.cumsum(sizes)[:-1], axis=1)
        return Lifted(
            turns=rotation.from_6d(six.reshape(-1, free, 6) + self.weights["mean"]),
            turn_sigma=_sigma(turn, START_LOG[0]).reshape(-1, free, 3),
            betas=shape,
            beta_sigma=_sigma(beta, START_LOG[1]),
            bones=bones.reshape(-1, links, 3),
            bone_sigma=_sigma(bone, START_LOG[2]).reshape(-1, links, 3),
        )

    def known(self, inputs: Inputs) -> Float[np.ndarray, "people 1 width"]:
        """What the last layer makes its answers of.

        People are taken one by one (stacked, not flattened): a product of another size may round
        otherwise, and nobody's body shall depend on the company.
        """
        own, rows = self.weights, inputs.rows()
        x = (rows - own["norm.running_mean"]) / np.sqrt(own["norm.running_var"] + EPSILON)
        x = self._linear("enter", x[:, None].astype(np.float32))
        if inputs.features is not None and "join.weight" in own:
            x = x + self._joined(inputs.features[:, 0])
        for k in range(self.blocks):
            inner = self._linear(f"blocks.{k}.first", self._normalised(f"blocks.{k}.norm", x))
            x = x + self._linear(f"blocks.{k}.second", inner / (1 + np.exp(-inner)))
        return self._normalised("final", x)

    def _joined(self, features: Float[np.ndarray, "people 17 features"]) -> np.ndarray:
        """What features add; nothing where there are none."""
        known = np.isfinite(features[:, :1, :1])
        x = np.where(known, features, 0).astype(np.float32)
        x = (x / (1 + np.exp(np.minimum(-x, 80)))).reshape(len(x), 1, -1)
        return self._linear("join", x) * known

    def _linear(self, name: str, x: Float[np.ndarray, "people 1 inner"]) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalised(self, name: str, x: Float[np.ndarray, "people 1 inner"]) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def _sigma(log: Float[np.ndarray, "people values"], start: float) -> np.ndarray:
    return np.exp(np.clip(log + start, LEAST_LOG, MOST_LOG))

"""What a person's keypoints say about the body's landmarks, and how far they are believed.

The body's landmarks are COCO's 17 points, big toes, heels and the hands' knuckles, whatever
layout the keypoints came in; what a layout lacks has weight 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body import BodyModel
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Points
from pymafsam.fitting.objective import Evidence
from pymafsam.geometry import joints
from pymafsam.records import Person

FEET = ("left_big_toe", "right_big_toe", "left_heel", "right_heel")
HANDS = ("left_hand", "right_hand")
LANDMARKS: tuple[str, ...] = (*joints.COCO17, *FEET, *HANDS)

# Landmarks that other layouts know by other names (several: their mean).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "left_big_toe": ("left_foot_index",),
    "right_big_toe": ("right_foot_index",),
    "left_hand": ("left_pinky", "left_index"),
    "right_hand": ("right_pinky", "right_index"),
}

# Bones whose metric vectors are compared, with the weight of each.
LINKS: tuple[tuple[str, str, float], ...] = (
    ("left_shoulder", "right_shoulder", 1.0),
    ("left_hip", "right_hip", 1.0),
    ("left_hip", "left_shoulder", 1.0),
    ("right_hip", "right_shoulder", 1.0),
    ("left_shoulder", "left_elbow", 1.0),
    ("right_shoulder", "right_elbow", 1.0),
    ("left_elbow", "left_wrist", 1.0),
    ("right_elbow", "right_wrist", 1.0),
    ("left_hip", "left_knee", 1.0),
    ("right_hip", "right_knee", 1.0),
    ("left_knee", "left_ankle", 1.0),
    ("right_knee", "right_ankle", 1.0),
    ("left_heel", "left_big_toe", 1.0),
    ("right_heel", "right_big_toe", 1.0),
    ("left_wrist", "left_hand", 0.5),
    ("right_wrist", "right_hand", 0.5),
    ("left_ear", "right_ear", 1.0),
    ("left_ear", "nose", 1.0),
    ("right_ear", "nose", 1.0),
    ("left_shoulder", "left_ear", 0.5),
    ("right_shoulder", "right_ear", 0.5),
)

SIGMA = 0.006  # of the square root of the box's area: one deviation of a sure keypoint
# Where a hip lies under clothes nobody knows as well as where an eye is: weights of places by what
# the landmark's name ends in (1 elsewhere). Annotators differ in the same order (COCO's OKS).
CLEARNESS: Mapping[str, float] = {
    "nose": 4.0,
    "eye": 4.0,
    "ear": 4.0,
    "hip": 0.5,
    "knee": 0.75,
    "ankle": 0.75,
    # Networks place heels and toes by the shoe. Believed like ankles, they bend straight knees.
    "heel": 0.2,
    "toe": 0.2,
}
FADE = 0.1  # shares of the box's size over which a keypoint beyond the picture's edge fades


# Parts that hang straight down when nobody sees where they end: start, end.
LEANING = (
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How the confidence of a keypoint becomes its weight: a logistic curve.

    Confidences are likelihoods of being right (``people.fusion``); ``metric_floor`` is what is left
    of a metric landmark nobody sees. Chosen on coco/train and lsp/train (docs/results/fit.md).
    """

    middle: float = 0.4
    width: float = 0.09
    sharp_middle: float = 0.45  # the same for places in the picture, where errors grow faster
    unsure: float = 0.0  # least weight of a place inside the picture
    metric_floor: float = 0.05
    bone_sigma: tuple[float, float, float] = (0.15, 0.15, 0.10)  # metres; across, along the ray

    def of(self, confidence: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Weights between 0 and 1."""
        return 1 / (1 + np.exp((self.middle - confidence) / self.width))

    def sharp(self, confidence: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Weights of places in the picture."""
        curve = 1 / (1 + np.exp((self.sharp_middle - confidence) / self.width))
        return self.unsure + (1 - self.unsure) * curve


# Where networks see keypoints, beside the body's anatomical landmarks: metres in the rest axes of
# a joint that carries them (the left one of a pair), as ``tools/fit_rows.py`` finds them. Hips and
# knees are seen lower and ankles higher: upright people's legs are 1.42 times their trunk in
# photographs, the body's 1.56. Unmended, the fit tilts legs until they look short enough. Wrists
# are seen where the hand begins, toes at the ball of the foot, heels above the sole.
SHIFTS: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    "left_hip": ("pelvis", (0.0, -0.015, 0.0)),
    "left_knee": ("left_hip", (0.0, -0.011, 0.0)),
    "left_ankle": ("left_knee", (0.0, 0.018, 0.0)),
    "left_wrist": ("left_elbow", (0.017, 0.0, -0.004)),
    "left_hand": ("left_elbow", (-0.011, -0.001, 0.003)),
    "left_heel": ("left_ankle", (-0.006, 0.017, -0.012)),
    "left_big_toe": ("left_ankle", (0.018, 0.012, -0.031)),
}


def keypoint_shifts(
    table: Mapping[str, tuple[str, tuple[float, float, float]]] = SHIFTS,
) -> Float[np.ndarray, "joints 3 points"]:
    """``SHIFTS`` for both sides, as ``Points.shifted`` takes them."""
    smpl: list[str] = list(joints.SMPL24)
    shifts = np.zeros((len(smpl), 3, len(LANDMARKS)))
    for name, (joint, by) in table.items():
        shifts[smpl.index(joint), :, LANDMARKS.index(name)] = by
        twin, other = joints.mirrored(name), joints.mirrored(joint)
        shifts[smpl.index(other), :, LANDMARKS.index(twin)] = (-by[0], by[1], by[2])
    return shifts


def landmark_points(model: BodyModel) -> Points:
    """The landmarks on the body, in the order of ``LANDMARKS``.

    Of COCO's points the anatomical places, where a body knows them: its ``coco17`` are where
    annotators put them.
    """
    layout = "blazepose33" if "blazepose33" in model.regressors else "coco17"
    named, feet = model.regressors[layout], model.regressors["feet6"]
    seen = joints.mapping(layout, "coco17")
    rows = [joints.FEET6.index(name) for name in FEET]
    hands = [joints.SMPL24.index(name) for name in HANDS]
    return (
        Points.on_surface(model, named.vertices[seen], named.weights[seen])
        .joined(Points.on_surface(model, feet.vertices[rows], feet.weights[rows]))
        .joined(Points.on_joints(model, hands))
    )


def link_matrix() -> Float[np.ndarray, "points links"]:
    """Columns that subtract one landmark from another: start - end of every link."""
    matrix = np.zeros((len(LANDMARKS), len(LINKS)))
    for column, (start, end, _) in enumerate(LINKS):
        matrix[LANDMARKS.index(start), column] = 1.0
        matrix[LANDMARKS.index(end), column] = -1.0
    return matrix


def lean_matrix() -> Float[np.ndarray, "points leaning"]:
    """Columns for hips to shoulders (between their middles), then every thigh and shin."""
    matrix = np.zeros((len(LANDMARKS), 1 + len(LEANING)))
    for side in ("left", "right"):
        matrix[LANDMARKS.index(f"{side}_shoulder"), 0] = 0.5
        matrix[LANDMARKS.index(f"{side}_hip"), 0] = -0.5
    for column, (start, end) in enumerate(LEANING, start=1):
        matrix[LANDMARKS.index(start), column] = 1.0
        matrix[LANDMARKS.index(end), column] = -1.0
    return matrix


# The landmark at the far end of the part that a joint moves; the trunk and head are always seen.
FAR_END: Mapping[str, str] = {
    "pelvis": "hip",
    "hip": "knee",
    "knee": "ankle",
    "ankle": "ankle",
    "foot": "ankle",
    "shoulder": "elbow",
    "elbow": "wrist",
    "wrist": "wrist",
    "hand": "wrist",
}


def far_ends(model: BodyModel, vertices: Int[np.ndarray, "points"]) -> Int[np.ndarray, "points"]:
    """For surface vertices, the landmark their limb leads to; ``len(LANDMARKS)`` on the trunk."""
    names = [joints.SMPL24[j] for j in np.argmax(model.weights[vertices], axis=1)]
    rows = []
    for name, place in zip(names, model.template[vertices], strict=True):
        side, _, part = name.partition("_")
        if name == "pelvis":
            side, part = ("left" if place[0] > 0 else "right"), name
        end = FAR_END.get(part)
        rows.append(LANDMARKS.index(f"{side}_{end}") if end else len(LANDMARKS))
    return np.array(rows)


def correspondence(layout: str) -> Float[np.ndarray, "points keypoints"]:
    """Averaging rows from a layout's keypoints to the landmarks; zero rows where it has none."""
    names = joints.LAYOUTS[layout]
    matrix = np.zeros((len(LANDMARKS), len(names)))
    for row, landmark in enumerate(LANDMARKS):
        sources = (landmark,) if landmark in names else ALIASES.get(landmark, ())
        found = [names.index(name) for name in sources if name in names]
        if found:
            matrix[row, found] = 1 / len(found)
    return matrix


def landmark_of(name: str) -> int | None:
    """The row of the landmark that a keypoint of any layout stands for alone; None for others."""
    names = [own for own in LANDMARKS if (name,) == ALIASES.get(own, (own,)) or own == name]
    return LANDMARKS.index(names[0]) if names else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One person's keypoints as landmarks: pixels, metres along the viewing ray, confidences."""

    picture: Float[np.ndarray, "points 2"]
    metric: Float[np.ndarray, "points 3"]
    confidence: Float[np.ndarray, "points"]
    known: Float[np.ndarray, "points"]  # 1 where the layout has the landmark
    has_metric: bool


def landmarks_of(person: Person) -> Seen:
    """The person's keypoints (which must be there) in the order of ``LANDMARKS``."""
    assert person.keypoints is not None
    matrix = correspondence(person.layout)
    keypoints = np.nan_to_num(person.keypoints.astype(np.float64))
    world = np.zeros((len(keypoints), 3)) if person.world is None else person.world
    return Seen(
        picture=matrix @ keypoints[:, :2],
        metric=matrix @ np.nan_to_num(world.astype(np.float64)),
        confidence=np.clip(matrix @ keypoints[:, 2], 0, 1),
        known=np.minimum(matrix.sum(axis=1), 1.0),
        has_metric=person.world is not None,
    )


def gather_evidence(people: Sequence[Person], cameras: Cameras, trust: "Trust") -> Evidence:
    """Weights everything that is known about each person.

    A keypoint that is both invisible and outside the picture is the network's invention: it gets
    no weight in the picture and next to none as the end of a metric bone, so that the pose prior
    decide how the rest of the body lies.
    """
    seen = [landmarks_of(person) for person in people]
    picture = np.stack([s.picture for s in seen])
    boxes = np.stack([person.box for person in people]).astype(np.float64)
    side = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0), axis=1))
    confidence = np.stack([s.confidence for s in seen])
    known = np.stack([s.known for s in seen])
    inside = _inside_picture(picture, side, cameras)
    weight = known * inside * trust.of(confidence)
    ends = known * np.maximum(trust.metric_floor, weight)
    metric = np.stack([s.metric for s in seen])
    measured = np.array([float(s.has_metric) for s in seen])
    links = link_matrix()
    importance = np.array([weight for _, _, weight in LINKS])
    starts, stops = np.argmax(links, axis=0), np.argmin(links, axis=0)
    return Evidence(
        seen=picture,
        seen_weight=known * inside * trust.sharp(confidence) * _clearness(),
        support=weight,
        pixel=SIGMA * side,
        bones=(links.T @ metric),
        bone_weight=measured[:, None] * importance * np.minimum(ends[:, starts], ends[:, stops]),
        bone_sigma=np.broadcast_to(trust.bone_sigma, (len(people), len(LINKS), 3)),
        view=ray_frames(boxes, cameras),
        unseen=_unseen(weight),
    )


def _clearness() -> Float[np.ndarray, "points"]:
    """``CLEARNESS`` for every landmark."""
    return np.array([CLEARNESS.get(name.rpartition("_")[2], 1.0) for name in LANDMARKS])


def _unseen(weight: Float[np.ndarray, "people points"]) -> Float[np.ndarray, "people leaning"]:
    """How little is known of the legs (for the torso's sake), and of each part's end."""
    ends = 1 - weight[:, [LANDMARKS.index(end) for _, end in LEANING]]
    return np.concatenate([ends.min(axis=1, keepdims=True), ends], axis=1)


def _inside_picture(
    points: Float[np.ndarray, "people points 2"],
    side: Float[np.ndarray, "people"],
    cameras: Cameras,
) -> Float[np.ndarray, "people points"]:
    """1 inside the picture, falling to 0 at ``FADE`` of the person's size beyond its edge."""
    size = cameras.size[:, None]
    beyond = np.maximum(np.maximum(-points, points - size), 0).max(axis=-1)
    return np.clip(1 - beyond / (FADE * side[:, None]), 0, 1)


def ray_frames(
    boxes: Float[np.ndarray, "people 4"], cameras: Cameras
) -> Float[np.ndarray, "people 3 3"]:
    """Rotations that turn camera axes so that z points at the middle of each box."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - cameras.centre
    ray = np.concatenate([middle / cameras.focal[:, None], np.ones((len(boxes), 1))], axis=1)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    # The shortest turn of z onto the ray; its transpose turns the ray onto z.
    x, y, z = ray.T
    share = 1 / (1 + z)
    rows = [
        [1 - x * x * share, -x * y * share, -x],
        [-x * y * share, 1 - y * y * share, -y],
        [x, y, z],
    ]
    return np.array(rows).transpose(2, 0, 1)

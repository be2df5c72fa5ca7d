"""How far a fitted body can be trusted: one number per person that ranks people, 0..1.

A logistic model of the object keypoint similarity (COCO's OKS) from what is known without
annotations; ``tools/fit_score.py`` found the coefficients on COCO pictures that no measurement
uses.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from pymafsam.fitting.evidence import LANDMARKS, Seen, landmarks_of
from pymafsam.geometry.boxes import overlap
from pymafsam.geometry.joints import COCO17
from pymafsam.records import Camera, Person

CLOSE = 0.05  # of the root of the box's area: deviation at which a keypoint counts as explained
UNKNOWN = 0.5  # stands for a presence that is not known
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle")
ARMS = ("left_elbow", "right_elbow", "left_wrist", "right_wrist")

COEFFICIENTS: Mapping[str, float] = {
    "constant": -1.304,
    "face": 0.437,
    "torso": 1.577,
    "arms": 0.435,
    "legs": -0.340,
    "presence": 0.381,
    "explained": 1.245,
    "box_overlap": 1.290,
    "side": 0.216,
}
FEATURES: tuple[str, ...] = tuple(COEFFICIENTS)


def features(
    person: Person,
    projected: Float[np.ndarray, "points 2"],
    camera: Camera,
) -> Float[np.ndarray, "features"]:
    """The numbers the score is made of, in the order of ``FEATURES``.

    ``projected`` are the body's landmarks in the picture.
    """
    seen = landmarks_of(person)
    groups = [_mean(seen.confidence, names) for names in (FACE, TORSO, ARMS, LEGS)]
    box = person.box.astype(np.float64)
    side = float(np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1.0))))
    return np.array(
        [
            1.0,
            *groups,
            UNKNOWN if person.presence is None else person.presence,
            _explained(seen, projected, side),
            _box_overlap(projected, box, camera),
            np.log(side / np.hypot(*camera.size)),
        ]
    )


def score(values: Float[np.ndarray, "features"]) -> float:
    """The score of a person with these ``features``."""
    weights = np.array([COEFFICIENTS[name] for name in FEATURES])
    return float(1 / (1 + np.exp(-np.clip(values @ weights, -30, 30))))


def _mean(confidence: Float[np.ndarray, "points"], names: Sequence[str]) -> float:
    return float(np.mean([confidence[LANDMARKS.index(name)] for name in names]))


def _explained(seen: Seen, points: Float[np.ndarray, "points 2"], side: float) -> float:
    """How much of the sure keypoints the body explains: it falls as the fit is worse."""
    squared = ((points - seen.picture) ** 2).sum(axis=1) / (CLOSE * side) ** 2
    named = slice(len(COCO17))
    return float(np.mean((seen.confidence * np.exp(-squared / 2))[named]))


def _box_overlap(
    points: Float[np.ndarray, "points 2"], box: Float[np.ndarray, "4"], camera: Camera
) -> float:
    """Intersection over union of the person's box and the landmarks' (within the picture)."""
    clipped = np.clip(points, 0, np.asarray(camera.size, np.float64))
    return overlap(np.concatenate([clipped.min(axis=0), clipped.max(axis=0)]), box)

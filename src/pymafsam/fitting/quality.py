"""How far a fitted body can be trusted: one number per person that ranks people, 0..1.

A logistic model of the object keypoint similarity (COCO's OKS) from what is known without
annotations; ``tools/fit_score.py`` found the coefficients on COCO pictures that no measurement
uses.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from pymafsam.fitting.evidence import LANDMARKS, landmarks_of
from pymafsam.geometry.boxes import overlap
from pymafsam.records import Camera, Inside, Person

UNKNOWN = 0.5  # stands for a share that cannot be had (no mask, no presence)
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle")
ARMS = ("left_elbow", "right_elbow", "left_wrist", "right_wrist")

COEFFICIENTS: Mapping[str, float] = {
    "constant": -4.802,
    "face": 1.554,
    "torso": 1.336,
    "arms": 1.488,
    "legs": 0.383,
    "presence": 0.888,
    "energy": 0.021,
    "in_box": 0.324,
    "box_overlap": 2.173,
    "in_mask": 0.352,
    "side": 0.103,
}
FEATURES: tuple[str, ...] = tuple(COEFFICIENTS)


def features(
    person: Person,
    mask: Inside | None,
    projected: Float[np.ndarray, "points 2"],
    energy: float,
    camera: Camera,
) -> Float[np.ndarray, "features"]:
    """The numbers the score is made of, in the order of ``FEATURES``.

    ``projected`` are the body's landmarks in the picture, ``energy`` what the fit is left with.
    """
    confidence = landmarks_of(person).confidence
    groups = [_mean(confidence, names) for names in (FACE, TORSO, ARMS, LEGS)]
    box = person.box.astype(np.float64)
    side = float(np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1.0))))
    return np.array(
        [
            1.0,
            *groups,
            UNKNOWN if person.presence is None else person.presence,
            np.log1p(energy / 50.0),
            _in_box(projected, box, side),
            _box_overlap(projected, box, camera),
            _in_mask(projected, mask),
            np.log(side / np.hypot(*camera.size)),
        ]
    )


def score(values: Float[np.ndarray, "features"]) -> float:
    """The score of a person with these ``features``."""
    weights = np.array([COEFFICIENTS[name] for name in FEATURES])
    return float(1 / (1 + np.exp(-np.clip(values @ weights, -30, 30))))


def _mean(confidence: Float[np.ndarray, "points"], names: Sequence[str]) -> float:
    return float(np.mean([confidence[LANDMARKS.index(name)] for name in names]))


def _in_box(points: Float[np.ndarray, "points 2"], box: np.ndarray, side: float) -> float:
    margin = 0.1 * side
    inside = (points > box[:2] - margin) & (points < box[2:] + margin)
    return float(inside.all(axis=1).mean())


def _box_overlap(points: Float[np.ndarray, "points 2"], box: np.ndarray, camera: Camera) -> float:
    """Intersection over union of the person's box and the landmarks' (within the picture)."""
    clipped = np.clip(points, 0, np.asarray(camera.size, np.float64))
    return overlap(np.concatenate([clipped.min(axis=0), clipped.max(axis=0)]), box)


def _in_mask(points: Float[np.ndarray, "points 2"], mask: Inside | None) -> float:
    """Share of the landmarks within the picture that fall on the person's mask."""
    if mask is None:
        return UNKNOWN
    height, width = mask.shape
    columns, rows = np.floor(points).astype(np.int64).T
    seen = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    return float(mask[rows[seen], columns[seen]].mean()) if seen.any() else 0.0

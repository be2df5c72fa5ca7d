"""Two networks' answers about one person made one: places, and how likely each is right.

A point lies between MoveNet's and BlazePose's: where these are near each other the share changes
softly with how sure either network is, where they are far apart it is nearly a choice. A logistic
model then says how likely the point is right. ``tools/fit_fusion.py`` found the coefficients on
photographs that no measurement uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.geometry.boxes import area
from pymafsam.geometry.joints import BLAZEPOSE33, COCO17
from pymafsam.people.looks import COCO

REACH = 0.05  # of the person's size: deviation of the Gaussian that says how near two points are
LEAST = 1e-3  # confidences are kept this far from 0 and 1 before their logits are taken
HUNDRED = 100.0  # pixels; sizes are counted from here

KINDS = ("face", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How BlazePose's share of a point follows from logits of confidences.

    Rows of ``by_kind`` (order of ``KINDS``): a constant, and what a logit of MoveNet's and of
    BlazePose's confidence in this point adds. ``overall``: the same for their mean confidences, for
    how alike the two answers are altogether, and for the logarithm of the person's size. The sum
    is multiplied by ``soft`` plus ``sharp`` times the points' distance in units of ``REACH``.
    """

    by_kind: tuple[tuple[float, float, float], ...]
    overall: tuple[float, float, float, float]
    soft: float
    sharp: float


# Found on the 492 people whom the taught MoveNet has not seen.
SHARING = Sharing(
    by_kind=(
        (-0.617, -0.197, -0.358),
        (-0.637, -0.416, 0.443),
        (-0.880, -0.555, 0.476),
        (-0.382, 0.001, 0.317),
        (-0.522, -0.057, 0.013),
        (-0.854, -0.420, 0.351),
        (-1.065, -0.882, 0.135),
    ),
    overall=(0.172, 0.526, -0.054, -0.485),
    soft=0.580,
    sharp=1.841,
)

# Logistic models of a point being right (see ``features``): a constant for each kind, the logit of
# BlazePose's confidence, the logarithm of the size; and what only two networks can say: the logit
# of MoveNet's confidence, how near the two points are, how alike the answers are altogether.
MERGED = (-1.424, 0.921, 0.800, 0.620, 1.441, 0.661, 0.639, 0.265, -0.074, 1.205, 0.830, 0.097)
ALONE = (-2.561, 0.405, 0.246, -0.179, 0.595, 0.130, -0.057, 1.553, -0.156)

# The keypoint of COCO's that each other one of BlazePose's is believed like.
LIKE: Mapping[str, str] = {
    "heel": "ankle",
    "foot_index": "ankle",
    "pinky": "wrist",
    "index": "wrist",
    "thumb": "wrist",
    "eye_inner": "eye",
    "eye_outer": "eye",
}


def relative(name: str) -> int:
    """The index in COCO's order of what a keypoint of BlazePose's is believed like."""
    side, _, part = name.partition("_")
    meant = name if name in COCO17 else f"{side}_{LIKE.get(part, part)}"
    return COCO17.index(meant) if meant in COCO17 else COCO17.index("nose")  # the mouth


def kind(name: str) -> int:
    """The row of ``KINDS`` for a keypoint of COCO's."""
    part = name.rpartition("_")[2]
    return KINDS.index(part) if part in KINDS else KINDS.index("face")


RELATIVE = np.array([relative(name) for name in BLAZEPOSE33])
KIND = np.array([kind(name) for name in COCO17])


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both networks' confidences in COCO's points and how their answers lie to each other.

    ``gap`` are distances in shares of the person's size (the root of the box's area, ``side``
    pixels), ``alike`` says how far the two answers lie on each other altogether, 0..1.
    """

    movenet: Float[np.ndarray, "*people 17"]
    blazepose: Float[np.ndarray, "*people 17"]
    gap: Float[np.ndarray, "*people 17"]
    alike: Float[np.ndarray, "*people 1"]
    side: Float[np.ndarray, "*people 1"]

    @staticmethod
    def of(
        coco: Float[np.ndarray, "*people 17 3"],
        blazepose: Float[np.ndarray, "*people 17 3"],
        box: Float[np.ndarray, "*people 4"],
    ) -> "Compared":
        """The comparison of two answers for the same people."""
        side = np.sqrt(np.maximum(area(box.reshape(-1, 4)), 1.0)).reshape(*box.shape[:-1], 1)
        gap = np.linalg.norm(coco[..., :2] - blazepose[..., :2], axis=-1) / side
        # The mean of a Gaussian of their distance (deviation: a tenth of the person's size),
        # weighted by how sure both are; 1 where neither is sure of any.
        weight = coco[..., 2] * blazepose[..., 2]
        likeness = (weight * np.exp(-50 * gap**2)).sum(-1, keepdims=True) + 1e-3
        return Compared(
            movenet=coco[..., 2],
            blazepose=blazepose[..., 2],
            gap=gap,
            alike=likeness / (weight.sum(-1, keepdims=True) + 1e-3),
            side=side,
        )

    @property
    def near(self) -> Float[np.ndarray, "*people 17"]:
        """How near the two points are, 0..1."""
        return np.exp(-((self.gap / REACH) ** 2) / 2)

    def share(self, sharing: Sharing | None = None) -> Float[np.ndarray, "*people 17"]:
        """BlazePose's share of each of COCO's points, 0..1."""
        sharing = sharing or SHARING
        constant, own, other = np.array(sharing.by_kind)[KIND].T
        means = [logit(seen.mean(-1, keepdims=True)) for seen in (self.movenet, self.blazepose)]
        sizes = [logit(self.alike), np.log(self.side / HUNDRED)]
        overall = np.concatenate([*means, *sizes], axis=-1) @ np.array(sharing.overall)
        total = constant + own * logit(self.movenet) + other * logit(self.blazepose)
        total = total + overall[..., None]
        return logistic(total * (sharing.soft + sharing.sharp * self.gap / REACH))


def merged(
    coco: Float[np.ndarray, "17 3"],
    blazepose: Float[np.ndarray, "33 3"],
    box: Float[np.ndarray, "4"],
) -> Float[np.ndarray, "33 3"]:
    """BlazePose's keypoints with COCO's 17 made of both answers; confidences are likelihoods."""
    compared = Compared.of(coco, blazepose[COCO], box)
    share = compared.share()
    keypoints = blazepose.astype(np.float64)
    keypoints[COCO, :2] = coco[:, :2] + share[:, None] * (keypoints[COCO, :2] - coco[:, :2])
    values = features(compared, blazepose[:, 2], RELATIVE)
    # Where MoveNet's ankle was taken and BlazePose's is elsewhere, so is its heel.
    beside = np.maximum(share, compared.near)[RELATIVE]
    beside[COCO] = 1.0
    keypoints[:, 2] = beside * logistic(values @ np.array(MERGED))
    return keypoints


def calibrated(
    blazepose: Float[np.ndarray, "33 3"], box: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "33 3"]:
    """BlazePose's keypoints where it is alone; confidences are likelihoods."""
    unasked = Compared.of(np.zeros((17, 3)), np.zeros((17, 3)), box)
    values = features(unasked, blazepose[:, 2], RELATIVE)[:, : len(ALONE)]
    chance = logistic(values @ np.array(ALONE))
    return np.column_stack([blazepose[:, :2].astype(np.float64), chance])


def features(
    compared: Compared, blazepose: Float[np.ndarray, "points"], rows: Int[np.ndarray, "points"]
) -> Float[np.ndarray, "points features"]:
    """The numbers that ``MERGED`` weighs, for points believed like these rows of COCO's."""
    same = np.ones(len(rows))
    return np.column_stack(
        [
            np.eye(len(KINDS))[KIND[rows]],
            logit(blazepose),
            np.log(compared.side / HUNDRED) * same,
            logit(compared.movenet[rows]),
            compared.near[rows],
            logit(compared.alike) * same,
        ]
    )


def logit(chance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Inverse of the logistic function, finite."""
    inside = np.clip(np.asarray(chance, np.float64), LEAST, 1 - LEAST)
    return np.log(inside / (1 - inside))


def logistic(value: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))

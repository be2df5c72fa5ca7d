"""Distances and overlaps between what was found and what was annotated."""

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.geometry.joints import LSP14
from pymafsam.records import Inside

Points = Float[np.ndarray, "*batch points 3"]


def mpjpe(found: Points, true: Points) -> Float[np.ndarray, "*batch"]:
    """Mean per-joint position error of every sample, in the unit of the points."""
    return np.asarray(np.linalg.norm(found - true, axis=-1).mean(-1))


def procrustes(found: Points, true: Points) -> Points:
    """``found`` moved onto ``true`` by the similarity with the smallest squared error.

    Kabsch's algorithm with the determinant kept positive, so a mirrored body stays wrong.
    """
    source = found - found.mean(-2, keepdims=True)
    target_mean = true.mean(-2, keepdims=True)
    target = true - target_mean
    left, singular, right = np.linalg.svd(np.swapaxes(source, -1, -2) @ target)
    sign = np.ones_like(singular)
    sign[..., -1] = np.sign(np.linalg.det(left @ right))
    rotation = (left * sign[..., None, :]) @ right
    spread = np.maximum((source**2).sum((-1, -2)), 1e-12)
    scale = (singular * sign).sum(-1) / spread
    return scale[..., None, None] * source @ rotation + target_mean


def pa_mpjpe(found: Points, true: Points) -> Float[np.ndarray, "*batch"]:
    """MPJPE after ``procrustes`` ("reconstruction error")."""
    return mpjpe(procrustes(found, true), true)


def n_mpjpe(found: Points, true: Points) -> Float[np.ndarray, "*batch"]:
    """MPJPE after the scale with the smallest squared error; both must be root-aligned.

    Rhodin et al., "Unsupervised Geometry-Aware Representation for 3D Human Pose Estimation", 2018.
    """
    spread = np.maximum((found**2).sum((-1, -2)), 1e-12)
    scale = (found * true).sum((-1, -2)) / spread
    return mpjpe(scale[..., None, None] * found, true)


def scale_corrected(found: Points, true: Points) -> Points:
    """``found`` with the middle and the root mean square size of ``true``, for PVE-T-SC.

    Of vertices in the T-pose: shape without pose and without size. Sengupta et al., "Synthetic
    Training for Accurate 3D Human Pose and Shape Estimation in the Wild", 2020.
    """
    source = found - found.mean(-2, keepdims=True)
    target_mean = true.mean(-2, keepdims=True)
    sizes = [np.sqrt((p**2).sum((-1, -2), keepdims=True)) for p in (true - target_mean, source)]
    return source * (sizes[0] / np.maximum(sizes[1], 1e-12)) + target_mean


def near(found: Points, true: Points, within: float) -> Float[np.ndarray, "*batch points"]:
    """1 where a point lies within that distance (unit of the points), for PCK in 3D."""
    return (np.linalg.norm(found - true, axis=-1) <= within).astype(np.float64)


def area_under_curve(
    found: Points, true: Points, most: float = 0.15, steps: int = 31
) -> Float[np.ndarray, "*batch points"]:
    """Of each point the share of thresholds from 0 to ``most`` (metres) that it keeps.

    Its mean is the area under the PCK curve of MPI-INF-3DHP: 31 thresholds, 0 to 150 mm.
    """
    distance = np.linalg.norm(found - true, axis=-1)
    return (distance[..., None] <= np.linspace(0, most, steps)).mean(-1)


def angles(
    found: Float[np.ndarray, "*batch 3 3"], true: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch"]:
    """The angle between two rotations, radians: the shortest way from one to the other."""
    between = np.swapaxes(found, -1, -2) @ true
    # From sine and cosine: the arc cosine alone is blind to small angles.
    sine = np.linalg.norm(
        np.stack(
            [
                between[..., 2, 1] - between[..., 1, 2],
                between[..., 0, 2] - between[..., 2, 0],
                between[..., 1, 0] - between[..., 0, 1],
            ],
            -1,
        ),
        axis=-1,
    )
    return np.asarray(np.arctan2(sine, np.trace(between, axis1=-2, axis2=-1) - 1))


def acceleration_error(
    found: Float[np.ndarray, "times points 3"], true: Float[np.ndarray, "times points 3"]
) -> Float[np.ndarray, "inner"]:
    """Distance of the accelerations of every moment but the first and last, per frame squared.

    Kanazawa et al., "Learning 3D Human Dynamics from Video", 2019.
    """
    return mpjpe(np.diff(found, 2, axis=0), np.diff(true, 2, axis=0))


def jitter(points: Float[np.ndarray, "times points 3"], rate: float) -> Float[np.ndarray, "inner"]:
    """Mean size of the third derivative of the points, metres per second cubed.

    Yi et al., "TransPose", 2021. ``rate``: frames per second.
    """
    return np.linalg.norm(np.diff(points, 3, axis=0), axis=-1).mean(-1) * rate**3


def torso(true: Float[np.ndarray, "people 14 3"]) -> Float[np.ndarray, "people"]:
    """The length PCK is relative to, of LSP-14 joints (third column: known), in their unit.

    Left shoulder to right hip as usual; where one of them is not known the other diagonal, which
    is as long in a person seen from the front; NaN where neither is known.
    """
    lengths = [
        np.where(
            (true[:, ends, 2] > 0).all(1),
            np.linalg.norm(true[:, ends[0], :2] - true[:, ends[1], :2], axis=-1),
            np.nan,
        )
        for ends in _DIAGONALS
    ]
    return np.where(np.isnan(lengths[0]), lengths[1], lengths[0])


_DIAGONALS = [
    [LSP14.index("left_shoulder"), LSP14.index("right_hip")],
    [LSP14.index("right_shoulder"), LSP14.index("left_hip")],
]


def correct_keypoints(
    found: Float[np.ndarray, "people points 2"],
    true: Float[np.ndarray, "people points 2"],
    known: Bool[np.ndarray, "people points"],
    torso: Float[np.ndarray, "people"],
    share: float,
) -> float:
    """PCK: the share of known keypoints within ``share`` of the person's torso length.

    People whose torso is NaN do not count.
    """
    distance = np.linalg.norm(found - true, axis=-1)
    counted = known & ~np.isnan(torso)[:, None]
    return float((distance <= share * torso[:, None])[counted].mean())


def iou(one: Inside, other: Inside) -> float:
    """Intersection over union; two empty masks agree."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def counted(one: Inside, true: Inside) -> tuple[float, ...]:
    """Pixels right, wrong and missing, outside and inside the mask, for an F1 over both classes."""
    both, only, missed = (one & true).sum(), (one & ~true).sum(), (~one & true).sum()
    return tuple(map(float, ((~one & ~true).sum(), missed, only, both, only, missed)))


def boundary_f(one: Inside, other: Inside, tolerance: float | None = None) -> float:
    """F-score of the two outlines, matched within ``tolerance`` pixels.

    The default tolerance is 0.8 % of the picture's diagonal (Perazzi et al., "A Benchmark Dataset
    and Evaluation Methodology for Video Object Segmentation", 2016).
    """
    import cv2

    if tolerance is None:
        tolerance = 0.008 * float(np.hypot(*one.shape))
    outlines = [_outline(mask) for mask in (one, other)]
    if not outlines[0].any() or not outlines[1].any():
        return float(outlines[0].any() == outlines[1].any())
    shares = []
    for mine, theirs in (outlines, outlines[::-1]):
        away = cv2.distanceTransform((~theirs).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        shares.append(float((away[mine] <= tolerance).mean()))
    precision, recall = shares
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Inside) -> Inside:
    import cv2

    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    return mask & ~inner.astype(bool)

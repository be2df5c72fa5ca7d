"""What SMPL users mean by their joints: the 54 points of the original, and the 49 chosen of them.

The 24 joints of the skeleton, 21 single vertices (face, feet, finger tips), 9 points of
``J_regressor_extra.npy``. Skeleton joints are written as vertex ids past the last vertex, see
``model.KeypointRegressor``.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Real

from pymafsam.body.model import KeypointRegressor
from pymafsam.geometry.joints import COCO17, FEET6, LSP14, SMPL24, mapping

VERTICES = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
    "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387,
    "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
    "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556,
    "left_pinky": 2673, "right_thumb": 6191, "right_index": 5782, "right_middle": 5905,
    "right_ring": 6016, "right_pinky": 6133,
}  # fmt: skip
VERTEX_COUNT = 6890
EXTRA = 9  # right hip, left hip, neck, head top (LSP), pelvis, thorax (MPII), spine, jaw, head
# The 49 joints of the original among the 54: 25 in OpenPose's order, then J24.
JOINTS49 = np.array(
    [24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7]
    + [25, 26, 27, 28, 29, 30, 31, 32, 33, 34]
    + [8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20]
    + [47, 48, 49, 50, 51, 52, 53, 24, 26, 25, 28, 27]
)
Row = tuple[np.ndarray, np.ndarray]  # ids and weights


def regressors(
    skeleton: Real[np.ndarray, "joints vertices"],
    extra: Real[np.ndarray, "9 vertices"] | None,
    h36m: Real[np.ndarray, "17 vertices"] | None,
    vertices: int = VERTEX_COUNT,
) -> Mapping[str, KeypointRegressor]:
    """The keypoint sets of an SMPL body, as far as its files go.

    ``coco17``, ``feet6``, ``lsp14``, ``h36m17`` are combinations of vertices alone, so that a fit
    can use them: where the original takes a joint of the skeleton, they take the rows that place
    it in the rest pose. ``j24`` and ``j49`` are the original's, skeleton joints included.
    ``rest24`` are the rows that place the skeleton in the rest pose (J_regressor).
    ``skeleton`` (24 rows), ``extra`` (9) and ``h36m`` (17) weigh vertices.
    """
    on_surface = _rows(skeleton)
    picked = [_row([vertex]) for vertex in VERTICES.values()]
    out: dict[str, KeypointRegressor] = {"rest24": packed(on_surface)}
    if vertices == VERTEX_COUNT:
        out |= _named(on_surface, picked, None if extra is None else _rows(extra))
        if extra is not None:
            joints = [_row([vertices + j]) for j in range(len(on_surface))]
            exact = [joints, picked, _rows(extra)]
            points = [row for rows in exact for row in rows]
            out["j49"] = packed([points[i] for i in JOINTS49])
            out["j24"] = packed([points[i] for i in JOINTS49[25:]])
    if h36m is not None:
        out["h36m17"] = packed(_rows(h36m))
    return out


def _named(
    skeleton: list[Row], picked: list[Row], extra: list[Row] | None
) -> dict[str, KeypointRegressor]:
    """Layouts by their joints' names, of vertices alone."""
    by_name = dict(zip(SMPL24, skeleton, strict=True))
    by_name |= dict(zip(VERTICES, picked, strict=True))
    out = {"feet6": packed([by_name[n] for n in FEET6])}
    if extra is None:  # hips inside the pelvis, about 3 cm off COCO's
        return out | {"coco17": packed([by_name[n] for n in COCO17])}
    points = [*skeleton, *picked, *extra]
    j24 = [points[i] for i in JOINTS49[25:]]
    sets = {"coco17": COCO17, "lsp14": LSP14}
    return out | {name: packed([j24[i] for i in mapping("j24", name)]) for name in sets}


def _row(ids: list[int]) -> Row:
    return np.array(ids), np.ones(len(ids))


def _rows(matrix: Real[np.ndarray, "rows vertices"]) -> list[Row]:
    return [(np.flatnonzero(row), row[np.flatnonzero(row)]) for row in matrix]


def packed(rows: list[Row]) -> KeypointRegressor:
    """Rows of different lengths as one regressor; short ones end in zero weights."""
    most = max(1, *(len(ids) for ids, _ in rows))
    vertices = np.zeros((len(rows), most), np.int32)
    weights = np.zeros((len(rows), most), np.float32)
    for i, (ids, values) in enumerate(rows):
        vertices[i, : len(ids)], weights[i, : len(ids)] = ids, values
    return KeypointRegressor(vertices=vertices, weights=weights)

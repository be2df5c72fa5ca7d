"""Over a body's surface: evenly spread anchors, parts, and DensePose's charts from its own file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body.model import BodyModel
from pymafsam.errors import BadInput
from pymafsam.files.matlab import read_mat

ANCHORS = 431
PARTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """The surface cut into flat parts: a vertex on a seam appears once per part it touches."""

    vertices: Int[np.ndarray, "cut"]  # the body's vertex behind each
    faces: Int[np.ndarray, "faces 3"]
    part: Int[np.ndarray, "cut"]  # 1 to 24
    uv: Float[np.ndarray, "cut 2"]  # in [0, 1] within the part


def read_charts(path: Path, vertices: int) -> Charts:
    """DensePose's ``UV_Processed.mat`` for a body of that many vertices.

    Part of a cut vertex: that of the first face it belongs to. Raises BadInput for other contents.
    """
    content = read_mat(path)
    try:
        ids = content["All_vertices"].ravel().astype(np.int64) - 1
        faces = content["All_Faces"].astype(np.int64) - 1
        face_part = content["All_FaceIndices"].ravel().astype(np.int64)
        uv = np.stack([content[f"All_{axis}_norm"].ravel() for axis in "UV"], axis=1)
    except (KeyError, AttributeError, ValueError) as error:
        raise BadInput(f"{path} is not DensePose's UV_Processed.mat ({error}).") from error
    fits = faces.shape == (len(face_part), 3) and len(uv) == len(ids) > 0
    fits = fits and 0 <= faces.min() <= faces.max() < len(ids)
    if not fits or not 0 <= ids.min() <= ids.max() < vertices:
        raise BadInput(f"{path} does not belong to a body of {vertices} vertices.")
    part = np.zeros(len(ids), np.int64)
    part[faces[::-1].ravel()] = np.repeat(face_part[::-1], 3)  # the first face writes last
    return Charts(vertices=ids, faces=faces, part=part, uv=uv.astype(np.float32))


def read_uv(
    path: Path, vertices: int
) -> tuple[Int[np.ndarray, "vertices"], Float[np.ndarray, "vertices 2"]]:
    """Part and (u, v) per vertex of the body, on seams those of the first chart; see above."""
    charts = read_charts(path, vertices)
    part, uv = np.zeros(vertices, np.int32), np.zeros((vertices, 2), np.float32)
    part[charts.vertices[::-1]] = charts.part[::-1]
    uv[charts.vertices[::-1]] = charts.uv[::-1]
    return part, uv


def parts_of(
    template: Float[np.ndarray, "vertices 3"], weights: Float[np.ndarray, "vertices joints"]
) -> tuple[Int[np.ndarray, "vertices"], Float[np.ndarray, "vertices 2"]]:
    """Parts by the joint with the largest weight, and cylinder coordinates in each.

    u runs around the part's longest direction, v along it.
    """
    part = weights.argmax(axis=1).astype(np.int32) + 1
    uv = np.zeros((len(template), 2), np.float32)
    for number in np.unique(part):
        mine = part == number
        centred = template[mine] - template[mine].mean(axis=0)
        axes = np.linalg.svd(centred, full_matrices=False)[2]
        axes *= np.where(axes.sum(axis=1) < 0, -1, 1)[:, None]  # the sign is the library's whim
        along, across, depth = (centred @ axis for axis in axes)
        uv[mine, 0] = np.arctan2(depth, across) / (2 * np.pi) + 0.5
        uv[mine, 1] = (along - along.min()) / max(float(np.ptp(along)), 1e-9)
    return part, uv


def charts_of(model: BodyModel) -> Charts:
    """The body's own parts as charts: every face belongs to one part and has its own corners.

    The part is that of most of the face's corners (the first's, when all differ); a corner of
    another part takes the mean coordinates of the others. u runs around: a face across the seam
    counts on past 1 and is cut off there, instead of running back through the whole circle.
    """
    corners = model.part[model.faces]
    agree = corners[:, [1, 2, 0]] == corners[:, [2, 0, 1]]  # do the other two agree?
    part = np.where(agree[:, 0], corners[:, 1], corners[:, 0])
    mine = (corners == part[:, None]).astype(np.float32)[..., None]
    uv = model.uv[model.faces]
    u = uv[..., 0]
    across = np.ptp(np.where(mine[..., 0] > 0, u, u[:, :1]), axis=1) > 0.5
    uv = uv + np.stack([across[:, None] & (u < 0.5), np.zeros_like(u, bool)], axis=-1)
    mean = (mine * uv).sum(axis=1, keepdims=True) / mine.sum(axis=1, keepdims=True)
    uv = np.where(mine > 0, uv, mean)
    return Charts(
        vertices=model.faces.reshape(-1).astype(np.int64),
        faces=np.arange(model.faces.size).reshape(-1, 3),
        part=np.repeat(part, 3).astype(np.int64),
        uv=np.clip(uv, 0, 1).reshape(-1, 2).astype(np.float32),
    )


def farthest_points(
    points: Float[np.ndarray, "points 3"], count: int = ANCHORS, first: int = 0
) -> Int[np.ndarray, "chosen"]:
    """Indices of points spread evenly: each new one is the farthest from those chosen before.

    Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """
    count = min(count, len(points))
    chosen = np.full(count, first)
    distance = np.full(len(points), np.inf)
    for i in range(count - 1):
        away = np.sum((points - points[chosen[i]]) ** 2, axis=1)
        distance = np.minimum(distance, away)
        chosen[i + 1] = distance.argmax()
    return np.sort(chosen)

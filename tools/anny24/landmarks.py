"""Keypoints as sparse convex rows on the kept surface, anchors, parts and (u, v)."""

from dataclasses import dataclass

import numpy as np

from anny24.skeleton import Linear, TPosed, blended, chain, world_turns
from anny24.source import Source
from anny24.surface import EYES, MOUTH, connected, rims
from pymafsam.geometry import joints, rotation

MOST_VERTICES = 16  # of a regressor's row
CANDIDATES = 400  # nearest vertices that a row may use
SUM_TO_ONE = 100.0  # weight of that equation beside distances in metres
POSE_SPREAD = 0.35  # radians about each axis of each joint


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Things to aim at, each a row of convex weights over vertices, joints and bone heads."""

    rows: dict[str, np.ndarray]
    positions: Linear
    weights: np.ndarray  # (points, 24) skinning


def sources_of_points(source: Source, body: TPosed) -> Points:
    """Every named point that the layouts are made of, in terms of the original's own points."""
    count, heads = len(source.template), len(source.bones)
    size = count + len(joints.SMPL24) + heads
    rows: dict[str, np.ndarray] = {}

    def one(index):
        row = np.zeros(size)
        row[index] = 1 / np.size(index)
        return row

    for name, weights in source.keypoints.items():
        rows[name] = np.r_[weights / weights.sum(), np.zeros(size - count)]
    for index, name in enumerate(joints.SMPL24):
        rows["joint " + name] = one(count + index)
    for index, name in enumerate(source.bones):
        rows["bone " + name] = one(count + len(joints.SMPL24) + index)
    for name, index in _face_and_feet(source).items():
        rows[name] = one(index)
    positions = [body.vertices, body.joints, body.bone_heads]
    return Points(
        rows=rows,
        positions=Linear(
            template=np.concatenate([p.template for p in positions]),
            blend=np.concatenate([p.blend for p in positions], axis=1),
        ),
        weights=np.vstack([body.weights, np.eye(24), np.eye(24)[body.bone_joint]]),
    )


def _face_and_feet(source: Source) -> dict[str, np.ndarray]:
    points, faces = source.template, source.faces
    piece = connected(faces, len(points))
    skin = np.flatnonzero(piece == np.bincount(piece).argmax())
    mine = np.isin(faces[:, 0], skin)
    found = {"head_top": skin[[points[skin, 1].argmax()]]}
    (lips,) = rims(faces[mine & (source.cavity == MOUTH)])
    for side, sign in (("left", 1), ("right", -1)):
        corner = lips[np.argmax(points[lips, 0] * sign)]
        found[f"{side}_mouth"] = np.array([corner])
        lids = next(
            r for r in rims(faces[mine & (source.cavity == EYES)]) if points[r[0], 0] * sign > 0
        )
        across = points[lids, 0] * sign
        found[f"{side}_eye_inner"] = np.array([lids[across.argmin()]])
        found[f"{side}_eye_outer"] = np.array([lids[across.argmax()]])
        toe = source.weights[:, source.bones.index(f"toe1-2.{side[0].upper()}")] > 0.9
        tip = np.flatnonzero(toe)
        found[f"{side}_toe_tip"] = tip[np.argsort(-points[tip, 2])[:1]]
    return found


def definitions() -> dict[str, list[list[str]]]:
    """Per layout and point the named things whose mean it is (docs/conventions.md says why)."""

    def side(name):
        return name.split("_")[0][0].upper()

    def h36m(name):
        special = {
            "pelvis": ["joint left_hip", "joint right_hip"],
            "spine": ["joint spine2"],
            "neck": ["joint neck"],
            "jaw": ["joint head", "nose"],
            "head_top": ["head_top"],
        }
        return special.get(name, ["joint " + name])

    def blazepose(name):
        part = name.removeprefix("left_").removeprefix("right_")
        special = {
            "pinky": [f"bone finger5-1.{side(name)}"],
            "index": [f"bone finger2-1.{side(name)}"],
            "thumb": [f"bone finger1-2.{side(name)}"],
            "foot_index": [name.replace("foot_index", "toe_tip")],
            "mouth_left": ["left_mouth"],
            "mouth_right": ["right_mouth"],
        }
        return special.get(part, [name])

    return {
        "coco17": [[name] for name in joints.COCO17],
        "feet6": [[name] for name in joints.FEET6],
        "lsp14": [["joint neck"] if name == "neck" else [name] for name in joints.LSP14],
        "h36m17": [h36m(name) for name in joints.H36M17],
        "blazepose33": [blazepose(name) for name in joints.BLAZEPOSE33],
    }


def posed(points: np.ndarray, weights: np.ndarray, rest: np.ndarray, turns: np.ndarray):
    """Linear blend skinning of (n, 3) points; ``rest`` (24, 3) joints, ``turns`` (24, 3, 3)."""
    joints_at_rest = Linear(template=rest, blend=np.zeros((0, *rest.shape)))
    world = world_turns(turns)
    _, shifts = chain(joints_at_rest, world)
    return np.einsum("vab,vb->va", blended(weights, world), points) + weights @ shifts.template


def fitted_rows(
    points: Points,
    kept: np.ndarray,
    kept_weights: np.ndarray,
    mirror: np.ndarray,
    coefficients: np.ndarray,
    generator: np.random.Generator,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Layout -> (vertices, weights): every point as a convex row over kept vertices.

    Non-negative least squares over ``coefficients``' people in random poses; the right side is
    the left's mirror image.
    """
    surface, aims = [], []
    wanted = definitions()
    flat = {"+".join(parts): parts for layout in wanted.values() for parts in layout}
    matrix = np.array([np.mean([points.rows[p] for p in parts], 0) for parts in flat.values()])
    everything = points.positions.at(coefficients)
    joint_rows = np.array([points.rows["joint " + n] for n in joints.SMPL24]) > 0
    for person in everything:
        turns = rotation.from_axis_angle(generator.normal(0, POSE_SPREAD, (24, 3)))
        rest = np.array([person[row][0] for row in joint_rows])
        moved = posed(person, points.weights, rest, turns)
        seen = posed(person[kept], kept_weights, rest, turns)
        surface.append(seen)
        aims.append(matrix @ moved)
    surface, aims = np.array(surface), np.array(aims)
    fitted = {}
    for index, key in enumerate(flat):
        if not _right(key):
            fitted[key] = _row(surface, aims[:, index])
    return {
        layout: _stacked([_of_side("+".join(p), fitted, mirror) for p in parts])
        for layout, parts in wanted.items()
    }


def _left(key: str) -> bool:
    return ("left" in key or ".L" in key) and not ("right" in key or ".R" in key)


def _right(key: str) -> bool:
    return ("right" in key or ".R" in key) and not ("left" in key or ".L" in key)


def _row(surface: np.ndarray, aim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import nnls

    distance = np.linalg.norm(surface - aim[:, None], axis=-1).mean(axis=0)
    near = np.argsort(distance, kind="stable")[:CANDIDATES]
    while True:
        equations = surface[:, near].transpose(0, 2, 1).reshape(-1, len(near))
        equations = np.vstack([equations, np.full((1, len(near)), SUM_TO_ONE)])
        weights = nnls(equations, np.r_[aim.ravel(), SUM_TO_ONE], maxiter=20_000)[0]
        near, weights = near[weights > 0], weights[weights > 0]
        if len(near) <= MOST_VERTICES:
            return near, weights / weights.sum()
        # A quarter at a time: the rest can then take over from those that leave.
        most = max(MOST_VERTICES, len(near) * 3 // 4)
        near = near[np.argsort(-weights, kind="stable")[:most]]


def _of_side(key, fitted, mirror):
    if key in fitted:
        vertices, weights = fitted[key]
        if _left(key):
            return vertices, weights
        # A point of the middle: the mean of its row and the mirrored row.
        both = {}
        for v, w in zip(
            np.r_[vertices, mirror[vertices]], np.r_[weights, weights] / 2, strict=True
        ):
            both[int(v)] = both.get(int(v), 0.0) + float(w)
        return np.array(list(both)), np.array(list(both.values()))
    vertices, weights = fitted[key.replace("right", "left").replace(".R", ".L")]
    return mirror[vertices], weights


def _stacked(rows) -> tuple[np.ndarray, np.ndarray]:
    width = max(len(vertices) for vertices, _ in rows)
    index = np.zeros((len(rows), width), np.int32)
    value = np.zeros((len(rows), width), np.float32)
    for i, (vertices, weights) in enumerate(rows):
        index[i, : len(vertices)] = vertices
        value[i, : len(weights)] = weights
    return index, value


def anchors(template: np.ndarray, mirror: np.ndarray, count: int) -> np.ndarray:
    """About ``count`` vertices spread evenly: farthest points, each taken with its mirror image."""
    start = int(template[:, 1].argmax())
    chosen = [start]
    distance = np.linalg.norm(template - template[start], axis=1)
    # Beside the seam a vertex and its image would be too close together.
    lone = (np.abs(template[:, 0]) < 0.012) & (mirror != np.arange(len(mirror)))
    while len(chosen) < count:
        far = int(np.where(lone, 0, distance).argmax())
        for v in dict.fromkeys([far, int(mirror[far])]):
            chosen.append(v)
            distance = np.minimum(distance, np.linalg.norm(template - template[v], axis=1))
    # Head to toe, the person's right to left: an order that means something to a network.
    chosen = np.array(chosen)
    return chosen[np.lexsort((template[chosen, 0], -np.round(template[chosen, 1], 2)))]


def cylindrical(template: np.ndarray, part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(v, 2) in [0, 1]: per part the angle around its bone and the way along it."""
    uv = np.zeros((len(template), 2))
    for j in range(len(rest)):
        mine = np.flatnonzero(part == j + 1)
        axis = _axis(j, rest, template[mine])
        offset = template[mine] - rest[j]
        along = offset @ axis
        forward = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.8 else np.array([0.0, 1.0, 0.0])
        across = np.cross(axis, forward)
        across /= np.linalg.norm(across)
        angle = np.arctan2(offset @ across, offset @ np.cross(across, axis))
        uv[mine, 0] = angle / (2 * np.pi) + 0.5
        uv[mine, 1] = (along - along.min()) / np.ptp(along)
    return np.clip(uv, 0, 1)


def _axis(joint: int, rest: np.ndarray, mine: np.ndarray) -> np.ndarray:
    children = np.flatnonzero(np.equal(joints.SMPL24_PARENTS, joint))
    end = rest[children].mean(axis=0) if len(children) else mine.mean(axis=0)
    axis = end - rest[joint]
    return axis / np.linalg.norm(axis)

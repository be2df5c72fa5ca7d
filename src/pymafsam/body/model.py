"""The body model: shape and pose to mesh and joints, by linear blend skinning in numpy.

Loper et al., "SMPL: A Skinned Multi-Person Linear Model", 2015. Nothing here assumes a number of
vertices, joints or betas. Metres; rest pose with y up, facing +z, x to the person's left.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.errors import BadInput, BadUsage
from pymafsam.geometry import camera as cameras
from pymafsam.geometry.joints import COCO17, LAYOUTS, mapping
from pymafsam.records import Body, Camera, Mask, Mesh, Person, Pose
from pymafsam.registry import closest

Points = Float[np.ndarray, "*batch points 3"]
# What a Body carries in 3D, as far as the model has regressors for it.
BODY_LAYOUTS = ("coco17", "lsp14", "h36m17")
PART_OF_J24 = ("coco17", "lsp14")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointRegressor:
    """Keypoints as sparse convex combinations of vertices; short rows end in zero weights.

    Sets that mean joints of the skeleton itself (SMPL's ``j24``, ``j49``) count on behind the
    last vertex: id ``vertices + j`` is joint j. ``keypoints`` reads both kinds.
    """

    vertices: Int[np.ndarray, "points most"]
    weights: Float[np.ndarray, "points most"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BodyModel:
    """A body in SMPL's format.

    ``shape_dirs`` and ``joints_dirs`` move vertices and rest joints by metres per unit of beta;
    ``pose_dirs`` (optional) by the entries of R - I of all joints but the first, row by row.
    ``anchors`` are vertices spread evenly over the surface; ``part`` numbers the parts from 1;
    ``uv`` in [0, 1] are coordinates within a part; ``mirror`` names each vertex's other side.
    """

    name: str
    template: Float[np.ndarray, "vertices 3"]
    shape_dirs: Float[np.ndarray, "vertices 3 betas"]
    pose_dirs: Float[np.ndarray, "vertices 3 entries"] | None = None
    weights: Float[np.ndarray, "vertices joints"]
    parents: Int[np.ndarray, "joints"]
    faces: Int[np.ndarray, "faces 3"]
    joints_template: Float[np.ndarray, "joints 3"]
    joints_dirs: Float[np.ndarray, "joints 3 betas"]
    regressors: Mapping[str, KeypointRegressor]
    anchors: Int[np.ndarray, "anchors"]
    part: Int[np.ndarray, "vertices"]
    uv: Float[np.ndarray, "vertices 2"]
    mirror: Int[np.ndarray, "vertices"] | None = None

    def __repr__(self) -> str:
        vertices, _, betas = self.shape_dirs.shape
        return f"<body {self.name}: {vertices} vertices, {len(self.parents)} joints, {betas} betas>"


def skin(
    model: BodyModel, pose: Pose, *, vertices: Int[np.ndarray, "chosen"] | None = None
) -> Mesh:
    """Vertices (*batch v 3) and joints (*batch j 3), metres, in the axes the root turns into.

    ``pose.betas`` may have fewer betas than the model (the rest are zero). With ``vertices`` only
    those are computed, in that order. Raises BadInput for another number of joints or more betas.
    """
    _check(model, pose)
    batch = pose.rotations.shape[:-3]
    turns = pose.rotations.astype(np.float32, copy=False).reshape(-1, len(model.parents), 3, 3)
    betas = pose.betas.astype(np.float32, copy=False).reshape(len(turns), pose.betas.shape[-1])
    posed, shifts, world = _chain(model, turns, betas)
    chosen = slice(None) if vertices is None else vertices
    rest = _rest(model, turns, betas, chosen)
    # Columns of the (3, 4) transforms side by side, so that one product blends them all.
    columns = np.concatenate([np.swapaxes(world, -1, -2), shifts[..., None, :]], axis=-2)
    blended = model.weights[chosen] @ columns.reshape(len(betas), len(model.parents), 12)
    skinned = blended[..., 9:].copy()
    for axis in range(3):
        skinned += blended[..., 3 * axis : 3 * axis + 3] * rest[..., axis : axis + 1]
    return Mesh(
        vertices=skinned.reshape(*batch, -1, 3), joints=posed.reshape(*batch, len(model.parents), 3)
    )


def _check(model: BodyModel, pose: Pose) -> None:
    joints, betas = pose.rotations.shape[-3], pose.betas.shape[-1]
    if joints != len(model.parents) or betas > model.shape_dirs.shape[-1]:
        raise BadInput(
            f"The pose has {joints} joints and {betas} betas; the body {model.name} takes "
            f"{len(model.parents)} joints and at most {model.shape_dirs.shape[-1]} betas.\n"
            "  Was it saved with another --body?"
        )


def _chain(
    model: BodyModel,
    turns: Float[np.ndarray, "people joints 3 3"],
    betas: Float[np.ndarray, "people betas"],
):
    """Posed joints, shifts and rotations, so that joint j moves x to world x + shift."""
    rest = model.joints_template + _moved(model.joints_dirs, betas)
    world, posed = np.empty_like(turns), np.empty_like(rest)
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            world[:, joint], posed[:, joint] = turns[:, joint], rest[:, joint]
            continue
        world[:, joint] = world[:, parent] @ turns[:, joint]
        offset = rest[:, joint] - rest[:, parent]
        posed[:, joint] = posed[:, parent] + _apply(world[:, parent], offset)
    return posed, posed - _apply(world, rest), world


def _moved(
    directions: Float[np.ndarray, "points 3 amounts"], amounts: Float[np.ndarray, "people used"]
) -> Float[np.ndarray, "people points 3"]:
    """(n, 3, b) directions by (people, up to b) amounts -> (people, n, 3)."""
    used = directions[..., : amounts.shape[1]].reshape(3 * len(directions), amounts.shape[1])
    return (used @ amounts.T).T.reshape(len(amounts), len(directions), 3)


def _apply(
    matrix: Float[np.ndarray, "*batch 3 3"], vector: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    return (matrix @ vector[..., None])[..., 0]


def _rest(
    model: BodyModel,
    turns: Float[np.ndarray, "people joints 3 3"],
    betas: Float[np.ndarray, "people betas"],
    chosen,
) -> Float[np.ndarray, "people chosen 3"]:
    """The unposed people (people, v, 3), with the pose's own corrections if the model has any."""
    rest = model.template[chosen] + _moved(model.shape_dirs[chosen], betas)
    if model.pose_dirs is None:
        return rest
    bent = (turns[:, 1:] - np.eye(3, dtype=np.float32)).reshape(len(turns), -1)
    return rest + _moved(model.pose_dirs[chosen], bent)


def regressor(model: BodyModel, layout: str) -> KeypointRegressor:
    """The model's rows for a layout. Raises BadUsage when it has none."""
    if layout not in model.regressors:
        raise BadUsage(
            f'The body {model.name} has no keypoints called "{layout}"'
            f"{closest(layout, model.regressors)}\n  It has: {', '.join(model.regressors)}"
        )
    return model.regressors[layout]


def regress(
    model: BodyModel, vertices: Float[np.ndarray, "*batch vertices 3"], layout: str
) -> Points:
    """The layout's keypoints on posed ``vertices`` (all of them), same axes and units."""
    rows = regressor(model, layout)
    return np.einsum("km,...kmd->...kd", rows.weights, vertices[..., rows.vertices, :])


def keypoints(model: BodyModel, mesh: Mesh, layout: str) -> Points:
    """The layout's keypoints on a whole posed mesh, same axes and units.

    SMPL's users mean joints of its skeleton in ``coco17`` and ``lsp14``: where the model has the
    original's ``j24`` they are taken from there. Raises BadUsage for a layout it does not have.
    """
    points = np.concatenate([mesh.vertices, mesh.joints], axis=-2)
    if layout in PART_OF_J24 and "j24" in model.regressors:
        return regress(model, points, "j24")[..., mapping("j24", layout), :]
    return regress(model, points, layout)


def place(
    model: BodyModel,
    pose: Pose,
    translation: Float[np.ndarray, "3"],
    camera: Camera,
    person: Person,
    score: float,
    mask: Mask | None = None,
    *,
    mesh: Mesh | None = None,
) -> Body:
    """One person's pose (root turned into camera axes) at ``translation`` before ``camera``.

    Keypoints come from the mesh (skinned here unless it is given): 2D in picture pixels, 3D in
    metres with the translation added.
    """
    if mesh is None:
        mesh = skin(model, pose)
    sets = {
        layout: keypoints(model, mesh, layout) + translation
        for layout in BODY_LAYOUTS
        if layout in model.regressors
    }
    seen = {}
    if "coco17" in sets:
        confidence = _confidence(person, score)
        seen["coco17"] = np.column_stack([cameras.project(sets["coco17"], camera), confidence])
    return Body(
        person=person,
        pose=pose,
        mesh=mesh,
        translation=translation,
        score=score,
        mask=mask,
        keypoints_2d=seen,
        joints_3d={**sets, "body24": mesh.joints + translation},
        weak_camera=cameras.weak_camera(translation, _squared(person.box), camera),
    )


def _confidence(person: Person, score: float) -> Float[np.ndarray, "17"]:
    """How surely each COCO keypoint was seen by the detector, else the person's score."""
    if person.keypoints is None or not set(COCO17) <= set(LAYOUTS[person.layout]):
        return np.full(len(COCO17), score)
    return person.keypoints[mapping(person.layout, "coco17"), 2].astype(np.float64)


def _squared(box: Float[np.ndarray, "4"]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, box)
    half = max(x1 - x0, y1 - y0, 1.0) / 2
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half

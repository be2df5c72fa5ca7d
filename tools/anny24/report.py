"""How far the embedded body is from Anny itself, over people and poses it was not made from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anny24 import motions, pictures, shape, skeleton, surface
from anny24.landmarks import posed
from anny24.source import Population, Source, draw_people, extract, upright
from pymafsam import body
from pymafsam.body.embedded import read
from pymafsam.files.atomic import writing
from pymafsam.geometry.joints import COCO17, FEET6, SMPL24, SMPL24_PARENTS
from pymafsam.records import Pose

PEOPLE = 160
TURN = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # Anny's axes -> ours

HEADING = """# The embedded body, compared with Anny

Written by `tools/build_body.py --report docs/body.md --motions FOLDER` (DeepMimic's motions).
Compared are {people} people drawn from Anny's sampler with another seed than those the body was
made from. Anny poses them with its own skinning on its 104 bones, `anny24` with 24 joints and 10
betas (least squares in T-pose, joints weighted as in the making). Both have the pelvis at the
origin.

`{file}`: {size:.2f} MB, {vertices} vertices (a subset of Anny's 13,718), {faces} faces, closed,
mirror-symmetric, 24 joints in SMPL's order.

![poses and ages](images/anny24.jpg)

The aims were 1.3 mm in T-pose and 3 mm posed (means). On these vertices ten betas miss both, the
second narrowly: they are already the best ten in the least squares sense (joints count twenty
times, which costs 0.1 mm at rest and gains 0.5 mm posed). Anny's own vertices crowd on
head, hands and feet, where errors are small; averaged over all of them, or over more betas:

{more}

"""
ERRORS = """## Error in millimetres

| poses | vertices, mean | p99 | largest | joints, mean | p99 | keypoints, mean | p99 |
|---|---|---|---|---|---|---|---|"""
CAUSES = """Where it comes from (mean over vertices): the bones that turn together, and the betas.

| poses | exact shape, 24 joints | 0 betas | 3 betas | 6 betas | 10 betas |
|---|---|---|---|---|---|"""
SIMPLIFICATION = """## Simplification

Distance of the original skin's vertices ({count} of its left half; mouth and eye sockets closed)
to the kept surface, average person in T-pose, in millimetres: mean {mean:.2f}, p99 {p99:.2f};
{cells}.

Where the faces are:

"""
MEANING = """## What the betas do

Change of height and weight (volume x 1000 kg/m3) against the average at -2 / +2, and correlations
with Anny's own traits over the population (age up to 25 years; gender 1 is female).

| beta | share of variance | height, cm | weight, kg | correlates with |
|---|---|---|---|---|"""
AGES = """
The average person: {height:.0f} cm, {weight:.0f} kg. Unit variance is over everybody; ages differ
(mean, deviation in brackets):

| years | people | height, cm | beta 0 | beta 1 | beta 2 | norm of all, median |
|---|---|---|---|---|---|---|"""
CLOSING = """## What differs from SMPL

* Order, parents and meaning of the 24 rotations are SMPL's, and the rest pose is a T-pose: poses
  can be carried over. The hips are 21 cm apart and less than 2 cm below the pelvis joint; SMPL's
  are narrower and lower. Joint positions, betas, vertex numbers and parts are not SMPL's.
* One body for babies to old people. The betas come from Anny's sampler, calibrated to WHO's growth
  tables, uniform over ages of 0 to 90 years.
* No corrections by pose: like Anny, plain linear blend skinning. Raised arms pull the shoulder in,
  a twisted forearm thins at the wrist.
* Skinned to the T-pose and from there to another pose is not quite skinned at once: with lowered
  arms the armpits are 6 to 12 mm off (the column "exact shape" above), the rest is not.
* Thumbs belong to the wrist joint: bending the hand joint would pull them out of their sockets.
* The eye sockets are closed by a fan over the eyeball, the mouth by thin faces between the lips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What Anny itself gives: kept vertices, 24 joints and keypoints, pelvis at the origin."""

    vertices: np.ndarray
    joints: np.ndarray
    keypoints: np.ndarray


class Anny:
    """Anny's own skinning on its own 104 bones, driven by rotations of the 24 joints."""

    def __init__(self, model, source: Source, turns: np.ndarray, kept: np.ndarray):
        self.model, self.source, self.turns, self.kept = model, source, turns, kept
        self.owner = skeleton.joint_of_bones(source.bones)
        self.rows = skeleton.joint_rows(source.bones)
        self.points = np.array([source.keypoints[name] for name in COCO17 + FEET6])

    def posed(self, phenotypes: dict[str, np.ndarray], rotations: np.ndarray) -> Truth:
        """People with ``rotations`` (people, 24, 3, 3) that start from the T-pose."""
        import torch

        world = np.empty_like(rotations)
        for j, parent in enumerate(SMPL24_PARENTS):
            world[:, j] = rotations[:, j] if j == 0 else world[:, parent] @ rotations[:, j]
        turned = (TURN.T @ (world @ self.turns) @ TURN)[:, self.owner]
        given = {name: torch.tensor(value) for name, value in phenotypes.items()}
        rest = self.model(phenotype_kwargs=given)["rest_bone_poses"].numpy()
        wanted = np.tile(np.eye(4), (*turned.shape[:2], 1, 1))
        wanted[..., :3, :3] = turned @ rest[..., :3, :3]
        found = self.model(
            pose_parameters=torch.tensor(wanted),
            phenotype_kwargs=given,
            pose_parameterization="world-orient",
        )
        vertices = upright(found["vertices"].numpy())
        joints = self.rows @ upright(found["bone_poses"].numpy()[..., :3, 3])
        pelvis = joints[:, :1]
        return Truth(
            vertices=vertices[:, self.kept] - pelvis,
            joints=joints - pelvis,
            keypoints=self.points @ vertices - pelvis,
        )

    def crowd(self, phenotypes: dict[str, np.ndarray], rotations: np.ndarray) -> Truth:
        """The same, a few people at a time to save memory."""
        found = [
            self.posed({k: v[i : i + 20] for k, v in phenotypes.items()}, rotations[i : i + 20])
            for i in range(0, len(rotations), 20)
        ]
        return Truth(
            vertices=np.concatenate([f.vertices for f in found]),
            joints=np.concatenate([f.joints for f in found]),
            keypoints=np.concatenate([f.keypoints for f in found]),
        )


def betas_of(model: body.BodyModel, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The betas of T-posed vertices (people, v, 3) and joints: least squares, joints heavier."""
    count = model.shape_dirs.shape[-1]
    dirs = np.concatenate([model.shape_dirs, shape.JOINT_WEIGHT * model.joints_dirs]).reshape(
        -1, count
    )
    offset = np.concatenate(
        [vertices - model.template, shape.JOINT_WEIGHT * (joints - model.joints_template)], axis=1
    )
    return np.linalg.lstsq(dirs.astype(float), offset.reshape(len(offset), -1).T, rcond=None)[0].T


def write(path: Path, npz: Path, anny, seed: int, folder: Path | None) -> None:
    """Measure and write the report as Markdown."""
    source, model = extract(anny), read(npz)
    pictures.write(path.parent / "images", model)
    with np.load(npz) as arrays:
        kept = arrays["anny_vertices"]
    made_from = draw_people(anny, 4000, seed - 1)
    people = draw_people(anny, PEOPLE, seed)
    exact = skeleton.t_posed(source, made_from.coefficients.mean(axis=0))
    generator = np.random.default_rng(seed)
    truth = Anny(anny, source, exact.turns, kept)
    poses = {"T-pose": np.tile(np.eye(3), (PEOPLE, 24, 1, 1))}
    if folder:
        poses["motion capture"] = motions.from_deepmimic(folder, PEOPLE, generator)
    poses["random, 20 degrees per axis"] = motions.random_poses(PEOPLE, 0.35, generator)
    lines = _heading(npz, model, _more_betas(source, exact, made_from, people, kept))
    lines += _errors(model, truth, exact, people, poses)
    lines += _surface(model, source, exact, made_from, kept)
    lines += _budget(model)
    lines += _meaning(model, exact, made_from, kept)
    lines += CLOSING.splitlines()
    with writing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _heading(npz: Path, model: body.BodyModel, more: str) -> list[str]:
    text = HEADING.format(
        more=more,
        people=PEOPLE,
        file=npz.name,
        size=npz.stat().st_size / 1e6,
        vertices=len(model.template),
        faces=len(model.faces),
    )
    return text.splitlines()


def _errors(model, truth, exact, people: Population, poses) -> list[str]:
    rest = truth_shapes(exact, people, truth.kept)
    own_joints = exact.joints.at(people.coefficients)
    best = betas_of(model, rest, own_joints)
    betas = {count: best[:, :count] for count in (0, 3, 6, 10)}
    lines, causes = [], []
    for name, turns in poses.items():
        found = truth.crowd(people.phenotypes, turns)
        meshes = {
            count: body.skin(model, Pose(rotations=turns, betas=values))
            for count, values in betas.items()
        }
        mesh = meshes[max(meshes)]
        points = [body.regress(model, mesh.vertices, layout) for layout in ("coco17", "feet6")]
        vertices = _distance(mesh.vertices, found.vertices)
        joints = _distance(mesh.joints, found.joints)
        keypoints = _distance(np.concatenate(points, axis=1), found.keypoints)
        cells = [vertices.mean(), *_tail(vertices), joints.mean(), *_tail(joints)[:1]]
        cells += [keypoints.mean(), *_tail(keypoints)[:1]]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
        exactly = [
            posed(rest[i], model.weights, own_joints[i], turns[i]) for i in range(len(turns))
        ]
        cells = [_distance(exactly, found.vertices).mean()]
        cells += [_distance(m.vertices, found.vertices).mean() for m in meshes.values()]
        causes.append(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return [*ERRORS.splitlines(), *lines, "", *CAUSES.splitlines(), *causes, ""]


def truth_shapes(exact: skeleton.TPosed, people: Population, kept: np.ndarray) -> np.ndarray:
    """(people, v, 3) the people's T-posed vertices, without the restriction to ten betas."""
    only = skeleton.Linear(
        template=exact.vertices.template[kept], blend=exact.vertices.blend[:, kept]
    )
    return only.at(people.coefficients)


def _distance(ours, theirs) -> np.ndarray:
    return np.linalg.norm(np.asarray(ours, np.float64) - np.asarray(theirs), axis=-1) * 1e3


def _tail(values: np.ndarray) -> tuple[float, float]:
    """The 99th percentile and the largest."""
    return float(np.percentile(values, 99)), float(values.max())


def _more_betas(source: Source, exact, made_from: Population, people: Population, kept) -> str:
    """T-pose error of the best 10 to 16 components on the kept vertices and on the whole skin."""
    faces, lining = surface.closed_half(source.template, source.faces, source.cavity)
    half = np.unique(faces[~lining])
    mirror = surface.mirror_of(source.template)
    sets = {"kept": kept, "whole skin": np.unique(np.r_[half, mirror[half]])}
    lines = ["| vertices | 10 betas | 12 | 14 | 16 |", "|---|---|---|---|---|"]
    for name, index in sets.items():
        points = shape.taken(exact.vertices, index)
        basis = shape.components(points, made_from.coefficients, 16)
        directions = basis.blend.reshape(16, -1)
        offset = (points.at(people.coefficients) - basis.template).reshape(len(people.ages), -1)
        betas = offset @ directions.T / np.sum(directions**2, axis=1)
        cells = []
        for count in (10, 12, 14, 16):
            left = (offset - betas[:, :count] @ directions[:count]).reshape(len(betas), -1, 3)
            cells.append(f"{np.linalg.norm(left, axis=-1).mean() * 1e3:.2f}")
        lines.append(f"| {name} ({len(index)}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _surface(model, source: Source, exact, made_from: Population, kept) -> list[str]:
    """Distance of all of the skin's original vertices to the simplified surface."""
    faces, lining = surface.closed_half(source.template, source.faces, source.cavity)
    skin = np.unique(faces[~lining])
    full = exact.vertices.at(made_from.coefficients.mean(axis=0)[None])[0][skin]
    gap = surface.distance_to_surface(full, model.template.astype(np.float64), model.faces) * 1e3
    part = exact.weights[skin].argmax(axis=1)
    groups = {"head": ["head"], "hands": ["left_wrist", "left_hand"], "toes": ["left_foot"]}
    listed = {j for names in groups.values() for j in names}
    groups["everything else"] = [name for name in SMPL24 if name not in listed]
    cells = [
        f"{name} {gap[mine].mean():.2f} (largest {gap[mine].max():.1f})"
        for name, joints in groups.items()
        if (mine := np.isin(part, [SMPL24.index(j) for j in joints])).any()
    ]
    text = SIMPLIFICATION.format(
        count=len(skin), mean=gap.mean(), p99=_tail(gap)[0], cells=", ".join(cells)
    )
    return text.splitlines()


def _budget(model: body.BodyModel) -> list[str]:
    corners = model.template[model.faces]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    of_face = model.part[model.faces[:, 0]] - 1
    parts = np.array([skeleton.split(name)[0] for name in SMPL24])[of_face]
    lines = [
        "| part (both sides) | faces | share of faces | share of surface |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(parts[np.argsort(of_face, kind="stable")]):
        mine = parts == name
        lines.append(
            f"| {name} | {mine.sum()} | {mine.mean():.1%} | {area[mine].sum() / area.sum():.1%} |"
        )
    return [*lines, ""]


def _meaning(model, exact, made_from: Population, kept) -> list[str]:
    betas = betas_of(
        model,
        truth_shapes(exact, made_from, kept),
        exact.joints.at(made_from.coefficients),
    )
    traits = {**made_from.phenotypes, "age": np.minimum(made_from.ages, 25)}
    lines = MEANING.splitlines()
    variance = np.sum(model.shape_dirs.reshape(-1, betas.shape[1]).astype(np.float64) ** 2, axis=0)
    for k in range(betas.shape[1]):
        cells = []
        for measure in (_height, _weight):
            ends = [measure(model, k, beta) - measure(model, k, 0) for beta in (-2, 2)]
            cells.append(f"{ends[0]:+.1f} / {ends[1]:+.1f}")
        related = {t: np.corrcoef(v, betas[:, k])[0, 1] for t, v in traits.items()}
        strong = sorted(related, key=lambda t: -abs(related[t]))[:3]
        words = ", ".join(f"{t} {related[t]:+.2f}" for t in strong if abs(related[t]) > 0.15)
        lines.append(
            f"| {k} | {variance[k] / variance.sum():.1%} | {cells[0]} | {cells[1]} | {words} |"
        )
    lines += AGES.format(height=_height(model, 0, 0), weight=_weight(model, 0, 0)).splitlines()
    heights = np.ptp(truth_shapes(exact, made_from, kept)[..., 1], axis=1) * 100
    for low, high in ((0, 2), (2, 6), (6, 12), (12, 18), (18, 60), (60, 90)):
        mine = (made_from.ages >= low) & (made_from.ages < high)
        cells = [f"{betas[mine, k].mean():+.1f} ({betas[mine, k].std():.1f})" for k in range(3)]
        lines.append(
            f"| {low}-{high} | {mine.sum()} "
            f"| {heights[mine].mean():.0f} ({heights[mine].std():.0f}) "
            f"| {' | '.join(cells)} | {np.median(np.linalg.norm(betas[mine], axis=1)):.1f} |"
        )
    return [*lines, "", "![each beta at -2 and +2](images/anny24_betas.jpg)", ""]


def _person(model: body.BodyModel, index: int, beta: float) -> np.ndarray:
    return model.template + model.shape_dirs[..., index] * beta


def _height(model, index: int, beta: float) -> float:
    return float(np.ptp(_person(model, index, beta)[:, 1]) * 100)


def _weight(model, index: int, beta: float) -> float:
    a, b, c = _person(model, index, beta)[model.faces].swapaxes(0, 1).astype(np.float64)
    return float(np.sum(a * np.cross(b, c)) / 6 * 1000)

"""Rendered people, of whom everything is known: joints, surface, angles, place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.synthetic import Truth
from pymafsam.data.synthetic import test_set as drawn
from pymafsam.data.synthetic.benchmark import Benchmark
from pymafsam.evaluation import metrics
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.evaluation.skeletons import METRE
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import project
from pymafsam.geometry.joints import SMPL24
from pymafsam.records import Camera, Frame, Mesh, Pose

LOOK = "picture"
ROOT = SMPL24.index("pelvis")
HIDDEN = 0.75  # share of the person that is seen
LESS: dict[str, Any] = {"unit": "mm", "better": "less"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """The person who is measured, their camera, and how many are in the picture."""

    person: Truth
    camera: Camera
    people: int


def cases(data: Data) -> list[Case]:
    """Everybody of the test set; ``data.images`` is the folder that backgrounds are cut from."""
    benchmark = drawn(data.images if data.images.is_dir() else None)
    out = []
    for number in range(0, len(benchmark), data.every):
        rendered = benchmark[number]
        boxes = np.stack([person.box for person in rendered.people])
        look = Look(name=LOOK, read=partial(_frame, benchmark, number), boxes=boxes)
        known = Known(
            person=rendered.people[0], camera=rendered.camera, people=len(rendered.people)
        )
        out.append(Case(id=f"{number:04d}", looks=(look,), truth=known))
    return out


def _frame(benchmark: Benchmark, number: int) -> Frame:
    """The picture, drawn again: all of them would not fit into memory."""
    return benchmark[number].frame


def figures(run: Run) -> list[Figure]:
    """Joints and vertices around the pelvis, angles of all joints, the distance; by difficulty."""
    rows: dict[str, list[tuple[int, float]]] = {}
    groups: dict[str, list[tuple[int, float]]] = {}
    model = body.load("anny24")
    for index, known, found in _people(run):
        for name, value in of_person(found, known, model, run.model).items():
            rows.setdefault(name, []).append((index, value))
        for group in _groups(known):
            groups.setdefault(group, []).append(rows["PA-MPJPE"][-1])
    units = {"angular error": "degrees", "root's angular error": "degrees", "distance error": "%"}
    # A few people who are put ten times too far away would be all of the mean distance.
    statistics = {"distance error": "median"}
    out = [
        figure(
            name,
            "mesh",
            statistics.get(name, "mean"),
            values,
            unit=units.get(name, "mm"),
            better="less",
        )
        for name, values in rows.items()
    ]
    return out + [
        figure(f"PA-MPJPE, {name}", "mesh", "mean", values, **LESS)
        for name, values in sorted(groups.items())
    ]


def _people(run: Run) -> Iterator[tuple[int, Known, Found]]:
    """Everybody who is measured and was reconstructed."""
    for index, case, answer in run.each():
        found = answer.asked(LOOK, 1)[0] or max(
            answer.of(LOOK), key=lambda one: one.score, default=None
        )
        if found is not None and "body24" in found.joints:
            yield index, case.truth, found


def of_person(
    found: Found, known: Known, model: BodyModel, theirs: BodyModel | None
) -> Mapping[str, float]:
    """Every measure of one person; vertices only where the answer's body is the rendered one."""
    true, joints = known.person.joints, found.joints["body24"]
    one, other = joints - joints[ROOT], true - true[ROOT]
    out = {
        "MPJPE": METRE * float(metrics.mpjpe(one, other)),
        "PA-MPJPE": METRE * float(metrics.pa_mpjpe(one, other)),
        "N-MPJPE": METRE * float(metrics.n_mpjpe(one, other)),
    }
    if found.pose is not None and found.betas is not None:
        out |= _angles(found, known.person.pose)
        if theirs is not None and theirs.name == model.name:
            out |= _surface(found, known.person.pose, model)
    depth, wanted = float(joints[:, 2].mean()), float(true[:, 2].mean())
    return out | {"distance error": 100 * abs(depth - wanted) / wanted}


def _angles(found: Found, true: Pose) -> dict[str, float]:
    turns = rotation.from_axis_angle(np.asarray(found.pose, np.float64))
    away = np.degrees(metrics.angles(turns, true.rotations.astype(np.float64)))
    return {
        "angular error": float(away[1:].mean()),
        "root's angular error": float(away[0]),
    }


def _surface(found: Found, true: Pose, model: BodyModel) -> dict[str, float]:
    turns = rotation.from_axis_angle(np.asarray(found.pose, np.float64)).astype(np.float32)
    betas = np.asarray(found.betas, np.float32)
    ours, theirs = body.skin(model, Pose(rotations=turns, betas=betas)), body.skin(model, true)
    upright = np.broadcast_to(np.eye(3, dtype=np.float32), turns.shape).copy()
    rest = [body.skin(model, Pose(rotations=upright, betas=b)) for b in (betas, true.betas)]
    shapes = [mesh.vertices.astype(np.float64) for mesh in rest]
    return {
        "PVE": METRE * _distance(ours, theirs),
        "PVE-T-SC": METRE * float(metrics.mpjpe(metrics.scale_corrected(*shapes), shapes[1])),
    }


def _distance(ours: Mesh, theirs: Mesh) -> float:
    """Mean distance of vertices around the pelvis."""
    meshes = [(m.vertices - m.joints[ROOT]).astype(np.float64) for m in (ours, theirs)]
    return float(metrics.mpjpe(*meshes))


def _groups(known: Known) -> list[str]:
    """What makes them hard."""
    person = known.person
    seen = "occlusion: hidden" if person.visible < HIDDEN else "occlusion: in sight"
    crowd = "crowding: alone" if known.people == 1 else "crowding: with somebody"
    return [seen, crowd, f"pose: {person.kind}"]


def perfect(case: Case) -> Answer:
    """The truth as an answer."""
    return Answer(people={LOOK: [_truth(case.truth.person, case.truth.person.joints)]})


def perturbed(case: Case) -> Answer:
    """The truth with every joint but the pelvis 10 mm to the side."""
    moved = case.truth.person.joints + np.array([0.01, 0, 0])
    moved[ROOT] -= [0.01, 0, 0]
    return Answer(people={LOOK: [_truth(case.truth.person, moved)]})


EXPECTED = {"MPJPE": 10 * 23 / 24}


def _truth(person: Truth, joints: Float[np.ndarray, "24 3"]) -> Found:
    return Found(
        score=1.0,
        box=np.asarray(person.box, np.float64),
        asked=0,
        joints={"body24": joints},
        pose=rotation.to_axis_angle(person.pose.rotations.astype(np.float64)),
        betas=person.pose.betas.astype(np.float64),
        translation=np.asarray(person.translation, np.float64),
    )


def shown(case: Case, look: str) -> Drawn:
    """The true joints' places in the picture."""
    seen = project(np.maximum(case.truth.person.joints, (-1e9, -1e9, 0.05)), case.truth.camera)
    return Drawn(keypoints=[np.column_stack([seen, np.ones(len(seen))])], layout="smpl24")

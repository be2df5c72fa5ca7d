"""3DPW, Human3.6M, MPI-INF-3DHP: joints in millimetres, as SPIN and PyMAF measured them.

The joints of an answer come from its mesh by Human3.6M's regressor (``h36m17``), less the pelvis.
Distances are root mean: no other alignment, and after a similarity (PA).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data import rows as tables
from pymafsam.data.rows import PIXELS_PER_SCALE, Row
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.evaluation import metrics
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.checks import BETTER, Pair
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.evaluation.skeletons import METRE
from pymafsam.files.frames import read_picture
from pymafsam.geometry import rotation
from pymafsam.geometry.joints import H36M17, J24
from pymafsam.records import Mesh, Pose

LOOK = "picture"
MARGIN = 1.2  # of a row's square over the person's box
TRIED = 50  # rows are enough to tell exchanged genders
NEAR = 0.15  # metres, of PCK in 3D

# The names of the joints that are measured, in the two orders in which they are kept. Human3.6M's
# head (on top) is J24's "head", not its "head_top", which is LSP's.
FROM: Sequence[str] = H36M17
STORED: Sequence[str] = J24
LIMBS = J24[:12]
IN_H36M = {
    14: [*LIMBS, "neck", "head_top"],
    17: [*LIMBS, "neck", "head_top", "pelvis", "spine", "jaw"],
}
IN_J24 = {14: [*LIMBS, "neck", "head"], 17: [*LIMBS, "neck", "head", "pelvis", "spine", "jaw"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is particular to one: how many joints, where the true ones come from.

    ``meshes``: the true joints are read off the true mesh, of the person's gender; otherwise they
    are as stored (around a root, which is not checked). ``gendered``: true vertices by gender.
    """

    joints: int = 14
    meshes: bool = False
    gendered: bool = False
    by_action: bool = False
    near: bool = False  # PCK and AUC as well


BENCHMARKS: Mapping[str, Benchmark] = {
    "3dpw": Benchmark(meshes=True, gendered=True),
    "h36m-p1": Benchmark(by_action=True),
    "h36m-p2": Benchmark(by_action=True),
    "mpi-inf-3dhp": Benchmark(joints=17, near=True),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """A row and the file it shows."""

    file_name: str
    row: Row


def cases(data: Data) -> list[Case]:
    """A case per row; frames of one video are one cluster."""
    table = tables.read(data.annotations)
    out = []
    for number in range(0, len(table), data.every):
        row = table[number]
        if data.as_reference and not row.has_smpl:
            # Its data set fills in zeros, and its evaluation measures against the body at rest.
            row = replace(row, pose=np.zeros(72), betas=np.zeros(10))
        read = partial(read_picture, data.images / row.image)
        look = Look(name=LOOK, read=read, boxes=box_of(row)[None])
        out.append(
            Case(
                id=f"{number} {row.image}",
                looks=(look,),
                truth=Truth(file_name=row.image, row=row),
                cluster=sequence(row.image),
            )
        )
    return out


def box_of(row: Row) -> Float[np.ndarray, "4"]:
    """The square that the row's own square was made from, without its margin."""
    half = PIXELS_PER_SCALE * row.scale / MARGIN / 2
    return np.concatenate([row.centre - half, row.centre + half])


def sequence(image: str) -> str:
    """The video that a frame is from: its folder, and Human3.6M's subject, action and take."""
    path = PurePosixPath(image)
    return f"{path.parent}/{path.stem.split('.')[0]}" if "." in path.stem else str(path.parent)


def action(image: str) -> str:
    """Human3.6M's action: the second part of the file's name."""
    parts = PurePosixPath(image).name.split("_")
    return parts[1].split(".")[0] if len(parts) > 1 else "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """One person's joints side by side, metres; vertices where both have the same."""

    case: int
    image: str
    found: Float[np.ndarray, "joints 3"]
    true: Float[np.ndarray, "joints 3"]
    vertices: tuple[np.ndarray, np.ndarray] | None = None
    rooted: tuple[np.ndarray, np.ndarray] | None = None
    shapes: tuple[np.ndarray, np.ndarray] | None = None


def figures(run: Run) -> list[Figure]:
    """MPJPE, PA-MPJPE, N-MPJPE; PVE in three forms; PCK and AUC; means by action."""
    benchmark = BENCHMARKS[run.protocol.name]
    people = list(measured(run, benchmark))
    out = [_joints(name, people) for name in JOINT_METRICS]
    if any(one.vertices is not None for one in people):
        out += list(_vertices(people))
    if benchmark.near:
        out += list(_near(people))
    if benchmark.by_action:
        out += list(_by_action(people))
    return out


JOINT_METRICS = {
    "MPJPE": metrics.mpjpe,
    "PA-MPJPE": metrics.pa_mpjpe,
    "N-MPJPE": metrics.n_mpjpe,
}
LESS: dict[str, Any] = {"unit": "mm", "better": "less"}


def _joints(name: str, people: Sequence[Measured], ending: str = "") -> Figure:
    measure = JOINT_METRICS[name]
    rows = [(one.case, METRE * float(measure(one.found, one.true))) for one in people]
    return figure(name + ending, "mesh", "mean", rows, **LESS)


def _vertices(people: Sequence[Measured]) -> Iterator[Figure]:
    """Vertices as the originals left them, around the pelvis, and of the T-pose at equal size."""
    pairs = {
        "PVE (not aligned)": lambda one: one.vertices,
        "PVE (root-aligned)": lambda one: one.rooted,
        "PVE-T-SC": lambda one: one.shapes,
    }
    for name, of in pairs.items():
        rows = [(one.case, METRE * float(metrics.mpjpe(*of(one)))) for one in people if of(one)]
        if rows:
            yield figure(name, "mesh", "mean", rows, **LESS)


def _near(people: Sequence[Measured]) -> Iterator[Figure]:
    for name, measure in (
        ("PCK@150mm", partial(metrics.near, within=NEAR)),
        ("AUC", metrics.area_under_curve),
    ):
        rows = [
            (one.case, float(value)) for one in people for value in measure(one.found, one.true)
        ]
        yield figure(name, "mesh", "mean", rows)


def _by_action(people: Sequence[Measured]) -> Iterator[Figure]:
    """The mean of every action, over its frames."""
    for wanted in sorted({action(one.image) for one in people}):
        of_it = [one for one in people if action(one.image) == wanted]
        for name in ("MPJPE", "PA-MPJPE"):
            yield _joints(name, of_it, f", {wanted}")


def measured(run: Run, benchmark: Benchmark) -> Iterator[Measured]:
    """Everybody who was reconstructed and of whom the truth is known."""
    bodies = Bodies(run.data.bodies)
    for index, case, answer in run.each():
        row: Row = case.truth.row
        found = next(iter(answer.of(LOOK)), None)
        if found is None or "h36m17" not in found.joints:
            continue
        mesh = true_mesh(row, bodies, benchmark) if row.has_smpl else None
        true = stored(row, benchmark.joints)
        if benchmark.meshes:
            true = None if mesh is None else chosen(_h36m(*mesh), benchmark.joints)
        if true is not None:
            joints = chosen(found.joints["h36m17"], benchmark.joints)
            pairs = _surfaces(run.model, found, row, mesh) if mesh is not None else {}
            yield Measured(case=index, image=row.image, found=joints, true=true, **pairs)


def chosen(points: Float[np.ndarray, "17 3"], count: int) -> Float[np.ndarray, "joints 3"]:
    """Human3.6M's joints around its pelvis, in LSP's order."""
    return (points - points[0])[[FROM.index(name) for name in IN_H36M[count]]]


def stored(row: Row, count: int) -> Float[np.ndarray, "joints 3"] | None:
    """The row's own joints, as they are; None where it has none."""
    if row.joints_3d is None or not (row.joints_3d[:, 3] > 0).any():
        return None
    return row.joints_3d[[STORED.index(name) for name in IN_J24[count]], :3]


class Bodies:
    """The bodies that true poses belong to, read once each."""

    def __init__(self, folder: Path | None):
        self.folder = folder
        self.of = cache(self._read)

    def _read(self, gender: str) -> BodyModel | None:
        """The body of ``neutral``, ``male`` or ``female``; None without a folder."""
        if self.folder is None:
            return None
        named = [
            self.folder / part / f"SMPL_{gender.upper()}.{ending}"
            for part in (".", "smpl")
            for ending in ("npz", "pkl")
        ]
        path = next((path for path in named if path.is_file()), None)
        if path is None:
            raise MissingAsset(
                f"The true bodies need SMPL_{gender.upper()}.pkl (or .npz) in {self.folder}.\n"
                "  Where to get SMPL: docs/coming-from-pymaf.md"
            )
        return body.load(path)


GENDERS = {0: "male", 1: "female"}


def true_mesh(row: Row, bodies: Bodies, benchmark: Benchmark) -> tuple[BodyModel, Mesh] | None:
    """The row's pose and shape as a mesh. Raises BadInput where its gender is needed, unknown."""
    gender = GENDERS.get(row.gender, "neutral") if benchmark.gendered else "neutral"
    if benchmark.gendered and row.gender not in GENDERS:
        raise BadInput(f"{row.image}: this benchmark is measured by gender, and the row has none.")
    model = bodies.of(gender)
    if model is None and benchmark.meshes:
        raise MissingAsset(
            "The truth of this benchmark is a mesh: give the folder with SMPL_MALE.pkl and "
            "SMPL_FEMALE.pkl (--bodies)."
        )
    if model is None:
        return None
    if row.pose is None or row.betas is None:
        raise BadInput(f"{row.image} has no pose and betas, which the true mesh is made of.")
    return model, _skinned(model, row.pose, row.betas)


def _skinned(
    model: BodyModel, pose: Float[np.ndarray, "..."], betas: Float[np.ndarray, "betas"]
) -> Mesh:
    turns = rotation.from_axis_angle(np.asarray(pose, np.float64).reshape(-1, 3))
    count = model.shape_dirs.shape[-1]
    return body.skin(
        model,
        Pose(rotations=turns.astype(np.float32), betas=np.asarray(betas[:count], np.float32)),
    )


def _h36m(model: BodyModel, mesh: Mesh) -> Float[np.ndarray, "17 3"]:
    return body.keypoints(model, mesh, "h36m17").astype(np.float64)


def _surfaces(
    model: BodyModel | None, found: Found, row: Row, truth: tuple[BodyModel, Mesh]
) -> dict[str, Any]:
    """Pairs of vertices, where the answer's body has the same ones as the true body."""
    same = model is not None and len(model.template) == len(truth[0].template)
    if not same or found.pose is None or found.betas is None or row.betas is None:
        return {}
    assert model is not None
    mesh = _skinned(model, found.pose, found.betas)
    ours, theirs = mesh.vertices.astype(np.float64), truth[1].vertices.astype(np.float64)
    upright = np.zeros_like(found.pose)
    return {
        "vertices": (ours, theirs),
        "rooted": (ours - _h36m(model, mesh)[0], theirs - _h36m(*truth)[0]),
        "shapes": _at_equal_size(
            _skinned(model, upright, found.betas).vertices,
            _skinned(truth[0], upright, row.betas).vertices,
        ),
    }


def _at_equal_size(
    ours: Float[np.ndarray, "vertices 3"], theirs: Float[np.ndarray, "vertices 3"]
) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return metrics.scale_corrected(ours, theirs), theirs


def perfect(case: Case) -> Answer:
    """The stored joints as an answer; of true meshes nothing is tried (``measured`` reads them)."""
    return _answer(case, 0.0)


def perturbed(case: Case) -> Answer:
    """Every joint but the pelvis 10 mm to the side."""
    return _answer(case, 0.01)


EXPECTED = {"MPJPE": 10.0}


def _answer(case: Case, away: float) -> Answer:
    row: Row = case.truth.row
    joints = np.zeros((len(H36M17), 3))
    for count in (17, 14):
        true = stored(row, count)
        if true is not None:
            joints[[FROM.index(name) for name in IN_H36M[count]]] = true + [away, 0, 0]
    joints[0] = 0  # the pelvis is subtracted, and is the origin of what is stored
    found = Found(score=1.0, box=np.zeros(4), asked=0, joints={"h36m17": joints})
    return Answer(people={LOOK: [found]} if row.joints_3d is not None else {})


def compared(run: Run) -> list[Pair]:
    """Joints side by side, put into LSP's order, whose sides are known."""
    benchmark = BENCHMARKS[run.protocol.name]
    return [
        Pair(found=one.found[:14], true=one.true[:14], layout="lsp14", kind="joints")
        for one in measured(run, benchmark)
    ]


def exchanged_genders(run: Run) -> list[str]:
    """Whether the rows' genders contradict the joints that the same rows hold.

    Only rows that have both a pose and joints can tell.
    """
    bodies, benchmark = Bodies(run.data.bodies), BENCHMARKS[run.protocol.name]
    errors: list[tuple[float, ...]] = []
    for case in run.cases[:TRIED]:
        row: Row = case.truth.row
        joints = stored(row, benchmark.joints)
        if joints is None or not row.has_smpl or row.gender not in GENDERS:
            continue
        rows = [replace(row, gender=gender) for gender in (row.gender, 1 - row.gender)]
        meshes = [true_mesh(each, bodies, benchmark) for each in rows]
        both = [chosen(_h36m(*mesh), benchmark.joints) for mesh in meshes if mesh is not None]
        errors.append(tuple(float(metrics.pa_mpjpe(each, joints)) for each in both))
    if not errors:
        return []
    own, other = np.median(np.array(errors), axis=0)
    if other >= BETTER * own:
        return []
    return [
        f"genders seem to be exchanged: the rows' joints are {METRE * own:.1f} mm from the meshes "
        f"of their gender, {METRE * other:.1f} mm from those of the other."
    ]


def shown(case: Case, look: str) -> Drawn:
    """The row's 2D joints, where it has any."""
    points = case.truth.row.keypoints
    return Drawn(keypoints=[] if points is None else [points], layout="j24")

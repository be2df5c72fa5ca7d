"""The errors of tools/ablate_points.py's loops, person by person, and tables with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mapped_people import People, square
from pymafsam.body import BodyModel
from pymafsam.evaluation import attributes, coco, figures, lsp, metrics
from pymafsam.evaluation.protocols.lsp import hits
from pymafsam.files.atomic import writing
from pymafsam.fitting.chain import Points
from pymafsam.geometry.joints import COCO17
from pymafsam.people.movenet import SIZE

THRESHOLDS = np.arange(0.5, 0.96, 0.05)  # of COCO's recall
SEEN = 0.8  # of a rendered person in sight: less is occluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A round's bodies: joints around the pelvis (ray's frame, metres), the same in sides of the
    box, ``coco17`` and ``lsp14`` in pixels of the window.
    """

    joints: Float[np.ndarray, "people joints 3"]
    flat: Float[np.ndarray, "people joints 2"]
    keypoints: Float[np.ndarray, "people points 2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Everybody's errors after every round, and of which kind each person is.

    Rendered: millimetres, and sides of the box. COCO: similarity. LSP: limb joints right and known.
    """

    mpjpe: Float[np.ndarray, "rounds rendered"]
    pa_mpjpe: Float[np.ndarray, "rounds rendered"]
    flat: Float[np.ndarray, "rounds rendered"]
    rendered_kind: np.ndarray
    oks: Float[np.ndarray, "rounds coco"]
    coco_kind: np.ndarray
    coco_picture: np.ndarray
    right_2: Float[np.ndarray, "rounds lsp"]
    right_1: Float[np.ndarray, "rounds lsp"]
    known: Float[np.ndarray, "lsp"]

    def save(self, path: Path) -> None:
        with writing(path) as fresh, fresh.open("wb") as stream:
            np.savez(stream, **asdict(self))

    @staticmethod
    def load(path: Path) -> "Errors":
        with np.load(path, allow_pickle=False) as table:
            return Errors(**dict(table))

    def line(self) -> str:
        """The figures after every round."""
        return " | ".join(
            f"{self.mpjpe[k].mean():.1f} {self.pa_mpjpe[k].mean():.1f} mm {self.flat[k].mean():.4f}"
            f" OKS {self.oks[k].mean():.3f} recall {recall(self.oks[k]).mean():.3f}"
            f" PCK {self.right_2[k].sum() / self.known.sum():.3f}"
            f" {self.right_1[k].sum() / self.known.sum():.3f}"
            for k in range(len(self.mpjpe))
        )


def keypoints(model: BodyModel) -> Points:
    """``coco17``, then ``lsp14``, on the surface."""
    named = [model.regressors[layout] for layout in ("coco17", "lsp14")]
    assert max(int(one.vertices.max()) for one in named) < len(model.template)
    one, other = (Points.on_surface(model, some.vertices, some.weights) for some in named)
    return one.joined(other)


def of_renders(said: Sequence[Answers], people: People) -> Mapping[str, np.ndarray]:
    """Against the truth; occluded: less than ``SEEN`` in sight; crowded: others in the picture."""
    half = len(people) // 2
    true, places = people.truth.joints[:half].numpy(), people.joints[:half].numpy()
    occluded, crowded = people.kept["visible"] < SEEN, people.kept["people"] > 1
    exact = true.astype(np.float64)
    return {
        "mpjpe": np.stack([1000 * metrics.mpjpe(one.joints, true) for one in said]),
        "pa_mpjpe": np.stack(
            [1000 * metrics.pa_mpjpe(one.joints.astype(np.float64), exact) for one in said]
        ),
        "flat": np.stack([np.linalg.norm(one.flat - places, axis=-1).mean(-1) for one in said]),
        "rendered_kind": kinds(occluded, crowded),
    }


def kinds(occluded: np.ndarray, crowded: np.ndarray) -> np.ndarray:
    """Columns: plain, occluded, crowded; somebody can be both."""
    return np.stack([~occluded & ~crowded, occluded, crowded], axis=1)


def in_picture(said: Answers, people: People) -> Float[np.ndarray, "people points 2"]:
    return np.stack(
        [
            square(window).place(points.astype(np.float64), SIZE)
            for window, points in zip(people.window, said.keypoints, strict=True)
        ]
    )


def of_coco(said: Sequence[Answers], people: People, path: Path) -> Mapping[str, np.ndarray]:
    """Against COCO's annotations; occluded: a labelled keypoint is hidden."""
    known, kind, picture = {}, {}, {}
    for one in coco.read_annotations(path):
        for person, classes in zip(one.people, attributes.of_picture(one), strict=True):
            known[person.id], picture[person.id] = person, one.id
            kind[person.id] = (
                classes["occlusion"] != "all in sight",
                classes["crowding"] == "crowded",
            )
    rows = people.kept["row"].tolist()
    similar = [
        [
            coco.similarity(found[: len(COCO17)], known[row])
            for found, row in zip(in_picture(one, people), rows, strict=True)
        ]
        for one in said
    ]
    classes = np.array([kind[row] for row in rows])
    return {
        "oks": np.array(similar),
        "coco_kind": kinds(classes[:, 0], classes[:, 1]),
        "coco_picture": np.array([picture[row] for row in rows]),
    }


def of_lsp(said: Sequence[Answers], people: People, path: Path) -> Mapping[str, np.ndarray]:
    """Against LSP's limb joints, split dev."""
    pictures = lsp.read_joints(path, "dev")
    assert len(pictures) == len(people) // 2
    counts = np.array(
        [
            [
                [hits(found[len(COCO17) :][:12], one.joints, share) for share in (0.2, 0.1)]
                for found, one in zip(in_picture(answer, people), pictures, strict=True)
            ]
            for answer in said
        ]
    )  # rounds people shares (right known)
    return {
        "right_2": counts[:, :, 0, 0],
        "right_1": counts[:, :, 1, 0],
        "known": counts[0, :, 0, 1],
    }


def recall(oks: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Each person's share of COCO's thresholds that are reached."""
    return (oks[..., None] >= THRESHOLDS).mean(-1)


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the report: what, of whom, and in which format."""

    name: str
    kind: int | None = None  # a column of ``kinds``
    digits: int = 3


MEASURES = (
    *(Measure(name, kind, 1) for name in ("mpjpe", "pa_mpjpe") for kind in (None, 0, 1, 2)),
    Measure("flat", digits=4),
    *(Measure(name, kind) for name in ("oks", "recall") for kind in (None, 0, 1, 2)),
    Measure("PCK@.2"),
    Measure("PCK@.1"),
)
KINDS = {None: "", 0: ", plain", 1: ", occluded", 2: ", crowded"}


def figure(errors: Sequence[Errors], measure: Measure, which: int) -> tuple[figures.Figure, list]:
    """One figure, every person's the mean over the seeds, and the clusters of the cases."""
    first = errors[0]
    mean = lambda of: np.mean([of(one)[which] for one in errors], axis=0)  # noqa: E731
    if measure.name.startswith("PCK"):
        column = "right_2" if measure.name == "PCK@.2" else "right_1"
        rows = np.column_stack([mean(lambda one: getattr(one, column)), first.known])
        statistic, clusters, kinds = "share", np.arange(len(rows)), None
    elif measure.name in ("oks", "recall"):
        rows = mean(lambda one: one.oks if measure.name == "oks" else recall(one.oks))
        statistic, clusters, kinds = "mean", first.coco_picture, first.coco_kind
    else:
        rows = mean(lambda one: getattr(one, measure.name))
        statistic, clusters, kinds = "mean", np.arange(len(rows)), first.rendered_kind
    chosen = np.arange(len(rows))
    if measure.kind is not None and kinds is not None:
        chosen = np.flatnonzero(kinds[:, measure.kind])
    pairs = [(int(case), rows[case]) for case in chosen]
    return figures.figure(measure.name, "loop", statistic, pairs), [str(c) for c in clusters]


def report(paths: Sequence[Path]) -> str:
    """Every figure after every round, by way; then differences between ways in the last round."""
    ways: dict[str, list[Errors]] = {}
    for path in paths:
        ways.setdefault(path.stem.rsplit("-", 1)[0], []).append(Errors.load(path))
    lines = []
    for measure in MEASURES:
        spread, last = {}, {}
        lines.append(f"{measure.name}{KINDS[measure.kind]}")
        for way, errors in ways.items():
            cells = []
            for which in range(len(errors[0].mpjpe)):
                one, clusters = figure(errors, measure, which)
                if way not in spread:
                    spread[way] = figures.drawn(clusters, np.random.default_rng(0))
                within = figures.interval(figures.spread(one, spread[way]))
                digits = measure.digits
                cells.append(
                    f"{one.value:.{digits}f} [{within.low:.{digits}f} {within.high:.{digits}f}]"
                )
                last[way] = one
            seeds = [figure([one], measure, -1)[0].value for one in errors]
            told = " ".join(f"{value:.{measure.digits}f}" for value in seeds)
            lines.append(f"  {way}: {' | '.join(cells)} ({len(one.rows)}; seeds {told})")
        for one, other in combinations(ways, 2):
            gap = figures.compared(last[one], last[other], spread[one])
            low, high = gap.interval.low, gap.interval.high
            lines.append(
                f"    {one} - {other}: {gap.first - gap.second:+.{measure.digits}f} "
                f"[{low:+.{measure.digits}f} {high:+.{measure.digits}f}]"
            )
    return "\n".join(lines)

"""``evaluate``: figures under a named protocol."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from pymafsam.cli.options import Flow, progress_bar
from pymafsam.errors import BadUsage
from pymafsam.files.atomic import writing

if TYPE_CHECKING:
    from pymafsam.evaluation.cases import Answer, Case
    from pymafsam.evaluation.protocol import Data, Protocol, Run
    from pymafsam.evaluation.scores import Scores
    from pymafsam.evaluation.subjects import Subject

log = logging.getLogger(__name__)

# What answers do not depend on: they can be shared by runs that differ in these.
APART = frozenset({"out", "limit", "draws"})
PLACES = frozenset({"images", "annotations"})


@dataclass(kw_only=True)
class Evaluation(Flow):
    """What every protocol needs."""

    protocol: ClassVar[str]

    images: Path
    """Folder with the pictures."""
    annotations: Path
    """The benchmark's annotation file."""
    out: Path
    """Folder for the results. Run again with the same options to go on after an interruption."""
    limit: int | None = None
    """Only the first so many pictures."""
    draws: Annotated[int, tyro.conf.arg(metavar="N")] = 1000
    """How often the pictures are drawn again for the intervals."""

    def data(self) -> "Data":
        """Where the benchmark lies."""
        from pymafsam.evaluation.protocol import Data

        return Data(images=self.images, annotations=self.annotations)

    def run(self) -> int:
        """Ask, measure, write, show."""
        from pymafsam.evaluation import protocols, scores

        protocol = protocols.find(self.protocol)
        data = self.data()
        cases = protocol.read(data)
        key = self.key(protocol, cases)
        done = self.asked(protocol, data, cases[: self.limit], key)
        result = scores.scored(done, key, self.seed, self.draws)
        self.write(done, result)
        self.show(done, result)
        return 1 if any(answer.missed for answer in done.answers.values()) else 0

    def asked(
        self, protocol: "Protocol", data: "Data", cases: Sequence["Case"], key: dict[str, Any]
    ) -> "Run":
        """Every case answered, by the journal or now."""
        from pymafsam.evaluation.journal import Journal
        from pymafsam.evaluation.protocol import Run
        from pymafsam.evaluation.run import answered

        subject, model = self.subject(protocol)
        answers: dict[str, Answer] = {}
        with progress_bar() as progress:
            work = answered(cases, subject, Journal(folder=self.out, key=key))
            for case, answer in progress.track(work, len(cases), description="evaluate"):
                answers[case.id] = answer
        return Run(protocol=protocol, data=data, cases=cases, answers=answers, model=model)

    def subject(self, protocol: "Protocol") -> tuple["Subject", Any]:
        """Who is evaluated, and the body that their answers are in."""
        from pymafsam.evaluation import subjects

        flow = self.load()
        if protocol.segments_only:
            return subjects.Segmented(observe=flow.observer.observe), flow.model
        return subjects.Flow(scenes=flow.run, keeps=protocol.keeps), flow.model

    def settings(self) -> dict[str, str]:
        """The options that answers depend on."""
        return {f.name: str(getattr(self, f.name)) for f in fields(self) if f.name not in APART}

    def key(self, protocol: "Protocol", cases: Sequence["Case"]) -> dict[str, Any]:
        """All that the answers depend on: a journal under another key is not read."""
        from pymafsam import __version__
        from pymafsam.evaluation import identity

        return {
            "protocol": protocol.name,
            "version": __version__,
            "code": identity.of_code(),
            "weights": identity.of_weights(self.weights),
            "body": identity.of_path(Path(self.body)),
            "annotations": identity.of_path(self.annotations),
            "pictures": identity.of_pictures(self.images / name for name in picture_names(cases)),
            # Where the pictures lie does not matter: their digests are above.
            "settings": {k: v for k, v in self.settings().items() if k not in PLACES},
        }

    def write(self, run: "Run", result: "Scores") -> None:
        """scores.json and what else the protocol has."""
        from pymafsam.evaluation import scores
        from pymafsam.evaluation.protocol import resolve

        protocol = run.protocol
        kept = resolve(protocol.legacy)(result.figures) if protocol.legacy else {}
        missed = {case: answer.missed for case, answer in run.answers.items() if answer.missed}
        more = {
            "protocol": protocol.words(),
            "settings": self.settings(),
            "missed": missed,
            **kept,
        }
        scores.save(self.out, result, more)

    def write_json(self, name: str, content: Any) -> None:
        """Write one of the results as json."""
        with writing(self.out / name) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def show(self, run: "Run", result: "Scores") -> None:
        """A table of the figures, what they cannot see, and what was missed."""
        from rich.console import Console

        missed = [case for case, answer in run.answers.items() if answer.missed]
        console = Console()
        title = f"{run.protocol.name}, {len(run.cases)} cases, {len(missed)} missed"
        console.print(table_of(title, result))
        print(f"Truth: {run.protocol.truth}. Boxes: {run.protocol.boxes}.")
        if run.protocol.blind:
            print(f"Not seen by these figures: {run.protocol.blind}")
        for case in missed:
            print(f"missed: {case}: {run.answers[case].missed}")
        print(f"-> {self.out}")


def picture_names(cases: Sequence["Case"]) -> list[str]:
    """The files that cases show, as far as their truth names one."""
    return [
        str(getattr(case.truth, "file_name", case.id)) for case in cases if case.truth is not None
    ]


def table_of(title: str, result: "Scores") -> Any:
    """One figure a line: whose it is, its interval, and of how many samples."""
    from rich.table import Table

    from pymafsam.evaluation.figures import LEVEL

    table = Table(title=title)
    for name in ("figure", "whose", "value", f"{LEVEL:.0%} interval", "samples"):
        table.add_column(name, justify="left" if name in ("figure", "whose") else "right")
    for figure, interval in zip(result.figures, result.intervals, strict=True):
        table.add_row(
            figure.name,
            figure.whose,
            f"{number(figure.value, figure.unit)} {figure.unit}".strip(),
            f"{number(interval.low, figure.unit)} {number(interval.high, figure.unit)}",
            str(len(figure.rows)),
        )
    return table


def number(value: float, unit: str) -> str:
    """Lengths and angles with one digit, shares with three."""
    return f"{value:.1f}" if unit else f"{value:.3f}"


@dataclass(kw_only=True)
class EvaluateCoco(Evaluation):
    """COCO keypoint AP of the meshes' own projected keypoints, and of their silhouettes.

    Writes keypoints.json (COCO result format, a real score per person), scores.json (every figure
    with its interval) and predictions.jsonl (the answers themselves) to --out. The figures of
    detected boxes are over the pictures in which everybody is annotated.

    Example:
      pymafsam evaluate coco --images val2017 --annotations person_keypoints_val2017.json --out eval
    """

    protocol: ClassVar[str] = "coco"

    boxes: Literal["annotations", "detector", "both"] = "annotations"
    """Where people are: as annotated, or as the detector finds them, or one after the other."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        return Data(images=self.images, annotations=self.annotations, boxes=self.boxes)

    def write(self, run: "Run", result: "Scores") -> None:
        from pymafsam.evaluation.protocols import coco

        super().write(run, result)
        look = coco.DETECTED if self.boxes == "detector" else coco.GIVEN
        self.write_json("keypoints.json", coco.results(run, look))


@dataclass(kw_only=True)
class EvaluateLsp(Evaluation):
    """Leeds Sports Pose: PCK@0.2 and @0.1 of the 12 limb joints, relative to the torso.

    --annotations is a joints.npz with imgname and joints (n, 14, 3), and optionally split.

    Example:
      pymafsam evaluate lsp --images lsp/images --annotations joints.npz --split dev --out eval
    """

    protocol: ClassVar[str] = "lsp"

    boxes: Literal["annotations", "detector"] = "annotations"
    """Where people are: as annotated, or as the detector finds them."""
    split: str | None = None
    """Only the rows of this split."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        return Data(
            images=self.images, annotations=self.annotations, boxes=self.boxes, split=self.split
        )


@dataclass(kw_only=True)
class EvaluateStanding(Evaluation):
    """How far people who stand upright in the picture lean towards the camera: no labels of depth.

    --annotations are COCO's person keypoints: whoever has shoulders, hips, knees and ankles
    labelled, and trunk, thighs and shins within 12 degrees of vertical. It does not see the
    camera's pitch.

    Example:
      pymafsam evaluate standing --images val2017 --annotations person_keypoints.json --out standing
    """

    protocol: ClassVar[str] = "standing"


@dataclass(kw_only=True)
class EvaluateMirror(Evaluation):
    """A picture and its mirror image must give mirrored bodies: no labels, only boxes.

    Reports the distance of joints after mirroring back. It does not see what is wrong on both
    sides alike.

    Example:
      pymafsam evaluate mirror --images val2017 --annotations person_keypoints.json --out mirror
    """

    protocol: ClassVar[str] = "mirror"


@dataclass(kw_only=True)
class EvaluateJitter(Evaluation):
    """How far bodies move when box, picture or focal length change a little: no labels, only boxes.

    Every picture is looked at eleven times. It does not see what stays wrong.

    Example:
      pymafsam evaluate jitter --images val2017 --annotations person_keypoints.json --out jitter
    """

    protocol: ClassVar[str] = "jitter"

    every: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Only every so many-th picture."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        return Data(images=self.images, annotations=self.annotations, every=self.every)


@dataclass(kw_only=True)
class Compare:
    """Two runs of one protocol: every figure's difference, and whether it is significant.

    Both are read on the same draws of the cases they share (paired bootstrap).

    Example:
      pymafsam evaluate compare eval/today eval/yesterday
    """

    first: tyro.conf.Positional[Path]
    """A scores.json with its samples.npz beside it, or the folder that holds both."""
    second: tyro.conf.Positional[Path]
    """The run it is compared with."""
    draws: Annotated[int, tyro.conf.arg(metavar="N")] = 1000
    """How often the cases are drawn again."""

    def run(self) -> int:
        from rich.console import Console
        from rich.table import Table

        from pymafsam.evaluation import scores

        if self.draws < 1:
            raise BadUsage(f"--draws must be at least 1; {self.draws} was given.")
        table = Table(title=f"{self.first} less {self.second}")
        columns = "figure whose first second difference interval chance significant".split()
        for name in columns:
            table.add_column(name, justify="left" if name in ("figure", "whose") else "right")
        found = scores.differences(scores.load(self.first), scores.load(self.second), self.draws)
        for row in found:
            table.add_row(
                row.name,
                row.whose,
                number(row.first, row.unit),
                number(row.second, row.unit),
                number(row.first - row.second, row.unit),
                f"{number(row.interval.low, row.unit)} {number(row.interval.high, row.unit)}",
                f"{row.chance:.3f}",
                "yes" if row.significant else "no",
            )
        Console().print(table)
        return 0

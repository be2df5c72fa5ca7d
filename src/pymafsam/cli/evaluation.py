"""What every protocol of ``evaluate`` shares: ask, measure, check, write, show."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from pymafsam.cli.bars import progress_bar
from pymafsam.cli.options import Flow, check_range
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import made
from pymafsam.files.atomic import check_writable, writing

if TYPE_CHECKING:
    from pymafsam.evaluation.cases import Answer, Case
    from pymafsam.evaluation.checks import Check
    from pymafsam.evaluation.protocol import Data, Protocol, Run
    from pymafsam.evaluation.scores import Scores
    from pymafsam.evaluation.shares import Share
    from pymafsam.evaluation.subjects import Subject

MAKER = "evaluate"
# What is written: files with a mark, the journal (which is there from the first answer on) first,
# and those whose format has no room for one.
MARKED = ("predictions.jsonl", "scores.json", "samples.npz", "report.html")
PLAIN = ("keypoints.json",)
# What answers do not depend on: they can be shared by runs that differ in these.
APART = frozenset({"out", "limit", "draws", "page"})
# Where things lie does not matter either: the key holds digests of what is there.
PLACES = frozenset({"images", "annotations", "bodies", "calibration", "labels", "results"})


@dataclass(kw_only=True)
class Evaluation(Flow):
    """What every protocol needs."""

    protocol: ClassVar[str]

    out: Path
    """Folder for the results. Run again with the same options to go on after an interruption."""
    results: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Measure saved results instead: a folder of json, a COCO result file, an npz of poses."""
    limit: int | None = None
    """Only the first so many pictures."""
    draws: Annotated[int, tyro.conf.arg(metavar="N")] = 1000
    """How often the pictures are drawn again for the intervals."""
    page: bool = True
    """Write report.html, the worst, median and best pictures."""

    def data(self) -> "Data":
        """Where the benchmark lies."""
        raise NotImplementedError

    def run(self) -> int:
        """The whole evaluation; of several processes (torchrun) the first one measures."""
        from pymafsam.evaluation import checks, protocols, scores
        from pymafsam.evaluation.shares import Share

        check_range("--draws", self.draws, 1)
        check_range("--limit", self.limit, 1)
        check_range("--every", getattr(self, "every", None), 1)  # not every benchmark has it
        protocol, data, share = protocols.find(self.protocol), self.data(), Share.of_environment()
        self.claim()
        cases = protocol.read(data)
        key = self.key(protocol, data, cases)
        done = self.asked(protocol, data, cases[: self.limit], key, share)
        if not share.leads:
            return 0
        tried = checks.of_measure(done)
        result = scores.scored(done, key, self.seed, self.draws)
        doubts = checks.of_answers(done)
        self.write(done, result, tried, doubts)
        self.show(done, result, tried, doubts)
        failed = any(answer.missed for answer in done.answers.values())
        return 1 if failed or not all(check.passed for check in tried) else 0

    def claim(self) -> None:
        """Take the folder. Raises BadInput where it holds files of these names by others."""
        check_writable(self.out)
        outputs = made.Outputs(maker=MAKER)
        outputs.claim([self.out / name for name in MARKED], self.protocol)
        if not (self.out / MARKED[0]).exists():
            for path in filter(Path.exists, (self.out / name for name in PLAIN)):
                raise BadInput(
                    f"{path} is left as it is: pymafsam did not make it.\n"
                    "  Choose another folder (--out)."
                )

    def asked(
        self,
        protocol: "Protocol",
        data: "Data",
        cases: Sequence["Case"],
        key: dict[str, Any],
        share: "Share",
    ) -> "Run":
        """Every case answered, by the journal or now; at the first process all of them."""
        from pymafsam.evaluation.predictions import Predictions
        from pymafsam.evaluation.protocol import Run
        from pymafsam.evaluation.run import answered

        subject, model = self.subject(protocol)
        book = Predictions(folder=self.out, key=key, name=share.file)
        answers: dict[str, Answer] = {}
        with progress_bar() as progress:
            mine = share.of(cases)
            work = answered(mine, subject, book)
            for case, answer in progress.track(work, len(mine), description="evaluate"):
                answers[case.id] = answer
        answers = share.gathered(answers)
        if share.leads and share.world > 1:
            whole = {case.id: answers[case.id] for case in cases if case.id in answers}
            book.finish(whole)
        return Run(protocol=protocol, data=data, cases=cases, answers=answers, model=model)

    def subject(self, protocol: "Protocol") -> tuple["Subject", Any]:
        """Who is evaluated, and the body that their answers are in."""
        from pymafsam import body
        from pymafsam.body.regions import regions
        from pymafsam.evaluation import saved, subjects

        if self.results is not None:
            if protocol.several_looks:
                raise BadUsage(
                    f"{protocol.name} shows every picture several times, changed: saved results "
                    "cannot answer that. Leave --results out."
                )
            if "parts" in protocol.keeps:
                raise BadUsage(f"{protocol.name} draws the mesh itself. Leave --results out.")
            model = body.load(self.body)
            return saved.subject(self.results, model), model
        flow = self.load()
        if protocol.segments_only:
            return subjects.Segmented(observe=flow.observer.observe), flow.model
        cut = regions(flow.model) if "parts" in protocol.keeps else None
        return subjects.Flow(scenes=flow.run, keeps=protocol.keeps, regions=cut), flow.model

    def settings(self) -> dict[str, str]:
        """The options that answers depend on."""
        return {f.name: str(getattr(self, f.name)) for f in fields(self) if f.name not in APART}

    def key(self, protocol: "Protocol", data: "Data", cases: Sequence["Case"]) -> dict[str, Any]:
        """All that the answers depend on: answers under another key are not read."""
        from pymafsam import __version__
        from pymafsam.files import digests
        from pymafsam.pretrained.networks import digest_of

        pictures = [
            str(getattr(case.truth, "file_name", case.id))
            for case in cases
            if case.truth is not None
        ]
        return {
            "made": made.mark(MAKER),
            "protocol": protocol.name,
            "version": __version__,
            "code": digests.of_code(),
            "weights": digest_of(self.weights),
            "results": None if self.results is None else digests.of_path(self.results),
            "body": digests.of_path(Path(self.body)),
            "annotations": digests.of_path(data.annotations),
            "calibration": None if data.calibration is None else digests.of_path(data.calibration),
            "pictures": digests.of_pictures(data.images / name for name in pictures),
            "settings": {k: v for k, v in self.settings().items() if k not in PLACES},
        }

    def write(
        self, run: "Run", result: "Scores", tried: Sequence["Check"], doubts: Sequence[str]
    ) -> None:
        """scores.json, samples.npz, report.html, and what else the protocol has."""
        from pymafsam.evaluation import page, scores
        from pymafsam.evaluation.protocol import resolve

        protocol = run.protocol
        kept = resolve(protocol.legacy)(result.figures) if protocol.legacy else {}
        more = {
            "protocol": protocol.words(),
            "settings": self.settings(),
            "missed": {c: answer.missed for c, answer in run.answers.items() if answer.missed},
            "checks": [check.record() for check in tried],
            "doubts": list(doubts),
            **kept,
        }
        scores.save(self.out, result, more)
        if self.page:
            page.write(self.out / "report.html", run, result)

    def write_json(self, name: str, content: object) -> None:
        """Write one of the results as json."""
        with writing(self.out / name) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def show(
        self, run: "Run", result: "Scores", tried: Sequence["Check"], doubts: Sequence[str]
    ) -> None:
        """A table of the figures, what they cannot see, what was missed, what looks wrong."""
        from rich.console import Console

        missed = [case for case, answer in run.answers.items() if answer.missed]
        title = f"{run.protocol.name}, {len(run.cases)} cases, {len(missed)} missed"
        Console().print(table_of(title, result))
        print(f"Truth: {run.protocol.truth}. Boxes: {run.protocol.boxes}.")
        if run.protocol.blind:
            print(f"Not seen by these figures: {run.protocol.blind}")
        wrong = [check for check in tried if not check.passed]
        if tried:
            print(f"Checks of the measure: {len(tried) - len(wrong)} of {len(tried)} passed.")
        for check in wrong:
            print(
                f"CHECK FAILED: {check.what}: {check.figure} should be {check.wanted:.4g}, "
                f"is {check.found:.4g}"
            )
        for doubt in doubts:
            print(f"DOUBTFUL: {doubt}")
        for case in missed:
            print(f"missed: {case}: {run.answers[case].missed}")
        print(f"-> {self.out}")


@dataclass(kw_only=True)
class OfPictures(Evaluation):
    """A benchmark of pictures and an annotation file."""

    images: Path
    """Folder with the pictures."""
    annotations: Path
    """The benchmark's annotation file."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        return Data(images=self.images, annotations=self.annotations)


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

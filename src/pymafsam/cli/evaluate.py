"""``evaluate``: figures under a named protocol."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pymafsam.cli.options import Flow, progress_bar
from pymafsam.files.atomic import writing


@dataclass(kw_only=True)
class Evaluation(Flow):
    """What every protocol needs."""

    images: Path
    """Folder with the pictures."""
    annotations: Path
    """The benchmark's annotation file."""
    out: Path
    """Folder for the results. Run again with the same options to go on after an interruption."""
    boxes: Literal["annotations", "detector"] = "annotations"
    """Where people are: as annotated, or as the detector finds them."""
    limit: int | None = None
    """Only the first so many pictures."""

    def settings(self) -> dict[str, Any]:
        """What a resumed run must have in common with the interrupted one."""
        left_out = {"out", "limit"}
        return {f.name: str(getattr(self, f.name)) for f in fields(self) if f.name not in left_out}

    def run_over(self, pictures: Sequence[Any], measure: Callable[..., Any]) -> list[Any]:
        """(picture, rows) of every picture, journalled in the results' folder."""
        from pymafsam.evaluation.people import resumed

        reconstructor = self.load()
        given_boxes = self.boxes == "annotations"

        def rows(picture: Any) -> Any:
            return measure(
                picture,
                self.images,
                lambda frame, people: reconstructor.scene(frame, people=people),
                given_boxes=given_boxes,
            )

        journal = self.out / "journal.jsonl"
        with progress_bar() as progress:
            work = resumed(pictures[: self.limit], rows, journal, self.settings())
            return list(progress.track(work, len(pictures[: self.limit]), description="evaluate"))

    def write(self, name: str, content: Any) -> None:
        """Write one of the results as json."""
        with writing(self.out / name) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@dataclass(kw_only=True)
class EvaluateCoco(Evaluation):
    """COCO keypoint AP of the meshes' own projected keypoints, and of their silhouettes.

    Writes keypoints.json (COCO result format, a real score per person), scores.json and rows.json
    (per person) to --out. With --boxes detector only pictures with everybody annotated count.

    Example:
      pymafsam evaluate coco --images val2017 --annotations person_keypoints_val2017.json --out eval
    """

    def run(self) -> int:
        from pymafsam.evaluation import coco, people

        pictures = coco.read_annotations(self.annotations)
        if self.boxes == "detector":
            pictures = [picture for picture in pictures if picture.complete]
        measured = self.run_over(pictures, people.measure_coco)
        rows = [row for _, found in measured for row in found]
        ids = [picture.id for picture, _ in measured]
        scores = people.summarise_coco(self.annotations, rows, ids)
        self.write("keypoints.json", people.coco_results(rows, "mesh"))
        self.write("rows.json", [asdict(row) for row in rows])
        self.write("scores.json", {"settings": self.settings(), **scores})
        _print_table(
            f"COCO keypoints, {len(rows)} people, boxes from {self.boxes}",
            {"mesh": scores["mesh"], "detector's keypoints": scores["detector"]},
        )
        for overlap in ("silhouette_iou", "mask_iou", "mask_iou_large"):
            if scores[overlap] is not None:
                print(f"{overlap:>16} {scores[overlap]:.3f}")
        return 0


@dataclass(kw_only=True)
class EvaluateLsp(Evaluation):
    """Leeds Sports Pose: PCK@0.2 and @0.1 of the 12 limb joints, relative to the torso.

    --annotations is a joints.npz with imgname and joints (n, 14, 3), and optionally split.

    Example:
      pymafsam evaluate lsp --images lsp/images --annotations joints.npz --split dev --out eval
    """

    split: str | None = None
    """Only the rows of this split."""

    def run(self) -> int:
        from pymafsam.evaluation import lsp, people

        measured = self.run_over(lsp.read_joints(self.annotations, self.split), lsp.measure_lsp)
        rows = [row for _, found in measured for row in found]
        truths = [picture.joints for picture, _ in measured]
        scores = {
            f"PCK@{share}": people.percentage_correct(rows, truths, share) for share in (0.2, 0.1)
        }
        self.write("rows.json", [asdict(row) for row in rows])
        self.write("scores.json", {"settings": self.settings(), "people": len(rows), **scores})
        columns = {
            who: {name: figures[who] for name, figures in scores.items()}
            for who in ("mesh", "detector")
        }
        _print_table(f"LSP, {len(rows)} people, boxes from {self.boxes}", columns)
        return 0


def _print_table(title: str, columns: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("")
    for who in columns:
        table.add_column(who, justify="right")
    for figure in next(iter(columns.values())):
        table.add_row(figure, *(f"{column[figure]:.3f}" for column in columns.values()))
    Console().print(table)

"""``evaluate``: figures under a named protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro

from pymafsam.cli.evaluation import Evaluation, OfPictures, number
from pymafsam.cli.options import check_range

if TYPE_CHECKING:
    from pymafsam.evaluation.checks import Check
    from pymafsam.evaluation.protocol import Data, Run
    from pymafsam.evaluation.scores import Scores


@dataclass(kw_only=True)
class EvaluateCoco(OfPictures):
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
        return replace(super().data(), boxes=self.boxes)

    def write(
        self, run: "Run", result: "Scores", tried: Sequence["Check"], doubts: Sequence[str]
    ) -> None:
        from pymafsam.evaluation.protocols import coco

        super().write(run, result, tried, doubts)
        look = coco.DETECTED if self.boxes == "detector" else coco.GIVEN
        self.write_json("keypoints.json", coco.results(run, look))


@dataclass(kw_only=True)
class EvaluateLsp(OfPictures):
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
        return replace(super().data(), boxes=self.boxes, split=self.split)


@dataclass(kw_only=True)
class EvaluateLspParts(EvaluateLsp):
    """Leeds Sports Pose's silhouettes and six body parts: accuracy and F1 of the drawn mesh.

    --labels holds UP-3D's im1001_segmentation.png and im1001_part_segmentation.png and so on.

    Example:
      pymafsam evaluate lsp-parts --images lsp/images --annotations joints.npz
        --labels upi-s1h/data/lsp --out eval
    """

    protocol: ClassVar[str] = "lsp-parts"

    labels: Path
    """Folder with a silhouette and a part map for each picture."""
    parts: str = "head,torso,left arm,right arm,left leg,right leg"
    """What the numbers 1 to 6 mean in the part maps, of the person's own left and right."""

    def data(self) -> "Data":
        order = tuple(name.strip() for name in self.parts.split(","))
        return replace(super().data(), labels=self.labels, parts=order)


@dataclass(kw_only=True)
class EvaluateStanding(OfPictures):
    """How far people who stand upright in the picture lean towards the camera: no labels of depth.

    --annotations are COCO's person keypoints: whoever has shoulders, hips, knees and ankles
    labelled, and trunk, thighs and shins within 12 degrees of vertical. It does not see the
    camera's pitch.

    Example:
      pymafsam evaluate standing --images val2017 --annotations person_keypoints.json --out standing
    """

    protocol: ClassVar[str] = "standing"


@dataclass(kw_only=True)
class EvaluateMirror(OfPictures):
    """A picture and its mirror image must give mirrored bodies: no labels, only boxes.

    Reports the distance of joints after mirroring back. It does not see what is wrong on both
    sides alike.

    Example:
      pymafsam evaluate mirror --images val2017 --annotations person_keypoints.json --out mirror
    """

    protocol: ClassVar[str] = "mirror"


@dataclass(kw_only=True)
class EvaluateJitter(OfPictures):
    """How far bodies move when box, picture or focal length change a little: no labels, only boxes.

    Every picture is looked at eleven times. It does not see what stays wrong.

    Example:
      pymafsam evaluate jitter --images val2017 --annotations person_keypoints.json --out jitter
    """

    protocol: ClassVar[str] = "jitter"

    every: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Only every so many-th picture."""

    def data(self) -> "Data":
        return replace(super().data(), every=self.every)


@dataclass(kw_only=True)
class EvaluateMasks(OfPictures):
    """Masks against COCO's outlines: IoU, boundary F and pixel F1 of any --segmenter.

    Example:
      pymafsam evaluate masks --images val2017 --annotations person_keypoints.json --out masks
    """

    protocol: ClassVar[str] = "masks"


@dataclass(kw_only=True)
class OfRows(OfPictures):
    """A benchmark with 3D truth, as a table of people in SPIN's layout (pymafsam prepare)."""

    bodies: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder with SMPL_NEUTRAL, SMPL_MALE and SMPL_FEMALE, for true meshes."""
    every: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Only every so many-th row."""
    as_reference: bool = False
    """Measure rows without a pose against the body at rest, as the original does."""

    def data(self) -> "Data":
        return replace(
            super().data(),
            bodies=self.bodies,
            every=self.every,
            as_reference=self.as_reference,
        )


@dataclass(kw_only=True)
class Evaluate3dpw(OfRows):
    """3DPW's test people: MPJPE, PA-MPJPE and PVE, truth by gender. Needs SMPL files (--bodies).

    Example:
      pymafsam evaluate 3dpw --images 3DPW --annotations 3dpw_test.npz --bodies smpl --out 3dpw
    """

    protocol: ClassVar[str] = "3dpw"


@dataclass(kw_only=True)
class EvaluateH36mP1(OfRows):
    """Human3.6M, protocol 1: MPJPE and PA-MPJPE of all cameras, also by action.

    Example:
      pymafsam evaluate h36m-p1 --images h36m --annotations h36m_valid_protocol1.npz --out p1
    """

    protocol: ClassVar[str] = "h36m-p1"


@dataclass(kw_only=True)
class EvaluateH36mP2(OfRows):
    """Human3.6M, protocol 2: MPJPE and PA-MPJPE of the frontal camera, also by action.

    Example:
      pymafsam evaluate h36m-p2 --images h36m --annotations h36m_valid_protocol2.npz --out p2
    """

    protocol: ClassVar[str] = "h36m-p2"


@dataclass(kw_only=True)
class EvaluateMpiInf3dhp(OfRows):
    """MPI-INF-3DHP's test people: MPJPE, PA-MPJPE, PCK at 150 mm and AUC.

    Example:
      pymafsam evaluate mpi-inf-3dhp --images 3dhp --annotations mpi_inf_3dhp_test.npz --out 3dhp
    """

    protocol: ClassVar[str] = "mpi-inf-3dhp"


@dataclass(kw_only=True)
class EvaluateSynthetic(Evaluation):
    """Rendered people of whom everything is known: MPJPE, PA-MPJPE, PVE, angles, distance.

    Always the same 300 people; figures with and without --photographs must not be compared.

    Example:
      pymafsam evaluate synthetic --photographs val2017 --out synthetic
    """

    protocol: ClassVar[str] = "synthetic"

    photographs: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """COCO-format folder (images/, person_keypoints.json) that backgrounds are cut from."""
    every: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Only every so many-th person."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        folder = self.photographs or Path("no photographs")
        return Data(images=folder, annotations=folder / "person_keypoints.json", every=self.every)


@dataclass(kw_only=True)
class EvaluateViews(Evaluation):
    """Several calibrated cameras must see one body: no labels, one person in sight.

    --images holds a video or a folder of pictures for every camera, named after it. Reports how far
    views disagree, and how far bodies are from keypoints triangulated of all views, with the
    triangulation's own residual. It does not see what all views get wrong alike.

    Example:
      pymafsam evaluate views --images videos --calibration lab.qca.txt --every 10 --out views
    """

    protocol: ClassVar[str] = "views"

    images: Path
    """Folder with a video, or a folder of pictures, for every camera."""
    calibration: Path
    """Qualisys' .qca.txt, or a .toml with a table per camera."""
    every: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Only every so many-th moment."""

    def data(self) -> "Data":
        from pymafsam.evaluation.protocol import Data

        return Data(
            images=self.images,
            annotations=self.calibration,
            calibration=self.calibration,
            every=self.every,
        )


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
        from rich.markup import escape
        from rich.table import Table

        from pymafsam.evaluation import scores

        check_range("--draws", self.draws, 1)
        table = Table(title=escape(f"{self.first} less {self.second}"))
        columns = "figure whose first second difference interval chance significant".split()
        for name in columns:
            table.add_column(name, justify="left" if name in ("figure", "whose") else "right")
        found = scores.differences(scores.load(self.first), scores.load(self.second), self.draws)
        for row in found:
            table.add_row(
                escape(row.name),
                escape(row.whose),
                number(row.first, row.unit),
                number(row.second, row.unit),
                number(row.first - row.second, row.unit),
                f"{number(row.interval.low, row.unit)} {number(row.interval.high, row.unit)}",
                f"{row.chance:.3f}",
                "yes" if row.significant else "no",
            )
        Console().print(table)
        return 0

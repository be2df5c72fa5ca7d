"""Options that several verbs share, and what they build."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.cli.bars import downloads_shown
from pymafsam.config import MINIMUM_SCORE
from pymafsam.errors import BadUsage

if TYPE_CHECKING:
    from pymafsam.pipeline import Reconstructor

FOR_A_CORE = 4  # processes; each has networks of its own, 0.65 GB and more
MOST_THREADS = 4096  # more than any machine has cores; libraries fail in odd ways beyond


@dataclass(kw_only=True)
class Flow:
    """How people are found, masked and reconstructed."""

    weights: str = "fit"
    """"fit" (lifted, then fitted), "lift" (not fitted), or a network: checkpoint or ONNX file."""
    body: str = "anny24"
    """The embedded body, or the path of an SMPL file of yours."""
    detector: str = "auto"
    """Who finds people: auto, nanodet, blazepose (needs no npm), fast (less exact)."""
    segmenter: str = "auto"
    """Who makes masks: auto (MobileSAM as it runs fastest here), mobilesam, mobilesam-openvino,
    mobilesam-bf16 (needs OpenVINO, too), sam:vit_h=PATH (also vit_l, vit_b), detector, none."""
    points: str = "auto"
    """Where a network looks first: auto, grid, mask, bank."""
    refine: bool = False
    """Fit a network's bodies to keypoints and mask afterwards."""
    device: str = "auto"
    """Where a network runs: auto, cpu, cuda, mps, openvino (for exported files); also cpu:bf16."""
    batch: int = 8
    """People per step of a network."""
    seed: int = 0
    """For what is drawn at random (only the point bank is)."""
    focal: Annotated[float | None, tyro.conf.arg(metavar="PIXELS")] = None
    """Focal length in pixels. Default: EXIF's, else the picture's diagonal."""
    min_score: float = MINIMUM_SCORE
    """People the detector is less sure of (0 to 1) are passed over."""

    def check(self) -> None:
        """Raises BadUsage for numbers out of their range."""
        check_range("--batch", self.batch, 1)
        check_range("--seed", self.seed, 0)
        check_range("--min-score", self.min_score, 0, 1)

    def load(self, threads: int = 0) -> "Reconstructor":
        """The reconstructor these options describe; networks are fetched with a progress bar.

        Raises BadUsage as ``check`` does.
        """
        from pymafsam.pipeline import Reconstructor

        self.check()
        with downloads_shown():
            return Reconstructor.load(
                weights=self.weights,
                body=self.body,
                detector=self.detector,
                segmenter=self.segmenter,
                points=self.points,
                refine=self.refine,
                device=self.device,
                batch=self.batch,
                seed=self.seed,
                focal=self.focal,
                minimum_score=self.min_score,
                threads=threads,
            )


def check_workers(workers: int, least: int = 1) -> None:
    """Raises BadUsage for more processes than this machine can be meant to carry."""
    from pymafsam.ahead import cores

    check_range("--workers", workers, least, FOR_A_CORE * cores())


def check_range(
    option: str, value: int | float | None, low: int | float, high: int | float = math.inf
) -> None:
    """Raises BadUsage for a number out of its range, and for what is none; None is not given."""
    if value is None or (math.isfinite(value) and low <= value <= high):
        return
    wanted = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
    raise BadUsage(f"{option} must be {wanted}; {value:g} was given.")

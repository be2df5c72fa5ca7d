"""Options that several verbs share, and what they build."""

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import tyro

if TYPE_CHECKING:
    from rich.progress import Progress

    from pymafsam.pipeline import Reconstructor


T = TypeVar("T")


@dataclass(kw_only=True)
class Flow:
    """How people are found, masked and reconstructed."""

    weights: str = "fit"
    """"fit" (the keypoint fit, no network), or a network: a checkpoint or an ONNX file."""
    body: str = "anny24"
    """The embedded body, or the path of an SMPL file of yours."""
    detector: str = "auto"
    """Who finds people: auto, nanodet, blazepose (needs no npm), fast (less exact)."""
    segmenter: str = "auto"
    """Who makes masks: auto, mobilesam, sam:vit_h=PATH (also vit_l, vit_b), detector, none."""
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
    min_score: float = 0.4
    """People the detector is less sure of (0 to 1) are passed over."""

    def load(self, threads: int = 0) -> "Reconstructor":
        """The reconstructor these options describe; networks are fetched with a progress bar."""
        from pymafsam.pipeline import Reconstructor

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


def downloads_shown() -> AbstractContextManager[None]:
    """While this lasts, downloads show a bar where there is a terminal."""
    if not is_terminal():
        return nullcontext()
    from pymafsam.cli.fetch import showing_downloads

    return showing_downloads()


def is_terminal() -> bool:
    """Whether rich would take standard error for a terminal; asked without importing it."""
    forced = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return forced or (sys.stderr is not None and sys.stderr.isatty())


def tracked(items: Iterable[T], description: str) -> Generator[T, None, None]:
    """The items, counted by a bar where there is a terminal. Close it when it is left early."""
    if not is_terminal():
        yield from items
        return
    with progress_bar() as progress:
        yield from progress.track(items, description=description)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar with counts and times on standard error; silent where that is not a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield progress

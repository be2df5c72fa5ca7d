"""What a protocol is: everything one must know to reproduce a number, in one row.

The rows themselves stand in ``pymafsam.evaluation.protocols``.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from pymafsam.body.regions import REGIONS
from pymafsam.evaluation.cases import Answer, Case
from pymafsam.evaluation.figures import Figure

if TYPE_CHECKING:
    from pymafsam.body import BodyModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where a benchmark lies on this machine, and which part of it is meant."""

    images: Path
    annotations: Path
    boxes: str = "annotations"  # annotations, detector, both
    split: str | None = None
    labels: Path | None = None  # masks and part maps, where a benchmark keeps them apart
    parts: tuple[str, ...] = REGIONS  # what the numbers from 1 on mean in part maps
    bodies: Path | None = None  # folder of SMPL files for the truth, by gender
    calibration: Path | None = None  # of several cameras
    as_reference: bool = False  # what the original measures although it means nothing
    every: int = 1  # only every so many-th picture or moment
    extent: Mapping[str, float] = field(default_factory=dict)  # sizes of what is tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What figures are made from. ``model`` is the body of the answers, where it is known."""

    protocol: "Protocol"
    data: Data
    cases: Sequence[Case]
    answers: Mapping[str, Answer]
    model: "BodyModel | None" = None

    def each(self) -> Iterator[tuple[int, Case, Answer]]:
        """Every case that was answered or missed, with its index."""
        for index, case in enumerate(self.cases):
            if case.id in self.answers:
                yield index, case, self.answers[case.id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the page of pictures shows of a look's truth: keypoints (x, y, known), their order."""

    keypoints: Sequence[Float[np.ndarray, "points 3"]]
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One benchmark as it is measured.

    ``cases`` (function of ``Data``) reads it, ``figures`` (function of ``Run``) measures; both as
    ``module:function``. ``truth``, ``joints``, ``root``, ``alignment`` and ``boxes`` say in words
    what the figures mean, and stand in the results; ``blind`` what the figures cannot see.
    ``keeps``: of ``silhouette``, ``parts``, ``mask`` and ``lsp14``, what is kept of the answers.
    ``headline`` names the figure by whose rows the best and worst pictures are chosen. ``home`` is
    the module that knows perfect answers (see ``checks``) and what is shown of the truth.
    """

    name: str
    about: str
    cases: str
    figures: str
    truth: str
    headline: str
    joints: str = "17 COCO keypoints"
    root: str = "none: the picture's pixels"
    alignment: str = "none"
    boxes: str = "annotated"
    blind: str = ""
    keeps: frozenset[str] = frozenset()
    segments_only: bool = False
    several_looks: bool = False  # the same picture, changed: only a flow can answer
    home: str | None = None  # module with perfect, perturbed, EXPECTED (checks) and shown (page)
    expected: Mapping[str, float] | None = None  # where not the module's EXPECTED
    compared: str | None = None  # module:function of Run: pairs whose order and unit are checked
    doubted: str | None = None  # module:function of Run: further doubts about its data, in words
    legacy: str | None = None  # module:function of figures: keys that scores.json had before

    def read(self, data: Data) -> list[Case]:
        """The benchmark's cases."""
        return resolve(self.cases)(data)

    def measure(self, run: Run) -> list[Figure]:
        """The benchmark's figures."""
        return resolve(self.figures)(run)

    def words(self) -> dict[str, str]:
        """The protocol as it stands in the results."""
        names = ("name", "truth", "joints", "root", "alignment", "boxes", "blind")
        return {name: getattr(self, name) for name in names}


def resolve(place: str) -> Any:
    """What stands at ``module:name``."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)

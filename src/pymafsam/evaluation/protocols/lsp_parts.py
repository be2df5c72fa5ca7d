"""Leeds Sports Pose's silhouettes and six body parts, against the body as it is drawn.

Labels as published with UP-3D (Lassner et al., "Unite the People", CVPR 2017), measured as SPIN
does (Kolotouros et al., ICCV 2019): a class's true and false pixels are summed over all pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from pymafsam.body.regions import REGIONS
from pymafsam.errors import BadInput, BadUsage
from pymafsam.evaluation.cases import Answer, Case, Found
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.lsp import LspPicture
from pymafsam.evaluation.metrics import counted
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import lsp
from pymafsam.evaluation.protocols.lsp import LOOK, surest
from pymafsam.files import frames, rle
from pymafsam.records import Inside

Labels = UInt8[np.ndarray, "height width"]
UNSAID = 255  # pixels of which the labels say nothing
BETTER = 1.5  # another order of parts is suspected where it agrees so many times as well
SILHOUETTE, PARTS = "_segmentation.png", "_part_segmentation.png"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A picture's joints, and where its labels lie. ``order``: which region each number means."""

    picture: LspPicture
    folder: Path
    order: tuple[str, ...]

    @property
    def box(self) -> np.ndarray:
        """The joints' box."""
        return self.picture.box

    @cached_property
    def silhouette(self) -> Inside:
        """The person's pixels."""
        return _read(self._file(SILHOUETTE)) > 0

    @cached_property
    def parts(self) -> Labels:
        """0 beside the person, from 1 on regions in the order of ``REGIONS``, or ``UNSAID``."""
        path = self._file(PARTS)
        stored = _read(path)
        if unknown := set(np.unique(stored)) - {*range(len(REGIONS) + 1), UNSAID}:
            raise BadInput(
                f"{path} holds the label {min(unknown)}; known are 0 to {len(REGIONS)} and "
                f"{UNSAID}. Is it a picture in colours?"
            )
        table = np.full(256, UNSAID, np.uint8)
        table[0] = 0
        for number, name in enumerate(self.order, start=1):
            table[number] = REGIONS.index(name) + 1
        return table[stored]

    def _file(self, ending: str) -> Path:
        return self.folder / f"{Path(self.picture.id).stem}{ending}"


def _read(path: Path) -> Labels:
    try:
        with frames.opened(path) as picture:
            if picture.mode not in ("1", "L", "P"):
                raise BadInput(f"{path} is a picture in colours; wanted one number per pixel.")
            return np.asarray(picture).astype(np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput(f"{path} cannot be read as labels ({error}).") from error


def cases(data: Data) -> list[Case]:
    """LSP's pictures of which labels are there. Raises BadInput where there are none."""
    if data.labels is None:
        raise BadUsage("lsp-parts: --labels names no folder.")
    if sorted(data.parts) != sorted(REGIONS):
        raise BadUsage(f"--parts must name each of: {', '.join(REGIONS)}.")
    folder, chosen = data.labels, []
    for case in lsp.cases(data):
        truth = Labelled(picture=case.truth, folder=folder, order=data.parts)
        if (folder / f"{Path(case.id).stem}{PARTS}").is_file():
            chosen.append(replace(case, truth=truth))
    if not chosen:
        raise BadInput(
            f"The folder {folder} holds no labels of the pictures.\n"
            f"  Wanted: im1001{SILHOUETTE} and im1001{PARTS} for im1001.jpg."
        )
    return chosen


def figures(run: Run) -> list[Figure]:
    """Accuracy and F1 of the silhouette (2 classes) and of the parts (7); F1 of every part.

    Whoever is missed has no pixel of any class but the background's.
    """
    right, outline, agreed, classes = [], [], [], []
    for index, case, answer in run.each():
        truth: Labelled = case.truth
        inside, parts = drawn(surest(answer), truth.parts)
        silhouette = truth.silhouette
        right.append((index, (float((inside == silhouette).sum()), float(inside.size))))
        outline.append((index, counted(inside, silhouette)))
        # Here, unlike in the F1, what is not said counts as background, as in the original.
        whole = np.where(truth.parts == UNSAID, 0, truth.parts)
        agreed.append((index, (float((parts == whole).sum()), float(parts.size))))
        classes.append((index, of_classes(parts, truth.parts)))
    by_part = [
        figure(f"F1, {name}", "mesh", "F1", [(k, row[3 * n + 3 : 3 * n + 6]) for k, row in classes])
        for n, name in enumerate(REGIONS)
    ]
    return [
        figure("silhouette accuracy", "mesh", "share", right),
        figure("silhouette F1", "mesh", "F1", outline),
        figure("parts accuracy", "mesh", "share", agreed),
        figure("parts F1", "mesh", "F1", classes),
        *by_part,
    ]


def drawn(found: Found | None, true: Labels) -> tuple[Inside, Labels]:
    """Somebody's silhouette and regions as pixels; nothing where nobody was found."""
    height, width = true.shape
    inside, parts = np.zeros(true.shape, bool), np.zeros(true.shape, np.uint8)
    outline = None if found is None else found.outline("silhouette")
    if found is None or outline is None:
        return inside, parts
    for number, lengths in enumerate(found.parts, start=1):
        parts[rle.decode(lengths, (width, height))] = number
    return outline, parts


def of_classes(found: Labels, true: Labels) -> tuple[float, ...]:
    """Pixels right, wrong and missing of every class in turn, where the labels say something."""
    said = true != UNSAID
    cells = len(REGIONS) + 1
    table = np.bincount(
        true[said].astype(np.int64) * cells + found[said], minlength=cells**2
    ).reshape(cells, cells)
    right = np.diagonal(table)
    columns = np.stack([right, table.sum(axis=0) - right, table.sum(axis=1) - right], axis=1)
    return tuple(columns.ravel().astype(float).tolist())


def another_order(run: Run) -> Iterator[str]:
    """Whether the labels' numbers seem to mean other parts than they are said to."""
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((len(REGIONS), len(REGIONS)))
    for _, case, answer in run.each():
        _, parts = drawn(surest(answer), case.truth.parts)
        for k in range(len(REGIONS)):
            inside = case.truth.parts == k + 1
            shared[k] += np.bincount(parts[inside], minlength=len(REGIONS) + 1)[1:]
    rows, columns = linear_sum_assignment(-shared)
    if shared[rows, columns].sum() > BETTER * max(np.trace(shared), 1):
        order: tuple[str, ...] = run.data.parts
        meant = [REGIONS[columns[REGIONS.index(name)]] for name in order]
        yield f"the labels' numbers seem to mean other parts: try --parts {','.join(meant)}"


def perfect(case: Case) -> Answer:
    """The labels as an answer."""
    parts = case.truth.parts
    return _answer(case, [parts == k + 1 for k in range(len(REGIONS))])


def perturbed(case: Case) -> Answer:
    """Every region where it is, under the next one's name: not a pixel of any is right."""
    parts = case.truth.parts
    return _answer(case, [parts == (k + 1) % len(REGIONS) + 1 for k in range(len(REGIONS))])


EXPECTED = {f"F1, {name}": 0.0 for name in REGIONS} | {"silhouette F1": 1.0}


def _answer(case: Case, regions: Sequence[Int[np.ndarray, "..."] | Inside]) -> Answer:
    found = Found(
        score=1.0,
        box=case.truth.box,
        silhouette=rle.encode(case.truth.silhouette),
        parts=tuple(rle.encode(np.asarray(region, bool)) for region in regions),
    )
    return Answer(people={LOOK: [found]})


def shown(case: Case, look: str) -> lsp.Drawn:
    """The annotated joints."""
    return lsp.shown(replace(case, truth=case.truth.picture), look)

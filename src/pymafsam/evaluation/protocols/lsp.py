"""Leeds Sports Pose: the share of limb joints near their place."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pymafsam.evaluation import lsp, metrics
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.files.frames import read_picture
from pymafsam.geometry import joints

LOOK = "picture"
SHARES = (0.2, 0.1)
LIMBS = joints.LSP14[:12]
IN_COCO = np.array([joints.COCO17.index(name) for name in LIMBS])
SOURCES = {"mesh": "keypoints", "detector": "detector"}


def cases(data: Data) -> list[Case]:
    """A case per picture, which shows one person."""
    given = data.boxes == "annotations"
    return [
        Case(
            id=picture.id,
            looks=(
                Look(
                    name=LOOK,
                    read=partial(read_picture, data.images / picture.id),
                    boxes=picture.box[None] if given else None,
                ),
            ),
            truth=picture,
        )
        for picture in lsp.read_joints(data.annotations, data.split)
    ]


def figures(run: Run) -> list[Figure]:
    """PCK at .2 and .1 of the torso; whoever is missed has no joint right."""
    out = []
    for part in SHARES:
        for source, attribute in SOURCES.items():
            rows = []
            for index, case, answer in run.each():
                found = _surest(answer)
                points = None if found is None else getattr(found, attribute)
                rows.append((index, hits(points, case.truth.joints, part)))
            out.append(figure(f"PCK@{part}", source, "share", rows))
    return out


def hits(found: np.ndarray | None, true: np.ndarray, part: float) -> tuple[float, float]:
    """How many limb joints of one person are right, and how many count.

    None count where the torso's length is not known (``metrics.torso``).
    """
    torso = metrics.torso(true[None])[0]
    known = true[:12, 2] > 0
    if np.isnan(torso):
        return 0.0, 0.0
    if found is None:
        return 0.0, float(known.sum())
    away = np.linalg.norm(found[IN_COCO, :2] - true[:12, :2], axis=-1)
    return float((away <= part * torso)[known].sum()), float(known.sum())


def _surest(answer: Answer) -> Found | None:
    return max(answer.of(LOOK), key=lambda found: found.score, default=None)


def shown(case: Case, look: str) -> Drawn:
    """The annotated joints."""
    return Drawn(keypoints=[case.truth.joints], layout="lsp14")


def legacy(found: Sequence[Figure]) -> Mapping[str, Any]:
    """The keys that scores.json has had from the beginning."""
    scores: dict[str, Any] = {
        f"PCK@{part}": {f.whose: f.value for f in found if f.name == f"PCK@{part}"}
        for part in SHARES
    }
    scores["people"] = len(found[0].rows) if found else 0
    return scores

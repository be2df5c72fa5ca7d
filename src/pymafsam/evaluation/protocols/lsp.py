"""Leeds Sports Pose: the share of limb joints near their place."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation import lsp, metrics
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.checks import Pair
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.files.frames import read_picture
from pymafsam.geometry import joints

LOOK = "picture"
SHARES = (0.2, 0.1)
LIMBS = joints.LSP14[:12]
IN_COCO = np.array([joints.COCO17.index(name) for name in LIMBS])
Limbs = Float[np.ndarray, "12 2"]
SOURCES: Mapping[str, Callable[[Found], Limbs | None]] = {
    "mesh": lambda found: in_coco(found.keypoints) if found.lsp14 is None else found.lsp14[:12],
    "detector": lambda found: in_coco(found.detector),
}


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
        for source, limbs in SOURCES.items():
            rows = []
            for index, case, answer in run.each():
                found = surest(answer)
                points = None if found is None else limbs(found)
                rows.append((index, hits(points, case.truth.joints, part)))
            out.append(figure(f"PCK@{part}", source, "share", rows))
    return out


def in_coco(points: Float[np.ndarray, "17 3"] | None) -> Limbs | None:
    """The limbs among COCO's keypoints."""
    return None if points is None else points[IN_COCO, :2].astype(np.float64)


def hits(
    found: Limbs | None, true: Float[np.ndarray, "joints 3"], part: float
) -> tuple[float, float]:
    """How many limb joints of one person are right, and how many count.

    None count where the torso's length is not known (``metrics.torso``).
    """
    torso = metrics.torso(true[None])[0]
    known = true[:12, 2] > 0
    if np.isnan(torso):
        return 0.0, 0.0
    if found is None:
        return 0.0, float(known.sum())
    away = np.linalg.norm(found - true[:12, :2], axis=-1)
    return float((away <= part * torso)[known].sum()), float(known.sum())


def surest(answer: Answer) -> Found | None:
    """Who answers the picture."""
    return max(answer.of(LOOK), key=lambda found: found.score, default=None)


def perfect(case: Case) -> Answer:
    """The annotated joints as an answer."""
    return _answer(case, 0.0)


def perturbed(case: Case) -> Answer:
    """Every joint moved by 0.15 of the torso: right at .2, wrong at .1."""
    length = metrics.torso(case.truth.joints[None])[0]
    return _answer(case, 0.15 * float(np.nan_to_num(length)))


EXPECTED = {"PCK@0.2": 1.0, "PCK@0.1": 0.0}


def _answer(case: Case, away: float) -> Answer:
    points = np.ones((len(joints.COCO17), 3))
    points[IN_COCO, :2] = case.truth.joints[:12, :2] + [away, 0]
    return Answer(people={LOOK: [Found(score=1.0, box=case.truth.box, keypoints=points)]})


def compared(run: Run) -> list[Pair]:
    """Whoever has all limb joints, with who answers them."""
    out = []
    for _, case, answer in run.each():
        found, true = surest(answer), case.truth.joints
        if found is not None and found.keypoints is not None and (true[:12, 2] > 0).all():
            placed = np.zeros((len(joints.COCO17), 2))
            placed[IN_COCO] = true[:12, :2]
            rows = np.isin(np.arange(len(placed)), IN_COCO)
            answered = np.where(rows[:, None], found.keypoints[:, :2], 0)
            out.append(Pair(found=answered, true=placed, layout="coco17", kind="keypoints"))
    return out


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

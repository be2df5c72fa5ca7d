"""A picture and its mirror image must give mirrored bodies. Without labels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.metrics import mpjpe, pa_mpjpe
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import coco
from pymafsam.evaluation.skeletons import LAYOUTS, METRE, around_root, shared_set
from pymafsam.geometry import mirror
from pymafsam.records import Frame

PLAIN, MIRRORED = coco.GIVEN, "mirrored"


def cases(data: Data) -> list[Case]:
    """Every picture with annotated people, as it is and mirrored."""
    out = []
    for case in coco.cases(replace(data, boxes=coco.GIVEN)):
        (look,) = case.looks
        if len(coco.labelled(case.truth)):
            out.append(replace(case, looks=(look, _mirrored(look, case.truth.size[0]))))
    return out


def _mirrored(look: Look, width: int) -> Look:
    assert look.boxes is not None
    boxes = look.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    return Look(name=MIRRORED, read=flipped(look.read), boxes=boxes)


def flipped(read: Callable[[], Frame]) -> Callable[[], Frame]:
    """The picture with left and right exchanged."""

    def frame() -> Frame:
        plain = read()
        return replace(plain, pixels=np.ascontiguousarray(plain.pixels[:, ::-1]))

    return frame


def figures(run: Run) -> list[Figure]:
    """Median and mean distance of joints after mirroring back, around the hips and aligned."""
    joints, people, aligned, depth = [], [], [], []
    for index, first, second in coco.twice(run, PLAIN, MIRRORED):
        which = shared_set([first, second])
        if which is None:
            continue
        one = around_root(first.joints[which], which)
        other = mirror.points(second.joints[which], LAYOUTS[which])
        other = around_root(other, which)
        away = METRE * np.linalg.norm(one - other, axis=-1)
        joints += [(index, float(value)) for value in away]
        people.append((index, METRE * float(mpjpe(other, one))))
        aligned.append((index, METRE * float(pa_mpjpe(other, one))))
        depth.append((index, _depth(first, second, which)))
    rest: dict[str, Any] = {"unit": "mm", "better": "less"}
    return [
        figure("joint difference, median", "mesh", "median", joints, **rest),
        figure("joint difference, mean", "mesh", "mean", people, **rest),
        figure("joint difference, mean, PA", "mesh", "mean", aligned, **rest),
        figure("depth difference, median", "mesh", "median", depth, unit="%", better="less"),
    ]


def perfect(case: Case) -> Answer:
    """Bodies that are mirrored with their pictures."""
    return _bodies(case, 0.0)


def perturbed(case: Case) -> Answer:
    """The same with one of 24 joints 24 mm off."""
    return _bodies(case, 0.024)


EXPECTED = {"joint difference, mean": 1.0, "joint difference, median": 0.0}


def _bodies(case: Case, away: float) -> Answer:
    plain = np.random.default_rng(0).normal(size=(24, 3)) + [0, 0, 5]
    other = mirror.points(plain, "smpl24")
    other[-1, 1] += away
    return coco.same_bodies(case, {PLAIN: plain, MIRRORED: other})


shown = coco.shown


def _depth(first: Found, second: Found, which: str) -> float:
    """By how many per cent the two distances from the camera differ."""
    near, far = sorted(float(f.joints[which][:, 2].mean()) for f in (first, second))
    return 100 * (far - near) / max(abs(far + near) / 2, 1e-9)

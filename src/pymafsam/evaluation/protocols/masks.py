"""How well masks agree with annotated outlines, whoever makes them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pymafsam.evaluation import attributes
from pymafsam.evaluation.cases import Answer, Case, Found
from pymafsam.evaluation.coco import Annotated
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.metrics import boundary_f, counted, iou
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import coco
from pymafsam.records import Inside


def cases(data: Data) -> list[Case]:
    """The pictures with annotated people, in their boxes."""
    chosen = coco.cases(replace(data, boxes=coco.GIVEN))
    return [case for case in chosen if coco.labelled(case.truth)]


def figures(run: Run) -> list[Figure]:
    """IoU, pixel F1 and boundary F, of large people and small; by what makes a person hard.

    Whoever has no mask has an empty one.
    """
    rows: dict[str, list[tuple[int, Any]]] = {}
    for index, person, kinds, inside in _masks(run):
        true = person.mask(inside.shape[::-1])
        size = "" if person.area > coco.LARGE else ", small people"
        overlap = iou(inside, true)
        rows.setdefault(f"IoU{size}", []).append((index, overlap))
        rows.setdefault(f"boundary F{size}", []).append((index, boundary_f(inside, true)))
        rows.setdefault(f"below .5 IoU{size}", []).append((index, float(overlap < 0.5)))
        rows.setdefault(f"pixel F1{size}", []).append((index, counted(inside, true)))
        for attribute, kind in kinds.items():
            rows.setdefault(f"IoU, {attribute}: {kind}", []).append((index, overlap))
    statistic = {"pixel F1": "F1"}
    return [
        figure(
            name,
            "mask",
            statistic.get(name.split(",")[0], "mean"),
            values,
            better="less" if name.startswith("below") else "more",
        )
        for name, values in sorted(rows.items(), key=lambda row: (": " in row[0], row[0]))
    ]


def _masks(run: Run) -> Iterator[tuple[int, Annotated, Any, Inside]]:
    """Everybody annotated, what makes them hard, and their mask."""
    for index, case, answer in run.each():
        width, height = case.truth.size
        ids = [person.id for person in case.truth.people]
        kinds = dict(zip(ids, attributes.of_picture(case.truth), strict=True))
        for person, found in coco.pairs(answer, case.truth):
            inside = None if found is None else found.outline("mask")
            if inside is None:
                inside = np.zeros((height, width), bool)
            yield index, person, kinds[person.id], inside


def perfect(case: Case) -> Answer:
    """The annotated outlines as an answer."""
    return coco.perfect(case)


def perturbed(case: Case) -> Answer:
    """No mask at all: no overlap, and below .5."""
    people = coco.labelled(case.truth)
    found = [Found(score=1.0, box=one.box, asked=k) for k, one in enumerate(people)]
    return Answer(people={coco.GIVEN: found})


EXPECTED = {"IoU": 0.0, "boundary F": 0.0, "below .5 IoU": 1.0}
shown = coco.shown

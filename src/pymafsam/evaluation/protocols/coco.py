"""COCO keypoints: AP of the mesh's keypoints, their likeness person by person, overlaps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation import attributes, coco
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.checks import Pair
from pymafsam.evaluation.coco import Annotated, AnnotatedPicture
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.metrics import iou
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.files import rle
from pymafsam.files.frames import read_picture

GIVEN, DETECTED = "annotations", "detector"
LARGE = 3000  # pixels of annotated area from which masks are judged by themselves
MOST_POINTS = 15  # labelled: of such people the order of keypoints can be told
POINTS = {"mesh": "keypoints", "detector": "detector"}
SCORES = {"mesh": "score", "detector": "detector_score"}


def cases(data: Data) -> list[Case]:
    """A case per picture; with boxes by the detector only where everybody is annotated."""
    out = []
    for picture in coco.read_annotations(data.annotations):
        read = partial(read_picture, data.images / picture.file_name)
        looks = []
        if data.boxes in (GIVEN, "both"):
            boxes = np.array([person.box for person in labelled(picture)]).reshape(-1, 4)
            looks.append(Look(name=GIVEN, read=read, boxes=boxes))
        if data.boxes in (DETECTED, "both") and picture.complete:
            looks.append(Look(name=DETECTED, read=read))
        if looks:
            out.append(Case(id=str(picture.id), looks=tuple(looks), truth=picture))
    return out


def labelled(picture: AnnotatedPicture) -> list[Annotated]:
    """Whoever has a keypoint."""
    return [person for person in picture.people if (person.keypoints[:, 2] > 0).any()]


def figures(run: Run) -> list[Figure]:
    """AP by own scores and by scores of 1, for both sources of boxes; overlaps; by attribute."""
    out: list[Figure] = []
    for look in (GIVEN, DETECTED):
        with_look = [c for _, c, _ in run.each() if look in {seen.name for seen in c.looks}]
        if with_look:
            out += _precision(run, look, with_look)
    if run.data.boxes != DETECTED:
        out += _likeness(run) + _overlaps(run)
    return out


def _precision(run: Run, look: str, chosen: Sequence[Case]) -> Iterator[Figure]:
    """COCO's ten figures, mesh and detector."""
    suffix = "" if look == run.data.boxes or look == GIVEN else ", detected boxes"
    index = {case.truth.id: run.cases.index(case) for case in chosen}
    truth = coco.truth_of(run.data.annotations)
    for source in POINTS:
        for scores, ending in ((None, ""), (1.0, ", scores 1")):
            rows = results(run, look, source, scores)
            if source == "detector" and not rows:
                continue
            for name, statistic, columns, images in coco.precision_rows(truth, rows, list(index)):
                yield Figure(
                    name=name,
                    whose=source + ending + suffix,
                    statistic=statistic,
                    rows=columns,
                    case=np.array([index[image] for image in images], np.int64),
                )


def results(
    run: Run, look: str = GIVEN, source: str = "mesh", score: float | None = None
) -> list[dict[str, Any]]:
    """What was found in COCO's result format; ``score`` for everybody instead of their own."""
    out = []
    for _, case, answer in run.each():
        for found in answer.of(look):
            points = getattr(found, POINTS[source])
            if points is not None:
                own = getattr(found, SCORES[source]) if score is None else score
                out.append(coco.result(case.truth.id, points, own))
    return out


def pairs(answer: Answer, picture: AnnotatedPicture) -> list[tuple[Annotated, Found | None]]:
    """The annotated people with who answers them: by the box that was given, else by likeness."""
    people = labelled(picture)
    if any(found.asked is not None for found in answer.of(GIVEN)):
        return list(zip(people, answer.asked(GIVEN, len(people)), strict=True))
    return list(zip(people, by_likeness(answer.of(GIVEN), people), strict=True))


def twice(run: Run, first: str, second: str) -> Iterator[tuple[int, Found, Found]]:
    """Everybody who was reconstructed in two looks at the same picture."""
    for index, case, answer in run.each():
        count = len(labelled(case.truth))
        looks = answer.asked(first, count), answer.asked(second, count)
        for one, other in zip(*looks, strict=True):
            if one is not None and other is not None:
                yield index, one, other


def same_bodies(case: Case, joints: Mapping[str, Float[np.ndarray, "24 3"]]) -> Answer:
    """An answer for trying a measure: everybody has the ``joints`` of the look (metres)."""
    count = len(labelled(case.truth))
    people = {
        look: [
            Found(score=1.0, box=np.zeros(4), asked=number, joints={"body24": points})
            for number in range(count)
        ]
        for look, points in joints.items()
    }
    return Answer(people=people)


def by_likeness(found: Sequence[Found], people: Sequence[Annotated]) -> list[Found | None]:
    """For each annotated person whoever is most like them; the likest pair is made first."""
    like = np.array(
        [
            [-1.0 if f.keypoints is None else coco.similarity(f.keypoints, p) for f in found]
            for p in people
        ]
    ).reshape(len(people), len(found))
    out: list[Found | None] = [None] * len(people)
    while like.size and like.max() > 0:
        person, row = np.unravel_index(int(like.argmax()), like.shape)
        out[int(person)] = found[int(row)]
        like[person], like[:, row] = -1, -1
    return out


def _likeness(run: Run) -> list[Figure]:
    """Object keypoint similarity of every annotated person (missed: 0), and by attribute."""
    rows: dict[str, list[tuple[int, float]]] = {"mesh": [], "detector": []}
    seen = {"mesh"}  # a network may need no detector's keypoints, and results have none
    groups: dict[str, list[tuple[int, float]]] = {}
    for index, case, answer in run.each():
        kinds = dict(
            zip((p.id for p in case.truth.people), attributes.of_picture(case.truth), strict=True)
        )
        for person, found in pairs(answer, case.truth):
            for source, attribute in POINTS.items():
                points = None if found is None else getattr(found, attribute)
                seen |= set() if points is None else {source}
                like = 0.0 if points is None else coco.similarity(points, person)
                rows[source].append((index, like))
            for attribute, kind in kinds[person.id].items():
                groups.setdefault(f"{attribute}: {kind}", []).append(rows["mesh"][-1])
    out = [figure("OKS", name, "mean", rows[name]) for name in rows if name in seen]
    return out + [
        figure(f"OKS, {name}", "mesh", "mean", values) for name, values in sorted(groups.items())
    ]


def _overlaps(run: Run) -> list[Figure]:
    """IoU of silhouettes and masks with the annotated outlines."""
    rows: dict[str, list[tuple[int, float]]] = {
        "silhouette_iou": [],
        "mask_iou": [],
        "mask_iou_large": [],
    }
    for index, case, answer in run.each():
        for person, found in pairs(answer, case.truth):
            if found is None:
                continue
            true = person.mask(case.truth.size)
            for which in ("silhouette", "mask"):
                inside = found.outline(which)
                if inside is None:
                    continue
                rows[f"{which}_iou"].append((index, iou(inside, true)))
                if which == "mask" and person.area > LARGE:
                    rows["mask_iou_large"].append(rows["mask_iou"][-1])
    return [
        figure(name, name.split("_")[0], "mean", values) for name, values in rows.items() if values
    ]


def perfect(case: Case) -> Answer:
    """The annotated keypoints and outlines as an answer."""
    return _answer(case, lambda person: person.keypoints)


def perturbed(case: Case) -> Answer:
    """Keypoints moved so far that every one's likeness is a half."""

    def moved(person: Annotated) -> np.ndarray:
        # exp(-d^2 / (2 area (2 sigma)^2)) = 1/2, see ``coco.similarity``.
        away = 2 * coco.SIGMAS * np.sqrt(2 * np.log(2) * (person.area + np.spacing(1)))
        points = person.keypoints.copy()
        points[:, 0] += away
        return points

    return _answer(case, moved)


EXPECTED = {"OKS": 0.5}


def _answer(case: Case, points: Callable[[Annotated], Float[np.ndarray, "17 3"]]) -> Answer:
    people = []
    for number, person in enumerate(labelled(case.truth)):
        outline = rle.encode(person.mask(case.truth.size))
        people.append(
            Found(
                score=1.0,
                box=person.box,
                asked=number,
                keypoints=points(person),
                mask=outline,
                silhouette=outline,
            )
        )
    return Answer(people={look.name: people for look in case.looks})


def compared(run: Run) -> list[Pair]:
    """Whoever has most keypoints labelled, with who answers them."""
    out = []
    for _, case, answer in run.each():
        for person, found in pairs(answer, case.truth):
            known = (person.keypoints[:, 2] > 0).sum()
            if found is not None and found.keypoints is not None and known >= MOST_POINTS:
                seen, true = found.keypoints[:, :2], person.keypoints[:, :2]
                out.append(Pair(found=seen, true=true, layout="coco17", kind="keypoints"))
    return out


def shown(case: Case, look: str) -> Drawn:
    """The annotated keypoints."""
    return Drawn(keypoints=[p.keypoints for p in labelled(case.truth)], layout="coco17")


def legacy(found: Sequence[Figure]) -> Mapping[str, Any]:
    """The keys that scores.json has had from the beginning."""
    by_name = {(f.whose, f.name): f.value for f in found}
    scores: dict[str, Any] = {
        source: {name: by_name.get((source, name), 0.0) for name in coco.SUMMARY}
        for source in POINTS
    }
    for name in ("silhouette_iou", "mask_iou", "mask_iou_large"):
        scores[name] = by_name.get((name.split("_")[0], name))
    scores["people"] = sum(len(f.rows) for f in found if (f.name, f.whose) == ("OKS", "mesh"))
    return scores

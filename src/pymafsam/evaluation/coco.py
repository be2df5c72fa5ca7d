"""COCO keypoints: results in COCO's format, scored by pycocotools."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.files import coco as files
from pymafsam.records import Inside

if TYPE_CHECKING:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

# COCOeval.stats of the keypoint task, in its order.
SUMMARY = ("AP", "AP .5", "AP .75", "AP (M)", "AP (L)", "AR", "AR .5", "AR .75", "AR (M)", "AR (L)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """One annotated person; boxes as corners, picture pixels."""

    id: int
    image_id: int
    box: Float[np.ndarray, "4"]
    area: float
    keypoints: Float[np.ndarray, "17 3"]  # third: 0 not labelled, 1 hidden, 2 visible
    mask: Callable[[tuple[int, int]], Inside]  # for a picture of (width, height)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPicture:
    """A picture of a COCO annotation file with its people (crowds left out)."""

    id: int
    file_name: str
    size: tuple[int, int]
    people: tuple[Annotated, ...]
    complete: bool  # everybody in it is annotated


def read_annotations(path: Path) -> list[AnnotatedPicture]:
    """The pictures of a COCO keypoint annotation file, in its order.

    Raises BadInput when the file is not COCO's json.
    """
    return [_picture(path, picture) for picture in files.read(Path(path))]


def _picture(path: Path, picture: files.Picture) -> AnnotatedPicture:
    if picture.size is None or not isinstance(picture.id, int):
        raise BadInput(
            f"{path} is not a COCO keypoint annotation file: {picture.file_name} has no width and "
            "height, or an id that is no number."
        )
    return AnnotatedPicture(
        id=picture.id,
        file_name=picture.file_name,
        size=picture.size,
        people=tuple(_annotated(row, picture.id) for row in picture.people),
        complete=picture.complete,
    )


def _annotated(row: files.Annotation, image_id: int) -> Annotated:
    if row.box is None or row.area is None or not isinstance(row.id, int):
        raise BadInput(f"{row.place} is not COCO's: bbox, area or a whole number as id is missing.")
    keypoints = np.zeros((17, 3)) if row.keypoints is None else row.keypoints
    if len(keypoints) != 17:
        raise BadInput(f"{row.place} has {len(keypoints)} keypoints; COCO's people have 17.")
    return Annotated(
        id=row.id,
        image_id=image_id,
        box=row.box,
        area=row.area,
        keypoints=keypoints,
        mask=row.mask,
    )


def result(image_id: int, keypoints: Float[np.ndarray, "17 3"], score: float) -> dict[str, Any]:
    """One person as a row of COCO's result format; keypoints: x, y, confidence."""
    return {
        "image_id": int(image_id),
        "category_id": 1,
        "keypoints": [round(float(value), 3) for value in keypoints.ravel()],
        "score": float(score),
    }


def score(
    annotations: Path, results: Sequence[dict[str, Any]], pictures: Sequence[int] | None = None
) -> dict[str, float]:
    """COCO's ten figures for keypoints (OKS average precision and recall).

    Over all pictures of the annotation file, or only those with the ids ``pictures``.
    """
    if not results:
        return dict.fromkeys(SUMMARY, 0.0)
    evaluation = _evaluated(truth_of(annotations), results, pictures)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(SUMMARY, map(float, evaluation.stats), strict=True))


def truth_of(annotations: Path) -> "COCO":
    """The annotation file as pycocotools holds it."""
    from pycocotools.coco import COCO

    # pycocotools talks on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        if 0 in truth.anns:
            # To pycocotools a match with the annotation 0 is none.
            for number, row in enumerate(truth.dataset["annotations"], start=1):
                row["id"] = number
            truth.createIndex()
    return truth


def _evaluated(
    truth: "COCO", results: Sequence[dict[str, Any]], pictures: Sequence[int] | None
) -> "COCOeval":
    """pycocotools' matches of results with annotations, picture by picture."""
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        # loadRes fills areas and boxes into the rows it is given.
        rows = [dict(row) for row in results]
        found = truth.loadRes(rows)  # type: ignore[arg-type] (its stub says str only)
        evaluation = COCOeval(truth, found, "keypoints")
        if pictures is not None:
            evaluation.params.imgIds = sorted(pictures)
        evaluation.evaluate()
    return evaluation


# Which thresholds of the object keypoint similarity and which sizes each figure is over.
_SELECTED = {
    "": slice(None),
    " .5": slice(0, 1),
    " .75": slice(5, 6),
    " (M)": slice(None),
    " (L)": slice(None),
}
_AREAS = {" (M)": 1, " (L)": 2}


def precision_rows(
    truth: "COCO", results: Sequence[dict[str, Any]], pictures: Sequence[int]
) -> Iterator[tuple[str, str, Float[np.ndarray, "rows columns"], list[int]]]:
    """COCO's ten figures before they are summed up: (name, statistic, rows, picture of each).

    Rows are those of ``figures.average_precision``, so that pictures can be drawn again.
    """
    # Without any result pycocotools fails; a person far outside is wrong for everybody.
    nobody = [result(pictures[0], np.full((17, 3), -1e6), 0.0)]
    evaluation = _evaluated(truth, results or nobody, pictures)
    count = len(evaluation.params.imgIds)
    for kind, statistic in (("AP", "average precision"), ("AR", "average recall")):
        for ending, chosen in _SELECTED.items():
            first = _AREAS.get(ending, 0) * count
            matched = evaluation.evalImgs[first : first + count]
            rows, ids = _rows(matched, chosen)
            yield kind + ending, statistic, rows, ids


def _rows(
    matched: Sequence[Any], chosen: slice
) -> tuple[Float[np.ndarray, "rows columns"], list[int]]:
    """Rows of one size's matches: per picture its detections, then its annotated people."""
    width = len(range(10)[chosen])
    parts, ids = [np.zeros((0, 2 + 2 * width))], []
    for picture in filter(None, matched):
        hit = np.asarray(picture["dtMatches"])[chosen].T > 0
        counts = ~np.asarray(picture["dtIgnore"]).astype(bool)[chosen].T
        scores = np.asarray(picture["dtScores"], np.float64)
        positive = (~np.asarray(picture["gtIgnore"]).astype(bool)).astype(np.float64)
        found = np.column_stack([scores, np.zeros(len(scores)), hit & counts, counts])
        people = np.zeros((len(positive), 2 + 2 * width))
        people[:, 0], people[:, 1] = -np.inf, positive
        parts += [found.astype(np.float64), people]
        ids += [int(picture["image_id"])] * (len(found) + len(people))
    return np.concatenate(parts), ids


# Per-keypoint constants of COCO's OKS (twice the annotators' standard deviation), COCO-17 order.
SIGMAS = np.array(
    [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062]
    + [0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
)


def similarity(found: Float[np.ndarray, "17 _"], person: Annotated) -> float:
    """Object keypoint similarity of one found person with one annotated person, 0..1.

    https://cocodataset.org/#keypoints-eval; 0 where nothing is labelled.
    """
    labelled = person.keypoints[:, 2] > 0
    if not labelled.any():
        return 0.0
    squared = ((found[:, :2] - person.keypoints[:, :2]) ** 2).sum(-1)
    variance = (2 * SIGMAS) ** 2 * 2 * (person.area + np.spacing(1))
    return float(np.exp(-squared / variance)[labelled].mean())

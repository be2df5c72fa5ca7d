"""COCO keypoints: results in COCO's format, scored by pycocotools."""

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.files import rle
from pymafsam.records import Inside

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
    segmentation: Any

    def mask(self, size: tuple[int, int]) -> Inside:
        """The annotated outline as pixels; ``size`` is (width, height)."""
        return rle.decode(self.segmentation, size)


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
    try:
        content = json.loads(Path(path).read_text())
        people: dict[int, list[Annotated]] = {picture["id"]: [] for picture in content["images"]}
        for row in content["annotations"]:
            if not row.get("iscrowd"):
                people[row["image_id"]].append(_annotated(row))
        return [
            AnnotatedPicture(
                id=picture["id"],
                file_name=picture["file_name"],
                size=(picture["width"], picture["height"]),
                people=tuple(people[picture["id"]]),
                complete=bool(picture.get("all_people_annotated", True)),
            )
            for picture in content["images"]
        ]
    except OSError as error:
        raise BadInput(f"The annotations {path} cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} is not a COCO keypoint annotation file ({type(error).__name__}: {error})."
        ) from error


def _annotated(row: dict[str, Any]) -> Annotated:
    x, y, width, height = row["bbox"]
    keypoints = np.asarray(row.get("keypoints", [0] * 51), np.float64).reshape(17, 3)
    return Annotated(
        id=row["id"],
        image_id=row["image_id"],
        box=np.array([x, y, x + width, y + height], np.float64),
        area=float(row["area"]),
        keypoints=keypoints,
        segmentation=row["segmentation"],
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
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not results:
        return dict.fromkeys(SUMMARY, 0.0)
    # pycocotools talks on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        # loadRes fills areas and boxes into the rows it is given.
        rows = [dict(row) for row in results]
        found = truth.loadRes(rows)  # pyright: ignore[reportArgumentType]  (its stub: str only)
        evaluation = COCOeval(truth, found, "keypoints")
        if pictures is not None:
            evaluation.params.imgIds = sorted(pictures)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(SUMMARY, map(float, evaluation.stats), strict=True))


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

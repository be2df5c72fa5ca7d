"""COCO's json: pictures by file name, and per person box, keypoints and outline.

The one reader of it: boxes given by the user, prompts, masks made elsewhere and the evaluation all
start here. What is there is checked, with its place named; what is left out is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.files import json, rle
from pymafsam.files.json import Field
from pymafsam.records import Inside

EXAMPLE = (
    '{"images": [{"id": 1, "file_name": "photo.jpg"}],\n'
    '   "annotations": [{"image_id": 1, "bbox": [x, y, width, height]}]}'
)
FARTHEST = 1e7  # pixels: beyond the coordinates of any picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotated person; boxes as corners x0 y0 x1 y1, picture pixels."""

    id: int | str | None
    image_id: int | str
    box: Float[np.ndarray, "4"] | None
    area: float | None
    keypoints: Float[np.ndarray, "keypoints 3"] | None  # third: 0 not labelled, 1 hidden, 2 visible
    segmentation: Field | None
    score: float
    track: int | None
    place: str  # in the file, for messages

    def mask(self, size: tuple[int, int]) -> Inside:
        """The outline as pixels; ``size`` is (width, height). Raises BadInput without one."""
        if self.segmentation is None:
            raise BadInput(f'{self.place} has no "segmentation".')
        return self.segmentation.decoded(lambda raw: rle.decode(raw, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of a file with its people; crowds and other categories are left out."""

    id: int | str
    file_name: str
    size: tuple[int, int] | None  # width, height
    people: tuple[Annotation, ...]
    complete: bool  # everybody in it is annotated


def is_coco(document: Field) -> bool:
    """Whether a document looks like COCO's."""
    return isinstance(document.value, Mapping) and {"images", "annotations"} <= set(document.value)


def read(path: Path) -> list[Picture]:
    """The pictures of a file, in its order. Raises BadInput that names what is wrong where."""
    return pictures(json.read(path))


def pictures(document: Field) -> list[Picture]:
    """The pictures of a document. Raises BadInput that names what is wrong where."""
    if not is_coco(document):
        raise BadInput(f'{document.file} has no "images" and "annotations".\n  Wanted: {EXAMPLE}')
    images: dict[int | str, Field] = {}
    for image in document.at("images").items():
        if not image.has("id") or not image.has("file_name"):
            raise BadInput(f"{image.file}: {image.place} has no id or no file_name.")
        images[_id(image.at("id"))] = image
    others = _other_categories(document)
    people: dict[int | str, list[Annotation]] = {key: [] for key in images}
    for row in document.at("annotations").items():
        image_id = _image_of(row, images)
        crowd = row.has("iscrowd") and row.at("iscrowd").flag()
        if not crowd and not (row.has("category_id") and _id(row.at("category_id")) in others):
            people[image_id].append(_annotation(row, image_id))
    return [_picture(key, image, people[key]) for key, image in images.items()]


def _picture(key: int | str, image: Field, people: list[Annotation]) -> Picture:
    sized = image.has("width") and image.has("height")
    return Picture(
        id=key,
        file_name=image.at("file_name").text(),
        size=(image.at("width").whole(), image.at("height").whole()) if sized else None,
        people=tuple(people),
        complete=not image.has("all_people_annotated") or image.at("all_people_annotated").flag(),
    )


def _image_of(row: Field, images: Mapping[int | str, Field]) -> int | str:
    image_id = _id(row.at("image_id")) if row.has("image_id") else None
    if image_id is None or image_id not in images:
        raise BadInput(
            f"{row.file} is not a COCO annotation file as it is meant: {row.place} names no image "
            'of the file ("image_id").'
        )
    return image_id


def _annotation(row: Field, image_id: int | str) -> Annotation:
    return Annotation(
        id=_id(row.at("id")) if row.has("id") else None,
        image_id=image_id,
        box=_box(row) if row.has("bbox") else None,
        area=row.at("area").number() if row.has("area") else None,
        keypoints=_keypoints(row.at("keypoints")) if row.has("keypoints") else None,
        segmentation=row.at("segmentation") if row.has("segmentation") else None,
        score=row.at("score").between(0.0, 1.0) if row.has("score") else 1.0,
        track=row.at("track_id").whole() if row.has("track_id") else None,
        place=f"{row.file}: {row.place}",
    )


def _box(row: Field) -> Float[np.ndarray, "4"]:
    value = row.at("bbox").value
    where = f"{row.file}: {row.place}"
    try:
        x, y, width, height = row.at("bbox").array(4)
    except BadInput as error:
        raise BadInput(
            f"{where}: bbox is not [x, y, width, height] but {json.shown(value)}."
        ) from error
    if not (width > 0 and height > 0):
        raise BadInput(
            f"{where}: the box {json.shown(value)} is empty (want [x, y, width, height])."
        )
    if np.abs([x, y, width, height]).max() > FARTHEST:
        raise BadInput(f"{where}: the box {json.shown(value)} lies in no picture.")
    return np.array([x, y, x + width, y + height])


def _keypoints(field: Field) -> Float[np.ndarray, "keypoints 3"] | None:
    flat = field.array(None)
    if len(flat) % 3:
        field.wrong("a list x, y, v, x, y, v ... of keypoints")
    if len(flat) and np.abs(flat).max() > FARTHEST:
        field.wrong("places in a picture")
    return flat.reshape(-1, 3)


def _other_categories(document: Field) -> set[int | str]:
    """The ids of categories that are not people."""
    if not document.has("categories"):
        return set()
    rows = [row for row in document.at("categories").items() if row.has("id") and row.has("name")]
    return {_id(row.at("id")) for row in rows if row.at("name").text() != "person"}


def _id(field: Field) -> int | str:
    """An id: COCO has whole numbers, others text."""
    if isinstance(field.value, bool) or not isinstance(field.value, int | str):
        field.wrong("a whole number or text")
    return field.value

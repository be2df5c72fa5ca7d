"""Boxes given by the user, in COCO's form: ``images`` by file_name, ``annotations`` with bbox."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.records import Person

EXAMPLE = (
    '{"images": [{"id": 1, "file_name": "photo.jpg"}],\n'
    '   "annotations": [{"image_id": 1, "bbox": [x, y, width, height]}]}'
)


@dataclass(frozen=True, slots=True)
class GivenBoxes:
    """Who is meant in which picture; ``by_name`` has the file names as written in the file."""

    path: Path
    by_name: Mapping[str, tuple[Person, ...]]

    def people(self, name: str, size: tuple[int, int]) -> list[Person]:
        """The people of the picture called ``name``, boxes cut at its edges; none if not listed.

        The name is looked for with its folders, then without them where that is one picture only.
        ``size`` is (width, height). Raises BadInput for a box that lies outside the picture.
        """
        return [self._inside(person, name, size) for person in self._listed(name)]

    def _listed(self, name: str) -> tuple[Person, ...]:
        if name in self.by_name:
            return self.by_name[name]
        last = PurePosixPath(name).name
        alike = [key for key in self.by_name if PurePosixPath(key).name == last]
        return self.by_name[alike[0]] if len(alike) == 1 else ()

    def _inside(self, person: Person, name: str, size: tuple[int, int]) -> Person:
        box = person.box.clip(0, np.array([*size, *size], np.float64))
        if np.any(box[2:] - box[:2] < 1):
            x0, y0, x1, y1 = person.box.round(1).tolist()
            raise BadInput(
                f"{self.path}: the box x {x0} to {x1}, y {y0} to {y1} lies outside {name}, "
                f"which is {size[0]} x {size[1]} pixels.\n"
                "  Boxes are [x, y, width, height] in pixels of the upright picture."
            )
        return replace(person, box=box)


def read(path: Path) -> GivenBoxes:
    """Read a COCO-style json; crowds and categories other than person are passed over.

    A ``score`` (default 1) and a ``track_id`` of an annotation are kept.
    Raises BadInput, naming the faulty entry, when the file is not of this form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"The boxes {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise BadInput(f"{path} is not json ({error}).\n  Wanted: {EXAMPLE}") from error
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        raise BadInput(f'{path} has no "images" and "annotations".\n  Wanted: {EXAMPLE}')
    names: dict[Any, str] = {}
    for index, image in enumerate(content["images"]):
        if not isinstance(image, dict) or not {"id", "file_name"} <= set(image):
            raise BadInput(f"{path}: images[{index}] has no id or no file_name.")
        names[image["id"]] = str(image["file_name"])
    people: dict[str, list[Person]] = {name: [] for name in names.values()}
    others = _other_categories(content)
    for index, row in enumerate(content["annotations"]):
        name, person = _person(row, names, f"{path}: annotations[{index}]")
        if not row.get("iscrowd") and row.get("category_id") not in others:
            people[name].append(person)
    return GivenBoxes(path, {name: tuple(found) for name, found in people.items()})


def _other_categories(content: dict) -> set:
    rows = [row for row in content.get("categories", []) if isinstance(row, dict)]
    return {row.get("id") for row in rows if row.get("name", "person") != "person"}


def _person(row: Any, names: Mapping[Any, str], where: str) -> tuple[str, Person]:
    if not isinstance(row, dict) or row.get("image_id") not in names:
        raise BadInput(f'{where} names no image of the file ("image_id").')
    try:
        x, y, width, height = map(float, row["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        found = row.get("bbox", "nothing")
        raise BadInput(f"{where}: bbox is not [x, y, width, height] but {found}.") from error
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        raise BadInput(f"{where}: the box {row['bbox']} is empty (want [x, y, width, height]).")
    track = row.get("track_id")
    return names[row["image_id"]], Person(
        box=np.array([x, y, x + width, y + height]),
        score=float(row.get("score", 1.0)),
        track=int(track) if track is not None else None,
    )

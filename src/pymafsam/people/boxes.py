"""Boxes given by the user, in COCO's form: ``images`` by file_name, ``annotations`` with bbox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import coco
from pymafsam.files.names import ByPicture
from pymafsam.records import Person


@dataclass(frozen=True, slots=True)
class GivenBoxes:
    """Who is meant in which picture; ``listed`` has the file names as written in the file."""

    path: Path
    listed: ByPicture[tuple[Person, ...]]

    def names(self, picture: str) -> bool:
        """Whether the file speaks of the picture, if only to say that nobody is in it.

        Raises BadInput where it is not clear which of several it means.
        """
        return self.listed.match(picture) is not None

    def people(self, name: str, size: tuple[int, int]) -> list[Person]:
        """The people of the picture called ``name``, boxes cut at its edges; none if not listed.

        ``size`` is (width, height). Raises BadInput for a box that lies outside the picture, and
        where the file could mean several pictures.
        """
        return [self._inside(person, name, size) for person in self.listed.find(name) or ()]

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


def read(path: Path, pictures: Sequence[str] = ()) -> GivenBoxes:
    """Read a COCO-style json; crowds and categories other than person are passed over.

    ``pictures`` are the names of those it will be asked for, as far as they are known. A ``score``
    (default 1) and a ``track_id`` of an annotation are kept. Raises BadInput, naming the faulty
    entry, when the file is not of this form.
    """
    people: dict[str, tuple[Person, ...]] = {}
    for picture in coco.read(path):
        found = tuple(map(_person, picture.people))
        people[picture.file_name] = people.get(picture.file_name, ()) + found
    return GivenBoxes(path, ByPicture(where=str(path), things=people, pictures=pictures))


def _person(row: coco.Annotation) -> Person:
    if row.box is None:
        raise BadInput(f"{row.place}: bbox is not [x, y, width, height] but nothing.")
    return Person(box=row.box, score=row.score, track=row.track)

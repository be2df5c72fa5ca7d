"""A folder of masks made elsewhere: which of its files hold the masks of which picture.

Files are matched by the one rule of ``files.names``, so ``a.jpg`` has ``a.png``, ``a.npy`` or
``a.json``, one file per person (``a_person0.png``, ``a/0.png``), and ``bear/00001.jpg`` has
``bear/00001.png``. Json that names its picture goes by that name.
"""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pymafsam.errors import BadInput
from pymafsam.files import coco, json
from pymafsam.files.folders import files_below
from pymafsam.files.names import ByPicture
from pymafsam.geometry.boxes import bounds
from pymafsam.masks.checks import check
from pymafsam.masks.files import KNOWN, decoded, read
from pymafsam.records import Inside, Person, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """Masks of many pictures: files by name, or a COCO json with images and annotations.

    ``numbered`` are files in a folder of numbers: frames of a video, or people of one picture.
    """

    coco: ByPicture[tuple[coco.Annotation, ...]]
    files: ByPicture[Sequence[Path]]
    numbered: ByPicture[Sequence[Path]]

    def files_of(self, name: str) -> Sequence[Path]:
        """The files that hold the masks of picture ``name``; none where there are none."""
        if (rows := self.coco.find(name)) is not None:
            return sorted({Path(row.segmentation.file) for row in rows if row.segmentation})
        return _most_complete(self.numbered.find(name) or self.files.find(name) or [])

    def masks(self, name: str, size: tuple[int, int]) -> list[Inside] | None:
        """The masks of picture ``name`` of ``size`` (width, height); None when there are none.

        Raises BadInput for a mask of another size, an empty one, a file that cannot be read, and
        where several pictures or files could be meant.
        """
        rows = self.coco.find(name)
        files = () if rows is not None else self.files_of(name)
        if rows is None and not files:
            return None
        found = [decoded(row.segmentation, size) for row in rows or () if row.segmentation]
        found += [inside for path in files for inside in read(path, size)]
        for k, inside in enumerate(found):
            check(Prompt(mask=inside), size, f"Mask {k} of {name}")
        return found

    def people(self, name: str, size: tuple[int, int]) -> list[Person] | None:
        """The masks as people: a box around each, the mask as detector's mask and as prompt."""
        found = self.masks(name, size)
        return None if found is None else [person_of(inside) for inside in found]


def open_folder(path: Path, pictures: Sequence[str] = ()) -> MaskFolder:
    """Masks made elsewhere, in a folder (or one json); nothing but json is read yet.

    ``pictures`` are the names of those it will be asked for, as far as they are known. Raises
    BadInput when there is no mask file at all.
    """
    path = Path(path)
    if not os.path.exists(path):  # unlike Path's, it takes any name
        raise BadInput(f"There is no folder of masks {path}.")
    outlines: dict[str, tuple[coco.Annotation, ...]] = {}
    files: defaultdict[str, list[Path]] = defaultdict(list)
    numbered: defaultdict[str, list[Path]] = defaultdict(list)
    for file in _mask_files(path):
        document = json.read(file) if file.suffix.lower() == ".json" else None
        if document is not None and coco.is_coco(document):
            outlines |= {picture.file_name: picture.people for picture in coco.pictures(document)}
            continue
        below = PurePosixPath(file.relative_to(path).as_posix() if path.is_dir() else file.name)
        files[_image_of(document) or _owner(below)].append(file)
        if _is_numbered(below):
            numbered[below.with_suffix("").as_posix()].append(file)
    if not files and not outlines:
        raise BadInput(
            f"The folder {path} holds no masks.\n  Looked for: {' '.join(sorted(KNOWN))}"
        )
    where = str(path)
    return MaskFolder(
        coco=ByPicture(where=where, things=outlines, pictures=pictures),
        files=ByPicture(where=where, things=files, pictures=pictures),
        numbered=ByPicture(where=where, things=numbered, pictures=pictures, by_path=True),
    )


def person_of(inside: Inside) -> Person:
    """A person who is known by a mask only."""
    return Person(
        box=bounds(inside), score=1.0, mask=inside, prompt=Prompt(box=bounds(inside), mask=inside)
    )


def _mask_files(path: Path) -> list[Path]:
    """The files that may hold masks, numbers in their names counted as numbers."""
    files = files_below(path) if path.is_dir() else [path]
    return sorted(
        (
            file
            for file in files
            if file.suffix.lower() in KNOWN
            and not file.name.startswith("masks_back")
            and file.name != "prompts.json"
        ),
        key=_natural,
    )


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", path.as_posix())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _image_of(document: json.Field | None) -> str | None:
    """The picture that one of our own results says it is of."""
    if document is None or not (document.has("format") and document.has("image")):
        return None
    return document.at("image").text()


def _is_numbered(below: PurePosixPath) -> bool:
    return len(below.parts) > 1 and re.fullmatch(r"(person|mask)?_?\d+", below.stem) is not None


def _owner(below: PurePosixPath) -> str:
    """Whose masks a file holds: its path without a person's number, or its folder."""
    if _is_numbered(below):
        return below.parent.as_posix()
    legacy = re.fullmatch(r"masks_fore1?_(.+)", below.stem)
    stem = legacy[1] if legacy else below.stem
    return below.with_name(re.sub(r"_(person|mask)\d+$", "", stem) or stem).as_posix()


def _most_complete(found: Sequence[Path]) -> Sequence[Path]:
    """Of several forms of the same masks the most complete: json, else npy, else pictures.

    Raises BadInput for two json files that say they are of the same picture.
    """
    for kind in (".json", ".npy"):
        if chosen := [file for file in found if file.suffix.lower() == kind]:
            if kind == ".json" and len(chosen) > 1:
                raise BadInput(f"{chosen[0]} and {chosen[1]} hold masks of the same picture.")
            return chosen
    return found

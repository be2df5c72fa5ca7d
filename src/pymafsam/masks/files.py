"""Masks made elsewhere: label maps, one PNG per person, COCO json, npy, the 2024 files.

``MaskFolder`` finds the masks of a picture in a folder by the picture's stem.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import pickles, rle
from pymafsam.geometry.boxes import bounds, overlap
from pymafsam.masks.prompts import check, read_json
from pymafsam.records import Inside, Mask, Person, Prompt

PICTURES = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".webp"})
KNOWN = PICTURES | {".json", ".npy"}
MOST_PEOPLE = 100


def read(path: Path, size: tuple[int, int] | None = None) -> list[Inside]:
    """The masks in one file, one per person.

    PNG (and other lossless pictures): black and white is one person, otherwise every value above
    0 is one. npy: bool or 0/1 (height, width) or (people, height, width), or a label map. json: a
    list of COCO run lengths or polygons (``size`` = width, height of the picture is needed for
    polygons), or what ``mask save`` wrote. Raises BadInput, and UntrustedFile for a pickle.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if not path.is_file():
        raise BadInput(f"There is no mask file {path}.")
    if kind in PICTURES:
        return people_of_labels(_picture(path), str(path))
    if kind == ".npy":
        return _arrays(pickles.read_npy(path), str(path))
    if kind == ".json":
        return _json(read_json(path), size, str(path))
    raise BadInput(
        f'{path}: masks are not read from "{kind}" files.\n  Known: {" ".join(sorted(KNOWN))} '
        "(JPEG blurs the values, so it cannot hold a mask)."
    )


def read_one(path: Path, size: tuple[int, int] | None = None) -> Inside:
    """The mask in a file that holds just one. Raises BadInput when it holds several or none."""
    masks = read(path, size)
    if len(masks) != 1:
        raise BadInput(
            f"{path} holds {len(masks)} people's masks where one person's was wanted.\n"
            "  Give one file per person."
        )
    return masks[0]


def people_of_labels(labels: np.ndarray, called: str = "The label map") -> list[Inside]:
    """A map of whole numbers (height, width) to masks: 0 is nobody, every other value a person.

    Black and white (0 and 255) is one person. Raises BadInput for unknown label values: 255 among
    others (which some tools write for "undecided"), or more values than people fit a picture.
    """
    values = np.unique(labels)
    people = values[values != 0]
    if labels.dtype == bool or np.array_equal(people, [255]):
        return [labels != 0] if len(people) else []
    if len(people) > MOST_PEOPLE or (people < 0).any():
        raise BadInput(
            f"{called} has {len(people)} values from {values[0]} to {values[-1]}: unknown labels. "
            "Wanted 0 for nobody and 1, 2, 3 ... for people.\n"
            "  Smoothed edges make such values: save masks without anti-aliasing or JPEG."
        )
    if 255 in people:
        raise BadInput(
            f"{called} has the unknown label 255 beside {_listed(people[people != 255])}. "
            "Wanted 0 for nobody and 1, 2, 3 ... for people.\n"
            '  Where 255 means "undecided", set it to 0.'
        )
    return [labels == value for value in people]


def _picture(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if picture.mode not in ("1", "L", "P", "I", "I;16", "LA"):
                raise BadInput(
                    f"{path} is a colour picture ({picture.mode}); a mask has one value per "
                    "pixel.\n  Save it as grey or palette PNG: 0 nobody, 1, 2, 3 ... people."
                )
            picture.load()
            return np.array(picture.getchannel(0) if picture.mode == "LA" else picture)
    except UnidentifiedImageError as error:
        raise BadInput(f"{path} is not a picture that can be read.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path} cannot be read as a mask: {error}.") from error


def _arrays(value: Any, called: str) -> list[Inside]:
    if isinstance(value, Mapping):
        from pymafsam.masks.saver2024 import inside_of

        return [inside_of(value, called)]
    if (
        not isinstance(value, np.ndarray)
        or value.ndim not in (2, 3)
        or value.dtype.kind not in "biuf"
    ):
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value)
        raise BadInput(
            f"{called}: wanted an array (height, width) or (people, height, width), found {found}."
        )
    if value.dtype.kind == "f":
        if not np.array_equal(value, np.round(value)):
            raise BadInput(
                f"{called} holds fractions. Wanted masks: compare with your threshold first "
                "(mask > 0.5), then save."
            )
        value = value.astype(np.int64)
    if value.ndim == 2:
        return people_of_labels(value, called)
    if value.dtype != bool and not np.isin(np.unique(value), (0, 1, 255)).all():
        raise BadInput(
            f"{called}: layers of masks hold 0 and 1 (or 255), found the unknown labels "
            f"{_listed(np.unique(value))}."
        )
    return [layer != 0 for layer in value]


def _json(content: Any, size: tuple[int, int] | None, called: str) -> list[Inside]:
    if isinstance(content, Mapping) and {"people", "width", "height"} <= set(content):
        size = (int(content["width"]), int(content["height"]))
        content = [person.get("mask") for person in content["people"]]
    elif isinstance(content, Mapping) and "counts" in content:
        content = [content]
    if not isinstance(content, list):
        raise BadInput(f"{called}: wanted a list of COCO run lengths or polygons, one per person.")
    return [decoded(one, size, called) for one in content if one is not None]


def decoded(segmentation: Any, size: tuple[int, int] | None, called: str) -> Inside:
    """One COCO segmentation. Raises BadInput that names ``called``."""
    if size is None and isinstance(segmentation, Mapping) and "size" in segmentation:
        height, width = segmentation["size"]
        size = (int(width), int(height))
    if size is None:
        raise BadInput(f"{called} holds polygons; the picture's size is needed to fill them.")
    try:
        return rle.decode(segmentation, size)
    except BadInput as error:
        raise BadInput(f"{called}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """Masks of many pictures: files by stem, or one COCO json with images and annotations."""

    files: Mapping[str, tuple[Path, ...]]
    coco: Mapping[str, tuple[Any, ...]]

    def masks(self, name: str, size: tuple[int, int]) -> list[Inside] | None:
        """The masks of picture ``name`` of ``size`` (width, height); None when there are none.

        Raises BadInput for a mask of another size, an empty one, or a file that cannot be read.
        """
        stem = PurePosixPath(name).stem
        if stem in self.coco:
            found = [decoded(one, size, f"The masks of {name}") for one in self.coco[stem]]
        elif stem in self.files:
            found = [one for path in self.files[stem] for one in read(path, size)]
        else:
            return None
        for k, inside in enumerate(found):
            check(Prompt(mask=inside), size, f"Mask {k} of {name}")
        return found

    def people(self, name: str, size: tuple[int, int]) -> list[Person] | None:
        """The masks as people: a box around each, the mask as detector's mask and as prompt."""
        found = self.masks(name, size)
        return None if found is None else [person_of(inside) for inside in found]


def open_folder(path: Path) -> MaskFolder:
    """Masks made elsewhere, in a folder (or one COCO json); nothing but json is read yet.

    Picture ``a.jpg`` has ``a.png``, ``a.npy``, ``a.json``, or one file per person: ``a_0.png``,
    ``a_person0.png``, ``a/0.png``. Raises BadInput when there is no mask file at all.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"There is no folder of masks {path}.")
    files: dict[str, list[Path]] = {}
    coco: dict[str, tuple[Any, ...]] = {}
    for file in sorted(path.rglob("*"), key=_natural) if path.is_dir() else [path]:
        if file.suffix.lower() not in KNOWN or file.name.startswith("."):
            continue
        if file.suffix.lower() == ".json" and (dataset := _coco(read_json(file), str(file))):
            coco.update(dataset)
        elif file.name != "prompts.json":
            stem = _stem(file, path)
            files.setdefault(stem, []).append(file)
    if not files and not coco:
        raise BadInput(
            f"The folder {path} holds no masks.\n  Looked for: {' '.join(sorted(KNOWN))}"
        )
    return MaskFolder(files={stem: _best(found) for stem, found in files.items()}, coco=coco)


def person_of(inside: Inside) -> Person:
    """A person who is known by a mask only."""
    return Person(
        box=bounds(inside), score=1.0, mask=inside, prompt=Prompt(box=bounds(inside), mask=inside)
    )


def assign(people: Sequence[Person], masks: Sequence[Inside]) -> list[Mask | None]:
    """Masks made elsewhere given to people found by a detector: best overlap of boxes first.

    Every mask goes to one person at most; below an overlap of 0.1 to nobody.
    """
    overlaps = np.array([[overlap(p.box, bounds(m)) for m in masks] for p in people])
    chosen: list[Mask | None] = [None] * len(people)
    while overlaps.size and overlaps.max() >= 0.1:
        k, m = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        chosen[int(k)] = Mask(inside=masks[int(m)], score=1.0, source="given")
        overlaps[k, :] = overlaps[:, m] = 0
    return chosen


def _coco(content: Any, called: str) -> dict[str, tuple[Any, ...]] | None:
    """Stem -> segmentations of a COCO data set; None when it is another json."""
    if not isinstance(content, Mapping) or not {"images", "annotations"} <= set(content):
        return None
    try:
        stems = {image["id"]: PurePosixPath(image["file_name"]).stem for image in content["images"]}
        rows: dict[str, list[Any]] = {}
        for row in content["annotations"]:
            if row.get("segmentation") and not row.get("iscrowd"):
                rows.setdefault(stems[row["image_id"]], []).append(row["segmentation"])
        return {stem: tuple(found) for stem, found in rows.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{called} is not a COCO data set ({type(error).__name__}: {error})."
        ) from error


def _stem(file: Path, folder: Path) -> str:
    """Whose masks a file holds: its stem without a person's number, or its folder's name."""
    if file.parent != folder and re.fullmatch(r"(person|mask)?_?\d+", file.stem):
        return file.parent.name
    legacy = re.fullmatch(r"masks_(?:fore|back)1?_(.+)", file.stem)
    return legacy[1] if legacy else re.sub(r"_(person|mask)\d+$", "", file.stem)


def _best(found: Sequence[Path]) -> tuple[Path, ...]:
    """Of several forms of the same masks the most complete: json, else npy, else pictures."""
    found = [file for file in found if not file.stem.startswith("masks_back")]
    for kind in (".json", ".npy"):
        if chosen := [file for file in found if file.suffix.lower() == kind]:
            return tuple(chosen[:1])
    return tuple(found)


def _natural(path: Path) -> list[Any]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.as_posix())]


def _listed(values: np.ndarray) -> str:
    shown = ", ".join(str(value) for value in values[:8].tolist())
    return shown + (" ..." if len(values) > 8 else "")

"""Masks made elsewhere: label maps, one PNG per person, COCO json, npy, the 2024 files.

``read`` reads one file, whatever its form; ``masks.folder`` finds the files of a picture.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput
from pymafsam.files import frames, json, pickles, rle
from pymafsam.masks.saver2024 import inside_of
from pymafsam.records import Inside

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
    if not os.path.isfile(path):  # unlike Path's, it takes any name
        raise BadInput(f"There is no mask file {path}.")
    if kind in PICTURES:
        return people_of_labels(_picture(path), str(path))
    if kind == ".npy":
        return _arrays(pickles.read_npy(path), str(path))
    if kind == ".json":
        return of_json(json.read(path), size)
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


def people_of_labels(
    labels: Shaped[np.ndarray, "height width"], called: str = "The label map"
) -> list[Inside]:
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
        with frames.opened(path) as picture:
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


def _arrays(value: object, called: str) -> list[Inside]:
    if isinstance(value, Mapping):
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


def of_json(document: json.Field, size: tuple[int, int] | None) -> list[Inside]:
    """The masks in a document: a list of COCO segmentations, one alone, or a saved result's."""
    if document.has("people") and document.has("width") and document.has("height"):
        size = (document.at("width").whole(), document.at("height").whole())
        people = document.at("people").items()
        return [decoded(one.at("mask"), size) for one in people if one.has("mask")]
    if document.has("counts"):
        return [decoded(document, size)]
    if not isinstance(document.value, list):
        raise BadInput(
            f"{document.file}: wanted a list of COCO run lengths or polygons, one per person."
        )
    return [decoded(one, size) for one in document.items() if one.value is not None]


def decoded(segmentation: json.Field, size: tuple[int, int] | None) -> Inside:
    """One COCO segmentation; ``size`` (width, height) may be unknown for run lengths.

    Raises BadInput that names the place.
    """
    if size is None and not isinstance(segmentation.value, Mapping):
        raise BadInput(
            f"{segmentation.file} holds polygons; the picture's size is needed to fill them."
        )
    return segmentation.decoded(lambda raw: rle.decode(raw, size or rle.size_of(raw)))


def _listed(values: Shaped[np.ndarray, "values"]) -> str:
    shown = ", ".join(str(value) for value in values[:8].tolist())
    return shown + (" ..." if len(values) > 8 else "")

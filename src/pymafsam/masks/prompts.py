"""Prompts: from a person, from json and back, and what makes a prompt a bad one.

A prompts file (docs/masks.md) is json: ``{"format": "pymafsam-prompts/1", "pictures": {"a.jpg":
[{"box": [x0, y0, x1, y1], "clicks": [[x, y, 1], [x, y, 0]], "keypoints": [[x, y, confidence]],
"mask": RLE or polygons or the name of a mask file beside it, "pins": {"left_wrist": [x, y]},
"flips": [{"part": "legs", "way": "sides"}]}]}}``; one entry per person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.errors import BadInput
from pymafsam.files import coco, json, rle
from pymafsam.files.atomic import writing
from pymafsam.files.names import ByPicture
from pymafsam.geometry.boxes import bounds, overlap
from pymafsam.masks.checks import check, share_in
from pymafsam.masks.files import read_one
from pymafsam.records import Flip, Inside, Person, Prompt

FORMAT = "pymafsam-prompts/1"
OWN = 0.3  # a detector's mask that lies less than this in the person's box is somebody else's
SAME = 0.6  # overlap above which two masks are of the same person
ROOM = 0.03  # of the box's sides, by which keypoints may lie beside it
KEYS = frozenset({"box", "clicks", "keypoints", "mask", "pins", "flips"})


def for_person(person: Person) -> Prompt:
    """Everything known of a person: what the user said, completed by what the detector found.

    Findings that belong to somebody else are left out: keypoints beside the box (their confidence
    becomes 0) and a mask that lies mostly beside it.
    """
    said = person.prompt or Prompt()
    box = person.box if said.box is None else said.box
    return replace(
        said,
        box=box,
        keypoints=_own_keypoints(person, box) if said.keypoints is None else said.keypoints,
        mask=_own_mask(person, box) if said.mask is None else said.mask,
    )


def untangled(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Prompts in which nobody is described twice.

    Where two people touch, a detector may find the same one in both boxes. Of two rough masks
    that are the same, the one that fills its box worse is left out, with its keypoints.
    """
    cleared = list(prompts)
    fits = [
        0.0 if p.box is None or p.mask is None else overlap(np.asarray(p.box), bounds(p.mask))
        for p in prompts
    ]
    for i, one in enumerate(prompts):
        for j, other in enumerate(prompts[:i]):
            if _same(one, other):
                worse = i if fits[i] <= fits[j] else j
                cleared[worse] = replace(prompts[worse], mask=None, keypoints=None)
    return cleared


def _same(one: Prompt, other: Prompt) -> bool:
    """Whether two prompts with boxes of their own have one and the same mask."""
    if one.mask is None or other.mask is None or one.box is None or other.box is None:
        return False
    if overlap(bounds(one.mask), bounds(other.mask)) < SAME:
        return False
    union = np.count_nonzero(one.mask | other.mask)
    return bool(np.count_nonzero(one.mask & other.mask) > SAME * union)


def _own_keypoints(person: Person, box: Shaped[np.ndarray, "4"]) -> np.ndarray | None:
    if person.keypoints is None:
        return None
    room = ROOM * (box[2:] - box[:2])
    places = person.keypoints[:, :2]
    own = ((places >= box[:2] - room) & (places <= box[2:] + room)).all(axis=1)
    return np.column_stack([places, np.where(own, person.keypoints[:, 2], 0.0)])


def _own_mask(person: Person, box: Shaped[np.ndarray, "4"]) -> np.ndarray | None:
    if person.mask is None or not person.mask.any() or share_in(person.mask, box) < OWN:
        return None
    return person.mask


def to_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as json's values; the mask as COCO run lengths."""
    row: dict[str, Any] = {}
    if prompt.box is not None:
        row["box"] = _rounded(prompt.box)
    if prompt.clicks is not None:
        inside = np.ones(len(prompt.clicks), bool) if prompt.inside is None else prompt.inside
        row["clicks"] = [
            [*_rounded(click), int(label)]
            for click, label in zip(prompt.clicks, inside, strict=True)
        ]
    if prompt.keypoints is not None:
        row["keypoints"] = [_rounded(point) for point in prompt.keypoints]
    if prompt.mask is not None:
        row["mask"] = rle.encode(prompt.mask)
    if prompt.pins:
        row["pins"] = {name: _rounded(place) for name, place in prompt.pins.items()}
    if prompt.flips:
        row["flips"] = [{"part": flip.part, "way": flip.way} for flip in prompt.flips]
    return row


def write_file(
    path: Path, pictures: Mapping[str, Sequence[Any]], note: Mapping[str, Any] | None = None
) -> None:
    """Write a prompts file; a picture's people as ``to_json`` gives them.

    ``note``: who made it (``files.made.note``). Raises BadInput when it cannot be written.
    """
    made = {} if note is None else {"made": note}
    with writing(path) as temporary:
        json.write({"format": FORMAT, **made, "pictures": pictures}, temporary)


def from_json(
    row: object, size: tuple[int, int], who: str = "The prompt", folder: Path | None = None
) -> Prompt:
    """The inverse of ``to_json``; a mask may also be polygons or the name of a file in ``folder``.

    Raises BadInput for anything that is not a prompt, and what ``check`` raises.
    """
    if not isinstance(row, Mapping):
        raise BadInput(
            f'{who}: wanted an object such as {{"box": [...]}}, found {json.shown(row)}.'
        )
    if unknown := set(row) - KEYS:
        raise BadInput(
            f"{who}: unknown word {', '.join(sorted(unknown))}. Known: {', '.join(sorted(KEYS))}."
        )
    clicks = _numbers(row, "clicks", who, None, 3)
    inside = None
    if clicks is not None:
        if not np.isin(clicks[:, 2], (0, 1)).all():
            odd = clicks[~np.isin(clicks[:, 2], (0, 1)), 2][0]
            raise BadInput(
                f"{who}: a click's third number is 1 (inside) or 0 (outside), not {odd:g}."
            )
        inside = clicks[:, 2] == 1
    box = _numbers(row, "box", who, 4)
    return check(
        Prompt(
            box=box,
            clicks=None if clicks is None else clicks[:, :2],
            inside=inside,
            keypoints=_numbers(row, "keypoints", who, None, 3),
            mask=_mask(row.get("mask"), size, who, folder),
            pins=_pins(row.get("pins"), who),
            flips=_flips(row.get("flips"), who),
        ),
        size,
        who,
    )


def _mask(value: object, size: tuple[int, int], who: str, folder: Path | None) -> Inside | None:
    if value is None:
        return None
    if isinstance(value, str):
        return read_one((folder or Path()) / value, size)
    try:
        return rle.decode(value, size)
    except BadInput as error:
        raise BadInput(f"{who}: {error}") from error


def _pins(value: object, who: str) -> dict[str, tuple[float, float]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInput(
            f'{who}: "pins" wants names with places such as {{"left_wrist": [x, y]}}, found '
            f"{json.shown(value)}."
        )
    pins = {}
    for name in value:
        place = _numbers(value, name, who, 2)
        if place is not None:
            pins[str(name)] = (float(place[0]), float(place[1]))
    return pins


def _flips(value: object, who: str) -> tuple[Flip, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(
        isinstance(flip, Mapping) and set(flip) == {"part", "way"} for flip in value
    ):
        return tuple(Flip(part=str(flip["part"]), way=str(flip["way"])) for flip in value)
    raise BadInput(
        f'{who}: "flips" wants a list such as [{{"part": "legs", "way": "sides"}}], found '
        f"{json.shown(value)}."
    )


def _numbers(
    row: Mapping[str, Any], key: str, who: str, *shape: int | None
) -> Float[np.ndarray, "..."] | None:
    """The finite numbers of that shape under ``key``; None when there are none."""
    if row.get(key) is None:
        return None
    try:
        return json.Field(row[key], who).array(*shape)
    except BadInput as error:
        found = json.shown(row[key])
        wanted = f"{shape[-1]} numbers" + (" each" if len(shape) > 1 else "")
        raise BadInput(f'{who}: "{key}" wants {wanted}, found {found}.') from error


@dataclass(frozen=True, slots=True)
class GivenPrompts:
    """Who is meant in which picture, by json values that become prompts with its size."""

    path: Path
    rows: ByPicture[tuple[Any, ...]]

    def prompts(self, name: str, size: tuple[int, int]) -> list[Prompt] | None:
        """One prompt per person of the picture ``name``, checked; None when it is not listed.

        ``size`` is (width, height). Raises BadInput for what is no prompt or makes no sense on
        this picture, and where the file could mean several pictures.
        """
        rows = self.rows.find(name)
        if rows is None:
            return None
        return [
            from_json(row, size, f"{self.path}: person {k} of {name}", self.path.parent)
            for k, row in enumerate(rows)
        ]


def read_file(path: Path, pictures: Sequence[str] = ()) -> GivenPrompts:
    """A prompts file, a saved result, or COCO annotations (boxes and keypoints).

    ``pictures`` are the names of those it will be asked for, as far as they are known. Raises
    BadInput.
    """
    document = json.read(path)
    rows = {name: tuple(people) for name, people in _rows(document, path).items()}
    return GivenPrompts(Path(path), ByPicture(where=str(path), things=rows, pictures=pictures))


def _rows(document: json.Field, path: Path) -> dict[str, list[Any]]:
    """Picture name -> its people's prompts as json values."""
    if document.has("people") and document.has("image"):
        people = document.at("people").items()
        return {document.at("image").text(): [_of_result(person) for person in people]}
    if coco.is_coco(document):
        return {
            picture.file_name: [_of_annotation(row) for row in picture.people]
            for picture in coco.pictures(document)
        }
    pictures = document.value.get("pictures") if isinstance(document.value, Mapping) else None
    if not isinstance(pictures, Mapping) or not all(isinstance(p, list) for p in pictures.values()):
        raise BadInput(
            f'{path} is not a prompts file: wanted {{"format": "{FORMAT}", "pictures": {{"name": '
            f"[...]}}}}, found {json.shown(document.value)}.\n  docs/masks.md shows one."
        )
    return {str(name): people for name, people in pictures.items()}


def _of_result(person: json.Field) -> Any:
    """What was prompted (masks' results), or what came of it (``reconstruct``'s)."""
    if person.has("prompt"):
        return person.at("prompt").value
    return {key: person.at(key).value for key in ("box", "mask") if person.has(key)}


def _of_annotation(row: coco.Annotation) -> dict[str, Any]:
    """Box and labelled keypoints as a prompt's json values."""
    if row.box is None:
        raise BadInput(f'{row.place} has no "bbox" to prompt with.')
    said: dict[str, Any] = {"box": row.box.tolist()}
    if row.keypoints is not None and len(row.keypoints):
        said["keypoints"] = [[x, y, float(seen > 0)] for x, y, seen in row.keypoints.tolist()]
    return said


def _rounded(values: Iterable[SupportsFloat]) -> list[float]:
    return [round(float(value), 2) for value in values]

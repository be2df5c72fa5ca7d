"""Prompts: from a person, from json and back, and what makes a prompt a bad one.

A prompts file (docs/masks.md) is json: ``{"format": "pymafsam-prompts/1", "pictures": {"a.jpg":
[{"box": [x0, y0, x1, y1], "clicks": [[x, y, 1], [x, y, 0]], "keypoints": [[x, y, confidence]],
"mask": RLE or polygons or the name of a mask file beside it}]}}``; one entry per person.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import rle
from pymafsam.geometry.boxes import bounds, overlap
from pymafsam.records import Person, Prompt

FORMAT = "pymafsam-prompts/1"
DISAGREE = 0.1  # a prompt whose mask lies less than this in its box is a mistake
OWN = 0.3  # a detector's mask that lies less than this in the person's box is somebody else's
SAME = 0.6  # overlap above which two masks are of the same person
ROOM = 0.03  # of the box's sides, by which keypoints may lie beside it
KEYS = frozenset({"box", "clicks", "keypoints", "mask"})


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


def _own_keypoints(person: Person, box: np.ndarray) -> np.ndarray | None:
    if person.keypoints is None:
        return None
    room = ROOM * (box[2:] - box[:2])
    places = person.keypoints[:, :2]
    own = ((places >= box[:2] - room) & (places <= box[2:] + room)).all(axis=1)
    return np.column_stack([places, np.where(own, person.keypoints[:, 2], 0.0)])


def _own_mask(person: Person, box: np.ndarray) -> np.ndarray | None:
    if person.mask is None or not person.mask.any() or _share(person.mask, box) < OWN:
        return None
    return person.mask


def _share(mask: np.ndarray, box: np.ndarray) -> float:
    """How much of a mask lies in a box."""
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = box
    within = (columns + 0.5 > x0) & (columns + 0.5 < x1) & (rows + 0.5 > y0) & (rows + 0.5 < y1)
    return float(within.mean())


def check(prompt: Prompt, size: tuple[int, int], who: str = "The prompt") -> Prompt:
    """The prompt itself when it makes sense on a picture of ``size`` (width, height).

    Raises BadInput for a click outside the picture, a box without area or beside the picture, an
    empty mask, a mask of another size, and a mask that does not meet its box.
    """
    width, height = size
    if prompt.clicks is not None:
        for x, y in prompt.clicks:
            if not (0 <= x <= width and 0 <= y <= height):
                raise BadInput(
                    f"{who}: the click at ({x:g}, {y:g}) lies outside the picture, which is "
                    f"{width} x {height} pixels.\n  Clicks are x,y from the top left corner."
                )
        if prompt.inside is not None and len(prompt.inside) != len(prompt.clicks):
            raise BadInput(
                f"{who}: {len(prompt.clicks)} clicks but {len(prompt.inside)} labels; "
                "give one label per click."
            )
    if prompt.box is not None:
        _check_box(np.asarray(prompt.box, float), size, who)
    if prompt.mask is not None:
        _check_mask(prompt, size, who)
    return prompt


def _check_box(box: np.ndarray, size: tuple[int, int], who: str) -> None:
    x0, y0, x1, y1 = box
    shown = f"{x0:g}, {y0:g}, {x1:g}, {y1:g}"
    if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
        raise BadInput(
            f"{who}: the box {shown} holds nothing.\n"
            "  Boxes are x0,y0,x1,y1: left, top, right, bottom in pixels."
        )
    if x0 >= size[0] or y0 >= size[1] or x1 <= 0 or y1 <= 0:
        raise BadInput(
            f"{who}: the box {shown} lies outside the picture, which is {size[0]} x {size[1]} "
            "pixels."
        )


def _check_mask(prompt: Prompt, size: tuple[int, int], who: str) -> None:
    mask = prompt.mask
    assert mask is not None
    if mask.shape != (size[1], size[0]):
        raise BadInput(
            f"{who}: the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its picture "
            f"{size[0]} x {size[1]}.\n  Make it from this very picture, or scale it to its size."
        )
    if not mask.any():
        raise BadInput(f"{who}: the mask is empty. Leave the mask out, or mark some pixels.")
    if prompt.box is None:
        return
    x0, y0, x1, y1 = prompt.box
    share = _share(mask, np.asarray(prompt.box, float))
    if share < DISAGREE:
        found = ", ".join(f"{value:g}" for value in bounds(mask))
        raise BadInput(
            f"{who}: box and mask disagree: {100 * share:.0f} % of the mask (which spans "
            f"{found}) lies in the box {x0:g}, {y0:g}, {x1:g}, {y1:g}.\n"
            "  One of them means somebody else: leave one out, or mend it."
        )


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
    return row


def from_json(
    row: Any, size: tuple[int, int], who: str = "The prompt", folder: Path | None = None
) -> Prompt:
    """The inverse of ``to_json``; a mask may also be polygons or the name of a file in ``folder``.

    Raises BadInput for anything that is not a prompt, and what ``check`` raises.
    """
    if not isinstance(row, Mapping):
        raise BadInput(f'{who}: wanted an object such as {{"box": [...]}}, found {_short(row)}.')
    if unknown := set(row) - KEYS:
        raise BadInput(
            f"{who}: unknown word {', '.join(sorted(unknown))}. Known: {', '.join(sorted(KEYS))}."
        )
    clicks = _numbers(row, "clicks", 3, who)
    inside = None
    if clicks is not None:
        if not np.isin(clicks[:, 2], (0, 1)).all():
            odd = clicks[~np.isin(clicks[:, 2], (0, 1)), 2][0]
            raise BadInput(
                f"{who}: a click's third number is 1 (inside) or 0 (outside), not {odd:g}."
            )
        inside = clicks[:, 2] == 1
    box = _numbers({"box": [row["box"]]} if row.get("box") is not None else {}, "box", 4, who)
    return check(
        Prompt(
            box=None if box is None else box[0],
            clicks=None if clicks is None else clicks[:, :2],
            inside=inside,
            keypoints=_numbers(row, "keypoints", 3, who),
            mask=_mask(row.get("mask"), size, who, folder),
        ),
        size,
        who,
    )


def _mask(value: Any, size: tuple[int, int], who: str, folder: Path | None) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        from pymafsam.masks.files import read_one

        return read_one((folder or Path()) / value)
    try:
        return rle.decode(value, size)
    except BadInput as error:
        raise BadInput(f"{who}: {error}") from error


def _numbers(row: Mapping[str, Any], key: str, width: int, who: str) -> np.ndarray | None:
    """The rows under ``key`` as (n, width) finite numbers; None when there are none."""
    if row.get(key) is None:
        return None
    try:
        array = np.array(row[key], dtype=np.float64)
        if array.size == 0:
            array = array.reshape(0, width)
        if array.ndim == 2 and array.shape[1] == width and np.isfinite(array).all():
            return array
    except (TypeError, ValueError):
        pass
    raise BadInput(f'{who}: "{key}" wants {width} numbers each, found {_short(row[key])}.')


def read_json(path: Path) -> Any:
    """The content of a json file. Raises BadInput that names line and column of what is broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path} is not json: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path} is not json ({type(error).__name__}).") from error


def read_file(path: Path) -> dict[str, list[Any]]:
    """Picture name -> its people's prompts as json values, of a prompts file or a saved result.

    The values become prompts with ``from_json`` once the picture's size is known. Raises BadInput.
    """
    content = read_json(path)
    if isinstance(content, Mapping) and "people" in content and "image" in content:
        people = content["people"]
        if isinstance(people, list) and all(isinstance(p, Mapping) for p in people):
            return {str(content["image"]): [p.get("prompt", {}) for p in people]}
    if isinstance(content, Mapping) and {"images", "annotations"} <= set(content):
        return _of_coco(content, path)
    pictures = content.get("pictures") if isinstance(content, Mapping) else None
    if not isinstance(pictures, Mapping) or not all(isinstance(p, list) for p in pictures.values()):
        raise BadInput(
            f'{path} is not a prompts file: wanted {{"format": "{FORMAT}", "pictures": {{"name": '
            f"[...]}}}}, found {_short(content)}.\n  docs/masks.md shows one."
        )
    return {str(name): list(people) for name, people in pictures.items()}


def _of_coco(content: Mapping[str, Any], path: Path) -> dict[str, list[Any]]:
    """Boxes and labelled keypoints of COCO annotations as prompts."""
    try:
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        people: dict[str, list[Any]] = {name: [] for name in names.values()}
        for row in content["annotations"]:
            if row.get("iscrowd"):
                continue
            x, y, width, height = map(float, row["bbox"])
            said: dict[str, Any] = {"box": [x, y, x + width, y + height]}
            if row.get("keypoints"):
                triples = np.reshape(np.array(row["keypoints"], float), (-1, 3))
                said["keypoints"] = [[px, py, float(seen > 0)] for px, py, seen in triples]
            people[names[row["image_id"]]].append(said)
        return people
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{path} is not a COCO annotation file ({type(error).__name__}: {error})."
        ) from error


def of_picture(said: Mapping[str, list[Any]], name: str) -> list[Any] | None:
    """The people said for picture ``name``, by its path, its file name or its stem."""
    path = PurePosixPath(name)
    for key in (name, path.name, path.stem):
        if key in said:
            return said[key]
    stems = {PurePosixPath(key).stem: people for key, people in said.items()}
    return stems.get(path.stem)


def file_content(pictures: Mapping[str, Sequence[Prompt]]) -> dict[str, Any]:
    """The json of a prompts file."""
    return {
        "format": FORMAT,
        "pictures": {name: [to_json(p) for p in people] for name, people in pictures.items()},
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 2) for value in values]


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."

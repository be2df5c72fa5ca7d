"""Masks on disk: one json per picture with prompts, scores and run lengths, one PNG per person.

``<stem>.json`` is written last: where it exists, the picture is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import json, made, rle
from pymafsam.files.atomic import writing
from pymafsam.files.folders import files_below
from pymafsam.files.pictures import write_png
from pymafsam.masks import prompts as prompting
from pymafsam.records import Mask, Prompt

FORMAT = "pymafsam-masks/1"
MAKER = "mask save"  # the verb that masks are saved by


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmented:
    """One picture's people: what was prompted and what came of it, person by person."""

    name: str
    size: tuple[int, int]  # width, height
    segmenter: str
    prompts: tuple[Prompt, ...]
    masks: tuple[Mask | None, ...]


def save_json(segmented: Segmented, path: Path, note: Mapping[str, Any] | None = None) -> None:
    """Write prompts, masks (COCO run lengths) and scores of one picture.

    ``note`` says what they were made of (``files.made.note``).
    """
    content = {
        "format": FORMAT,
        "made": made.note(MAKER) if note is None else note,
        "image": segmented.name,
        "width": segmented.size[0],
        "height": segmented.size[1],
        "segmenter": segmented.segmenter,
        "people": [
            {
                "prompt": prompting.to_json(prompt),
                "mask": None if mask is None else rle.encode(mask.inside),
                "score": None if mask is None else round(float(mask.score), 4),
            }
            for prompt, mask in zip(segmented.prompts, segmented.masks, strict=True)
        ],
    }
    with writing(path) as temporary:
        json.write(content, temporary)


def load_json(path: Path) -> Segmented:
    """The inverse of ``save_json``. Raises BadInput for anything else."""
    document = json.read(path)
    if (found := document.at("format").text()) != FORMAT:
        raise BadInput(f'{path} has the format "{found}", wanted "{FORMAT}".')
    size = (document.at("width").whole(), document.at("height").whole())
    segmenter = document.at("segmenter").text()
    people = list(document.at("people").items())
    return Segmented(
        name=document.at("image").text(),
        size=size,
        segmenter=segmenter,
        prompts=tuple(
            prompting.from_json(p.at("prompt").value, size, f"{path}: {p.place}") for p in people
        ),
        masks=tuple(_mask(person, size, segmenter) for person in people),
    )


def _mask(person: json.Field, size: tuple[int, int], segmenter: str) -> Mask | None:
    if not person.has("mask"):
        return None
    inside = person.at("mask").decoded(lambda raw: rle.decode(raw, size))
    return Mask(inside=inside, score=person.at("score").number(), source=segmenter)


def save_pngs(segmented: Segmented, folder: Path, stem: str, mark: str) -> None:
    """One PNG per person who has a mask, black and white (0 and 255): ``<stem>_person0.png`` ...

    The last person's comes first: where the first one's is, all are.
    """
    for k, mask in reversed(list(enumerate(segmented.masks))):
        if mask is not None:
            with writing(folder / f"{stem}_person{k}.png") as temporary:
                write_png(mask.inside.astype(np.uint8) * 255, temporary, mark)


def saved(folder: Path) -> Sequence[Path]:
    """The json files of all pictures segmented into ``folder``, by name."""
    found = (path for path in files_below(folder) if path.suffix == ".json")
    return [path for path in found if path.name != "prompts.json" and _is_ours(path)]


def _is_ours(path: Path) -> bool:
    found = made.read(path)
    return found is not None and found.maker == MAKER

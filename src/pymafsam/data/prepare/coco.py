"""COCO's keypoint annotations: a person each row, 17 keypoints, the outline as a mask.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014. As SPIN does, whoever has all 12
limb joints annotated is taken; the part ``all`` takes everybody with at least six.
"""

from pathlib import Path

from pymafsam.data.prepare.boxes import into_j24, square
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files import coco as files
from pymafsam.files import rle
from pymafsam.geometry.joints import COCO17

LIMBS = [k for k, name in enumerate(COCO17) if name.split("_")[-1] not in ("nose", "eye", "ear")]
WHOLE, SOME = 12, 6  # limb joints: of a person SPIN takes, and of one the part "all" takes


def coco(raw: Path, part: str | None) -> Rows:
    """A keypoint annotation file, or a folder with ``person_keypoints*.json`` in it.

    Pictures are named as the file does, in ``images/`` where the folder has one. Parts: ``all``.
    """
    only(part, ("all",))
    path, prefix = _located(raw)
    people, dropped, index = [], [], 0
    for picture in files.read(path):
        for person in picture.people:
            made = _row(picture, person, prefix, SOME if part == "all" else WHOLE)
            if isinstance(made, Row):
                people.append(made)
            else:
                dropped.append(Dropped(index, picture.file_name, made))
            index += 1
    return Rows.of(people, dropped)


def _located(raw: Path) -> tuple[Path, str]:
    """The annotation file and what stands before the names of its pictures."""
    if raw.is_file():
        return raw, ""
    found = sorted(raw.glob("person_keypoints*.json"))
    found = found or sorted(raw.glob("annotations/person_keypoints*.json"))
    if len(found) != 1:
        raise BadInput(
            f"{raw} holds {len(found)} files person_keypoints*.json; one was wanted.\n"
            "  Give the annotation file itself."
        )
    return found[0], "images/" if (raw / "images").is_dir() else ""


def _row(picture: files.Picture, person: files.Annotation, prefix: str, least: int) -> Row | str:
    """The person's row, or why there is none."""
    keypoints = person.keypoints
    if keypoints is None or keypoints.shape != (17, 3) or not keypoints[:, 2].any():
        return "no keypoints are annotated"
    known = keypoints.copy()
    known[:, 2] = known[:, 2] > 0
    limbs = int(known[LIMBS, 2].sum())
    if limbs < least:
        return f"fewer than {least} limb joints are annotated"
    if person.box is None:
        return "it has no box"
    centre, scale = square(person.box)
    return Row(
        image=prefix + picture.file_name,
        centre=centre,
        scale=scale,
        keypoints=into_j24(known, COCO17),
        size=picture.size,
        mask=_mask(picture, person),
    )


def _mask(picture: files.Picture, person: files.Annotation) -> str:
    """The outline's run lengths; empty where there is none that can be read."""
    if picture.size is None or person.segmentation is None:
        return ""
    try:
        inside = person.mask(picture.size)
    except PymafsamError:
        return ""
    return rle.encode(inside)["counts"] if inside.any() else ""

"""What is asked of whom: cases of a benchmark, and what was found in them.

A ``Case`` is the unit that is measured, saved and drawn in the bootstrap: mostly one picture; for a
test without labels the several looks that are compared. ``Found`` is one person as somebody
reconstructed them, with all that any metric reads, so that figures can be made again without the
networks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.files import rle
from pymafsam.files.json import Field
from pymafsam.records import Frame, Inside, Person

PIXEL_DIGITS, METRIC_DIGITS = 3, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One picture as it is shown; ``boxes`` say who is meant (None: find everybody).

    ``read`` raises a PymafsamError where the picture cannot be read.
    """

    name: str
    read: Callable[[], Frame]
    boxes: Float[np.ndarray, "people 4"] | None = None

    @property
    def people(self) -> tuple[Person, ...] | None:
        """Whoever is meant, known by their boxes alone."""
        if self.boxes is None:
            return None
        return tuple(Person(box=box.astype(np.float32), score=1.0) for box in self.boxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured at once, and what is true of it (the protocol's own record).

    ``cluster`` names the cases that are drawn together in the bootstrap (the frames of one video
    are not independent); None: the case alone.
    """

    id: str
    looks: tuple[Look, ...]
    truth: Any = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One reconstructed person.

    ``asked`` is the row of the look's boxes that they answer (None: they were found).
    ``keypoints`` are the mesh's own in the picture, ``lsp14`` where LSP's annotators would put its
    joints (x, y; None where the body does not know), ``detector`` those the body was made from;
    ``joints`` metres in camera axes with the translation. ``mask``, ``silhouette`` and ``parts``
    (of the silhouette, in the order of ``body.regions.REGIONS``) are COCO run lengths.
    """

    score: float
    box: Float[np.ndarray, "4"]
    asked: int | None = None
    keypoints: Float[np.ndarray, "17 3"] | None = None
    lsp14: Float[np.ndarray, "14 2"] | None = None
    detector: Float[np.ndarray, "17 3"] | None = None
    detector_score: float = 0.0
    joints: Mapping[str, Float[np.ndarray, "points 3"]] = field(default_factory=dict)
    pose: Float[np.ndarray, "joints 3"] | None = None
    betas: Float[np.ndarray, "betas"] | None = None
    translation: Float[np.ndarray, "3"] | None = None
    mask: Mapping[str, Any] | None = None
    silhouette: Mapping[str, Any] | None = None
    parts: tuple[Mapping[str, Any], ...] = ()

    def outline(self, which: str) -> Inside | None:
        """The ``mask`` or the ``silhouette`` as pixels."""
        lengths = getattr(self, which)
        if lengths is None:
            return None
        height, width = lengths["size"]
        return rle.decode(lengths, (width, height))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The people of every look of a case; ``missed`` says why there are none."""

    people: Mapping[str, Sequence[Found]] = field(default_factory=dict)
    missed: str | None = None

    def of(self, look: str) -> Sequence[Found]:
        """The people of a look; nobody where the case was missed."""
        return self.people.get(look, ())

    def asked(self, look: str, count: int) -> list[Found | None]:
        """For each of ``count`` boxes that were given, who answers it."""
        by_row = {found.asked: found for found in self.of(look)}
        return [by_row.get(row) for row in range(count)]


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An answer as plain lists and numbers, to be written to a file or sent to a process."""
    people = {
        look: [to_json(found) for found in everybody] for look, everybody in answer.people.items()
    }
    return {"missed": answer.missed, "people": people}


def answer_from_json(at: Field) -> Answer:
    """The answer that ``answer_to_json`` wrote. Raises BadInput with the place of what is wrong."""
    missed = at.at("missed").text() if at.has("missed") else None
    people = {
        look: [from_json(found) for found in rows.items()]
        for look, rows in at.at("people").entries()
    }
    return Answer(people=people, missed=missed)


def to_json(found: Found) -> dict[str, Any]:
    """A person as plain lists and numbers; places to a thousandth of a pixel, a micrometre."""
    return {
        "score": round(float(found.score), 5),
        "box": _rounded(found.box, PIXEL_DIGITS),
        "asked": found.asked,
        "keypoints": _rounded(found.keypoints, PIXEL_DIGITS),
        "lsp14": _rounded(found.lsp14, PIXEL_DIGITS),
        "detector": _rounded(found.detector, PIXEL_DIGITS),
        "detector_score": round(float(found.detector_score), 5),
        "joints": {name: _rounded(at, METRIC_DIGITS) for name, at in found.joints.items()},
        "pose": _rounded(found.pose, METRIC_DIGITS),
        "betas": _rounded(found.betas, METRIC_DIGITS),
        "translation": _rounded(found.translation, METRIC_DIGITS),
        "mask": found.mask,
        "silhouette": found.silhouette,
        "parts": list(found.parts),
    }


def from_json(at: Field) -> Found:
    """The person that ``to_json`` wrote. Raises BadInput with the place of what is wrong."""

    def points(key: str, *shape: int | None) -> Any:
        return at.at(key).array(*shape) if at.has(key) else None

    return Found(
        score=at.at("score").number(),
        box=at.at("box").array(4),
        asked=at.at("asked").whole() if at.has("asked") else None,
        keypoints=points("keypoints", 17, 3),
        lsp14=points("lsp14", 14, 2),
        detector=points("detector", 17, 3),
        detector_score=at.at("detector_score").number(),
        joints={name: sets.array(None, 3) for name, sets in at.at("joints").entries()},
        pose=points("pose", None, 3),
        betas=points("betas", None),
        translation=points("translation", 3),
        mask=at.at("mask").value if at.has("mask") else None,
        silhouette=at.at("silhouette").value if at.has("silhouette") else None,
        parts=tuple(one.value for one in at.at("parts").items()) if at.has("parts") else (),
    )


def _rounded(values: Shaped[np.ndarray, "..."] | None, digits: int) -> list | None:
    if values is None:
        return None
    return (np.round(np.asarray(values, np.float64), digits) + 0.0).tolist()

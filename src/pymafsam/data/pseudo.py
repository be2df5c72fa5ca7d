"""Pseudo ground truth: a body for every row with annotated 2D joints.

A row is looked at once by the keypoint network, through a window that its annotation gives; then
the body is fitted to annotation, keypoints, metres and mask (``fitting.annotated``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.config import FIT_ENERGY, FIT_ERROR
from pymafsam.data.prepare.boxes import around
from pymafsam.data.rows import UNKNOWN, Row, Rows
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files import rle
from pymafsam.files.frames import read_picture
from pymafsam.files.journal import Journal
from pymafsam.fitting.annotated import (
    ANNOTATED,
    READINGS,
    Annotated,
    AnnotatedFit,
    Fitted,
    from_layout,
)
from pymafsam.geometry import joints, rotation
from pymafsam.geometry.affine import Square, around_box
from pymafsam.geometry.camera import picture_camera
from pymafsam.people.describe import BOX_MARGIN
from pymafsam.people.landmarks import POINTS, Run
from pymafsam.people.litert import Network
from pymafsam.people.looks import (
    Look,
    in_picture_axes,
    look_at,
    upright_window,
    whole_picture_mask,
)
from pymafsam.pretrained import catalogue
from pymafsam.records import Camera, Frame, Inside, Mask

ROOM = 0.12  # around the joints' box, of its longer side: hands, feet, hair
BEYOND = 1.1  # from the hips to a person's end, over the distance of the farthest joint
TORSOS = 1.6  # nobody reaches less far from the hips than so many lengths of the torso
GROUP = 16  # people solved at once
DIGITS = 5
NOWHERE = (UNKNOWN["translation"],) * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoTruth:
    """What was found for a row; plain values, as they stand in the journal.

    ``error`` is the mean distance to the annotation, a share of the diagonal of the annotated
    joints' box; ``energy`` what the fit is left with. ``failed``: why there is no body; empty
    when there is one.
    """

    pose: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    translation: tuple[float, ...] = ()
    focal: float = float("nan")
    size: tuple[int, int] = (0, 0)
    mask: str = ""
    error: float = float("nan")
    energy: float = float("nan")
    reading: str = "as annotated"
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a fit is good enough to be learnt from.

    ``energy``: beyond it some of the evidence (limbs, metres, outline) was given up. Of the worst
    sixteen of 850 fits to LSP-Extended two were plausible; they were above 880 when keypoints
    counted less, and energies have grown by a third since. ``beta``: the largest coefficient of
    shape. ``nearest``: metres from the camera.
    """

    error: float = FIT_ERROR
    energy: float = FIT_ENERGY
    beta: float = 4.0
    nearest: float = 0.5

    def against(self, found: PseudoTruth) -> str:
        """Why a row is not to be learnt from; empty when it is."""
        if found.failed:
            return found.failed
        if not found.error <= self.error:
            return f"further than {self.error:.0%} of the diagonal from the annotation"
        if not found.energy <= self.energy:
            return f"an energy above {self.energy:g}: parts of the evidence contradict one another"
        if max(map(abs, found.betas)) > self.beta:
            return f"a shape coefficient beyond {self.beta:g}"
        if found.translation[2] < self.nearest:
            return f"nearer to the camera than {self.nearest:g} m"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A row with what the keypoint network says of it, ready to be fitted."""

    index: int
    person: Annotated
    mask: Mask | None
    camera: Camera
    diagonal: float  # of the annotated joints' box, pixels


@runtime_checkable
class Method(Protocol):
    """A way to pseudo ground truth; ``together``: rows that are worth taking at once."""

    @property
    def together(self) -> int: ...

    def group(self, rows: Rows, chosen: Sequence[int]) -> list[tuple[int, PseudoTruth]]:
        """What is found for some rows, by their number; a row that has no body says why."""
        ...


def noted(method: Method, rows: Rows, journal: Journal) -> Iterator[tuple[int, PseudoTruth]]:
    """Every row that the journal has not, with what was found; noted in it group by group."""
    todo = [index for index in range(len(rows)) if str(index) not in journal.done]
    for first in range(0, len(todo), method.together):
        for index, found in method.group(rows, todo[first : first + method.together]):
            journal.add(str(index), asdict(found))
            yield index, found


@dataclass(frozen=True, kw_only=True)
class Fitter:
    """By the keypoint fit. ``network`` is the landmark network; see ``people.landmarks``."""

    fit: AnnotatedFit
    network: Run
    images: Path
    least: int = 6  # annotated joints
    together: int = GROUP

    def group(self, rows: Rows, chosen: Sequence[int]) -> list[tuple[int, PseudoTruth]]:
        """Some rows, solved together; nobody's answer depends on the company."""
        found: dict[int, PseudoTruth] = {}
        seen: list[Seen] = []
        for index in chosen:
            try:
                seen.append(self.look(index, rows[index]))
            except PymafsamError as error:
                found[index] = PseudoTruth(failed=str(error).splitlines()[0])
        if seen:
            people, masks, cameras = zip(*((s.person, s.mask, s.camera) for s in seen), strict=True)
            for one, fitted in zip(seen, self.fit.fit(people, masks, cameras), strict=True):
                found[one.index] = truth_of(one, fitted)
        return [(index, found[index]) for index in chosen]

    def look(self, index: int, row: Row) -> Seen:
        """Raises BadInput for a bad picture and for too few annotated joints."""
        clicked, box = clicked_of(row), annotated_box(row, self.least)
        frame = read_picture(self.images / row.image)
        within = _with_room(box, frame.size)
        window = window_of(clicked, within) or around_box(within, BOX_MARGIN)
        look = look_at(self.network, frame.pixels, window, within)
        drawn = whole_picture_mask(look.reading, frame.pixels.shape[:2])
        return Seen(
            index=index,
            person=_person(look, within, clicked),
            mask=_mask(row, frame, drawn),
            camera=picture_camera(frame.size, frame.focal),
            diagonal=float(np.linalg.norm(box[2:] - box[:2])),
        )


def truth_of(seen: Seen, fitted: Fitted) -> PseudoTruth:
    """A fit as plain values."""
    return PseudoTruth(
        pose=plain(rotation.to_axis_angle(fitted.rotations).ravel()),
        betas=plain(fitted.betas),
        translation=plain(fitted.translation),
        focal=round(seen.camera.focal, DIGITS),
        size=seen.camera.size,
        mask="" if seen.mask is None else rle.encode(seen.mask.inside)["counts"],
        error=round(float(np.nanmean(fitted.errors)) / seen.diagonal, DIGITS),
        energy=round(fitted.energy, 2),
        reading=fitted.reading,
    )


def landmark_network() -> Run:
    """The heavy landmark network, or the one that can be had. Raises MissingAsset without any."""
    name = catalogue.first_available("blazepose-heavy", "blazepose-full")
    return Network(catalogue.locate(name))


def annotated_box(row: Row, least: int = 2) -> Float[np.ndarray, "4"]:
    """The box of the row's annotated joints. Raises BadInput for fewer than ``least`` of them."""
    clicked = clicked_of(row)
    box, known = around(clicked), int((clicked[:, 2] > 0).sum())
    if box is None or known < least:
        raise BadInput(f"only {known} joints are annotated, {least} are wanted")
    return box


def clicked_of(row: Row) -> Float[np.ndarray, "annotated 3"]:
    """The row's annotated joints; where it has none, the detected ones."""
    for keypoints, layout in ((row.keypoints, "j24"), (row.openpose, "body25")):
        if keypoints is not None and (keypoints[:, 2] > 0).any():
            return from_layout(keypoints, layout)
    return np.zeros((len(ANNOTATED), 3))


def _person(
    look: Look, box: Float[np.ndarray, "4"], clicked: Float[np.ndarray, "annotated 3"]
) -> Annotated:
    return Annotated(
        box=box,
        score=1.0,
        keypoints=np.column_stack([look.points, look.strength])[:POINTS],
        world=in_picture_axes(look.reading)[:POINTS],
        presence=look.reading.presence,
        keypoint_score=look.fits,
        clicked=clicked,
    )


def window_of(
    clicked: Float[np.ndarray, "annotated 3"], box: Float[np.ndarray, "4"]
) -> Square | None:
    """The square that holds a whole annotated person, upright, about the hips: what the landmark
    network wants to see. None without a shoulder and a hip.
    """
    shoulders, hips = (_middle(clicked, part) for part in ("shoulder", "hip"))
    if shoulders is None or hips is None:
        return None
    known = clicked[clicked[:, 2] > 0, :2]
    up = shoulders - hips
    farthest = np.linalg.norm(known - hips, axis=1).max()
    radius = max(BEYOND * float(farthest), TORSOS * float(np.linalg.norm(up)))
    return upright_window(hips, up, radius, box)


def _middle(clicked: Float[np.ndarray, "annotated 3"], part: str) -> np.ndarray | None:
    pair = clicked[[ANNOTATED.index(f"{side}_{part}") for side in ("left", "right")]]
    known = pair[pair[:, 2] > 0, :2]
    return known.mean(axis=0) if len(known) else None


def _with_room(box: Float[np.ndarray, "4"], size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """The joints' box and what surrounds joints, within the picture as far as there is any."""
    room = ROOM * max(float((box[2:] - box[:2]).max()), 10.0)
    wide = box + np.array([-room, -room, room, room])
    inside = wide.clip(0, np.array([*size, *size], np.float64))
    return inside if ((inside[2:] - inside[:2]) >= 1).all() else wide


def _mask(row: Row, frame: Frame, drawn: Inside) -> Mask | None:
    """The row's own mask, else the landmark network's."""
    if row.mask:
        width, height = frame.size
        inside = rle.decode({"size": [height, width], "counts": row.mask}, frame.size)
        return Mask(inside=inside, score=1.0, source="given")
    return Mask(inside=drawn, score=1.0, source="detector") if drawn.any() else None


def plain(values: Float[np.ndarray, "values"]) -> tuple[float, ...]:
    """Numbers as the journal keeps them."""
    return tuple(round(float(value), DIGITS) for value in values)


def from_journal(value: Mapping[str, Any]) -> PseudoTruth:
    """The inverse of ``asdict`` through json."""
    named: dict[str, Any] = {
        one.name: tuple(v) if isinstance(v := value[one.name], list) else v
        for one in fields(PseudoTruth)
    }
    return PseudoTruth(**named)


def learnt(rows: Rows, found: Sequence[PseudoTruth], limits: Limits) -> Rows:
    """The rows with pose, betas, camera and mask of what was found, to be learnt from where that
    is within the limits.

    Where an annotation had its sides exchanged, its joints are put right as well.
    """
    valid = np.array([not limits.against(one) for one in found])
    width = max((len(one.betas) for one in found), default=0)
    if not width:
        raise BadInput("No row could be fitted; the report says why, row by row.")
    return replace(
        rows,
        keypoints=_put_right(rows, found, valid),
        pose=np.array([one.pose or (0.0,) * 72 for one in found]),
        betas=np.array([one.betas or (0.0,) * width for one in found]),
        translation=np.array([one.translation or NOWHERE for one in found]),
        focal=np.array([one.focal for one in found]),
        size=np.array([one.size for one in found]),
        mask=np.array([one.mask for one in found]),
        has_smpl=valid,
    )


def _put_right(
    rows: Rows, found: Iterable[PseudoTruth], valid: Bool[np.ndarray, "rows"]
) -> np.ndarray | None:
    if rows.keypoints is None:
        return None
    out, names = rows.keypoints.copy(), list(map(str, joints.J24))
    for keypoints, one, good in zip(out, found, valid, strict=True):
        for part in READINGS[one.reading] if good else ():
            pair = [names.index(f"{side}_{part}") for side in ("left", "right")]
            keypoints[pair] = keypoints[pair[::-1]]
    return out

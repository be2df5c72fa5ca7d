"""Tracks mended once the whole clip has been seen: pieces of one person become one track.

A piece may go on in another that begins later, in the same shot, near where the first was headed
(or where both touch the picture's edge: somebody left and came back), in the same clothes, with a
body of the same shape. All pairs are decided together by the smallest sum of costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.geometry.boxes import overlap
from pymafsam.tracking.colours import Colours
from pymafsam.tracking.motion import Box, Motion, centred
from pymafsam.tracking.settings import Settings
from pymafsam.tracking.tracker import assign

SPEED = 6  # sightings at either end that a velocity is taken from
EDGE = 0.03  # of the picture's size: so near its edge somebody may be leaving
ALIKE = 3.0  # distance of two shapes, in deviations, at which they say nothing is alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A track as far as mending needs it.

    ``entering`` moves backwards in time; ``shot`` counts the cuts before it; ``shape`` are the
    body's coefficients where there is a body, ``edges`` whether it begins and ends at the
    picture's edge.
    """

    number: int
    shot: int
    entering: Motion
    leaving: Motion
    edges: tuple[bool, bool]
    colours: Colours
    shape: Float[np.ndarray, "betas"] | None = None

    @staticmethod
    def of(
        number: int,
        seconds: Float[np.ndarray, "sightings"],
        boxes: Float[np.ndarray, "sightings 4"],
        colours: Colours,
        size: tuple[int, int],
        *,
        shot: int = 0,
        shape: Float[np.ndarray, "betas"] | None = None,
        settings: Settings | None = None,
    ) -> "Piece":
        """The ends of a track seen at ``seconds`` in ``boxes``, in pictures of ``size``."""
        settings = settings or Settings()
        first, last = slice(None, SPEED), slice(-SPEED, None)
        return Piece(
            number=number,
            shot=shot,
            entering=_running(seconds[first][::-1], boxes[first][::-1], settings),
            leaving=_running(seconds[last], boxes[last], settings),
            edges=(_at_edge(boxes[0], size), _at_edge(boxes[-1], size)),
            colours=colours,
            shape=shape,
        )


def rejoined(pieces: Sequence[Piece], settings: Settings | None = None) -> Mapping[int, int]:
    """Which number every piece's goes on under: that of the first piece of the same person."""
    settings = settings or Settings()
    costs = np.array([[_cost(one, other, settings) for other in pieces] for one in pieces])
    chosen = assign(costs.reshape(len(pieces), len(pieces)), settings.mend)
    before = {pieces[later].number: pieces[earlier].number for earlier, later in chosen}
    numbers = {}
    for piece in pieces:
        number = piece.number
        while number in before:
            number = before[number]
        numbers[piece.number] = number
    return numbers


def gap_fillers(
    frames: Mapping[int, Int[np.ndarray, "_"]],
    boxes: Mapping[int, Float[np.ndarray, "_ 4"]],
    settings: Settings | None = None,
) -> Mapping[int, int]:
    """Which tracks lie in another one's gaps, at its place: number -> the longer track's number.

    Somebody who is described badly for a moment easily becomes somebody new for that moment.
    """
    settings = settings or Settings()
    longest = sorted(frames, key=lambda number: (-len(frames[number]), number))
    taken = dict(frames)  # with the frames of those who fill a gap: two cannot fill the same
    owners: dict[int, int] = {}
    for k, number in enumerate(longest):
        alike = {
            other: _alongside(frames[number], boxes[number], frames[other], boxes[other])
            for other in longest[:k]
            if other not in owners and not np.isin(frames[number], taken[other]).any()
        }
        best = max(alike, key=lambda other: alike[other], default=None)
        if best is not None and alike[best] > settings.fills:
            owners[number] = best
            taken[best] = np.union1d(taken[best], frames[number])
    return owners


def _alongside(
    few: Int[np.ndarray, "_"],
    theirs: Float[np.ndarray, "_ 4"],
    many: Int[np.ndarray, "_"],
    others: Float[np.ndarray, "_ 4"],
) -> float:
    """Mean overlap of a track's boxes with another's in between; 0 where it lies in no gap."""
    if few[0] < many[0] or few[-1] > many[-1]:
        return 0.0
    between = np.stack([np.interp(few, many, column) for column in others.T], axis=1)
    return float(np.mean([overlap(one, other) for one, other in zip(theirs, between, strict=True)]))


def _cost(one: Piece, other: Piece, settings: Settings) -> float:
    """What it costs to go on from ``one`` in ``other``; infinity where that cannot be."""
    gap = other.entering.seconds - one.leaving.seconds
    if one.shot != other.shot or not 0 < gap <= settings.longest_gap:
        return np.inf
    far = _apart(one, other, settings) / (settings.reach + settings.reach_per_second * gap)
    came_back = one.edges[1] and other.edges[0]
    if far > 1 and not came_back:
        return np.inf
    shape = None
    if one.shape is not None and other.shape is not None:
        shape = min(float(np.linalg.norm(one.shape - other.shape)) / ALIKE, 1.0)
    cues = [
        (settings.distance, min(far, 1.0)),
        (2 * settings.colours, one.colours.difference(other.colours)),
        (settings.distance, shape),
    ]
    there = [(weight, value) for weight, value in cues if value is not None]
    return sum(w * v for w, v in there) / sum(w for w, _ in there)


def _apart(one: Piece, other: Piece, settings: Settings) -> float:
    """Heights between the two: where each was headed and where the other is, the nearer."""
    leaving = one.leaving.at(other.entering.seconds, settings).place
    entering = other.entering.at(one.leaving.seconds, settings).place
    height = max(one.leaving.place[3], other.entering.place[3])
    ahead = np.hypot(*(leaving - other.entering.place)[:2])
    back = np.hypot(*(entering - one.leaving.place)[:2])
    return float(min(ahead, back) / height)


def _running(
    seconds: Float[np.ndarray, "sightings"], boxes: Float[np.ndarray, "sightings 4"], s: Settings
) -> Motion:
    """The motion after these sightings; times may fall, for a motion backwards."""
    motion = Motion.begin(boxes[0], float(seconds[0]), s)
    for time, box in zip(seconds[1:], boxes[1:], strict=True):
        motion = motion.at(float(time), s).seen(box, s)
    return motion


def _at_edge(box: Box, size: tuple[int, int]) -> bool:
    """Whether a box touches the left or right edge of the picture."""
    width = size[0]
    margin = max(EDGE * width, 0.1 * centred(box)[2])
    return bool(box[0] < margin or box[2] > width - margin)

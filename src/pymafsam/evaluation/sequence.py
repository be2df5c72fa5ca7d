"""How calm motions are, how near the truth they move, and how well people were followed.

Points are metres, ``seconds`` the times of the frames; derivatives are divided differences, so
frames need not be evenly spaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pymafsam.errors import BadInput
from pymafsam.files import json
from pymafsam.files.limits import LARGEST_TEXT, check_file
from pymafsam.geometry.boxes import intersection_over_union

Points = Float[np.ndarray, "frames points 3"]
Times = Float[np.ndarray, "frames"]
Boxes = Float[np.ndarray, "people 4"]
SAME = 0.5  # overlap from which a box found and a box annotated may be of one person (MOTChallenge)

MOST = 2.0**53  # of a number in a file of tracks: beyond, whole numbers are no longer exact


def derivative(points: Points, seconds: Times, order: int) -> Float[np.ndarray, "_ points 3"]:
    """The order-th derivative by time, by divided differences; ``order`` frames fewer."""
    values, times = points, seconds
    for _ in range(order):
        values = np.diff(values, axis=0) / np.diff(times)[:, None, None]
        times = (times[1:] + times[:-1]) / 2
    return values


def jitter(points: Points, seconds: Times) -> float:
    """Mean size of the third derivative, m/s^3 (Flash and Hogan, "The coordination of arm
    movements", 1985, call it jerk).
    """
    return float(np.linalg.norm(derivative(points, seconds, 3), axis=-1).mean())


def acceleration_error(found: Points, true: Points, seconds: Times) -> float:
    """Mean distance of accelerations, m/s^2 (Kanazawa et al., "Learning 3D Human Dynamics from
    Video", 2019).
    """
    apart = derivative(found, seconds, 2) - derivative(true, seconds, 2)
    return float(np.linalg.norm(apart, axis=-1).mean())


def root_acceleration(root: Float[np.ndarray, "frames 3"], seconds: Times) -> float:
    """Mean size of the root's acceleration, m/s^2: trembling of the place in space."""
    return float(np.linalg.norm(derivative(root[:, None], seconds, 2), axis=-1).mean())


def bone_length_variation(joints: Points, parents: Int[np.ndarray, "points"]) -> float:
    """The largest standard deviation of a bone's length over the frames, metres."""
    bones = joints[:, 1:] - joints[:, parents[1:]]
    return float(np.linalg.norm(bones, axis=-1).std(axis=0).max())


def foot_sliding(feet: Points, standing: Float[np.ndarray, "steps points"]) -> float:
    """Mean over all stances of the farthest a standing point is from its mean place, metres.

    ``standing`` is 1 from a frame to the next while the point stands; 0 without any stance.
    """
    farthest = []
    for foot in range(feet.shape[1]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], standing[:, foot] > 0, [0]])))
        for begin, end in edges.reshape(-1, 2):
            places = feet[begin : end + 1, foot]
            farthest.append(np.linalg.norm(places - places.mean(axis=0), axis=1).max())
    return float(np.mean(farthest)) if farthest else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Who is where in one frame: identities and boxes x0 y0 x1 y1, pixels."""

    numbers: Int[np.ndarray, "people"]
    boxes: Boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """CLEAR MOT's counts (Bernardin and Stiefelhagen, 2008) and IDF1 (Ristani et al., 2016).

    ``switches``: somebody goes on under another number; ``fragments``: somebody is lost and found
    again; ``missed`` and ``extra`` boxes; ``everybody``: share of frames with nobody missed.
    """

    switches: int
    fragments: int
    missed: int
    extra: int
    everybody: float
    mota: float
    idf1: float


def following(true: Mapping[int, Present], found: Mapping[int, Present]) -> Following:
    """How well the annotated people are followed; frames that are not annotated do not count."""
    carried: dict[int, int] = {}  # who was given which number last
    lost: set[int] = set()
    together: dict[tuple[int, int], int] = {}
    switches = fragments = missed = extra = complete = total = given = 0
    for frame in sorted(true):
        there, seen = true[frame], found.get(frame, _nobody())
        pairs = _matched(there, seen, carried)
        for one, other in pairs.items():
            switches += one in carried and carried[one] != other
            fragments += one in lost
            lost.discard(one)
            carried[one] = other
            together[one, other] = together.get((one, other), 0) + 1
        away = [n for n in there.numbers.tolist() if n not in pairs]
        lost |= {n for n in away if n in carried}
        missed += len(away)
        extra += len(seen.numbers) - len(pairs)
        complete += not away
        total += len(there.numbers)
        given += len(seen.numbers)
    return Following(
        switches=switches,
        fragments=fragments,
        missed=missed,
        extra=extra,
        everybody=complete / max(len(true), 1),
        mota=1 - (missed + extra + switches) / max(total, 1),
        idf1=2 * _identified(together) / max(total + given, 1),
    )


def _nobody() -> Present:
    return Present(numbers=np.zeros(0, np.int64), boxes=np.zeros((0, 4)))


def _matched(there: Present, seen: Present, carried: Mapping[int, int]) -> dict[int, int]:
    """Annotated number -> number found: what held before as long as it holds, then the best."""
    from scipy.optimize import linear_sum_assignment

    shared = intersection_over_union(there.boxes, seen.boxes)
    before = np.array([carried.get(n, -1) for n in there.numbers.tolist()], np.int64)
    holds = before[:, None] == seen.numbers[None]
    worth = np.where(shared >= SAME, shared + 10 * holds, 0.0)
    rows, columns = linear_sum_assignment(-worth)
    chosen = zip(rows.tolist(), columns.tolist(), strict=True)
    return {int(there.numbers[i]): int(seen.numbers[j]) for i, j in chosen if worth[i, j] > 0}


def _identified(together: Mapping[tuple[int, int], int]) -> int:
    """Boxes under the right number when every person has the one number that suits best."""
    from scipy.optimize import linear_sum_assignment

    ones, others = sorted({a for a, _ in together}), sorted({b for _, b in together})
    counts = np.zeros((len(ones), len(others)))
    for (one, other), count in together.items():
        counts[ones.index(one), others.index(other)] = count
    rows, columns = linear_sum_assignment(-counts)
    return int(counts[rows, columns].sum())


def read_mot(path: Path) -> dict[int, Present]:
    """MOTChallenge text: lines of frame (from 1), number, left, top, width, height, ...

    Lines whose confidence (the seventh value) is 0 are not to count. Frames become indices from
    0. Raises BadInput, with the line, for what is none.
    """
    rows: dict[int, list[tuple[int, list[float]]]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.split(",")]
            frame, person, left, top, width, height, *rest = values
            if not all(abs(value) < MOST for value in values):  # nor NaN
                raise ValueError("a number beyond all counting")
        except ValueError as error:
            raise BadInput(
                f"{path}, line {number}: wanted frame,number,left,top,width,height,...; found "
                f'"{line[:60]}".'
            ) from error
        if not rest or rest[0] != 0:
            box = [left, top, left + width, top + height]
            rows.setdefault(int(frame) - 1, []).append((int(person), box))
    return _presents(path, rows)


def _lines(path: Path) -> list[str]:
    try:
        check_file(path, LARGEST_TEXT)
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as text ({error}).") from error


def read_posetrack(path: Path) -> dict[int, Present]:
    """PoseTrack's json: ``images`` in order, ``annotations`` with ``track_id`` and ``bbox``.

    Raises BadInput, with the field, for what is none.
    """
    root = json.read(path)
    order = {image.at("id").whole(): k for k, image in enumerate(root.at("images").items())}
    rows: dict[int, list[tuple[int, list[float]]]] = {k: [] for k in order.values()}
    for annotation in root.at("annotations").items():
        left, top, width, height = annotation.at("bbox").array(4).tolist()
        image = annotation.at("image_id")
        frame = order.get(image.whole())
        if frame is None:
            image.wrong("the id of one of the images")
        box = [left, top, left + width, top + height]
        rows[frame].append((annotation.at("track_id").whole(), box))
    return _presents(path, rows)


def _presents(
    path: Path, rows: Mapping[int, Sequence[tuple[int, list[float]]]]
) -> dict[int, Present]:
    if any(abs(number) > MOST for people in rows.values() for number, _ in people):
        raise BadInput(f"{path} numbers a person beyond all counting.")
    return {
        frame: Present(
            numbers=np.array([number for number, _ in people], np.int64),
            boxes=np.array([box for _, box in people], np.float64).reshape(-1, 4),
        )
        for frame, people in rows.items()
    }

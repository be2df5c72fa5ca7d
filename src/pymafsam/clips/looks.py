"""What was seen in a frame of a video, small enough to be kept for all of them."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from pymafsam.errors import BadInput
from pymafsam.files import rle
from pymafsam.files.atomic import writing
from pymafsam.fitting.lifter import stacked_features
from pymafsam.records import Flip, Mask, Person, Pose
from pymafsam.tracking.colours import Colours
from pymafsam.tracking.tracker import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """A body fitted to one frame alone."""

    pose: Pose
    translation: Float[np.ndarray, "3"]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A mask as COCO's run lengths: a thousandth of its size. ``size`` is (width, height)."""

    counts: str
    size: tuple[int, int]
    score: float
    source: str

    @staticmethod
    def of(mask: Mask) -> "Packed":
        """A mask, packed."""
        counts = rle.encode(mask.inside)["counts"]
        height, width = mask.inside.shape
        return Packed(counts=counts, size=(width, height), score=mask.score, source=mask.source)

    def mask(self) -> Mask:
        """The mask again."""
        width, height = self.size
        inside = rle.decode({"size": [height, width], "counts": self.counts}, self.size)
        return Mask(inside=inside, score=self.score, source=self.source)


Click = tuple[float, float, int]  # picture pixels; 1 on the person, 0 beside them


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a prompt on just this frame says of somebody, besides their box (often nothing).

    ``shifts``: how far each of the ``pins`` moved its keypoint, pixels. ``outlined``: a mask was
    given.
    """

    flips: tuple[Flip, ...] = ()
    pins: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    clicks: tuple[Click, ...] = ()
    outlined: bool = False

    def text(self) -> str:
        """As json."""
        flips = [[flip.part, flip.way] for flip in self.flips]
        return json.dumps([flips, dict(self.pins), dict(self.shifts), self.clicks, self.outlined])

    @staticmethod
    def read(text: str) -> "Said":
        """What ``text`` wrote. Raises ValueError or TypeError for anything else."""
        flips, pins, shifts, clicks, outlined = json.loads(text)
        return Said(
            flips=tuple(Flip(part=part, way=way) for part, way in flips),
            pins={name: (x, y) for name, (x, y) in pins.items()},
            shifts={name: (x, y) for name, (x, y) in shifts.items()},
            clicks=tuple((x, y, label) for x, y, label in clicks),
            outlined=bool(outlined),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A frame of a video as it was seen.

    ``sightings`` are the people (without their pixels) and ``singles`` their bodies, one by one;
    ``said`` is what a prompt says of each whom it named, None of the others; ``masks`` are theirs,
    made or followed. ``small`` is the frame's small picture, by which cuts are found; ``moved`` how
    far the camera moved since the frame before, in shares of the picture's width. ``looked``:
    people were looked for here; ``failed``: why they could not be. ``led``: rows whose mask is led
    by what was said in another frame (``clips.neighbours``, found when all looks are there, and in
    no file).
    """

    index: int
    seconds: float
    looked: bool
    sightings: tuple[Sighting, ...]
    singles: tuple[Single, ...]
    said: tuple[Said | None, ...]
    masks: tuple[Packed | None, ...]
    small: UInt8[np.ndarray, "rows columns 3"]
    moved: float
    failed: str = ""
    led: frozenset[int] = frozenset()


def bare(person: Person) -> Person:
    """The person without what is as large as the picture."""
    return replace(person, mask=None, prompt=None)


def save(looks: list[Look], path: Path) -> None:
    """Write looks as plain arrays: a row per frame, and a row per person with their frame's."""
    people = [(k, *row) for k, look in enumerate(looks) for row in _rows(look)]
    arrays = {
        "index": np.array([look.index for look in looks]),
        "seconds": np.array([look.seconds for look in looks]),
        "looked": np.array([look.looked for look in looks]),
        "failed": np.array([look.failed for look in looks], np.str_),
        "moved": np.array([look.moved for look in looks]),
        "small": np.stack([look.small for look in looks]),
        "row": np.array([row[0] for row in people], np.int64),
        "said": np.array(["" if row[3] is None else row[3].text() for row in people], np.str_),
        **_packed([row[4] for row in people]),
    }
    if people:
        arrays |= _columns([row[1] for row in people], [row[2] for row in people])
    with writing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load(path: Path) -> list[Look]:
    """The looks in a file. Raises BadInput when the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        return _looks(arrays)
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"{path} is damaged ({error}).\n  Remove its folder and run again."
        ) from error


def _rows(look: Look) -> list[tuple[Sighting, Single, Said | None, Packed | None]]:
    return list(zip(look.sightings, look.singles, look.said, look.masks, strict=True))


def _packed(masks: list[Packed | None]) -> dict[str, np.ndarray]:
    """Full masks as columns; who has none has no run lengths."""
    return {
        "outline": np.array(["" if m is None else m.counts for m in masks], np.str_),
        "outline_size": np.array([(0, 0) if m is None else m.size for m in masks], np.int64),
        "outline_score": np.array([0.0 if m is None else m.score for m in masks], np.float64),
        "outline_source": np.array(["" if m is None else m.source for m in masks], np.str_),
    }


def _columns(sightings: list[Sighting], singles: list[Single]) -> dict[str, np.ndarray]:
    people = [sighting.person for sighting in sightings]
    shape = next((s.mask.shape for s in sightings if s.mask is not None), (0, 0))
    empty = np.zeros(shape, bool)
    masks = [empty if s.mask is None else s.mask for s in sightings]
    count = max(0 if p.keypoints is None else len(p.keypoints) for p in people)
    nothing = np.zeros((count, 3))
    return {
        "box": np.stack([p.box for p in people]).astype(np.float64),
        "score": np.array([p.score for p in people], np.float64),
        "layout": np.array([p.layout for p in people]),
        "keypoints": np.stack([nothing if p.keypoints is None else p.keypoints for p in people]),
        "described": np.array([p.keypoints is not None for p in people]),
        "world": np.stack([nothing if p.world is None else p.world for p in people]),
        "metric": np.array([p.world is not None for p in people]),
        "presence": np.array([_or_nan(p.presence) for p in people]),
        "keypoint_score": np.array([_or_nan(p.keypoint_score) for p in people]),
        **_answers(people),
        **({} if (features := stacked_features(people)) is None else {"features": features}),
        "colours": np.stack([s.colours.shares for s in sightings]),
        "mask": np.packbits(np.stack(masks), axis=2),
        "mask_size": np.array(shape, np.int64),
        "masked": np.array([s.mask is not None for s in sightings]),
        "rotations": np.stack([b.pose.rotations for b in singles]).astype(np.float64),
        "betas": np.stack([b.pose.betas for b in singles]).astype(np.float64),
        "translation": np.stack([b.translation for b in singles]).astype(np.float64),
        "body_score": np.array([b.score for b in singles], np.float64),
    }


def _answers(people: list[Person]) -> dict[str, np.ndarray]:
    """``answer_<layout>``: what each network said of everybody; NaN where it said nothing."""
    layouts = {name: points.shape for p in people for name, points in p.answers.items()}
    return {
        f"answer_{name}": np.stack([p.answers.get(name, np.full(shape, np.nan)) for p in people])
        for name, shape in sorted(layouts.items())
    }


def _features(arrays: dict[str, Shaped[np.ndarray, "..."]], i: int) -> np.ndarray | None:
    if "features" not in arrays:  # nobody has any
        return None
    ways = arrays["features"][i]
    known = ways[~np.isnan(ways).all(axis=(1, 2))]
    return known if len(known) else None


def _looks(arrays: dict[str, Shaped[np.ndarray, "..."]]) -> list[Look]:
    rows = arrays["row"]
    return [
        Look(
            index=int(arrays["index"][k]),
            seconds=float(arrays["seconds"][k]),
            looked=bool(arrays["looked"][k]),
            failed=str(arrays["failed"][k]),
            sightings=tuple(_sighting(arrays, i) for i in np.flatnonzero(rows == k).tolist()),
            singles=tuple(_single(arrays, i) for i in np.flatnonzero(rows == k).tolist()),
            said=tuple(Said.read(t) if t else None for t in arrays["said"][rows == k].tolist()),
            masks=tuple(_unpacked(arrays, i) for i in np.flatnonzero(rows == k).tolist()),
            small=arrays["small"][k],
            moved=float(arrays["moved"][k]),
        )
        for k in range(len(arrays["index"]))
    ]


def _sighting(arrays: dict[str, Shaped[np.ndarray, "..."]], i: int) -> Sighting:
    described, metric = arrays["described"][i], arrays["metric"][i]
    person = Person(
        box=arrays["box"][i],
        score=float(arrays["score"][i]),
        keypoints=arrays["keypoints"][i] if described else None,
        world=arrays["world"][i] if metric else None,
        layout=str(arrays["layout"][i]),
        answers={
            name.removeprefix("answer_"): rows[i]
            for name, rows in arrays.items()
            if name.startswith("answer_") and not np.isnan(rows[i]).all()
        },
        features=_features(arrays, i),
        presence=_or_none(arrays["presence"][i]),
        keypoint_score=_or_none(arrays["keypoint_score"][i]),
    )
    mask = None
    if arrays["masked"][i]:
        width = int(arrays["mask_size"][1])
        mask = np.unpackbits(arrays["mask"][i], axis=1, count=width).astype(bool)
    return Sighting(person=person, colours=Colours(shares=arrays["colours"][i]), mask=mask)


def _unpacked(arrays: dict[str, Shaped[np.ndarray, "..."]], i: int) -> Packed | None:
    counts = str(arrays["outline"][i])
    if not counts:
        return None
    width, height = arrays["outline_size"][i].tolist()
    return Packed(
        counts=counts,
        size=(width, height),
        score=float(arrays["outline_score"][i]),
        source=str(arrays["outline_source"][i]),
    )


def _single(arrays: dict[str, Shaped[np.ndarray, "..."]], i: int) -> Single:
    return Single(
        pose=Pose(rotations=arrays["rotations"][i], betas=arrays["betas"][i]),
        translation=arrays["translation"][i],
        score=float(arrays["body_score"][i]),
    )


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

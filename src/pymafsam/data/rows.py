"""People of a data set, row by row, in SPIN's layout: one npz, a row per person.

Kolotouros et al., "Learning to Reconstruct 3D Human Pose and Shape via Model-fitting in the Loop",
2019. The file's keys are kept (``COLUMNS``); what a data set lacks is simply absent. Files of
strangers are never trusted: arrays of Python objects are refused, shapes are checked, and a row
that cannot be used is named with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from pymafsam.errors import BadInput
from pymafsam.files import made, npz
from pymafsam.files.atomic import writing
from pymafsam.files.pickles import read_npz
from pymafsam.geometry.affine import Square

PIXELS_PER_SCALE = 200.0  # the unit of ``scale``: MPII's, a person of 200 pixels
GENDERS: Mapping[str, int] = {"m": 0, "male": 0, "f": 1, "female": 1}
UNKNOWN_GENDER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One person. Pixels of the picture, metres in camera axes around the hips; None: unknown.

    The third (of ``joints_3d`` the fourth) column is a confidence, 0 where nothing is known.
    """

    image: str  # below the data set's folder of pictures
    centre: Float[np.ndarray, "2"]
    scale: float  # side of the square around the person / 200
    keypoints: Float[np.ndarray, "24 3"] | None = None  # j24, annotated
    openpose: Float[np.ndarray, "25 3"] | None = None  # body25, detected
    joints_3d: Float[np.ndarray, "24 4"] | None = None  # j24
    pose: Float[np.ndarray, "72"] | None = None  # axis-angles, the first: camera axes
    betas: Float[np.ndarray, "betas"] | None = None
    smpl_2d: Float[np.ndarray, "24 3"] | None = None  # smpl24
    translation: Float[np.ndarray, "3"] | None = None  # metres, the whole picture's camera
    focal: float | None = None  # pixels, of that camera
    size: tuple[int, int] | None = None  # width, height of the picture
    gender: int = UNKNOWN_GENDER
    mask: str = ""  # COCO's compressed run lengths over the whole picture
    mask_name: str = ""
    part_name: str = ""

    @property
    def square(self) -> Square:
        """What a network is shown of the picture."""
        x, y = map(float, self.centre)
        return Square(centre=(x, y), side=PIXELS_PER_SCALE * self.scale)

    @property
    def has_smpl(self) -> bool:
        """Whether there is a pose and a shape to learn from."""
        return self.pose is not None and self.betas is not None


# Which rows of a column say something.
KNOWN: Mapping[str, Callable[[np.ndarray], Any]] = {
    "translation": lambda column: np.isfinite(column).all(axis=1),
    "gender": lambda column: column >= 0,
    "mask": lambda column: column.astype(str) != "",
    "mask_name": lambda column: column.astype(str) != "",
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that cannot be used, and why. ``index`` counts in the file it came from."""

    index: int
    image: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A data set's people, column by column (see ``Row``); a column is None when nobody has it.

    ``has_smpl`` says which rows' pose and betas are to be learnt from. ``dropped`` are the rows of
    the file that could not be used.
    """

    image: Shaped[np.ndarray, "rows"]
    centre: Float[np.ndarray, "rows 2"]
    scale: Float[np.ndarray, "rows"]
    keypoints: Float[np.ndarray, "rows 24 3"] | None = None
    openpose: Float[np.ndarray, "rows 25 3"] | None = None
    joints_3d: Float[np.ndarray, "rows 24 4"] | None = None
    pose: Float[np.ndarray, "rows 72"] | None = None
    betas: Float[np.ndarray, "rows betas"] | None = None
    has_smpl: Bool[np.ndarray, "rows"] | None = None
    smpl_2d: Float[np.ndarray, "rows 24 3"] | None = None
    translation: Float[np.ndarray, "rows 3"] | None = None
    focal: Float[np.ndarray, "rows"] | None = None
    size: Int[np.ndarray, "rows 2"] | None = None
    gender: Int[np.ndarray, "rows"] | None = None
    mask: Shaped[np.ndarray, "rows"] | None = None
    mask_name: Shaped[np.ndarray, "rows"] | None = None
    part_name: Shaped[np.ndarray, "rows"] | None = None
    dropped: tuple[Dropped, ...] = field(default=())

    @staticmethod
    def of(people: Sequence[Row], dropped: Sequence[Dropped] = ()) -> "Rows":
        """The people as a table. Raises BadInput when there is nobody."""
        if not people:
            why = dropped[0].reason if dropped else "the data set is empty"
            raise BadInput(f"Not one row can be used ({len(dropped)} were looked at: {why}).")
        found: dict[str, Any] = {}
        for one in fields(Row):
            column = [getattr(person, one.name) for person in people]
            if any(_says_something(value) for value in column):
                found[one.name] = _stacked(one.name, column)
        if "pose" in found:
            found["has_smpl"] = np.array([person.has_smpl for person in people])
        return Rows(**found, dropped=tuple(dropped))

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: int) -> Row:
        """The person of a row."""
        found = {name: column[index] for name, column in self.columns().items()}
        learnt = found.pop("has_smpl", True)
        unknown = ("pose", "betas", "translation") if not learnt else ()
        return Row(**{name: _single(v) for name, v in found.items() if name not in unknown})

    def columns(self) -> dict[str, np.ndarray]:
        """The columns there are, by their name here."""
        named = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "dropped"}
        return {name: column for name, column in named.items() if column is not None}

    def take(self, chosen: Int[np.ndarray, "chosen"] | Bool[np.ndarray, "rows"]) -> "Rows":
        """Some of the rows."""
        return replace(self, **{name: column[chosen] for name, column in self.columns().items()})

    def counts(self) -> dict[str, int]:
        """How many rows have what."""
        out = {"rows": len(self)}
        for name in ("keypoints", "openpose", "joints_3d", "smpl_2d"):
            column = getattr(self, name)
            if column is not None:
                out[name] = int((column[..., -1] > 0).any(axis=1).sum())
        if self.pose is not None and self.betas is not None:
            out["smpl"] = len(self) if self.has_smpl is None else int(self.has_smpl.sum())
        for name, known in KNOWN.items():
            column = getattr(self, name)
            if column is not None:
                out[name] = int(known(column).sum())
        return out


@dataclass(frozen=True, slots=True)
class Column:
    """A key of the file: the name here, the shape behind the rows (None: any length)."""

    name: str
    shape: tuple[int | None, ...] = ()
    kind: str = "number"  # or text, flag, gender


# SPIN's keys; the lower ones are ours (masks and the whole picture's camera travel along).
COLUMNS: Mapping[str, Column] = {
    "imgname": Column("image", kind="text"),
    "center": Column("centre", (2,)),
    "scale": Column("scale"),
    "part": Column("keypoints", (24, 3)),
    "openpose": Column("openpose", (25, 3)),
    "S": Column("joints_3d", (24, 4)),
    "pose": Column("pose", (72,)),
    "shape": Column("betas", (None,)),
    "has_smpl": Column("has_smpl", kind="flag"),
    "smpl_2dkps": Column("smpl_2d", (24, 3)),
    "gender": Column("gender", kind="gender"),
    "maskname": Column("mask_name", kind="text"),
    "partname": Column("part_name", kind="text"),
    "translation": Column("translation", (3,)),
    "focal": Column("focal"),
    "size": Column("size", (2,), kind="whole"),
    "mask": Column("mask", kind="text"),
}
NEEDED = ("imgname", "center", "scale")
# What a column holds where nothing is known, if not 0.
UNKNOWN: Mapping[str, Any] = {
    "gender": UNKNOWN_GENDER,
    "mask": "",
    "mask_name": "",
    "part_name": "",
    "focal": np.nan,
    "translation": np.nan,
}


def read(path: Path) -> Rows:
    """The rows of a SPIN-format npz; keys that are not SPIN's are passed over.

    A row that cannot be used (no picture's name, a square without extent or not finite) is left
    out and named in ``dropped``; joints that are not finite count as unknown. Raises BadInput for
    a file that is damaged, lacks a needed key, has no rows, or holds a key of another shape, and
    BadInput or UntrustedFile for arrays of Python objects.
    """
    content = read_npz(path)
    missing = [key for key in NEEDED if key not in content]
    if missing:
        raise BadInput(
            f"{path} is not a table of people in SPIN's layout: it has no {', '.join(missing)}.\n"
            f"  It has: {', '.join(sorted(content)) or 'nothing'}"
        )
    count = len(_array(content, "imgname", path))
    if not count:
        raise BadInput(f"{path} has no row.")
    found: dict[str, Any] = {
        column.name: _column(_array(content, key, path), key, column, count, path)
        for key, column in COLUMNS.items()
        if key in content
    }
    return usable(Rows(**found), path)


def usable(rows: Rows, path: Path | str = "") -> Rows:
    """Without the rows that nothing can be done with, which ``dropped`` names.

    Raises BadInput when none remains.
    """
    reasons = {index: why for index in range(len(rows)) if (why := _unusable(rows, index))}
    if len(reasons) == len(rows):
        why = next(iter(reasons.values()), "it is empty")
        raise BadInput(f"{path or 'The table'} has no row that can be used ({why}).")
    if not reasons:
        return rows
    keep = np.array([index for index in range(len(rows)) if index not in reasons])
    named = tuple(
        Dropped(index, str(rows.image[index]), reason) for index, reason in reasons.items()
    )
    return replace(rows.take(keep), dropped=rows.dropped + named)


def write(
    rows: Rows, path: Path, maker: str = "prepare", **more: Shaped[np.ndarray, "people ..."]
) -> None:
    """Write rows as a SPIN-format npz (compressed), marked as made by the verb ``maker``.

    ``more``: further arrays under their keys.
    """
    names = {column.name: key for key, column in COLUMNS.items()}
    arrays: dict[str, Any] = {names[name]: col for name, col in rows.columns().items()} | more
    if rows.gender is not None:
        arrays["gender"] = np.array(["m", "f", ""])[rows.gender]
    with writing(path) as temporary:
        npz.write(arrays, temporary, made.mark(maker))


def _single(value: Shaped[np.ndarray, "..."] | np.generic) -> Any:
    """A row's value of a column as ``Row`` has it: plain numbers and texts, arrays as they are."""
    if not isinstance(value, np.ndarray):
        return value.item()
    return tuple(value.tolist()) if value.dtype.kind == "i" else value


def _says_something(value: object) -> bool:
    return value is not None and not (isinstance(value, str | int) and value in ("", -1))


def _stacked(name: str, column: list[Any]) -> np.ndarray:
    """One column of many people; who lacks the value gets ``UNKNOWN``'s."""
    like = np.asarray(next(value for value in column if _says_something(value)))
    empty = np.full(like.shape, UNKNOWN.get(name, 0), like.dtype)
    return np.stack([empty if value is None else np.asarray(value) for value in column])


def joined(tables: Sequence[Rows]) -> Rows:
    """Tables below one another; what some of them lack is unknown there."""
    names = {name for table in tables for name in table.columns()}
    if "pose" in names:  # who has none must be told apart
        names.add("has_smpl")
    return Rows(
        **{
            name: np.concatenate([_padded(table, name, tables) for table in tables])
            for name in names
        },
        dropped=tuple(row for table in tables for row in table.dropped),
    )


def _padded(table: Rows, name: str, tables: Sequence[Rows]) -> np.ndarray:
    column = getattr(table, name)
    if column is not None:
        return column
    if name == "has_smpl":  # absent with a pose means that every pose counts
        return np.full(len(table), table.pose is not None)
    like = next(getattr(t, name) for t in tables if getattr(t, name) is not None)
    return np.full((len(table), *like.shape[1:]), UNKNOWN.get(name, 0), like.dtype)


def _array(content: Mapping[str, Any], key: str, path: Path) -> np.ndarray:
    array = content[key]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufbSU" or array.ndim == 0:
        raise BadInput(
            f'{path}: "{key}" holds Python objects or no array; only numbers and text are read.\n'
            "  Save it again as a plain array (numpy.savez of numbers, or of str)."
        )
    return array


def _column(
    array: Shaped[np.ndarray, "..."], key: str, column: Column, count: int, path: Path
) -> np.ndarray:
    """The array as a column of ``Rows``. Raises BadInput when it is of another shape or kind."""
    shape = array.shape
    wanted = " x ".join(["rows", *("n" if n is None else str(n) for n in column.shape)])
    fits = shape[0] == count and len(shape) == 1 + len(column.shape)
    fits = fits and all(w in (None, h) for w, h in zip(column.shape, shape[1:], strict=True))
    textual = column.kind in ("text", "gender")
    if not fits or textual != (array.dtype.kind in "SU"):
        raise BadInput(
            f'{path}: "{key}" should be {wanted} {"texts" if textual else "numbers"}'
            f" ({count} rows); it is {' x '.join(map(str, shape))} of type {array.dtype}."
        )
    if array.dtype.kind == "S":
        array = np.char.decode(array, "latin-1")
    return _KINDS[column.kind](array)


def _genders(array: Shaped[np.ndarray, "people"]) -> np.ndarray:
    return np.array([GENDERS.get(str(g).lower(), UNKNOWN_GENDER) for g in array], np.int64)


def _numbers(array: Shaped[np.ndarray, "people ..."]) -> np.ndarray:
    """As float64; a joint that is not finite becomes all zero: confidence 0, unknown."""
    values = array.astype(np.float64)
    if values.ndim == 3:
        values[~np.isfinite(values).all(axis=-1)] = 0.0
    return values


_KINDS = {
    "number": _numbers,
    "whole": lambda array: array.astype(np.int64),
    "flag": lambda array: np.nan_to_num(array.astype(np.float64)) > 0,
    "text": lambda array: array,
    "gender": _genders,
}


def _unusable(rows: Rows, index: int) -> str:
    """What is wrong with a row, or an empty text."""
    if not str(rows.image[index]):
        return "no picture is named"
    if not np.isfinite(rows.centre[index]).all() or not np.isfinite(rows.scale[index]):
        return "the square's centre or scale is not a number"
    if rows.scale[index] * PIXELS_PER_SCALE < 1:
        return "the square around the person has no extent"
    learnt = rows.has_smpl is None or bool(rows.has_smpl[index])
    for column in (rows.pose, rows.betas):
        if learnt and column is not None and not np.isfinite(column[index]).all():
            return "pose or shape is not a number"
    return ""

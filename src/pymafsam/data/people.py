"""A data set of photographs: rows of people become crops with their answers.

Picture, 2D joints, 3D joints, pose, camera, mask and first points all go through the one
augmentation that was drawn, so that they still belong together afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pymafsam import crops, points
from pymafsam.data import augment
from pymafsam.data.augment import SPIN, Augmentation, Ranges
from pymafsam.data.excerpts import Excerpt, Excerpts
from pymafsam.data.rows import PIXELS_PER_SCALE, Row, Rows
from pymafsam.data.samples import Sample
from pymafsam.data.shards import Shards
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import rle
from pymafsam.files.frames import read_picture
from pymafsam.geometry import affine, rotation
from pymafsam.geometry.affine import Affine, Square
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.masks.folder import MaskFolder
from pymafsam.records import Inside, Pixels

BETAS = 10
# Where the first features are read: (crop of the mask or None, randomness, bank) -> 441 points.
PointsOf = Callable[
    [Bool[np.ndarray, "side side"] | None, np.random.Generator, np.ndarray | None],
    Float[np.ndarray, "points 2"],
]


def _grid(inside, random, bank):
    return points.grid()


def _mask(inside, random, bank):
    return points.grid() if inside is None else points.from_mask(inside)


def _bank(inside, random, bank):
    """Any row: nothing ties the bank of 2024 to a picture."""
    return bank[int(random.integers(len(bank)))].astype(np.float32)


POINTS: Mapping[str, PointsOf] = {"grid": _grid, "mask": _mask, "bank": _bank}


@dataclass(frozen=True, kw_only=True)
class PeopleSet:
    """The people of ``rows`` in the pictures below ``images``, or in tars: a ``DataSet``.

    ``points`` names a row of ``POINTS``. ``masks`` holds masks for rows that carry none. ``kept``:
    where the parts of pictures that are needed are kept decoded.
    ``compatible``: keypoints are cut off to whole pixels and turned crops resampled as the
    reference does it, which is slower and less exact.
    """

    name: str
    rows: Rows
    images: Path | Shards
    ranges: Ranges = SPIN
    points: str = "mask"
    masks: MaskFolder | None = None
    bank: Float[np.ndarray, "bank points 2"] | None = None
    kept: Excerpts | None = None
    compatible: bool = False
    size: int = crops.SIZE

    def __post_init__(self):
        if self.points not in POINTS:
            raise BadUsage(f'points "{self.points}" are not known; known: {", ".join(POINTS)}.')
        if self.points == "bank" and self.bank is None:
            raise BadUsage('points "bank" need a bank (a .npy file; see pymafsam mask points).')

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """Person ``index``, augmented as ``random`` says. Raises BadInput for a bad picture."""
        return self.augmented(index, augment.draw(random, self.ranges), random)

    def augmented(
        self, index: int, augmentation: Augmentation, random: np.random.Generator | None = None
    ) -> Sample:
        """Person ``index`` under a given augmentation; ``random`` is for rows of the bank."""
        row = self.rows[index]
        seen = self._seen(row)
        seen = Excerpt.whole(seen) if isinstance(seen, np.ndarray) else seen
        inside = self._inside(row, seen.size)
        made = sample_of(row, seen, inside, augmentation, self.size, compatible=self.compatible)
        where = POINTS[self.points](
            made.mask if made.has_mask else None, random or np.random.default_rng(0), self.bank
        )
        return replace(made, points=where, index=index, dataset=self.name)

    def missing(self) -> list[str]:
        """The pictures that rows name and that are not there, by name."""
        names = sorted({str(name) for name in self.rows.image})
        if isinstance(self.images, Shards):
            return [name for name in names if name not in self.images]
        return [name for name in names if not (self.images / name).is_file()]

    def _seen(self, row: Row) -> Pixels | Excerpt:
        """The row's picture, or the part of it that crops can show."""
        if isinstance(self.images, Shards):
            return self.images.read(row.image).pixels
        path = self.images / row.image
        return self.kept.of(path, row, self.ranges) if self.kept else read_picture(path).pixels

    def _inside(self, row: Row, size: tuple[int, int]) -> Inside | None:
        """The person's mask over the whole picture, where there is one."""
        if row.mask:
            return rle.decode({"size": [size[1], size[0]], "counts": row.mask}, size)
        found = self.masks.masks(row.image, size) if self.masks else None
        return best_mask(found, row) if found else None


def best_mask(masks: list[Inside], row: Row) -> Inside:
    """Of a picture's masks the one that holds most of the row's joints."""
    if len(masks) == 1 or row.keypoints is None:
        return masks[0]
    known = row.keypoints[row.keypoints[:, 2] > 0, :2]
    return max(masks, key=lambda inside: _held(inside, known))


def _held(inside: Inside, places: Float[np.ndarray, "points 2"]) -> int:
    """How many places lie in a mask."""
    columns, rows = np.floor(places).astype(np.int64).T
    height, width = inside.shape
    seen = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    return int(inside[rows[seen], columns[seen]].sum())


def sample_of(
    row: Row,
    picture: Pixels | Excerpt,
    inside: Inside | None,
    augmentation: Augmentation,
    size: int = crops.SIZE,
    *,
    compatible: bool = False,
) -> Sample:
    """The crop of a person with every answer the row has; ``points`` are the uniform grid."""
    excerpt = Excerpt.whole(picture) if isinstance(picture, np.ndarray) else picture
    view = _View.of(row, augmentation, size, compatible)
    seen = augment.picture(view.cut(excerpt), augmentation)
    known = np.zeros((size, size), bool)
    if inside is not None:
        known = augment.mask(view.cut_mask(inside), augmentation)
    camera = _camera(row, view.square, augmentation)
    return Sample(
        pixels=crops.normalise(seen),
        points=points.grid(),
        keypoints=_keypoints(row, view, augmentation),
        smpl_2d=_smpl_2d(row, view, augmentation),
        joints_3d=_joints_3d(row, augmentation),
        rotations=_rotations(row, augmentation),
        betas=_betas(row),
        camera=np.zeros(3, np.float32) if camera is None else camera,
        mask=known,
        has_smpl=row.has_smpl,
        has_joints_3d=row.joints_3d is not None and bool((row.joints_3d[:, 3] > 0).any()),
        has_camera=camera is not None,
        has_mask=inside is not None and bool(known.any()),
        gender=row.gender,
        flipped=augmentation.flipped,
        degrees=augmentation.degrees,
        scale=augmentation.scale * row.scale,
        centre=(float(row.centre[0]), float(row.centre[1])),
        size=excerpt.size,
        to_frame=view.to_frame,
        image=row.image,
        mask_name=row.mask_name,
        part_name=row.part_name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The turned and resized square, and the two ways to look through it."""

    square: Square
    size: int
    compatible: bool

    @staticmethod
    def of(row: Row, augmentation: Augmentation, size: int, compatible: bool) -> "_View":
        side = PIXELS_PER_SCALE * row.scale * augmentation.scale
        square = replace(row.square, side=side, angle=augmentation.radians)
        return _View(square=square, size=size, compatible=compatible)

    @property
    def truncated(self) -> bool:
        """Whether the square is cut as the reference does it. Upright ones always are: so crops
        are made when a network is used."""
        return self.compatible or not self.square.angle

    @property
    def to_frame(self) -> Affine:
        if self.truncated:
            return crops.to_frame(self.square, self.size)
        return self.square.to_frame(self.size)

    def cut(self, excerpt: Excerpt) -> UInt8[np.ndarray, "side side 3"]:
        """The crop, black outside the picture."""
        if self.truncated:
            return crops.cut(excerpt.pixels, self.square, self.size, excerpt.origin)
        x, y = self.square.centre
        moved = replace(self.square, centre=(x - excerpt.origin[0], y - excerpt.origin[1]))
        return affine.cut(excerpt.pixels, moved, self.size)

    def cut_mask(self, inside: Inside) -> Bool[np.ndarray, "side side"]:
        return crops.labels_under(inside, self.to_frame, self.size)

    def place(self, keypoints: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """Picture pixels -> -1 to 1 of the crop."""
        if self.compatible:
            # The picture's points count from 0, the reference's map from 1.
            moved = crops.transform_truncated(keypoints[:, :2] + 1, self.square, self.size)
        else:
            moved = affine.apply(affine.inverse(self.to_frame), keypoints[:, :2])
        out = np.column_stack([2.0 * moved / self.size - 1, keypoints[:, 2]])
        # What is unknown has no place; the reference carries it through the map.
        return out if self.compatible else np.where(keypoints[:, 2:] > 0, out, 0.0)


def _keypoints(row: Row, view: _View, augmentation: Augmentation) -> np.ndarray:
    parts = [
        np.zeros((len(LAYOUTS[layout]), 3)) if found is None else found
        for layout, found in (("body25", row.openpose), ("j24", row.keypoints))
    ]
    placed = view.place(np.concatenate(parts))
    return augment.keypoints(placed, "j49", augmentation).astype(np.float32)


def _smpl_2d(row: Row, view: _View, augmentation: Augmentation) -> np.ndarray:
    if row.smpl_2d is None:
        return np.zeros((24, 3), np.float32)
    placed = view.place(row.smpl_2d)
    return augment.keypoints(placed, "smpl24", augmentation).astype(np.float32)


def _joints_3d(row: Row, augmentation: Augmentation) -> np.ndarray:
    if row.joints_3d is None:
        return np.zeros((24, 4), np.float32)
    return augment.joints_3d(row.joints_3d, augmentation).astype(np.float32)


def _rotations(row: Row, augmentation: Augmentation) -> np.ndarray:
    if row.pose is None:
        return np.broadcast_to(np.eye(3, dtype=np.float32), (24, 3, 3)).copy()
    pose = rotation.from_axis_angle(row.pose.reshape(24, 3))
    return augment.rotations(pose, augmentation).astype(np.float32)


def _betas(row: Row) -> np.ndarray:
    out = np.zeros(BETAS, np.float32)
    if row.betas is not None:
        known = row.betas[:BETAS]
        out[: len(known)] = known
    return out


def _camera(row: Row, square: Square, augmentation: Augmentation) -> np.ndarray | None:
    """The weak camera (s, tx, ty) under which the crop shows the row's body, where it is known.

    As ``geometry.camera.weak_camera``, for a square that may be turned and a crop that may be
    mirrored.
    """
    if row.translation is None or row.focal is None or row.size is None:
        return None
    if not np.isfinite(row.translation).all() or row.translation[2] <= 0:
        return None
    depth, middle = float(row.translation[2]), np.array(row.size) / 2
    moved = row.translation[:2] + (middle - np.array(square.centre)) * depth / row.focal
    scale = row.focal / (depth * square.side / 2)
    return np.array([scale, *augment.shift(moved, augmentation)], np.float32)


def check_pictures(data: PeopleSet, most: int = 5) -> None:
    """Raises BadInput that names pictures which rows want and which are not there."""
    missing = data.missing()
    if missing:
        named = ", ".join(missing[:most]) + (" ..." if len(missing) > most else "")
        raise BadInput(
            f"{len(missing)} pictures of the data set {data.name} are not below {data.images}: "
            f"{named}\n  Give the folder that the names in the table start from."
        )

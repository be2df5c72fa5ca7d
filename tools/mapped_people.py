"""People with inner maps (tools/inner_maps.py), as tools/ablate_points.py trains and measures.

Each person twice: as in the picture, then its mirror image, whose maps the shards hold as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from annotated_people import as_landmarks
from inner_maps import KEPT
from mesh_rounds import CHANNELS, SIDES, Batch, Maps, taken
from pymafsam import points
from pymafsam.body import BodyModel
from pymafsam.data.synthetic.answers import MASK_MARGIN, MASK_SIDE
from pymafsam.files import rle
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.evidence import ray_frames
from pymafsam.fitting.lifter import FURTHEST, box_sides
from pymafsam.geometry.affine import (
    Square,
    Window,
    apply,
    around_box,
    between_centres,
    inverse,
)
from pymafsam.geometry.joints import COCO17, flip_permutation
from pymafsam.people.movenet import SIZE
from pymafsam.training import lifting
from recombined import cameras_of
from train_lifter import default_cameras, of_photographs, rendered, tensor

Column = np.ndarray
UNUSED = ("window_pixels", "said_keypoints", "said_score")


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Rows of people; ``truth`` of rendered or annotated ones, ``joints`` as directions.

    ``kept`` are the columns of the shards that only measuring needs.
    """

    maps: Maps
    inputs: Float[Tensor, "people inputs"]
    homography: Float[Tensor, "people 3 3"]
    side: Float[Tensor, "people"]
    own: Float[Tensor, "people points 2"]  # of the own mask, pixels of the window
    channels: Float[np.ndarray, "shots ways 17 channels"]
    truth: lifting.Rendered | lifting.Annotated
    joints: Float[Tensor, "people joints 2"] | None
    window: Float[np.ndarray, "shots 4"]
    kept: Mapping[str, Column]
    start: Float[Tensor, "people outputs"] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(
        self, rows: Shaped[Tensor, "..."], first: Float[Tensor, "batch points 2"] | None
    ) -> Batch:
        """Some of the rows, looked at first where ``first`` says."""
        return Batch(
            maps=taken(self.maps, rows),
            inputs=self.inputs[rows],
            homography=self.homography[rows],
            side=self.side[rows],
            first=first,
            start=None if self.start is None else self.start[rows],
        )

    def started(self, network: lifting.LifterNetwork, step: int = 500) -> "People":
        """The same people with what the lifter says of them."""
        flat = self.channels.swapaxes(0, 1).reshape(-1, *self.channels.shape[2:])
        said = []
        with torch.no_grad():
            for first in range(0, len(self), step):
                some = slice(first, first + step)
                channels = torch.from_numpy(flat[some].astype(np.float32))
                seen = lifting.Seen(channels=channels, points=torch.ones(channels.shape[:2]))
                said.append(network.raw(self.inputs[some], seen))
        return replace(self, start=torch.cat(said))


def read(paths: Sequence[Path]) -> dict[str, Column]:
    """Some shards, one after the other."""
    parts: dict[str, list[Column]] = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as table:
            for name in table.files:
                if name == "maps":  # the largest by far
                    for level, values in enumerate(levels(table[name])):
                        parts.setdefault(f"maps{level}", []).append(values)
                elif name not in UNUSED:
                    parts.setdefault(name, []).append(table[name])
    return {name: np.concatenate(parts.pop(name)) for name in [*parts]}


def levels(maps: Float[np.ndarray, "people ways numbers"]) -> list[np.ndarray]:
    """Of every map the first ``CHANNELS`` components: people ways cells channels."""
    ends = np.cumsum(
        [side * side * count for side, count in zip(SIDES, KEPT.values(), strict=True)]
    )
    return [
        np.ascontiguousarray(part.reshape(*maps.shape[:2], side * side, kept)[..., :count])
        for part, side, kept, count in zip(
            np.split(maps, ends[:-1], axis=2), SIDES, KEPT.values(), CHANNELS, strict=True
        )
    ]


def from_renders(paths: Sequence[Path], model: BodyModel, mask: str = "said_mask") -> People:
    """Rendered people; ``mask`` names the column of the masks that points are found in."""
    table = read(paths)
    cameras, boxes = cameras_of(table), table["box"].astype(np.float64)
    truth = rendered(model, table)
    frames, side = ray_frames(boxes, cameras), box_sides(boxes) / cameras.focal
    joints = table["joints"].astype(np.float64) @ frames.transpose(0, 2, 1)
    seen = joints[..., :2] / np.maximum(joints[..., 2:], 0.1) / side[:, None, None]
    seen = np.clip(seen, -FURTHEST, FURTHEST)
    twins = [*map(int, flip_permutation("smpl24"))]
    own = [
        in_window(
            np.unpackbits(bits).reshape(MASK_SIDE, MASK_SIDE).astype(bool),
            around_box(box, MASK_MARGIN),
            square(window),
        )
        for bits, box, window in zip(table[mask], boxes, table["window"], strict=True)
    ]
    return _people(
        table,
        cameras,
        np.stack(own),
        truth,
        channels=table["said_features"],
        joints=tensor(np.concatenate([seen, seen[:, twins] * (-1, 1)])),
        kept=("visible", "people"),
    )


def from_photographs(paths: Sequence[Path], caches: Mapping[str, Path]) -> People:
    """Annotated people; masks that shards lack are in what tools/cache_people.py wrote."""
    tables = [read([path]) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if "mask" not in table:
            table["mask"] = cached_masks(caches[path.name.split("-")[0]], table["row"])
    table = {name: np.concatenate([one.pop(name) for one in tables]) for name in [*tables[0]]}
    pairs = [as_landmarks(one, COCO17) for one in table["points"]]
    truth = of_photographs(table, *(np.stack([pair[k] for pair in pairs]) for k in (0, 1)))
    own = [
        photographed(str(counts), shape, square(window))
        for counts, shape, window in zip(table["mask"], table["size"], table["window"], strict=True)
    ]
    kept = ("row", "size")
    cameras = default_cameras(table)
    return _people(table, cameras, np.stack(own), truth, channels=table["channels"], kept=kept)


def _people(
    table: dict[str, Column],
    cameras: Cameras,
    own: Float[np.ndarray, "shots points 2"],
    truth: lifting.Rendered | lifting.Annotated,
    *,
    channels: Float[np.ndarray, "shots ways 17 channels"],
    joints: Tensor | None = None,
    kept: Sequence[str],
) -> People:
    boxes = table["box"].astype(np.float64)
    homography = homographies(table["window"], cameras, ray_frames(boxes, cameras))
    side = box_sides(boxes) / cameras.focal
    flipped = own.copy()
    flipped[..., 0] = SIZE - flipped[..., 0]
    maps = [table.pop(f"maps{level}") for level in range(len(SIDES))]
    return People(
        maps=[torch.cat([torch.from_numpy(part[:, way]) for way in (0, 1)]) for part in maps],
        inputs=truth.inputs,
        homography=tensor(np.concatenate([homography, FLIP_WINDOW @ homography @ FLIP_RAY])),
        side=tensor(np.concatenate([side, side])),
        own=tensor(np.concatenate([own, flipped])),
        channels=channels,
        truth=truth,
        joints=joints,
        window=table["window"],
        kept={name: table[name] for name in kept},
    )


FLIP_RAY = np.diag([-1.0, 1.0, 1.0])
FLIP_WINDOW = np.array([[-1.0, 0.0, SIZE], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def homographies(
    windows: Float[np.ndarray, "people 4"],
    cameras: Cameras,
    frames: Float[np.ndarray, "people 3 3"],
) -> Float[np.ndarray, "people 3 3"]:
    """Directions of each ray's frame -> pixels of each window."""
    out = []
    for window, focal, (x, y), frame in zip(
        windows, cameras.focal, cameras.centre, frames, strict=True
    ):
        to_picture = np.vstack([square(window).to_frame(SIZE), [0, 0, 1]])
        pinhole = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])
        out.append(np.linalg.inv(to_picture) @ pinhole @ frame.T)
    return np.stack(out)


def square(window: Float[np.ndarray, "4"]) -> Window:
    """A row of a shard's column ``window``."""
    x, y, side, angle = map(float, window)
    return Square((x, y), side, angle)


def in_window(inside: np.ndarray, place: Window, window: Window) -> Float[np.ndarray, "points 2"]:
    """Points of a mask that was cut out at ``place``, in the window's pixels."""
    side = len(inside)
    pixels = (points.from_mask(inside).astype(np.float64) + 1) / 2 * (side - 1) + 0.5
    return apply(inverse(window.to_frame(SIZE)), apply(place.to_frame(side), pixels))


def photographed(counts: str, size: np.ndarray, window: Window) -> Float[np.ndarray, "points 2"]:
    """Points of a whole picture's mask (COCO's run lengths; empty: there is none)."""
    width, height = map(int, size)
    whole = np.zeros((height, width), bool)
    if counts:
        whole = rle.decode({"size": [height, width], "counts": counts}, (width, height))
    small = cv2.warpAffine(
        whole.astype(np.float32),
        between_centres(window.to_frame(MASK_SIDE)),
        (MASK_SIDE, MASK_SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return in_window(np.asarray(small) > 0.5, window, window)


def cached_masks(cache: Path, rows: np.ndarray) -> Column:
    """The masks of some annotations."""
    with np.load(cache, allow_pickle=False) as table:
        masks = dict(zip(table["id"].tolist(), table["mask"], strict=True))
    return np.array([masks[row] for row in rows.tolist()])

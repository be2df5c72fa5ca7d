"""The mask as evidence: surface points belong inside it, and its outline is somebody's.

Two one-sided pulls, both towards a nearest neighbour that is looked up anew at every step, as in
ICP: a surface point that falls outside the mask is pulled to the nearest pixel inside, and every
sample of the mask's outline pulls the surface point that is nearest to it. Outlines along the
picture's edge say nothing, nor do points outside the picture, nor points on others' pixels: whoever
stands there may hide the person who is meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pymafsam.fitting.cameras import Cameras
from pymafsam.records import Inside

SIDE = 96  # cells along the longer side of a person's look-up grid
SAMPLES = 64  # of an outline
MARGIN = 0.15  # around the mask, as a share of its size


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Where each point is pulled from: residual (point - target) in deviations, and its weight."""

    residual: Float[np.ndarray, "people 2 points"]
    weight: Float[np.ndarray, "people points"]
    energy: Float[np.ndarray, "people"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Look-ups made of several people's masks; a person without a mask has weight 0.

    Cell (row, column) of person i is centred on the picture pixel
    ``origin[i] + (column + 0.5, row + 0.5) * cell[i]``; ``nearest`` gives the centre of the mask's
    cell closest to it, ``allowed`` whether it is of the mask or of somebody else's.
    """

    origin: Float[np.ndarray, "people 2"]
    cell: Float[np.ndarray, "people"]
    nearest: Float[np.ndarray, "people side side 2"]
    allowed: Bool[np.ndarray, "people side side"]
    samples: Float[np.ndarray, "people samples 2"]
    sample_weight: Float[np.ndarray, "people samples"]
    weight: Float[np.ndarray, "people"]
    pixel: Float[np.ndarray, "people"]
    size: Float[np.ndarray, "people 2"]

    @staticmethod
    def of(
        masks: Sequence[Bool[np.ndarray, "_ _"] | None],  # of pictures of any size
        pixel: Float[np.ndarray, "people"],
        cameras: Cameras,
        trust: Float[np.ndarray, "people"] | None = None,
        crowds: Sequence[Bool[np.ndarray, "_ _"] | None] | None = None,
    ) -> "Outline":
        """Prepares the look-ups; ``pixel`` is one standard deviation in picture pixels.

        ``trust`` multiplies everything a mask asks for (1 when left out). ``crowds``: of each
        person's picture all pixels that are anybody's, None where nobody else is known.
        """
        if trust is None:
            trust = np.ones(len(masks))
        grids = [
            _Grid.of(mask, crowd)
            for mask, crowd in zip(masks, crowds or [None] * len(masks), strict=True)
        ]
        return Outline(
            origin=np.array([grid.origin for grid in grids]),
            cell=np.array([grid.cell for grid in grids]),
            nearest=np.stack([grid.nearest for grid in grids]),
            allowed=np.stack([grid.allowed for grid in grids]),
            samples=np.stack([grid.samples for grid in grids]),
            sample_weight=np.stack([grid.sample_weight for grid in grids]) * trust[:, None],
            weight=np.array([float(grid.allowed.any()) for grid in grids]) * trust,
            pixel=pixel,
            size=cameras.size,
        )

    def pull(
        self,
        points: Float[np.ndarray, "people 2 points"],
        support: Float[np.ndarray, "people points"],
        width: float,
    ) -> Pull:
        """What the masks ask of projected surface points; robust beyond ``width`` deviations.

        ``support`` weights each point: limbs that nobody sees may well be hidden, and no mask
        shall draw them in.
        """
        target, inside = self._inside_targets(points)
        stray = points - target
        squared = np.sum(stray * stray, axis=1) / (self.pixel[:, None] * width) ** 2
        squared = np.where(inside, 0.0, squared)
        weight = np.where(inside, 0.0, self.weight[:, None] * support / (1 + squared))
        energy = width**2 * self.weight * np.sum(support * np.log1p(squared), axis=1)

        owner, gap = self._owners(points)
        squared = np.sum(gap * gap, axis=1) / (self.pixel[:, None] * width) ** 2
        believed = self.sample_weight * np.take_along_axis(support, owner, axis=1)
        drawn = believed / (1 + squared)
        energy = energy + width**2 * np.sum(believed * np.log1p(squared), axis=1)

        total = weight[:, None] * stray
        weight = weight.copy()
        for person, own in enumerate(owner):
            weight[person] += np.bincount(own, drawn[person], minlength=weight.shape[1])
            for axis in range(2):
                total[person, axis] += np.bincount(
                    own, drawn[person] * gap[person, axis], minlength=weight.shape[1]
                )
        mean = total / np.maximum(weight, 1e-12)[:, None] / self.pixel[:, None, None]
        return Pull(residual=mean, weight=weight, energy=energy)

    def _inside_targets(
        self, points: Float[np.ndarray, "people 2 points"]
    ) -> tuple[Float[np.ndarray, "people 2 points"], Bool[np.ndarray, "people points"]]:
        """The nearest cell of the mask, and whether nothing is to be done about the point."""
        place = (points - self.origin[..., None]) / self.cell[:, None, None]
        index = np.clip(np.nan_to_num(place), 0, self.allowed.shape[1] - 1).astype(np.int64)
        people = np.arange(len(points))[:, None]
        target = self.nearest[people, index[:, 1], index[:, 0]].transpose(0, 2, 1)
        width, height = self.size.T[..., None]
        x, y = points[:, 0], points[:, 1]
        outside = (x < 0) | (y < 0) | (x > width) | (y > height)
        return target, outside | self.allowed[people, index[:, 1], index[:, 0]]

    def _owners(
        self, points: Float[np.ndarray, "people 2 points"]
    ) -> tuple[Int[np.ndarray, "people samples"], Float[np.ndarray, "people 2 samples"]]:
        """The projected point nearest to each sample of the outline, and point - sample."""
        gaps = points[:, :, None, :] - self.samples.transpose(0, 2, 1)[..., None]
        owner = np.argmin(gaps[:, 0] ** 2 + gaps[:, 1] ** 2, axis=2)
        return owner, np.take_along_axis(gaps, owner[:, None, :, None], axis=3)[..., 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """One person's mask, coarse, with the nearest cell inside for every cell."""

    origin: tuple[float, float]
    cell: float
    nearest: Float[np.ndarray, "side side 2"]
    allowed: Bool[np.ndarray, "side side"]
    samples: Float[np.ndarray, "samples 2"]
    sample_weight: Float[np.ndarray, "samples"]

    @staticmethod
    def of(mask: Inside | None, crowd: Inside | None) -> "_Grid":
        if mask is None or not mask.any():
            return _Grid.empty()
        height, width = mask.shape
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
        side = max(x1 - x0, y1 - y0) * (1 + 2 * MARGIN)
        cell = float(side) / SIDE
        origin = ((x0 + x1 - side) / 2, (y0 + y1 - side) / 2)
        centre = (np.arange(SIDE) + 0.5) * cell
        across, down = origin[0] + centre, origin[1] + centre
        near_x = np.clip(across, 0, width - 1).astype(np.int64)
        near_y = np.clip(down, 0, height - 1).astype(np.int64)
        filled = mask[near_y[:, None], near_x]  # edges repeat beyond the picture: no outline there
        if not filled.any():
            return _Grid.empty()
        allowed = filled if crowd is None else filled | crowd[near_y[:, None], near_x]
        centres = np.stack(np.meshgrid(across, down), axis=-1)
        samples, weight = _outline(filled, centres)
        return _Grid(
            origin=origin,
            cell=cell,
            nearest=_nearest(filled, centres),
            allowed=allowed,
            samples=samples,
            sample_weight=weight,
        )

    @staticmethod
    def empty() -> "_Grid":
        """Nothing is known."""
        return _Grid(
            origin=(0.0, 0.0),
            cell=1.0,
            nearest=np.zeros((SIDE, SIDE, 2)),
            allowed=np.zeros((SIDE, SIDE), bool),
            samples=np.zeros((SAMPLES, 2)),
            sample_weight=np.zeros(SAMPLES),
        )


def _nearest(
    filled: Bool[np.ndarray, "side side"], centres: Float[np.ndarray, "side side 2"]
) -> Float[np.ndarray, "side side 2"]:
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~filled).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    cells = np.asarray(labels, np.int64)
    by_label = np.zeros((int(cells.max()) + 1, 2))
    by_label[cells[filled]] = centres[filled]
    return by_label[cells]


def _outline(
    filled: Bool[np.ndarray, "side side"], centres: Float[np.ndarray, "side side 2"]
) -> tuple[Float[np.ndarray, "samples 2"], Float[np.ndarray, "samples"]]:
    """Cells of the mask beside a cell that is not, thinned evenly to ``SAMPLES``."""
    padded = np.pad(filled, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge = centres[filled & ~inner]
    samples, weight = np.zeros((SAMPLES, 2)), np.zeros(SAMPLES)
    count = min(len(edge), SAMPLES)
    if count:
        samples[:count] = edge[np.linspace(0, len(edge) - 1, count).astype(np.int64)]
        weight[:count] = 1.0
    return samples, weight

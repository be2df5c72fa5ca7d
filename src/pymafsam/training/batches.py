"""From a data set to targets on the network's side: order, loading, and what losses need beside.

A step's people and their augmentation depend on the seed, the epoch and the person alone, so a run
that was interrupted goes on with the same batches, whatever process loads them.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.samples import Batch, DataSet, Sample, generator
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE, estimate_translation
from pymafsam.records import Camera, Pose
from pymafsam.training import dense, keypoints
from pymafsam.training.dense import Surface
from pymafsam.training.losses import Targets

log = logging.getLogger(__name__)

COARSE = 4  # the distance to the mask is kept at every fourth pixel
TRIES = 20  # people in a row that cannot be read before the run gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which people a step takes: every epoch in a new order, the last incomplete batch left out.

    ``rank`` of ``world`` processes takes every ``world``-th person of a batch.
    """

    people: int
    batch: int
    seed: int
    rank: int = 0
    world: int = 1

    def __post_init__(self):
        if self.batch % self.world:
            raise BadInput(
                f"A batch of {self.batch} cannot be shared evenly by {self.world} processes.\n"
                f"  Choose --batch {self.batch + self.world - self.batch % self.world}."
            )

    @property
    def steps(self) -> int:
        """Of one epoch."""
        return max(self.people // self.batch, 1)

    def of(self, step: int) -> tuple[int, Int[np.ndarray, "mine"]]:
        """The epoch of a step (counted from 0) and this process's people in it."""
        epoch, place = divmod(step, self.steps)
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(self.people)
        # Fewer people than a batch: they come several times.
        chosen = np.resize(shuffled, max(self.batch, self.people))[place * self.batch :]
        return epoch, chosen[: self.batch][self.rank :: self.world]


def targets_of(
    samples: Sequence[Sample], model: BodyModel, surface: Surface | None = None
) -> Targets:
    """Samples as tensors; with ``surface`` the dense targets are drawn."""
    batch = Batch.of(samples)
    outside = np.stack([distance_outside(mask) for mask in batch.mask])
    more = {} if surface is None else _dense(batch, model, surface)
    known = more.pop("has_dense", np.zeros(len(batch), bool))
    kept = ("points keypoints joints_3d rotations betas camera").split()
    flags = ("has_smpl", "has_joints_3d", "has_camera", "has_mask")
    return Targets(
        # Copied into torch's own memory, whose alignment is always the same: with numpy's, matrix
        # products may round differently from run to run.
        images=torch.tensor(batch.pixels),
        outside=torch.tensor(outside),
        has_dense=torch.tensor(known),
        **{name: torch.tensor(getattr(batch, name), dtype=torch.float32) for name in kept},
        **{name: torch.tensor(getattr(batch, name)) for name in flags},
        **{name: torch.tensor(value) for name, value in more.items()},
    )


def distance_outside(mask: Bool[np.ndarray, "side side"]) -> Float[np.ndarray, "rows columns"]:
    """How far each place is from the mask, in half crops; 0 within (and without a mask)."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.zeros((len(mask) // COARSE, len(mask) // COARSE), np.float32)
    # cv2.distanceTransform is quicker, but its last bit differs from run to run, and with it a
    # resumed run from an undisturbed one.
    away = np.asarray(distance_transform_edt(~mask), np.float32)[COARSE // 2 :: COARSE]
    return away[:, COARSE // 2 :: COARSE] * np.float32(2 / len(mask))


def _dense(batch: Batch, model: BodyModel, surface: Surface) -> dict[str, np.ndarray]:
    """Part and (u, v) maps of the target bodies, under the camera that fits the annotation."""
    side = dense.SIZE
    known = batch.has_smpl.copy()
    part = np.zeros((len(batch), side, side), np.int64)
    uv = np.zeros((len(batch), 2, side, side), np.float32)
    for row in np.flatnonzero(known):
        pose = Pose(rotations=batch.rotations[row], betas=batch.betas[row])
        mesh = body.skin(model, pose)
        camera = batch.camera[row] if batch.has_camera[row] else None
        if camera is None:
            camera = camera_of(mesh.vertices, mesh.joints, batch.keypoints[row], model)
        if camera is None:
            known[row] = False
            continue
        drawn = dense.render(mesh.vertices, camera, surface, side)
        seen = _in_sight(batch.mask[row], side) if batch.exact_mask[row] else np.True_
        part[row], uv[row] = np.where(seen, drawn.part, 0), np.where(seen, drawn.uv, 0)
    return {"part": part, "uv": uv, "has_dense": known}


def _in_sight(mask: Bool[np.ndarray, "side side"], side: int) -> Bool[np.ndarray, "rows columns"]:
    """The mask at the centres of a coarser map: what hides a person hides the surface, too."""
    step = len(mask) // side
    return mask[step // 2 :: step, step // 2 :: step]


def camera_of(
    vertices: Float[np.ndarray, "vertices 3"],
    joints: Float[np.ndarray, "joints 3"],
    annotated: Float[np.ndarray, "49 3"],
    model: BodyModel,
) -> Float[np.ndarray, "3"] | None:
    """The crop's camera (s, tx, ty) under which the body lies on its annotated points.

    None where too few are known, or no body before the camera fits them.
    """
    rows = keypoints.regressor(model)
    everything = np.concatenate([vertices, joints])
    found = np.einsum("km,kmd->kd", rows.weights, everything[rows.vertices])
    seen = (annotated[:, :2] + 1) * CROP_SIDE / 2
    crop = Camera(
        focal=CROP_FOCAL, centre=(CROP_SIDE / 2, CROP_SIDE / 2), size=(CROP_SIDE, CROP_SIDE)
    )
    weights = np.where(np.arange(len(seen)) < keypoints.DETECTED, 0, annotated[:, 2])
    try:
        moved = estimate_translation(
            found.astype(np.float64), seen.astype(np.float64), weights.astype(np.float64), crop
        )
    except BadInput:
        return None
    if moved[2] <= 0:
        return None
    return np.array([2 * CROP_FOCAL / CROP_SIDE / moved[2], moved[0], moved[1]], np.float32)


@dataclass(frozen=True)
class Steps(torch.utils.data.Dataset):
    """A step's targets by its number: what a loader's processes make."""

    data: DataSet
    order: Order
    model: BodyModel
    surface: Surface | None
    augmented: bool = True

    def __len__(self) -> int:
        return self.order.steps

    def __getitem__(self, step: int) -> Targets:
        epoch, people = self.order.of(step)
        samples = [self._sample(epoch, int(person)) for person in people]
        return targets_of(samples, self.model, self.surface)

    def _sample(self, epoch: int, person: int) -> Sample:
        """The person, or the next who can be read: one bad picture must not end a night's run."""
        for attempt in range(TRIES):
            index = (person + attempt) % len(self.data)
            try:
                return self.data.sample(index, generator(self.order.seed, epoch, index))
            except PymafsamError as error:
                log.warning("%s: person %d is passed over: %s", self.data.name, index, error)
        raise BadInput(
            f"{TRIES} people in a row of {self.data.name} could not be read (from number {person})."
            "\n  The log names each with the reason; are --data.images the right folders?"
        )


def loader(steps: Steps, first: int, last: int, workers: int) -> Iterator[Targets]:
    """The targets of steps ``first`` to ``last`` - 1, loaded ahead by ``workers`` processes."""
    made: Any = torch.utils.data.DataLoader(
        steps,
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
    )
    return iter(made)

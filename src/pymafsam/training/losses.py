"""What a guess costs: Zhang et al., "PyMAF", 2021, section 3.4, and a term for the mask.

Every term is a sum over what is known, divided by how much is known. The counts are passed in, so
that several processes can divide by the counts of all of them and agree with one process.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from pymafsam.network import geometry
from pymafsam.network.dense import Dense
from pymafsam.network.pymaf import Estimate
from pymafsam.network.reading import sample
from pymafsam.training.dense import target_maps
from pymafsam.training.keypoints import DETECTED
from pymafsam.training.settings import LossWeights

HIPS = (2, 3)  # of j24: both sides are centred between them
FAR = 0.3  # of the crop's half; what is farther outside the mask (hidden, perhaps) pulls no more
GAP = 0.04  # a place of the mask this near to an anchor counts as covered
CAMERA_STEEPNESS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """A batch as the losses and the network want it; see ``pymafsam.data.samples.Batch``.

    ``outside`` is how far a place of the crop is from the person's mask, in half crops.
    ``part`` and ``uv`` are the dense targets, None where they are not trained.
    """

    images: Float[Tensor, "batch 3 side side"]
    points: Float[Tensor, "batch points 2"]
    keypoints: Float[Tensor, "batch 49 3"]
    joints_3d: Float[Tensor, "batch 24 4"]
    rotations: Float[Tensor, "batch joints 3 3"]
    betas: Float[Tensor, "batch betas"]
    camera: Float[Tensor, "batch 3"]
    outside: Float[Tensor, "batch rows columns"]
    has_smpl: Bool[Tensor, "batch"]
    has_joints_3d: Bool[Tensor, "batch"]
    has_camera: Bool[Tensor, "batch"]
    has_mask: Bool[Tensor, "batch"]
    has_dense: Bool[Tensor, "batch"]
    part: Int[Tensor, "batch rows2 columns2"] | None = None
    uv: Float[Tensor, "batch 2 rows2 columns2"] | None = None

    def to(self, device: str | torch.device) -> "Targets":
        """The same on a device."""
        moved: dict[str, Any] = {
            one.name: None if (value := getattr(self, one.name)) is None else value.to(device)
            for one in fields(self)
        }
        return Targets(**moved)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many people of a batch have what; at least 1, as they divide."""

    people: Tensor
    smpl: Tensor
    joints_3d: Tensor
    cameras: Tensor
    masks: Tensor
    dense: Tensor

    @staticmethod
    def of(targets: Targets) -> "Counts":
        """Of one process's batch."""
        return Counts.from_vector(counted(targets))

    @staticmethod
    def from_vector(counts: Float[Tensor, "kinds"]) -> "Counts":
        """From the six numbers of ``counted``, perhaps the means over several processes."""
        # None at all leaves the sum at zero; what it is divided by does not matter then.
        return Counts(**dict(zip(Counts.__dataclass_fields__, _safe(counts).unbind(), strict=True)))


def counted(targets: Targets) -> Float[Tensor, "kinds"]:
    """People, and those with pose, 3D joints, camera, mask, dense target."""
    flags = ("has_smpl", "has_joints_3d", "has_camera", "has_mask", "has_dense")
    everybody = torch.tensor(float(len(targets)), device=targets.images.device)
    return torch.stack([everybody, *(getattr(targets, name).sum().float() for name in flags)])


def _safe(counts: Float[Tensor, "kinds"]) -> Float[Tensor, "kinds"]:
    return torch.where(counts > 0, counts, torch.ones_like(counts))


def keypoint_loss(
    found: Float[Tensor, "batch 49 2"],
    targets: Targets,
    counts: Counts,
    weights: LossWeights,
) -> Tensor:
    """Squared distance in half crops, weighted by confidence; over all points, known or not."""
    confidence = targets.keypoints[..., 2:].clone()
    confidence[:, :DETECTED] *= weights.detected
    confidence[:, DETECTED:] *= weights.annotated
    squared = confidence * (found - targets.keypoints[..., :2]) ** 2
    return squared.sum() / (counts.people * squared[0].numel())


def keypoint_3d_loss(
    found: Float[Tensor, "batch 49 3"], targets: Targets, counts: Counts
) -> Tensor:
    """Squared metres between the annotated joints, both around the middle of the hips."""
    ours, theirs = found[:, DETECTED:], targets.joints_3d[..., :3]
    centred = [one - one[:, HIPS].mean(1, keepdim=True) for one in (ours, theirs)]
    weight = targets.joints_3d[..., 3:] * targets.has_joints_3d[:, None, None]
    squared = weight * (centred[0] - centred[1]) ** 2
    return squared.sum() / (counts.joints_3d * squared[0].numel())


def known_only(
    found: Float[Tensor, "batch ..."],
    wanted: Float[Tensor, "batch ..."],
    known: Bool[Tensor, "batch"],
    count: Shaped[Tensor, ""],
    *,
    absolute: bool = False,
) -> Tensor:
    """Mean squared (or absolute) difference over the people for whom ``wanted`` is known."""
    difference = (found - wanted).flatten(1)
    size = difference.abs() if absolute else difference**2
    return (size * known[:, None]).sum() / (count * difference.shape[1])


def camera_loss(camera: Float[Tensor, "batch 3"], counts: Counts) -> Tensor:
    """Keeps the scale positive: (exp(-10 s))^2, and its tangent where s is below 0.

    There the reference goes on exponentially. A young network's scale may jump below for one
    person; that one would then outweigh everybody by many orders, or overflow, step after step.
    """
    steep = -CAMERA_STEEPNESS * camera[:, 0]
    above = torch.exp(steep.clamp(max=0)) ** 2
    return torch.where(steep >= 0, 1 + 2 * steep, above).sum() / counts.people


def mask_loss(
    anchors: Float[Tensor, "batch anchors 2"], targets: Targets, counts: Counts
) -> Tensor:
    """How far the body reaches out of the mask, and how far the mask lies from the body.

    ``anchors`` are spread over the surface and projected. Both ways are needed: alone, the first
    shrinks the body, the second blows it up. What is hidden may lie outside: the first is cut off
    at ``FAR``. The places of the mask are the first points, which lie in it (their last 41 stand
    around it and are left out by their distance).
    """
    # Edges of the crop are at -1 and 1 here, the outermost pixels' centres for ``sample``.
    side = targets.outside.shape[-1]
    away = sample(targets.outside[:, None], anchors * (side / (side - 1)))[:, 0]
    reaching = (away.clamp(max=FAR) ** 2).mean(1)
    within = sample(targets.outside[:, None], targets.points)[:, 0] <= 0
    nearest = torch.cdist(targets.points, anchors).min(2).values
    bare = ((nearest - GAP).clamp(0, FAR) ** 2 * within).sum(1) / within.sum(1).clamp(min=1)
    return ((reaching + bare) * targets.has_mask).sum() / counts.masks


def dense_losses(
    found: Dense,
    targets: Targets,
    coarse: Int[Tensor, "parts"],
    counts: Counts,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Cross-entropy of parts and groups per pixel, smooth L1 of u and v in the right part's map."""
    assert targets.part is not None
    assert targets.uv is not None
    known = targets.has_dense
    maps = target_maps(targets.part, targets.uv, coarse)
    applied = (1.0, 1.0) if weights.compatible else (weights.part, weights.coarse_part)
    kinds = {
        "part": (found.part, targets.part),
        "coarse_part": (found.coarse_part, coarse[targets.part]),
    }
    out = {}
    for weight, (name, (logits, wanted)) in zip(applied, kinds.items(), strict=True):
        each = functional.cross_entropy(logits, wanted, reduction="none").mean((1, 2))
        out[name] = weight * (each * known).sum() / counts.dense
    # The reference divides by everybody, also those without a target.
    people = counts.people if weights.compatible else counts.dense
    chosen = maps.part * known[:, None, None, None]
    for name, ours, theirs in (("u", found.u, maps.u), ("v", found.v, maps.v)):
        each = functional.smooth_l1_loss(ours, theirs, reduction="none") * chosen
        out[name] = weights.uv * each.sum() / people
    return out


def round_losses(
    estimate: Estimate,
    points: Float[Tensor, "batch 49 3"],
    targets: Targets,
    counts: Counts,
    weights: LossWeights,
    vertices: Float[Tensor, "batch vertices 3"] | None = None,
) -> dict[str, Tensor]:
    """All terms of one round with a weight, weighted. ``points`` are the estimate's ``j49``.

    ``vertices`` are those of the target bodies, for the term of that name.
    """
    known, number = targets.has_smpl, counts.smpl
    seen = geometry.project(points, estimate.camera)
    terms = {
        "keypoints": lambda: keypoint_loss(seen, targets, counts, weights),
        "keypoints_3d": lambda: keypoint_3d_loss(points, targets, counts),
        "pose": lambda: known_only(estimate.rotations, targets.rotations, known, number),
        "betas": lambda: known_only(estimate.betas, targets.betas, known, number),
        "vertices": lambda: known_only(
            _there(estimate.vertices), _there(vertices), known, number, absolute=True
        ),
        "camera": lambda: camera_loss(estimate.camera, counts),
        "known_camera": lambda: known_only(
            estimate.camera, targets.camera, targets.has_camera, counts.cameras
        ),
        "mask": lambda: mask_loss(
            geometry.project(estimate.anchors, estimate.camera), targets, counts
        ),
    }
    counting = {name: getattr(weights, name) for name in terms}
    return {name: counting[name] * terms[name]() for name in terms if counting[name]}


def _there(vertices: Float[Tensor, "batch vertices 3"] | None) -> Tensor:
    assert vertices is not None, "the vertex term needs whole meshes in every round"
    return vertices

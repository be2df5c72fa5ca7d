"""Rotations and the crop's camera in torch, with gradients. Column vectors, right-handed.

The same conventions as ``pymafsam.geometry.rotation``; the camera is PyMAF's (s, tx, ty).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE

HALF = CROP_SIDE / 2


def from_6d(six: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt on two columns, interleaved (x0 x2 x4 | x1 x3 x5).

    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", 2019.
    """
    columns = six.reshape(*six.shape[:-1], 3, 2)
    first = functional.normalize(columns[..., 0], dim=-1, eps=1e-12)
    second = columns[..., 1]
    second = second - (first * second).sum(-1, keepdim=True) * first
    second = functional.normalize(second, dim=-1, eps=1e-12)
    # The axis is named: without it torch takes the first axis of length 3, which is the batch
    # when there are exactly three rotations (docs/parity.md).
    third = torch.linalg.cross(first, second, dim=-1)
    return torch.stack([first, second, third], dim=-1)


def to_6d(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The first two columns, row by row (inverse of ``from_6d``)."""
    return matrix[..., :2].reshape(*matrix.shape[:-2], 6)


def from_axis_angle(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula; exact and differentiable at zero (no epsilon is added)."""
    squared = (vector * vector).sum(-1, keepdim=True)
    small = squared < 1e-8
    safe = torch.where(small, torch.ones_like(squared), squared).sqrt()
    sine = torch.where(small, 1 - squared / 6, safe.sin() / safe)
    half = (safe / 2).sin() / (safe / 2)
    cosine = torch.where(small, 0.5 - squared / 24, 0.5 * half * half)
    k = skew(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + sine[..., None] * k + cosine[..., None] * (k @ k)


def skew(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The matrix K with K x = vector x x."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, -1).reshape(*vector.shape, 3)


def to_quaternion(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion (w, x, y, z) with w >= 0.

    Shepperd's method: of four equivalent formulas the one with the largest pivot is used, so the
    result is accurate for every angle including pi.
    """
    m = matrix.reshape(*matrix.shape[:-2], 9)
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = m.unbind(-1)
    a, b, c = r21 - r12, r02 - r20, r10 - r01
    d, e, f = r10 + r01, r02 + r20, r21 + r12
    candidates = torch.stack(
        [
            torch.stack([1 + r00 + r11 + r22, a, b, c], -1),
            torch.stack([a, 1 + r00 - r11 - r22, d, e], -1),
            torch.stack([b, d, 1 - r00 + r11 - r22, f], -1),
            torch.stack([c, e, f, 1 - r00 - r11 + r22], -1),
        ],
        dim=-2,
    )
    pivot = candidates.diagonal(dim1=-2, dim2=-1).argmax(-1)
    index = pivot[..., None, None].expand(*pivot.shape, 1, 4)
    unit = functional.normalize(candidates.gather(-2, index)[..., 0, :], dim=-1)
    return torch.where(unit[..., :1] < 0, -unit, unit)


def to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Axis times angle, angle in [0, pi]."""
    quaternion = to_quaternion(matrix)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    sine = xyz.norm(dim=-1, keepdim=True)
    # 2 atan2(s, w) / s tends to 2 / w as s vanishes.
    small = sine < 1e-7
    safe = torch.where(small, torch.ones_like(sine), sine)
    ratio = torch.where(small, 2 / w.clamp(min=1e-7), 2 * torch.atan2(sine, w) / safe)
    return xyz * ratio


def project(
    points: Float[Tensor, "batch points 3"], camera: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch points 2"]:
    """Metres -> [-1, 1] of the crop, with the crop's camera (s, tx, ty).

    The body stands 2 F / (224 s) metres away, so that s is crop half-widths per metre.
    """
    scale, shift = camera[:, :1], camera[:, None, 1:]
    # The tiny term is the reference's; trained cameras were learned with it.
    depth = 2 * CROP_FOCAL / (CROP_SIDE * scale + 1e-9)
    return CROP_FOCAL / HALF * (points[..., :2] + shift) / (points[..., 2:] + depth[:, None])


def perspective(
    points: Float[Tensor, "batch points 3"],
    rotation: Float[Tensor, "batch 3 3"],
    translation: Float[Tensor, "batch 3"],
    focal: float,
    centre: Float[Tensor, "batch 2"],
) -> Float[Tensor, "batch points 2"]:
    """Pinhole projection of ``rotation`` points + ``translation`` (metres) into pixels."""
    moved = points @ rotation.mT + translation[:, None]
    return focal * moved[..., :2] / moved[..., 2:] + centre[:, None]

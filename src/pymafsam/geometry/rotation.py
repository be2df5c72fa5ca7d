"""Rotations in numpy: axis-angle, matrices, the 6D form. Column vectors, right-handed."""

import numpy as np
from jaxtyping import Float

Matrices = Float[np.ndarray, "*batch 3 3"]
Vectors = Float[np.ndarray, "*batch 3"]


def skew(vector: Vectors) -> Matrices:
    """The matrix K with K x = vector x x."""
    out = np.zeros((*vector.shape, 3), vector.dtype)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -z, y, -x
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = z, -y, x
    return out


def from_axis_angle(vector: Vectors) -> Matrices:
    """Rodrigues' formula; exact at zero (no epsilon is added)."""
    squared = np.sum(vector * vector, axis=-1)
    angle = np.sqrt(squared)
    small = squared < 1e-8
    safe = np.where(small, 1.0, angle)
    sine = np.where(small, 1 - squared / 6, np.sin(safe) / safe)
    # (1 - cos a) / a^2 written as a half-angle sine, which keeps its digits near zero.
    half = np.where(small, 1.0, np.sin(safe / 2) / (safe / 2))
    cosine = np.where(small, 0.5 - squared / 24, 0.5 * half * half)
    k = skew(vector)
    identity = np.eye(3, dtype=vector.dtype)
    out = identity + sine[..., None, None] * k + cosine[..., None, None] * (k @ k)
    return out.astype(vector.dtype, copy=False)


def to_quaternion(matrix: Matrices) -> Float[np.ndarray, "*batch 4"]:
    """Unit quaternion (w, x, y, z) with w >= 0.

    Shepperd's method: of four equivalent formulas the one with the largest pivot is used, so the
    result is accurate for every angle including pi.
    """
    m = matrix.astype(np.float64)
    r00, r11, r22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 2, 0] + m[..., 0, 2], m[..., 2, 1] + m[..., 1, 2]
    candidates = np.stack(
        [
            np.stack([1 + r00 + r11 + r22, a, b, c], -1),
            np.stack([a, 1 + r00 - r11 - r22, d, e], -1),
            np.stack([b, d, 1 - r00 + r11 - r22, f], -1),
            np.stack([c, e, f, 1 - r00 - r11 + r22], -1),
        ],
        axis=-2,
    )
    pivot = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), axis=-1)
    chosen = np.take_along_axis(candidates, pivot[..., None, None], axis=-2)[..., 0, :]
    unit = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    return np.where(unit[..., :1] < 0, -unit, unit)


def to_axis_angle(matrix: Matrices) -> Vectors:
    """Axis times angle, angle in [0, pi]."""
    quaternion = to_quaternion(matrix)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    sine = np.linalg.norm(xyz, axis=-1, keepdims=True)
    # 2 atan2(s, w) / s tends to 2 / w as s vanishes.
    small = sine < 1e-9
    ratio = np.where(
        small, 2 / np.maximum(w, 1e-9), 2 * np.arctan2(sine, w) / np.where(small, 1, sine)
    )
    return (xyz * ratio).astype(matrix.dtype, copy=False)


def from_6d(six: Float[np.ndarray, "*batch 6"]) -> Matrices:
    """Gram-Schmidt on two columns, interleaved (x0 x2 x4 | x1 x3 x5).

    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", 2019.
    """
    columns = six.reshape(*six.shape[:-1], 3, 2)
    first = _unit(columns[..., 0])
    second = columns[..., 1]
    second = _unit(second - np.sum(first * second, -1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second, axis=-1)], axis=-1)


def to_6d(matrix: Matrices) -> Float[np.ndarray, "*batch 6"]:
    """The first two columns, row by row (inverse of ``from_6d``)."""
    return matrix[..., :2].reshape(*matrix.shape[:-2], 6)


def _unit(vector: Vectors) -> Vectors:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)

"""What becomes of points and poses when their picture is mirrored or turned."""

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.joints import flip_permutation
from pymafsam.geometry.rotation import Matrices, from_axis_angle

ACROSS = np.array([-1.0, 1.0, 1.0])  # left and right change places


def points(
    keypoints: Float[np.ndarray, "*batch points axes"], layout: str
) -> Float[np.ndarray, "*batch points axes"]:
    """Keypoints of the mirrored picture: x counts from the middle and changes its sign, and left
    and right change names. Further columns (y, z, confidence) go along.
    """
    out = keypoints[..., flip_permutation(layout), :].copy()
    out[..., 0] *= -1
    return out


def rotations(
    pose: Float[np.ndarray, "*batch joints 3 3"], layout: str = "smpl24"
) -> Float[np.ndarray, "*batch joints 3 3"]:
    """The pose of the mirrored person: M R M with M = diag(-1, 1, 1), sides exchanged."""
    signs = (ACROSS[:, None] * ACROSS).astype(pose.dtype)
    return pose[..., flip_permutation(layout), :, :] * signs


def axis_angles(
    pose: Float[np.ndarray, "*batch joints 3"], layout: str = "smpl24"
) -> Float[np.ndarray, "*batch joints 3"]:
    """``rotations`` for axis-angles: y and z change sign."""
    signs = np.array([1, -1, -1], pose.dtype)
    return pose[..., flip_permutation(layout), :] * signs


def rotate_root(root: Matrices, degrees: float) -> Matrices:
    """The root's rotation after the picture's content was turned counter-clockwise.

    Camera axes have y down, so that is about -z.
    """
    about = np.array([0.0, 0.0, -np.deg2rad(degrees)])
    return (from_axis_angle(about) @ root).astype(root.dtype, copy=False)

"""The pinholes before which several people stand, one for each: they may be in several pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pymafsam.records import Camera

NEAREST = 0.15  # metres: a point closer to the camera than this makes a trial step invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """Focal lengths, centres and picture sizes (width, height) in pixels, a row per person."""

    focal: Float[np.ndarray, "people"]
    centre: Float[np.ndarray, "people 2"]
    size: Float[np.ndarray, "people 2"]

    @staticmethod
    def of(cameras: Sequence[Camera]) -> "Cameras":
        """One camera for each person."""
        return Cameras(
            focal=np.array([camera.focal for camera in cameras], np.float64),
            centre=np.array([camera.centre for camera in cameras], np.float64).reshape(-1, 2),
            size=np.array([camera.size for camera in cameras], np.float64).reshape(-1, 2),
        )

    def take(self, people: Int[np.ndarray, "chosen"]) -> "Cameras":
        """The cameras of some of the people."""
        return Cameras(focal=self.focal[people], centre=self.centre[people], size=self.size[people])

    def project(
        self, points: Float[np.ndarray, "people 3 points"]
    ) -> tuple[Float[np.ndarray, "people 2 points"], np.ndarray]:
        """Picture pixels of points (metres), and who has all of them before the camera."""
        depth = points[:, 2:]
        valid = np.all(depth[:, 0] > NEAREST, axis=1)
        picture = self.focal[:, None, None] * points[:, :2] / np.maximum(depth, NEAREST)
        return picture + self.centre[..., None], valid

    def slope(
        self,
        points: Float[np.ndarray, "people 3 points"],
        derivative: Float[np.ndarray, "people unknowns 3 points"],
    ) -> Float[np.ndarray, "people unknowns 2 points"]:
        """Derivatives of ``project`` from those of the points."""
        depth = np.maximum(points[:, None, 2:], NEAREST)
        ratio = points[:, None, :2] / depth
        scale = self.focal[:, None, None, None] / depth
        return scale * (derivative[:, :, :2] - ratio * derivative[:, :, 2:])

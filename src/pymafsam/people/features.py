"""What MoveNet's inner maps tell beyond keypoints: few numbers at every one of COCO's 17 points.

A network that finds keypoints has seen more than their places: what is turned towards the camera,
what lies before what. Its inner maps are read where the keypoints lie, and pressed into as many
numbers as the lifter can use (``fitting.lifter``; learned together with it, docs/lifting.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

WEIGHTS = "features.safetensors"  # beside this file

# What MoveNet's maps say (``movenet.Seen.at``) -> what is kept of it.
Projection = Callable[
    [Float[np.ndarray, "ways 17 channels"]], Float[np.ndarray, "ways 17 features"]
]


def all_channels(sampled: Float[np.ndarray, "ways 17 channels"]) -> np.ndarray:
    """A ``Projection`` that keeps everything, for training."""
    return sampled.astype(np.float16)


@dataclass(frozen=True, slots=True)
class Features:
    """The trained projection; the same for all points."""

    weight: Float[np.ndarray, "channels features"]
    bias: Float[np.ndarray, "features"]

    @staticmethod
    def load(path: Path | None = None) -> "Features":
        """The projection that comes with the package, or another of a file."""
        from safetensors.numpy import load_file

        arrays = load_file(path or Path(__file__).with_name(WEIGHTS))
        return Features(arrays["weight"].astype(np.float32), arrays["bias"].astype(np.float32))

    def __call__(
        self, sampled: Float[np.ndarray, "ways 17 channels"]
    ) -> Float[np.ndarray, "ways 17 features"]:
        """From ``movenet.Seen.at``; 16 bits, as they are kept of videos."""
        # Not by BLAS, which rounds otherwise with other numbers of threads.
        told = np.einsum("wpc,cf->wpf", sampled, self.weight) + self.bias
        return told.astype(np.float16)

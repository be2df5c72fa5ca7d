"""Two networks' answers about one person made one: places, and how far each is to be believed."""

import numpy as np
from jaxtyping import Float

from pymafsam.people.looks import COCO

# Confidences at which both networks err equally on COCO: MoveNet's are lower.
MOVENET = (0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.75, 1.0)
BLAZEPOSE = (0.0, 0.43, 0.53, 0.62, 0.70, 0.75, 0.79, 0.95)


def merged(
    coco: Float[np.ndarray, "17 3"], blazepose: Float[np.ndarray, "33 3"]
) -> Float[np.ndarray, "33 3"]:
    """BlazePose's keypoints with COCO's 17 as MoveNet has them, confidences on one scale."""
    keypoints = blazepose.astype(np.float64)
    keypoints[COCO, :2] = coco[:, :2]
    keypoints[COCO, 2] = np.interp(coco[:, 2], MOVENET, BLAZEPOSE)
    return keypoints

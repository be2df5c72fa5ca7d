"""The ancestor: one global feature, one regressor used three times. Runs SPIN's checkpoints.

Kanazawa et al., "End-to-end Recovery of Human Shape and Pose", CVPR 2018; Kolotouros et al.,
"SPIN", ICCV 2019 (6D rotations).
"""

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from pymafsam.body import BodyModel
from pymafsam.network.architecture import Architecture
from pymafsam.network.backbone import ResNet50
from pymafsam.network.pymaf import MeshRegressor, Output
from pymafsam.network.regressor import Regressor

FEATURES = 2048
ROUNDS = 3


class HMR(MeshRegressor):
    """Normalised crops [b 3 224 224] -> bodies; points are accepted and not looked at."""

    def __init__(
        self,
        architecture: Architecture,
        model: BodyModel,
        anchors: Int[np.ndarray, "anchors"] | None = None,
    ):
        super().__init__(architecture, model, anchors)
        self.backbone = ResNet50()
        self.regressor = Regressor(FEATURES, self.layout)

    def forward(
        self,
        images: Float[Tensor, "batch 3 side side"],
        points: Float[Tensor, "batch points 2"] | None = None,
        start: Float[Tensor, "batch size"] | None = None,
        *,
        meshes: bool = False,
        dense: bool = False,
    ) -> Output:
        """Three corrections of ``start`` (the mean person); the last round has the mesh."""
        precision = next(self.backbone.parameters()).dtype
        seen = self.backbone(images.to(precision)).to(images.dtype).mean((2, 3))
        rounds = [self.initial_estimate(images, start, meshes)]
        for index in range(ROUNDS):
            state = self.regressor(seen, rounds[-1].state)
            rounds.append(self.estimate(state, meshes or index == ROUNDS - 1))
        return Output(rounds=tuple(rounds))

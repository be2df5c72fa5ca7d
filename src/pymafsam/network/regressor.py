"""Correct a state by what was read: the state is pose (6D per joint), shape and crop camera.

Kanazawa et al., "End-to-end Recovery of Human Shape and Pose", CVPR 2018, section 3.2: two wide
layers (with no activation between them) and one residual head per part of the state.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTH = 1024
CAMERA = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLayout:
    """How a state of length ``size`` is divided: 6 per joint, the betas, the camera."""

    joints: int = 24
    betas: int = 10

    @property
    def parts(self) -> tuple[int, int, int]:
        """Lengths of pose, shape and camera, in this order."""
        return 6 * self.joints, self.betas, CAMERA

    @property
    def size(self) -> int:
        """Length of a state."""
        return sum(self.parts)


class Regressor(nn.Module):
    """Readings and a state in, the corrected state out."""

    def __init__(self, readings: int, layout: StateLayout, hidden: int = WIDTH):
        super().__init__()
        pose, betas, camera = layout.parts
        self.first = nn.Linear(readings + layout.size, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout()
        self.pose = nn.Linear(hidden, pose)
        self.shape = nn.Linear(hidden, betas)
        self.camera = nn.Linear(hidden, camera)
        for head in (self.pose, self.shape, self.camera):
            nn.init.xavier_uniform_(head.weight, gain=0.01)

    def forward(
        self, readings: Float[Tensor, "batch readings"], state: Float[Tensor, "batch size"]
    ) -> Float[Tensor, "batch size"]:
        x = self.dropout(self.first(torch.cat([readings.to(state.dtype), state], 1)))
        x = self.dropout(self.second(x))
        return state + torch.cat([self.pose(x), self.shape(x), self.camera(x)], 1)

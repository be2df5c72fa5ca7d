"""The auxiliary head: which body part a pixel shows, and where on the part (DensePose's I, U, V).

Needed for training only (PyMAF, section 3.3).
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

PARTS = 25  # background and 24 parts
COARSE_PARTS = 15  # background and 14 groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Raw logits of part and coarse part, raw regressions of u and v per part."""

    part: Float[Tensor, "batch parts height width"]
    coarse_part: Float[Tensor, "batch groups height width"]
    u: Float[Tensor, "batch parts height width"]
    v: Float[Tensor, "batch parts height width"]


class DenseHead(nn.Module):
    """Four independent 3x3 convolutions on the finest map."""

    def __init__(self, channels: int):
        super().__init__()
        self.part = nn.Conv2d(channels, PARTS, 3, padding=1)
        self.coarse_part = nn.Conv2d(channels, COARSE_PARTS, 3, padding=1)
        self.u = nn.Conv2d(channels, PARTS, 3, padding=1)
        self.v = nn.Conv2d(channels, PARTS, 3, padding=1)

    def forward(self, features: Float[Tensor, "batch channels height width"]) -> Dense:
        return Dense(
            part=self.part(features),
            coarse_part=self.coarse_part(features),
            u=self.u(features),
            v=self.v(features),
        )

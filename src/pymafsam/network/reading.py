"""Read a feature map at points and compress what was read (PyMAF, section 3.2).

Each point's feature goes through the same small perceptron, whose later layers see the original
feature again, down to a few numbers per point.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.01


def sample(
    features: Float[Tensor, "batch channels height width"],
    points: Float[Tensor, "batch points 2"],
) -> Float[Tensor, "batch channels points"]:
    """Bilinear samples at ``points`` (x, y), where -1 and 1 are the outer pixels' centres.

    Outside is zero.
    """
    # Places need more digits than a map in half precision has.
    return functional.grid_sample(
        features.to(points.dtype), points[:, :, None], align_corners=True, padding_mode="zeros"
    )[..., 0]


class Reader(nn.Module):
    """A map and points in, ``widths[-1]`` numbers per point out, channel after channel."""

    def __init__(self, channels: int, widths: tuple[int, ...]):
        super().__init__()
        inputs = [channels, *(width + channels for width in widths[:-1])]
        self.layers = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in zip(inputs, widths, strict=True))

    def forward(
        self,
        features: Float[Tensor, "batch channels height width"],
        points: Float[Tensor, "batch points 2"],
    ) -> Float[Tensor, "batch readings"]:
        seen = sample(features, points)
        x = functional.leaky_relu(self.layers[0](seen), SLOPE)
        for layer in self.layers[1:-1]:
            x = functional.leaky_relu(layer(torch.cat([x, seen], 1)), SLOPE)
        return torch.relu(self.layers[-1](torch.cat([x, seen], 1))).flatten(1)

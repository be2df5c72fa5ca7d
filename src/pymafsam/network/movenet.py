"""The keypoint network MoveNet thunder as a trainable torch module: a backbone that knows people.

Votel and Li, "Next-Generation Pose Detection with MoveNet and TensorFlow.js", 2021: MobileNetV2
(Sandler et al., 2018) 1.75 times as wide, a pyramid (Lin et al., "Feature Pyramid Networks",
2017) from stride 32 back to 4, and CenterNet's heads (Zhou et al., "Objects as Points", 2019).
The published weights (batch normalisation folded into the convolutions) are read out of the
network's file as it was converted; a checkpoint of ours needs no such file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pymafsam import crops
from pymafsam.errors import BadInput
from pymafsam.network.blazepose import Block, relu6, upsampled
from pymafsam.pretrained import catalogue

STEM = 56
FIRST = 32  # channels behind the first block, which does not widen
# Stages end at strides 4, 8, 16, 32. The third is cut where the pyramid takes its side.
STAGES = (
    (Block(192, 3, 40, stride=2), Block(240, 3, 40)),
    (Block(240, 3, 56, stride=2), Block(336, 3, 56, repeat=2)),
    (Block(336, 3, 112, stride=2), Block(672, 3, 112, repeat=3)),
    (Block(672, 3, 168), Block(1008, 3, 168, repeat=2), Block(1008, 3, 280, stride=2))
    + (Block(1680, 3, 280, repeat=2), Block(1680, 3, 560)),
)
SIDES = (24, 32, 64)  # channels that the pyramid takes from the first three stages
WIDENED = 1280
DECODED = (32, 24, 24)  # channels of the pyramid at strides 16, 8, 4
HEADS = {"heat": 17, "regressed": 34, "centre": 1, "offsets": 34}  # in the file's order
HEAD_WIDTH = 96
# What the maps are multiplied by where they leave the network. As they come, their magnitudes (root
# mean squares on photographs) are 64, 13, 10, .27 and .03: no one learning rate fits what reads
# them, and the heatmaps, which know most, are not heard at all. A heatmap is nearly everywhere 0;
# what counts is the height of its peaks.
TOP, COARSE, MIDDLE, FINE, HEAT = 1 / 64, 1 / 12, 1 / 10, 4.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Logits of the keypoints' heatmaps and of people's centres, and vectors (y, x) in cells.

    A cell is 4 pixels; ``pymafsam.people.movenet`` says what the vectors lead to.
    """

    heat: Float[Tensor, "batch 17 height width"]
    regressed: Float[Tensor, "batch 34 height width"]
    centre: Float[Tensor, "batch 1 height width"]
    offsets: Float[Tensor, "batch 34 height width"]


def thunder() -> "MoveNet":
    """The 7.9 M parameter network, untrained; ``pretrained`` has the published weights."""
    return MoveNet()


def pretrained(path: Path | None = None) -> "MoveNet":
    """The network with the published weights: from ``path``, else fetched if need be.

    Raises MissingAsset when they cannot be had, BadInput when the file is damaged.
    """
    network = MoveNet()
    load_published(network, path or catalogue.locate("movenet"))
    return network


class MoveNet(nn.Module):
    """Crops normalised by ImageNet's mean and deviation -> maps at strides 16, 8, 4.

    The coarse map carries the trunk's last features beside the pyramid's, the fine one the
    keypoints' heatmaps behind its 24 features; all are of magnitude 1. Sides of pictures are
    multiples of 32.
    """

    channels = (DECODED[0] + SIDES[2], DECODED[1], DECODED[2] + HEADS["heat"])
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(crops.MEAN).reshape(3, 1, 1), persistent=False)
        deviation = torch.tensor(crops.DEVIATION).reshape(3, 1, 1)
        self.register_buffer("deviation", deviation, persistent=False)
        self.stem = nn.ModuleList(
            [SameConv(3, STEM, 3, 2), SameConv(STEM, STEM, 3, groups=STEM), _point(STEM, FIRST)]
        )
        self.stages, self.sides = nn.ModuleList(), nn.ModuleList()
        inputs = FIRST
        for blocks in STAGES:
            stage = [
                Residual(before, block, stride)
                for before, block, stride in _unrolled(inputs, blocks)
            ]
            self.stages.append(nn.Sequential(*stage))
            inputs = blocks[-1].out
        for blocks, outputs in zip(STAGES, SIDES, strict=False):
            self.sides.append(_point(blocks[-1].out, outputs))
        self.top = nn.ModuleList([_point(inputs, WIDENED), _point(WIDENED, SIDES[-1])])
        self.decoder = nn.ModuleList(
            _separable(a, b) for a, b in zip(reversed(SIDES), DECODED, strict=True)
        )
        self.heads = nn.ModuleDict({name: _head(count) for name, count in HEADS.items()})

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[
        Float[Tensor, "batch c1 h1 w1"],
        Float[Tensor, "batch c2 h2 w2"],
        Float[Tensor, "batch c3 h3 w3"],
    ]:
        """Coarse to fine."""
        top, coarse, middle, fine = self.pyramid(images)
        heat = torch.sigmoid(self.heads["heat"](fine))
        return (
            torch.cat([COARSE * coarse, TOP * top], 1),
            MIDDLE * middle,
            torch.cat([FINE * fine, HEAT * heat], 1),
        )

    def keypoints(self, images: Float[Tensor, "batch 3 height width"]) -> Heads:
        """What the network says of the keypoints, as it was published (and before decoding)."""
        fine = self.pyramid(images)[-1]
        return Heads(**{name: head(fine) for name, head in self.heads.items()})

    def pyramid(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, ...]:
        """The trunk's last features brought to stride 16, and the maps at strides 16, 8, 4."""
        # The network was trained on -1..1.
        x = 2 * (images * self.deviation + self.mean) - 1
        first, filtered, narrow = self.stem
        x = narrow(relu6(filtered(relu6(first(x)))))
        seen = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index < len(self.sides):
                seen.append(self.sides[index](x))
        widen, project = self.top
        maps = [project(relu6(widen(x)))]
        top = upsampled(maps[0])
        for decode, side in zip(self.decoder, reversed(seen), strict=True):
            maps.append(decode(upsampled(maps[-1]) + side))
        return top, *maps[1:]


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: the odd row goes below and to the right.

    With stride 2 on even sides that is nothing above and left, where torch's padding has a row.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=bias)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        pads = [self._pad(x.shape[axis], axis - 2) for axis in (3, 2)]
        return super().forward(functional.pad(x, [n for pair in pads for n in pair]))

    def _pad(self, size: int, axis: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        total = max(kernel - (size % stride or stride), 0)
        return total // 2, total - total // 2


class Residual(nn.Module):
    """An inverted residual: widen, filter, narrow; added where shape and stride allow."""

    def __init__(self, inputs: int, block: Block, stride: int):
        super().__init__()
        self.widen = _point(inputs, block.wide)
        self.filter = SameConv(block.wide, block.wide, block.kernel, stride, groups=block.wide)
        self.narrow = _point(block.wide, block.out)
        self.adds = stride == 1 and inputs == block.out

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        y = self.narrow(relu6(self.filter(relu6(self.widen(x)))))
        return x + y if self.adds else y


def load_published(network: MoveNet, path: Path) -> None:
    """Fill ``network`` with the weights of the converted file (``catalogue``'s "movenet").

    Raises BadInput when the file is damaged or of another network.
    """
    try:
        convolutions = list(_convolutions(path))
        for layer, (weight, bias) in zip(in_order(network), convolutions, strict=True):
            _fill(layer, weight, bias)
    except (ValueError, KeyError) as error:
        raise BadInput(
            f"{path} holds another network than MoveNet thunder ({error}).\n"
            "  Remove the file and run: pymafsam fetch movenet"
        ) from error


def _convolutions(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Weights and bias of every convolution, in the order in which the file runs them."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path)).graph
    except (DecodeError, OSError) as error:
        raise ValueError(str(error)) from error
    constants: dict[str, Any] = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, *bias = (constants[name] for name in node.input[1:])
            yield weight, bias[0] if bias else None


def _fill(
    layer: nn.Conv2d, weight: Float[np.ndarray, "..."], bias: Float[np.ndarray, "..."] | None
) -> None:
    if tuple(layer.weight.shape) != weight.shape or (layer.bias is None) != (bias is None):
        raise ValueError(f"{weight.shape} for {tuple(layer.weight.shape)}")
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(bias))


def in_order(network: MoveNet) -> Iterator[Any]:
    """The convolutions as the file runs them: a side comes before the next stage's first."""
    yield from network.stem
    for index, stage in enumerate(network.stages):
        if index:
            yield network.sides[index - 1]
        for block in stage:  # type: ignore[attr-defined]
            yield from (block.widen, block.filter, block.narrow)
    yield from network.top
    for decode in network.decoder:
        yield from (decode[0], decode[1])  # type: ignore[index]
    for place in (0, 1, 3):  # all filters, all widenings, all heads' last layers
        yield from (head[place] for head in network.heads.values())  # type: ignore[index]


def _unrolled(inputs: int, blocks: tuple[Block, ...]) -> Iterator[tuple[int, Block, int]]:
    """Every block as often as it is repeated, with its input's channels and its stride."""
    for block in blocks:
        for turn in range(block.repeat):
            yield inputs, block, 1 if turn else block.stride
            inputs = block.out


def _point(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1)


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    filtered = SameConv(inputs, inputs, 3, groups=inputs, bias=False)
    return nn.Sequential(filtered, _point(inputs, outputs), nn.ReLU())


def _head(outputs: int) -> nn.Sequential:
    return nn.Sequential(*_separable(DECODED[-1], HEAD_WIDTH), _point(HEAD_WIDTH, outputs))

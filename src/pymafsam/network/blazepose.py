"""A backbone for laptops: the keypoint network BlazePose as a trainable torch module.

Bazarevsky et al., "BlazePose", 2020; its blocks are those of Sandler et al., "MobileNetV2", 2018:
widen, filter every channel, narrow. A pyramid runs back up and adds what each stride has seen.
The published weights (their batch normalisation folded into the convolutions) are read out of the
network's own file; a checkpoint of ours needs no such file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pymafsam import crops
from pymafsam.errors import BadInput
from pymafsam.pretrained import catalogue
from pymafsam.pretrained.tflite import Graph, Operator, read_graph

CHANNELS = 48  # of every map of the pyramid
KEYPOINT_MAPS = 39


@dataclass(frozen=True, slots=True)
class Block:
    """Widen to ``wide`` channels, filter with ``kernel`` and ``stride``, narrow to ``out``."""

    wide: int
    kernel: int
    out: int
    stride: int = 1
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a network; ``stages`` end at strides 4, 8, 16, 32. ``top`` is the last widening."""

    stem: int
    stages: tuple[tuple[Block, ...], ...]
    top: int


FULL = Plan(
    stem=16,
    stages=(
        (Block(64, 3, 24, stride=2), Block(144, 3, 24)),
        (Block(144, 5, 32, stride=2), Block(192, 5, 32)),
        (Block(192, 3, 64, stride=2), Block(384, 3, 64, repeat=2), Block(384, 5, 88))
        + (Block(528, 5, 88, repeat=2),),
        (Block(528, 5, 144, stride=2), Block(864, 5, 144, repeat=3)),
    ),
    top=864,
)
HEAVY = Plan(
    stem=24,
    stages=(
        (Block(96, 3, 32, stride=2), Block(128, 3, 32), Block(192, 3, 32, repeat=2)),
        (Block(192, 5, 56, stride=2), Block(336, 5, 56, repeat=3)),
        (Block(336, 3, 112, stride=2), Block(672, 3, 112, repeat=5), Block(672, 5, 160))
        + (Block(960, 5, 160, repeat=5),),
        (Block(960, 5, 272, stride=2), Block(1632, 5, 272, repeat=7)),
    ),
    top=1632,
)
PLANS = {"blazepose-full": FULL, "blazepose-heavy": HEAVY}


def full() -> "BlazePose":
    """The 1.6 M parameter network, untrained; ``pretrained`` has the published weights."""
    return BlazePose(FULL)


def heavy() -> "BlazePose":
    """The 10.5 M parameter network, untrained."""
    return BlazePose(HEAVY)


def pretrained(name: str) -> "BlazePose":
    """``blazepose-full`` or ``blazepose-heavy`` with the published weights, fetched if need be.

    Raises MissingAsset when they cannot be had.
    """
    network = BlazePose(PLANS[name])
    load_published(network, catalogue.locate(name))
    return network


def keypoint_head(name: str) -> nn.Conv2d:
    """The published 1 x 1 convolution from the finest map to 39 keypoint heatmaps (logits)."""
    head = nn.Conv2d(CHANNELS, KEYPOINT_MAPS, 1)
    graph = read_graph(catalogue.locate(name))
    _fill([head], graph, [_head(graph)])
    return head


class BlazePose(nn.Module):
    """Crops normalised by ImageNet's mean and deviation -> maps at strides 16, 8, 4."""

    channels = (CHANNELS, CHANNELS, CHANNELS)
    mean: Tensor
    deviation: Tensor

    def __init__(self, plan: Plan):
        super().__init__()
        self.register_buffer("mean", torch.tensor(crops.MEAN).reshape(3, 1, 1), persistent=False)
        deviation = torch.tensor(crops.DEVIATION).reshape(3, 1, 1)
        self.register_buffer("deviation", deviation, persistent=False)
        self.stem = nn.ModuleList([_dense(3, 24, 3, 2), _depthwise(24, 3), _dense(24, plan.stem)])
        self.stages = nn.ModuleList()
        self.sides = nn.ModuleList()
        inputs = plan.stem
        for blocks in plan.stages:
            self.stages.append(nn.ModuleList())
            for block in blocks:
                for _ in range(block.repeat):
                    self.stages[-1].append(InvertedResidual(inputs, block))  # type: ignore[operator]
                    inputs = block.out
            if len(self.stages) < len(plan.stages):
                self.sides.append(nn.ModuleList([_depthwise(inputs, 3), _dense(inputs, CHANNELS)]))
        top = [_dense(inputs, plan.top), _depthwise(plan.top, 3), _depthwise(plan.top, 3)]
        self.top = nn.ModuleList([*top, _dense(plan.top, CHANNELS)])

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[
        Float[Tensor, "batch 48 h1 w1"],
        Float[Tensor, "batch 48 h2 w2"],
        Float[Tensor, "batch 48 h3 w3"],
    ]:
        """Coarse to fine. Height and width are multiples of 32."""
        x = images * self.deviation + self.mean  # the network was trained on 0..1
        first, filtered, narrow = self.stem
        x = narrow(relu6(filtered(relu6(first(x)))))
        seen = []
        for index, stage in enumerate(self.stages):
            for block in stage:  # type: ignore[union-attr]
                x = block(x)
            if index < len(self.sides):
                seen.append(_all(self.sides[index], x))
        maps = [_all(self.top, x)]
        for side in reversed(seen):
            maps.append(upsampled(maps[-1]) + side)
        return maps[1], maps[2], maps[3]


class InvertedResidual(nn.Module):
    """An inverted residual: the input is added where shape and stride allow."""

    def __init__(self, inputs: int, block: Block):
        super().__init__()
        self.widen = _dense(inputs, block.wide)
        self.filter = _depthwise(block.wide, block.kernel, block.stride)
        self.narrow = _dense(block.wide, block.out)
        self.adds = block.stride == 1 and inputs == block.out

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        y = self.narrow(relu6(self.filter(relu6(self.widen(x)))))
        return x + y if self.adds else y


def relu6(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return functional.relu6(x)


def upsampled(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Twice as wide and high, bilinear between pixel centres."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def load_published(network: BlazePose, path: Path) -> None:
    """Fill ``network`` with the weights of its ``.tflite`` file.

    Raises BadInput when the file is damaged or of another network.
    """
    graph = read_graph(path)
    layers = list(_in_order(network))
    try:
        _fill(layers, graph, _before(graph, _head(graph)))
    except (ValueError, IndexError, KeyError) as error:
        raise BadInput(f"{path} holds another network than expected ({error}).") from error


def _in_order(network: BlazePose) -> Iterator[nn.Conv2d]:
    """The convolutions as the file runs them: a side comes after the next stage's widening."""
    yield from network.stem  # type: ignore[misc]
    for index, stage in enumerate(network.stages):
        for place, block in enumerate(stage):  # type: ignore[arg-type]
            yield block.widen
            if index and not place:
                yield from network.sides[index - 1]  # type: ignore[misc]
            yield block.filter
            yield block.narrow
    yield from network.top  # type: ignore[misc]


def _head(graph: Graph) -> Operator:
    """The convolution that makes the keypoints' heatmaps of the finest map."""
    made = {o.outputs[0]: o for o in graph.operators}
    heads = [o for o in graph.outputs if graph.shapes[o][-1] == KEYPOINT_MAPS and o in made]
    if len(heads) != 1 or made[heads[0]].kind != "convolve":
        raise ValueError("it has no heatmaps of 39 keypoints")
    return made[heads[0]]


def _before(graph: Graph, last: Operator) -> list[Operator]:
    """The convolutions that ``last`` depends on, as the file runs them (the rest segments)."""
    made = {o.outputs[0]: o for o in graph.operators}
    wanted, pending = set(), list(last.inputs)
    while pending:
        number = pending.pop()
        if number in made and number not in wanted:
            wanted.add(number)
            pending += made[number].inputs
    kinds = ("convolve", "convolve each")
    return [o for o in graph.operators if o.kind in kinds and o.outputs[0] in wanted]


def _weight(graph: Graph, operator: Operator) -> Tensor:
    """(out, in per group, height, width)."""
    values = torch.tensor(_constant(graph, operator.inputs[1]).astype("float32"))
    axes = (3, 0, 1, 2) if operator.kind == "convolve each" else (0, 3, 1, 2)
    return values.permute(axes).contiguous()


def _constant(graph: Graph, number: int):
    """A constant, or what a constant of half precision is widened to."""
    if number in graph.constants:
        return graph.constants[number]
    source = {o.outputs[0]: o.inputs[0] for o in graph.operators if o.kind == "dequantise"}
    return graph.constants[source[number]]


def _fill(layers: list[nn.Conv2d], graph: Graph, operators: list[Operator]) -> None:
    for layer, operator in zip(layers, operators, strict=True):
        weight = _weight(graph, operator)
        if weight.shape != layer.weight.shape:
            raise ValueError(f"{tuple(weight.shape)} for {tuple(layer.weight.shape)}")
        assert layer.bias is not None
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(torch.tensor(_constant(graph, operator.inputs[2]).astype("float32")))


def _dense(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


def _depthwise(channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)


def _all(layers: nn.Module, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h w"]:
    for layer in layers:  # type: ignore[attr-defined]
        x = relu6(layer(x))
    return x

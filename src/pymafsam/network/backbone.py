"""Pictures -> three feature maps, coarse to fine. A table says which networks can do it.

A backbone is a module with ``channels`` (of each map) that turns normalised crops [b 3 224 224]
into three maps, each twice as wide as the one before. ResNet-50 is He et al., "Deep Residual
Learning for Image Recognition", 2015, with the stride on the 3x3 convolution and torchvision's
names; the pyramid of transposed convolutions follows Xiao et al., "Simple Baselines for Human Pose
Estimation", 2018.
"""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from pymafsam.registry import Table

BACKBONES = Table(
    kind="backbone",
    rows={
        "resnet50": "pymafsam.network.backbone:ResNetPyramid",
        "blazepose-full": "pymafsam.network.blazepose:full",
        "blazepose-heavy": "pymafsam.network.blazepose:heavy",
        "movenet-thunder": "pymafsam.network.movenet:thunder",
    },
)

Maps = tuple[
    Float[Tensor, "batch c1 h1 w1"],
    Float[Tensor, "batch c2 h2 w2"],
    Float[Tensor, "batch c3 h3 w3"],
]


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, added to the input."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(project, nn.BatchNorm2d(outputs))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + skip)


class ResNet50(nn.Module):
    """[b 3 s s] -> [b 2048 s/32 s/32]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(*_blocks(64, 64, 3, 1))
        self.layer2 = nn.Sequential(*_blocks(256, 128, 4, 2))
        self.layer3 = nn.Sequential(*_blocks(512, 256, 6, 2))
        self.layer4 = nn.Sequential(*_blocks(1024, 512, 3, 2))

    def forward(self, images: Float[Tensor, "b 3 side side"]) -> Float[Tensor, "b 2048 h w"]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class ResNetPyramid(nn.Module):
    """ResNet-50 and three transposed convolutions: maps of 256 channels at strides 16, 8, 4."""

    channels = (256, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        self.trunk = ResNet50()
        self.pyramid = nn.ModuleList(_doubling(inputs, 256) for inputs in (2048, 256, 256))

    def forward(self, images: Float[Tensor, "b 3 side side"]) -> Maps:
        coarse = self.pyramid[0](self.trunk(images))
        middle = self.pyramid[1](coarse)
        return coarse, middle, self.pyramid[2](middle)


def _blocks(inputs: int, width: int, count: int, stride: int) -> Iterator[Bottleneck]:
    yield Bottleneck(inputs, width, stride)
    for _ in range(count - 1):
        yield Bottleneck(4 * width, width, 1)


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )

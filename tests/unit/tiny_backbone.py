"""A backbone of a few thousand weights, so that the network's tests are quick."""

from torch import nn


class Tiny(nn.Module):
    """Maps of 8 channels at strides 16, 8 and 4."""

    channels = (8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 4, 3)
        self.bn1 = nn.BatchNorm2d(8)
        self.shrink = nn.AvgPool2d(2)

    def forward(self, images):
        fine = self.bn1(self.conv1(images)).relu()
        middle = self.shrink(fine)
        return self.shrink(middle), middle, fine


class Deeper(Tiny):
    """With a second convolution: of an exported network's the first one is never in integers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2 = nn.Conv2d(8, 8, 3, 1, 1)

    def forward(self, images):
        coarse, middle, fine = super().forward(images)
        return self.conv2(coarse), middle, fine

"""How networks that come in another format are converted: one function per recipe."""

from collections.abc import Mapping
from pathlib import Path

from pymafsam.pretrained.tfjs import Part, to_onnx

_MODEL = "StatefulPartitionedCall"
MOVENET_SIDE, MOVENET_CELLS = 256, 64
# From the normalised picture to the four heads; normalising and decoding are done in numpy, so
# that a window's and its mirror image's heads can be averaged in between.
MOVENET = Part(
    inputs={f"{_MODEL}/sub_1": ("picture", (0, MOVENET_SIDE, MOVENET_SIDE, 3))},
    outputs={
        f"{_MODEL}/kpt_heatmap_0/conv2d_5/BiasAdd": (
            "heat", (0, MOVENET_CELLS, MOVENET_CELLS, 17),
        ),
        f"{_MODEL}/kpt_offset_0/conv2d_7/BiasAdd": (
            "offsets", (0, MOVENET_CELLS, MOVENET_CELLS, 34),
        ),
        f"{_MODEL}/kpt_regress_0/conv2d_6/BiasAdd": (
            "regressed", (0, MOVENET_CELLS, MOVENET_CELLS, 34),
        ),
        f"{_MODEL}/center_0/conv2d_4/BiasAdd": (
            "centre", (0, MOVENET_CELLS, MOVENET_CELLS, 1),
        ),
    },
)  # fmt: skip


def nanodet(files: Mapping[str, Path], target: Path) -> None:
    """NanoDet's tfjs files -> ONNX."""
    to_onnx(files, target)


def movenet(files: Mapping[str, Path], target: Path) -> None:
    """MoveNet's tfjs files -> ONNX, from the normalised picture to the heads' logits."""
    to_onnx(files, target, MOVENET)

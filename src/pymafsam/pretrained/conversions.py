"""How networks that come in another format are converted: one function per recipe."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pymafsam.errors import BadInput
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

# And its inner maps, from the deepest to the finest: what it has made out of the picture before it
# tells where points are (``people.features``).
_INNER = f"{_MODEL}/center_net_mobile_net_v2fpn_feature_extractor/model_1"
KEYPOINTS = replace(
    MOVENET,
    outputs={
        **MOVENET.outputs,
        f"{_INNER}/model/block_16_project_BN/FusedBatchNormV3": ("map32", (0, 8, 8, 560)),
        f"{_INNER}/model/block_12_add/add": ("map16", (0, 16, 16, 168)),
        f"{_INNER}/re_lu/Relu": ("up16", (0, 16, 16, 32)),
        f"{_INNER}/re_lu_1/Relu": ("up8", (0, 32, 32, 24)),
        f"{_INNER}/re_lu_2/Relu": ("up4", (0, 64, 64, 24)),
    },
)


def nanodet(files: Mapping[str, Path], target: Path) -> None:
    """NanoDet's tfjs files -> ONNX."""
    to_onnx(files, target)


def movenet(files: Mapping[str, Path], target: Path) -> None:
    """MoveNet's tfjs files -> ONNX, from the normalised picture to the heads' logits."""
    to_onnx(files, target, MOVENET)


# What was learned on windows around one person, as differences to the published numbers:
# "NUMBER.weight" and "NUMBER.bias" of the convolutions, counted from 0 as the graph runs them.
LEARNED = Path(__file__).with_name("keypoints.safetensors")


def keypoints(files: Mapping[str, Path], target: Path) -> None:
    """MoveNet's tfjs files -> ONNX with what ``tools/train_keypoints.py`` has taught it."""
    to_onnx(files, target, KEYPOINTS)
    add_learned(target, LEARNED)


def add_learned(network: Path, learned: Path) -> None:
    """Add differences to the numbers of an ONNX network's convolutions, in place.

    Raises BadInput when they are of another network.
    """
    import onnx
    from safetensors.numpy import load_file

    differences = load_file(learned)
    model = onnx.load(str(network))
    constants = {constant.name: constant for constant in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for name, difference in sorted(differences.items()):
        number, _, part = name.partition(".")
        place = {"weight": 1, "bias": 2}[part]
        if int(number) >= len(convolutions) or len(convolutions[int(number)].input) <= place:
            raise BadInput(f"{learned} is not of this network: it has no {name}.")
        constant = constants[convolutions[int(number)].input[place]]
        published = onnx.numpy_helper.to_array(constant)
        if published.shape != difference.shape:
            raise BadInput(f"{learned} is not of this network: {name} is {difference.shape}.")
        total = published + difference.astype(published.dtype)
        constant.CopyFrom(onnx.numpy_helper.from_array(total, constant.name))
    onnx.save_model(model, str(network))

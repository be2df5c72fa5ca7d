"""Export the whole network, body inside, for ONNX Runtime: pictures and points in, meshes out.

The exported file holds the body it was made with. A licensed body stays licensed: such files are
for the machine they were made on.
"""

import warnings
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pymafsam.errors import BadUsage, MissingAsset
from pymafsam.files.atomic import writing
from pymafsam.files.made import mark
from pymafsam.network.inference import fold_batch_norm
from pymafsam.network.pymaf import MeshRegressor
from pymafsam.network.runtime import HEADER, OUTPUTS
from pymafsam.network.weights import MAKER, Checkpoint, build

# GridSample came with opset 16; opset 20 renamed its mode, and some runtimes then read the
# nearest pixel without a word.
OPSETS = range(16, 20)


class _Flat(nn.Module):
    """The network with plain tensors in and out, in the order of ``runtime.OUTPUTS``."""

    def __init__(self, network: MeshRegressor):
        super().__init__()
        self.network = network

    def forward(
        self, images: Float[Tensor, "batch 3 side side"], points: Float[Tensor, "batch points 2"]
    ) -> tuple[Tensor, ...]:
        rounds = self.network(images, points).rounds
        last = rounds[-1]
        states = torch.stack([estimate.state for estimate in rounds], 1)
        return last.vertices, last.joints, last.rotations, last.betas, last.camera, states


def export(checkpoint: Checkpoint, model, path: Path, opset: int = 17) -> None:
    """Write ``checkpoint`` around the body ``model`` to ``path`` (.onnx), any batch size.

    Raises BadUsage for an opset outside 16..19.
    """
    import onnx

    if opset not in OPSETS:
        raise BadUsage(f"--opset must be {OPSETS[0]} to {OPSETS[-1]}; {opset} was given.")
    network = build(checkpoint, model)
    fold_batch_norm(network.backbone)
    count = max(checkpoint.architecture.points, 1)
    example = (torch.zeros(2, 3, 224, 224), torch.zeros(2, count, 2))
    with writing(path) as temporary, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        network(*example)  # remembers the mean person, which becomes a constant
        _trace(_Flat(network), example, temporary, opset)
        made = onnx.load(temporary)
        onnx.helper.set_model_props(
            made,
            {
                HEADER: checkpoint.architecture.to_json(),
                "body": model.name,
                "made": mark(MAKER),
            },
        )
        if checkpoint.bank is not None:
            made.graph.initializer.append(onnx.numpy_helper.from_array(checkpoint.bank, "bank"))
        onnx.save(made, temporary)


def _trace(module: nn.Module, example: tuple, path: Path, opset: int) -> None:
    inputs, outputs = ["images", "points"], list(OUTPUTS)
    axes = {name: {0: "batch"} for name in inputs + outputs}
    try:
        torch.onnx.export(
            module,
            example,
            path,
            input_names=inputs,
            output_names=outputs,
            opset_version=opset,
            dynamo=False,
            dynamic_axes=axes,
        )
    except (ImportError, TypeError) as error:
        raise MissingAsset(
            f"torch {torch.__version__} cannot export to ONNX here ({error}).\n"
            "  Versions 2.4 to 2.14 can: pip install 'torch<2.15'"
        ) from error

"""Make a network quick where it will run: normalisation folded away, layout and precision chosen.

Results change by rounding alone; docs/results/network.md says by how much.
"""

import copy

import torch
from torch import nn
from torch.nn.utils import fusion

from pymafsam.errors import BadUsage
from pymafsam.network.packed import pack
from pymafsam.network.pymaf import MeshRegressor

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def prepare(
    network: MeshRegressor, device: str = "cpu", precision: str = "float32"
) -> MeshRegressor:
    """A copy of ``network`` for inference on ``device``; the backbone computes in ``precision``.

    Readings, corrections and the body stay float32: they cost little and decide the result.
    Raises BadUsage for another precision than those of ``PRECISIONS``.
    """
    if precision not in PRECISIONS:
        raise BadUsage(f"A network computes in {' or '.join(PRECISIONS)}, not in {precision}.")
    network = copy.deepcopy(network).eval().requires_grad_(False)
    fold_batch_norm(network.backbone)
    network.backbone.to(PRECISIONS[precision])
    if device != "mps":  # there channels last is slower
        network.backbone.to(memory_format=torch.channels_last)
    if device == "cpu":
        pack(network.backbone)
    return network.to(device)


def choose_device(wanted: str = "auto") -> str:
    """``auto`` is CUDA, Apple's MPS, else the CPU. Raises BadUsage for what is not here."""
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, there in here.items() if there)
    kind = wanted.partition(":")[0]
    if not here.get(kind, False):
        known = ", ".join(name for name, there in here.items() if there)
        raise BadUsage(f'There is no device "{wanted}" here.\n  Here: {known} (or auto)')
    return wanted


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Multiply every normalisation into the convolution before it, in place (evaluation only).

    Pairs are found by name (``conv1``, ``bn1``) or by order in a Sequential.
    """
    for parent in list(module.modules()):
        children = dict(parent.named_children())
        names = list(children)
        for name, convolution in children.items():
            following = names[names.index(name) + 1] if names[-1] != name else ""
            partner = following if isinstance(parent, nn.Sequential) else name.replace("conv", "bn")
            normalisation = children.get(partner)
            kinds = (nn.Conv2d, nn.ConvTranspose2d)
            if isinstance(convolution, kinds) and isinstance(normalisation, nn.BatchNorm2d):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                setattr(
                    parent, name, fusion.fuse_conv_bn_eval(convolution, normalisation, transposed)
                )
                setattr(parent, partner, nn.Identity())
    return module

"""From settings to the things that are trained: network, optimiser, dense targets."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from pymafsam.body import BodyModel
from pymafsam.config import data_folder
from pymafsam.data.samples import DataSet, generator
from pymafsam.errors import BadUsage, PymafsamError
from pymafsam.network import blazepose, geometry, movenet, weights
from pymafsam.network.architecture import Architecture
from pymafsam.network.inference import PRECISIONS
from pymafsam.network.pymaf import PyMAF
from pymafsam.training.dense import Surface
from pymafsam.training.settings import NetworkSettings, OptimiserSettings, Settings

CHARTS = "UV_data/UV_Processed.mat"
# Backbones whose published weights the package can fetch.
PUBLISHED: Mapping[str, Callable[[], nn.Module]] = {
    "movenet-thunder": movenet.pretrained,
    "blazepose-full": lambda: blazepose.pretrained("blazepose-full"),
    "blazepose-heavy": lambda: blazepose.pretrained("blazepose-heavy"),
}
AVERAGED = 256  # people that a mean person is made from
KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def architecture_of(settings: Settings, model: BodyModel) -> Architecture:
    """Sizes of the network that the settings describe."""
    chosen = settings.network
    return Architecture(
        backbone=chosen.backbone,
        joints=len(model.parents),
        anchors=len(model.anchors),
        vertices=len(model.template),
        widths=chosen.widths,
        hidden=chosen.hidden,
        dense=settings.losses.dense,
        policy=chosen.points,
        body=model.name,
        training=", ".join(path.stem for path in settings.data.rows) or "rendered people",
    )


def network_of(settings: Settings, model: BodyModel) -> PyMAF:
    """The network before the first step; the seed decides what is drawn.

    Raises BadInput for a checkpoint of another kind of network, MissingAsset for published
    weights that cannot be fetched.
    """
    chosen = settings.network
    if chosen.weights is not None:
        found = weights.load(chosen.weights, model)
        if not isinstance(found, PyMAF):
            raise BadUsage(f"{chosen.weights} is no PyMAF network; only those are trained.")
        return found
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        made = PyMAF(architecture_of(settings, model), model)
    if chosen.pretrained and chosen.backbone in PUBLISHED:
        made.backbone.load_state_dict(PUBLISHED[chosen.backbone]().state_dict())
    return made


def start_from_people(network: PyMAF, data: DataSet, seed: int) -> None:
    """Let the network's mean person be that of the data: pose, shape and camera of some of it.

    As the mean parameters that HMR and SPIN begin with; nearer to everybody than a body at rest.
    Rotations are averaged as matrices (the chordal mean), so their order does not matter. What
    nobody has the answer for stays as it was.
    """
    posed, seen = [], []
    for index in range(0, len(data), max(len(data) // AVERAGED, 1)):
        try:
            one = data.sample(index, generator(seed, 0, index))
        except PymafsamError:
            continue  # named when its turn to be learnt from comes
        posed += [one] if one.has_smpl else []
        seen += [one.camera] if one.has_camera else []
    pose, betas, camera = network.mean[0].split(network.layout.parts)
    if posed:
        turns = torch.tensor(np.mean([one.rotations for one in posed], axis=0))
        left, _, right = torch.linalg.svd(turns)
        nearest = left @ torch.diag_embed(_handed(left @ right)) @ right
        pose = geometry.to_6d(nearest).flatten()
        betas = torch.tensor(np.mean([one.betas for one in posed], axis=0))
    if seen:
        camera = torch.tensor(np.mean(seen, axis=0))
    network.mean = torch.cat([pose, betas[: network.layout.betas], camera])[None].float()


def _handed(turns: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """1, 1 and the determinant: what makes a rotation of a reflection."""
    ones = torch.ones_like(turns[..., 0, :2])
    return torch.cat([ones, torch.linalg.det(turns)[..., None].sign()], -1)


def prepared(network: PyMAF, settings: Settings, device: str = "cpu") -> PyMAF:
    """Frozen, dropping out and computing as the settings say.

    Raises BadUsage for a frozen name that no parameter begins with.
    """
    chosen = settings.network
    for prefix in chosen.frozen:
        found = [p for name, p in network.named_parameters() if begins(name, prefix)]
        if not found:
            raise BadUsage(
                f'--network.frozen: no parameter begins with "{prefix}".\n'
                f"  There are: {', '.join(sorted(_families(network)))}"
            )
        for parameter in found:
            parameter.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = chosen.dropout
    wanted = settings.optimiser.precision
    if wanted == "auto":
        wanted = "bfloat16" if multiplies_bfloat16(device) else "float32"
    network.autocast = None if wanted == "float32" else PRECISIONS[wanted]
    if network.autocast is not None:
        # Twice as fast on CPUs with matrix units, and what GPUs' half precision wants too.
        network.backbone.to(memory_format=torch.channels_last)
    return network


def multiplies_bfloat16(device: str) -> bool:
    """Whether the device has instructions for it; without, it is slower than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device == "cpu" and asked is not None and bool(asked())


def begins(name: str, prefix: str) -> bool:
    """Whether a parameter's name begins with whole words of another: a.1 does not begin a.10."""
    return name == prefix or name.startswith(prefix + ".")


def _families(network: nn.Module) -> set[str]:
    """The beginnings of names, two words deep."""
    return {".".join(name.split(".")[:2]) for name, _ in network.named_parameters()}


def training_mode(network: nn.Module, settings: NetworkSettings) -> None:
    """Everything in training mode, but normalisation that is not to learn."""
    network.train()
    if settings.batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def optimiser_of(network: PyMAF, settings: OptimiserSettings) -> torch.optim.Optimizer:
    """Backbone and the rest as two groups; ``share`` is a group's part of the learning rate."""
    groups: list[dict[str, Any]] = []
    for share, inside in ((settings.backbone_rate, True), (1.0, False)):
        mine = [
            parameter
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and begins(name, "backbone") == inside
        ]
        if mine:
            groups.append({"params": mine, "share": share, "lr": share * settings.rate})
    return KINDS[settings.kind](groups, lr=settings.rate, weight_decay=settings.weight_decay)


def surface_of(settings: Settings, model: BodyModel) -> Surface | None:
    """The charts that dense targets are drawn on; None where the dense head is not trained.

    DensePose's own, where the user has them and the body is SMPL.
    """
    if not settings.losses.dense:
        return None
    folder = data_folder()
    file = folder / CHARTS if folder else None
    named_like_smpl = model.name.lower().startswith("smpl")
    return Surface.of(model, file if file and file.is_file() and named_like_smpl else None)

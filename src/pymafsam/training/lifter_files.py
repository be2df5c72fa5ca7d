"""A trained lifter as files: its own numbers, and those that press inner maps into features."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pymafsam.body import BodyModel
from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing
from pymafsam.training.lifting import LifterNetwork

NOT_OF_THE_NETWORK = ("sizes", "joints")  # what a file says beside its network's numbers
_EMBEDDING = ("embed.weight", "embed.bias")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whitening:
    """Channels of inner maps as a few uncorrelated ones of deviation 1 (principal components).

    ``matrix`` is applied to channels less their ``mean``.
    """

    mean: Float[np.ndarray, "channels"]
    matrix: Float[np.ndarray, "channels kept"]

    @staticmethod
    def of(channels: Float[np.ndarray, "rows channels"], kept: int) -> "Whitening":
        """From examples; every channel counts alike, however large its numbers are."""
        mean, deviation = channels.mean(0), channels.std(0) + 1e-3
        normal = (channels - mean) / deviation
        axes, sizes, _ = np.linalg.svd(normal.T @ normal / len(normal))
        return Whitening(
            mean=mean, matrix=axes[:, :kept] / np.sqrt(sizes[:kept]) / deviation[:, None]
        )

    def __call__(
        self, channels: Float[np.ndarray, "*people 17 channels"]
    ) -> Float[Tensor, "*people 17 kept"]:
        """16 bits: there are many."""
        kept = (channels.astype(np.float32) - self.mean) @ self.matrix
        return torch.from_numpy(kept.astype(np.float16))

    def features(self, network: LifterNetwork) -> dict[str, np.ndarray]:
        """The network's projection for channels as they come: ``people.features`` reads it."""
        weight = network.embed.weight.detach().numpy() @ self.matrix.T
        bias = network.embed.bias.detach().numpy() - weight @ self.mean
        # safetensors writes memory as it lies, transposed or not.
        weight = np.ascontiguousarray(weight.T.astype(np.float16))
        return {"weight": weight, "bias": bias.astype(np.float32)}


def resume(
    network: LifterNetwork,
    path: Path,
    whitening: Whitening | None = None,
    features: Path | None = None,
) -> None:
    """Fill ``network`` with a lifter that was saved, and its ``features`` (None: beside it).

    A projection that was learned in other components is told in ``whitening``'s: as it was, but for
    what those leave out of the channels. Raises BadInput for the file of another network.
    """
    from safetensors.numpy import load_file

    state = {
        name: torch.from_numpy(value.astype(np.float32))
        for name, value in load_file(path).items()
        if name not in NOT_OF_THE_NETWORK
    }
    if whitening is not None:
        told = load_file(features or path.with_name("features.safetensors"))
        weight = told["weight"].astype(np.float64).T
        back = np.linalg.pinv(whitening.matrix.astype(np.float64))
        state["embed.weight"] = torch.from_numpy((weight @ back.T).astype(np.float32))
        bias = told["bias"] + weight @ whitening.mean
        state["embed.bias"] = torch.from_numpy(bias.astype(np.float32))
    missing, unknown = network.load_state_dict(state, strict=False)
    known = {"norm.num_batches_tracked"} | (set() if whitening else {*_EMBEDDING})
    if unknown or set(missing) - known:
        raise BadInput(f"{path} is another lifter: {[*unknown, *(set(missing) - known)]}.")


def to_arrays(network: LifterNetwork, model: BodyModel) -> dict[str, np.ndarray]:
    """The weights as ``fitting.lifter.Lifter`` reads them: float16, with the body they are for."""
    state = {
        name: value.numpy()
        for name, value in network.state_dict().items()
        if not name.startswith("embed.")  # features.safetensors
    }
    state.pop("norm.num_batches_tracked", None)
    half = {name: value.astype(np.float16) for name, value in state.items()}
    keep = {name: state[name] for name in state if name.startswith("norm.")}
    return (
        half
        | keep
        | {
            "sizes": np.array([network.betas, network.links]),
            "joints": np.asarray(model.joints_template, np.float32),
        }
    )


def save(
    network: LifterNetwork,
    model: BodyModel,
    path: Path,
    whitening: Whitening | None = None,
) -> None:
    """Write ``to_arrays`` as safetensors, and beside it ``features.safetensors``: what they are."""
    from safetensors.numpy import save_file

    with writing(path) as temporary:
        save_file(to_arrays(network, model), temporary)
    if whitening is not None:
        with writing(path.with_name("features.safetensors")) as temporary:
            save_file(whitening.features(network), temporary)

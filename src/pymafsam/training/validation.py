"""How good the network is on people it never learns from: 2D on photographs, 3D where known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pymafsam.data.samples import DataSet, generator
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.evaluation import metrics
from pymafsam.network import geometry
from pymafsam.network.pymaf import MeshRegressor
from pymafsam.training.keypoints import DETECTED, TrainedPoints

LSP = 14  # of j24, the first so many are LSP's
LIMBS = np.arange(12)
BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was found and what is true, person by person; half crops and metres."""

    found: Float[np.ndarray, "people 24 2"]
    true: Float[np.ndarray, "people 24 3"]
    found_3d: Float[np.ndarray, "people 24 3"]
    true_3d: Float[np.ndarray, "people 24 4"]


def validate(
    network: MeshRegressor, points: TrainedPoints, data: DataSet, most: int, device: str
) -> Mapping[str, float]:
    """PCK@.2 and @.1 of the limbs' joints over the torso; in 3D PA-MPJPE in millimetres.

    The last round of the first ``most`` people, without augmentation. Figures that nobody has the
    answers for are left out.
    """
    answers = answered(network, points, data, most, device)
    known = answers.true[:, LIMBS, 2] > 0
    torso = metrics.torso(answers.true[:, :LSP])
    figures = {}
    if (known & ~np.isnan(torso)[:, None]).any():
        for share in (0.2, 0.1):
            figures[f"pck@{share}"] = metrics.correct_keypoints(
                answers.found[:, LIMBS], answers.true[:, LIMBS, :2], known, torso, share
            )
    spatial = (answers.true_3d[:, :LSP, 3] > 0).all(axis=1)
    if spatial.any():
        away = metrics.pa_mpjpe(answers.found_3d[spatial, :LSP], answers.true_3d[spatial, :LSP, :3])
        figures["pa_mpjpe"] = 1000 * float(np.mean(away))
    return figures


def answered(
    network: MeshRegressor, points: TrainedPoints, data: DataSet, most: int, device: str
) -> Answers:
    """Run the network over the first people of a data set, but those who cannot be read."""
    network.eval()
    kept: list[Answers] = []
    people = range(min(most, len(data)))
    for start in range(0, len(people), BATCH):
        samples = []
        for index in people[start : start + BATCH]:
            try:
                samples.append(data.sample(index, generator(0, 0, index)))
            except PymafsamError:
                continue
        if not samples:
            continue
        images, looked = (
            torch.from_numpy(np.stack([getattr(one, name) for one in samples])).to(device)
            for name in ("pixels", "points")
        )
        with torch.no_grad():
            last = network(images, looked).rounds[-1]
            spatial = points(last.rotations, last.betas)[:, DETECTED:]
            seen = geometry.project(spatial, last.camera)
        kept.append(
            Answers(
                found=_plain(seen),
                true=np.stack([one.keypoints[DETECTED:] for one in samples]).astype(np.float64),
                found_3d=_plain(spatial),
                true_3d=np.stack([one.joints_3d for one in samples]).astype(np.float64),
            )
        )
    if not kept:
        raise BadInput(f"Nobody of the validation set {data.name} could be read.")
    return Answers(
        **{
            name: np.concatenate([getattr(one, name) for one in kept])
            for name in Answers.__dataclass_fields__
        }
    )


def _plain(tensor: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return tensor.cpu().numpy().astype(np.float64)

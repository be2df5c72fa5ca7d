"""The loop: read the maps where the body is thought to be, correct the body, look again.

Zhang et al., "PyMAF", ICCV 2021, section 3. Where the first reading looks is an input: a uniform
grid in PyMAF, points of the person's mask in PyMAFSAM.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from pymafsam.body import BodyModel
from pymafsam.errors import BadInput
from pymafsam.network import geometry
from pymafsam.network.architecture import Architecture
from pymafsam.network.backbone import BACKBONES
from pymafsam.network.dense import Dense, DenseHead
from pymafsam.network.reading import Reader
from pymafsam.network.regressor import Regressor, StateLayout
from pymafsam.network.skinning import SkinnedBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A body and the crop camera it is seen with; metres, y down, the root near the origin.

    ``state`` is what the regressors correct: 6D rotations, shape, camera. ``camera`` is (s, tx,
    ty), see ``geometry.project``. ``vertices`` are made for the last round, or when asked for.
    """

    state: Float[Tensor, "batch size"]
    rotations: Float[Tensor, "batch joints 3 3"]
    betas: Float[Tensor, "batch betas"]
    camera: Float[Tensor, "batch 3"]
    joints: Float[Tensor, "batch joints 3"]
    anchors: Float[Tensor, "batch anchors 3"]
    vertices: Float[Tensor, "batch vertices 3"] | None

    def expand(self, like: Shaped[Tensor, "batch ..."]) -> "Estimate":
        """The same estimate for each row of ``like`` (from one of batch 1)."""
        grown: dict[str, Any] = {
            name: None
            if (value := getattr(self, name)) is None
            else value.expand(like.shape[0], *value.shape[1:])
            for name in self.__dataclass_fields__
        }
        return Estimate(**grown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The estimates round by round, the mean person first, and the dense maps if asked for."""

    rounds: tuple[Estimate, ...]
    dense: Dense | None = None


@dataclass(frozen=True, slots=True)
class CachedEstimate:
    """An estimate and the tensors it was made from, with the count of writes to each."""

    sources: list[Tensor]
    writes: list[int]
    estimate: Estimate

    @classmethod
    def of(cls, sources: list[Shaped[Tensor, "..."]], estimate: Estimate) -> "CachedEstimate":
        """Remember ``estimate`` as long as ``sources`` stay what they are."""
        return cls(sources, [_writes(t) for t in sources], estimate)

    def holds(self, sources: list[Shaped[Tensor, "..."]], mesh: bool) -> bool:
        """Nothing was replaced or written to, and the mesh is there if wanted."""
        same = all(a is b for a, b in zip(self.sources, sources, strict=True))
        untouched = self.writes == [_writes(t) for t in sources] and -1 not in self.writes
        return same and untouched and (self.estimate.vertices is not None) == mesh


class MeshRegressor(nn.Module):
    """What every network here shares: a mean state, one body, one table of anchors."""

    backbone: nn.Module
    mean: Tensor  # 1 size; the state that a correction starts from
    anchors: Tensor  # ids of the vertices that are looked at; they belong to the weights

    def __init__(
        self,
        architecture: Architecture,
        model: BodyModel,
        anchors: Int[np.ndarray, "anchors"] | None = None,
    ):
        """``anchors`` (vertex ids) default to the body's own.

        Raises BadInput when the body does not fit the architecture.
        """
        super().__init__()
        self.architecture = architecture
        self.layout = StateLayout(joints=architecture.joints, betas=architecture.betas)
        chosen = np.asarray(model.anchors if anchors is None else anchors, np.int64)
        _check_body(architecture, model, chosen)
        self.body = SkinnedBody(model, architecture.betas)
        self.few = SkinnedBody(model, architecture.betas, chosen)
        self.register_buffer("anchors", torch.tensor(chosen))
        self.register_buffer("mean", _mean_state(self.layout))
        self._first: CachedEstimate | None = None

    def estimate(self, state: Float[Tensor, "batch size"], mesh: bool = False) -> Estimate:
        """The body of a state; without ``mesh`` only joints and anchors are skinned."""
        pose, betas, camera = state.split(self.layout.parts, 1)
        rotations = geometry.from_6d(pose.reshape(-1, self.layout.joints, 6))
        body = self.body if mesh else self.few
        points, joints = body(rotations, betas)
        return Estimate(
            state=state,
            rotations=rotations,
            betas=betas,
            camera=camera,
            joints=joints,
            anchors=points[:, self.anchors] if mesh else points,
            vertices=points if mesh else None,
        )

    def initial_estimate(
        self,
        images: Float[Tensor, "batch 3 side side"],
        start: Float[Tensor, "batch size"] | None,
        mesh: bool,
    ) -> Estimate:
        """The estimate before any picture is seen. The mean person's is kept between calls."""
        if start is not None:
            return self.estimate(start, mesh)
        if self._first is None or not self._first.holds(self._sources(), mesh):
            # Made outside inference mode, so that training may use it too.
            with torch.inference_mode(False), torch.no_grad():
                self._first = CachedEstimate.of(
                    self._sources(), self.estimate(self.mean.clone(), mesh)
                )
        return self._first.estimate.expand(images)

    def _sources(self) -> list[Tensor]:
        return [self.mean, self.anchors, self.body.template, self.few.template]

    def _apply(self, fn, recurse=True):
        self._first = None  # buffers move to another device or type
        return super()._apply(fn, recurse)


class PyMAF(MeshRegressor):
    """Normalised crops [b 3 224 224] and points [b p 2] in [-1, 1] of the crop -> bodies."""

    def __init__(
        self,
        architecture: Architecture,
        model: BodyModel,
        anchors: Int[np.ndarray, "anchors"] | None = None,
    ):
        super().__init__(architecture, model, anchors)
        backbone = BACKBONES.load(architecture.backbone)()
        self.backbone = backbone
        channels, widths = backbone.channels, architecture.widths
        counts = (architecture.points, architecture.anchors, architecture.anchors)
        self.readers = nn.ModuleList(Reader(each, widths) for each in channels)
        self.regressors = nn.ModuleList(
            Regressor(count * widths[-1], self.layout, architecture.hidden) for count in counts
        )
        self.dense = DenseHead(channels[-1]) if architecture.dense else None
        # While training: what the backbone's layers may compute in; weights stay float32.
        self.autocast: torch.dtype | None = None

    def forward(
        self,
        images: Float[Tensor, "batch 3 side side"],
        points: Float[Tensor, "batch points 2"],
        start: Float[Tensor, "batch size"] | None = None,
        *,
        meshes: bool = False,
        dense: bool = False,
    ) -> Output:
        """Three corrections of ``start`` (the mean person).

        ``meshes`` makes the whole surface in every round, not in the last alone; ``dense`` runs
        the auxiliary head. Gradients of a round end at the state and the points it was given.
        """
        rounds = [self.initial_estimate(images, start, meshes)]
        maps = self._maps(images)
        for (features, read, correct), last in _marking_last(
            zip(maps, self.readers, self.regressors, strict=True)
        ):
            state = correct(read(features, points), rounds[-1].state.detach())
            rounds.append(self.estimate(state, meshes or last))
            points = self.project_anchors(rounds[-1])
        head = self.dense if dense else None
        return Output(rounds=tuple(rounds), dense=head(maps[-1].to(images.dtype)) if head else None)

    def _maps(self, images: Float[Tensor, "batch 3 side side"]) -> tuple[Tensor, ...]:
        if self.autocast is None:
            return self.backbone(images.to(_precision(self.backbone)))
        with torch.autocast(images.device.type, self.autocast):
            return tuple(features.float() for features in self.backbone(images))

    def project_anchors(self, estimate: Estimate) -> Float[Tensor, "batch anchors 2"]:
        """Where the anchors appear in the crop, [-1, 1]: the next reading looks there."""
        return geometry.project(estimate.anchors.detach(), estimate.camera.detach())


def _precision(module: nn.Module) -> torch.dtype:
    """What a module computes in: a backbone may be in half precision, alone."""
    return next(module.parameters()).dtype


def _marking_last(items) -> Iterator[tuple[tuple, bool]]:
    items = list(items)
    for index, item in enumerate(items):
        yield item, index == len(items) - 1


def _writes(tensor: Shaped[Tensor, "..."]) -> int:
    """How often it was written to in place; -1 where torch does not count."""
    return -1 if tensor.is_inference() else tensor._version


def _mean_state(layout: StateLayout) -> Float[Tensor, "1 size"]:
    """Rest pose, turned upright before a camera that looks along z with y down."""
    pose = torch.eye(3)[:, :2].reshape(1, 6).repeat(layout.joints, 1)
    pose[0] *= torch.tensor([1.0, 1, -1, -1, -1, -1])  # half a turn about x
    return torch.cat([pose.flatten(), torch.zeros(layout.betas), torch.tensor([0.9, 0, 0])])[None]


def _check_body(
    architecture: Architecture, model: BodyModel, anchors: Int[np.ndarray, "anchors"]
) -> None:
    joints, vertices = len(model.parents), len(model.template)
    if joints != architecture.joints:
        raise BadInput(
            f"The network poses {architecture.joints} joints; "
            f'the body "{model.name}" has {joints}. Choose another --body.'
        )
    if len(anchors) != architecture.anchors:
        raise BadInput(
            f"The network looks at {architecture.anchors} anchor vertices; {len(anchors)} were "
            f'given for the body "{model.name}".'
        )
    other = architecture.vertices not in (0, vertices)
    if other or (len(anchors) and (anchors.min() < 0 or anchors.max() >= vertices)):
        raise BadInput(
            f"The network was trained with a body of {architecture.vertices or 'more'} vertices "
            f'("{architecture.body}"); "{model.name}" has {vertices}. Choose that --body.'
        )

"""Linear blend skinning in torch: a body whose vertices may be a chosen few.

Loper et al., "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia 2015, eqs. 2-10. The body
is in buffers that no checkpoint carries: weights and bodies travel apart.
"""

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from pymafsam.body import BodyModel, KeypointRegressor
from pymafsam.errors import BadInput


class SkinnedBody(nn.Module):
    """A body that can be posed: rotations and shape in, vertices and joints in metres out."""

    template: Tensor  # vertices 3
    shape_dirs: Tensor  # betas vertices*3
    pose_dirs: Tensor | None  # 9 (joints - 1) vertices*3
    weights: Tensor  # vertices joints
    joints_template: Tensor  # joints 3
    joints_dirs: Tensor  # betas joints*3
    reorder: Tensor  # joints, from the order of depth back to the body's own

    def __init__(
        self, model: BodyModel, betas: int, vertices: Int[np.ndarray, "chosen"] | None = None
    ):
        """``betas`` shape directions are used; ``vertices`` keeps only those ids, in that order.

        Raises BadInput when the body has fewer shape directions than ``betas``.
        """
        super().__init__()
        if model.shape_dirs.shape[2] < betas:
            raise BadInput(
                f"The network needs a body with {betas} shape directions;"
                f' "{model.name}" has {model.shape_dirs.shape[2]}.'
            )
        keep = slice(None) if vertices is None else np.asarray(vertices)
        joints = len(model.parents)
        self.levels, order = _levels(np.asarray(model.parents))
        buffers = {
            "template": model.template[keep],
            "shape_dirs": _flat(model.shape_dirs[keep, :, :betas]),
            "pose_dirs": None if model.pose_dirs is None else _flat(model.pose_dirs[keep]),
            "weights": model.weights[keep],
            "joints_template": model.joints_template,
            "joints_dirs": _flat(model.joints_dirs[:, :, :betas]),
        }
        for name, array in buffers.items():
            tensor = None if array is None else torch.tensor(np.asarray(array, np.float32))
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("reorder", torch.tensor(np.argsort(order)), persistent=False)
        assert len(order) == joints

    def forward(
        self, rotations: Float[Tensor, "batch joints 3 3"], shape: Float[Tensor, "batch betas"]
    ) -> tuple[Float[Tensor, "batch vertices 3"], Float[Tensor, "batch joints 3"]]:
        """Vertices and posed joints in metres; the root stays where the template has it."""
        batch, joints = rotations.shape[:2]
        rest = self.joints_template + (shape @ self.joints_dirs).reshape(batch, joints, 3)
        vertices = self.template.reshape(-1) + shape @ self.shape_dirs
        if self.pose_dirs is not None:
            identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
            bend = (rotations[:, 1:] - identity).reshape(batch, -1)
            vertices = vertices + bend @ self.pose_dirs
        count = len(self.template)  # may be none, which -1 could not stand for
        vertices = vertices.reshape(batch, count, 3)
        turned, placed = self._chain(rotations, rest)
        # What a joint does to a point of the rest pose: R x + (posed joint - R rest joint).
        shift = placed - (turned @ rest[..., None])[..., 0]
        motion = torch.cat([turned, shift[..., None]], -1).reshape(batch, joints, 12)
        blended = (self.weights @ motion).reshape(batch, count, 3, 4)
        moved = (blended[..., :3] @ vertices[..., None])[..., 0] + blended[..., 3]
        return moved, placed

    def _chain(
        self, rotations: Float[Tensor, "batch joints 3 3"], rest: Float[Tensor, "batch joints 3"]
    ) -> tuple[Float[Tensor, "batch joints 3 3"], Float[Tensor, "batch joints 3"]]:
        """Rotations and places of the joints in body axes, one step per depth of the tree."""
        turned, placed = [rotations[:, :1]], [rest[:, :1]]
        for children, parents, above in self.levels:
            carrier = turned[-1][:, above]
            offset = (rest[:, children] - rest[:, parents])[..., None]
            placed.append(placed[-1][:, above] + (carrier @ offset)[..., 0])
            turned.append(carrier @ rotations[:, children])
        return torch.cat(turned, 1)[:, self.reorder], torch.cat(placed, 1)[:, self.reorder]


class Keypoints(nn.Module):
    """A layout's keypoints on a posed body, with gradients; ids past the vertices are joints."""

    ids: Tensor  # points most
    parts: Tensor  # points most

    def __init__(self, rows: KeypointRegressor):
        super().__init__()
        ids, parts = torch.tensor(np.asarray(rows.vertices)).long(), torch.tensor(rows.weights)
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("parts", parts, persistent=False)

    def forward(
        self, vertices: Float[Tensor, "batch vertices 3"], joints: Float[Tensor, "batch joints 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """Metres, in the axes of ``vertices``."""
        points = torch.cat([vertices, joints], 1)[:, self.ids]
        return (self.parts[..., None] * points).sum(2)


def _flat(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "rows columns"]:
    """(vertices, 3, n) -> (n, vertices * 3), ready for one matrix product."""
    return np.ascontiguousarray(np.asarray(array).reshape(-1, array.shape[2]).T)


def _levels(
    parents: Int[np.ndarray, "joints"],
) -> tuple[list[tuple[list[int], list[int], list[int]]], np.ndarray]:
    """Joints by depth: (joints, their parents, the parents' places in the level above)."""
    level, levels, order = [0], [], [0]
    while len(order) < len(parents):
        children = [j for j in range(1, len(parents)) if parents[j] in level]
        if not children:
            raise BadInput("The body's joints do not form one tree with joint 0 as its root.")
        above = [int(parents[j]) for j in children]
        levels.append((children, above, [level.index(p) for p in above]))
        order += children
        level = children
    return levels, np.array(order)

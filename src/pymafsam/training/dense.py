"""What the dense head should say: which part a pixel shows, and where on the part.

Targets are drawn by the package's rasteriser from a body and its crop camera (Zhang et al.,
"PyMAF", 2021, section 3.3), on DensePose's charts where the user has them (Guler et al.,
"DensePose", 2018), else on parts by skinning weight with cylinder coordinates.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pymafsam.body import BodyModel
from pymafsam.body.surface import PARTS, Charts, charts_of, read_charts
from pymafsam.data.charted import looked_up
from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE
from pymafsam.geometry.joints import SMPL24
from pymafsam.render import rasterise

SIZE = 56  # of the maps: the network's finest
# DensePose's 24 parts by the 14 coarse ones its annotators saw first; 0 is the background.
COARSE_OF_DENSEPOSE = (0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13)
COARSE_OF_DENSEPOSE += (14, 14)
_TORSO = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")
_GROUPS = (_TORSO, ("neck", "head")) + tuple(
    tuple(f"{side}_{joint}" for joint in joints)
    for joints in (("hip",), ("knee",), ("ankle", "foot"))
    + (("shoulder",), ("elbow",), ("wrist", "hand"))
    for side in ("left", "right")
)
# The same for parts that are named by the joint they follow.
COARSE_OF_JOINTS = (0, *(1 + next(g for g, n in enumerate(_GROUPS) if j in n) for j in SMPL24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The charts of a body and how its parts are grouped."""

    charts: Charts
    coarse: Int[np.ndarray, "parts"]

    @staticmethod
    def of(model: BodyModel, charts_file: Path | None = None) -> "Surface":
        """Of DensePose's ``UV_Processed.mat`` (SMPL only), else of the body's own parts.

        Raises BadInput for a file that does not belong to the body.
        """
        if charts_file is None:
            return Surface(charts=charts_of(model), coarse=np.array(COARSE_OF_JOINTS))
        charts = read_charts(charts_file, len(model.template))
        return Surface(charts=charts, coarse=np.array(COARSE_OF_DENSEPOSE))


@dataclass(frozen=True, slots=True, kw_only=True)
class IUV:
    """Part (0: background), u and v (0 to 1) of every pixel of a map."""

    part: Int[np.ndarray, "*batch side side"]
    uv: Float[np.ndarray, "*batch 2 side side"]

    def image(self) -> Float[np.ndarray, "*batch 3 side side"]:
        """As the reference stores it: part / 24, u, v."""
        share = (self.part / PARTS).astype(np.float32)
        return np.concatenate([share[..., None, :, :], self.uv], axis=-3)

    @staticmethod
    def from_image(image: Float[np.ndarray, "*batch 3 side side"]) -> "IUV":
        """The inverse of ``image``."""
        return IUV(
            part=np.rint(image[..., 0, :, :] * PARTS).astype(np.int64), uv=image[..., 1:, :, :]
        )


def render(
    vertices: Float[np.ndarray, "vertices 3"],
    camera: Float[np.ndarray, "3"],
    surface: Surface,
    size: int = SIZE,
) -> IUV:
    """The IUV map of a body (metres) seen by the crop's camera (s, tx, ty).

    Pixel (i, j) looks at the crop's point ((j + .5), (i + .5)) * 224 / size, its centre.
    """
    charts = surface.charts
    depth = vertices[:, 2] + 2 * CROP_FOCAL / (CROP_SIDE * camera[0] + 1e-9)
    seen = CROP_FOCAL * (vertices[:, :2] + camera[1:]) / depth[:, None] + CROP_SIDE / 2
    points = np.column_stack([seen * size / CROP_SIDE, depth])[charts.vertices]
    raster = rasterise(points.astype(np.float64), charts.faces, (size, size))
    found = looked_up(raster, charts)
    return IUV(part=found.part.astype(np.int64), uv=found.uv)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMaps:
    """The reference's form of a target: a map per part."""

    part: Float[Tensor, "batch parts side side"]  # one-hot, the background first
    coarse: Float[Tensor, "batch groups side side"]
    u: Float[Tensor, "batch parts side side"]
    v: Float[Tensor, "batch parts side side"]


def target_maps(
    part: Int[Tensor, "batch side side"],
    uv: Float[Tensor, "batch 2 side side"],
    coarse: Int[Tensor, "parts"],
) -> TargetMaps:
    """One-hot maps of parts and groups; u and v stand in the map of the pixel's part."""
    hot = torch.nn.functional.one_hot(part, PARTS + 1).movedim(-1, 1).to(uv.dtype)
    groups = (
        torch.nn.functional.one_hot(coarse[part], int(coarse.max()) + 1).movedim(-1, 1).to(uv.dtype)
    )
    return TargetMaps(part=hot, coarse=groups, u=hot * uv[:, :1], v=hot * uv[:, 1:])


def to_image(
    part: Float[Tensor, "batch parts side side"],
    u: Float[Tensor, "batch parts side side"],
    v: Float[Tensor, "batch parts side side"],
    coarse: Float[Tensor, "batch groups side side"] | None = None,
    *,
    background: bool = True,
) -> Float[Tensor, "batch 3 side side"]:
    """What the head's maps say as an image (part / 24, u, v).

    Where ``coarse`` says background there is no part. The reference has two variants of this:
    ``background`` fills u and v of the background's own map in, else they are 0 there.
    """
    winner = part.argmax(1, keepdim=True)
    if coarse is not None:
        winner = winner * (coarse.argmax(1, keepdim=True) > 0)
    chosen = [one.gather(1, winner) for one in (u, v)]
    if not background:
        chosen = [one * (winner > 0) for one in chosen]
    return torch.cat([winner.to(u.dtype) / PARTS, *chosen], 1)

"""Parts and (u, v) of a surface, pixel by pixel."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from pymafsam.body.surface import Charts
from pymafsam.render.raster import Raster


@dataclass(frozen=True, slots=True, kw_only=True)
class Charted:
    """Part (0: none) and place on it, u and v in [0, 1], of every pixel of a picture or map."""

    part: UInt8[np.ndarray, "height width"]
    uv: Float32[np.ndarray, "2 height width"]


def looked_up(raster: Raster, charts: Charts) -> Charted:
    """What a raster of the charts' faces shows."""
    covered = raster.face >= 0
    corners = charts.faces[raster.face]  # -1 reads the last face; it is masked out below
    uv = np.einsum("hwc,hwcd->dhw", raster.barycentric, charts.uv[corners])
    part = np.where(covered, charts.part[corners[..., 0]], 0)
    return Charted(
        part=part.astype(np.uint8), uv=np.where(covered, uv, 0).clip(0, 1).astype(np.float32)
    )

"""Pictures of bodies: one rasteriser, soft shading, overlays, side views, silhouettes."""

from pymafsam.render.draw import colours_of, labelled, overlay, silhouette, silhouettes
from pymafsam.render.layers import prepare
from pymafsam.render.marks import draw_box, draw_keypoints
from pymafsam.render.masks import draw_masks
from pymafsam.render.raster import Raster, rasterise
from pymafsam.render.shade import Studio, vertex_normals
from pymafsam.render.sheet import contact_sheet
from pymafsam.render.side import side_view

__all__ = [
    "Raster",
    "Studio",
    "colours_of",
    "contact_sheet",
    "draw_box",
    "draw_keypoints",
    "draw_masks",
    "labelled",
    "overlay",
    "prepare",
    "rasterise",
    "side_view",
    "silhouette",
    "silhouettes",
    "vertex_normals",
]

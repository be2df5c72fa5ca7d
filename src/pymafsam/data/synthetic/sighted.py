"""Where on the surface every pixel of a rendered picture looks: exact parts and (u, v).

What networks estimate as IUV (Guler et al., "DensePose: Dense Human Pose Estimation In The Wild",
CVPR 2018), here without an annotator's error.
"""

import numpy as np

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.body.surface import Charts, charts_of
from pymafsam.data.charted import Charted, looked_up
from pymafsam.data.synthetic.scenes import Rendered
from pymafsam.render.paint import NEAR, on_screen
from pymafsam.render.raster import rasterise


def charted(
    rendered: Rendered, model: BodyModel, charts: Charts | None = None, number: int = 0
) -> Charted:
    """The naked body of person ``number`` where that person is in sight.

    ``charts`` default to the body's own parts. Clothes and hair stand off the body: their pixels
    show the body's place behind them where there is one, and none where they reach beyond it. What
    hides the person hides the body.
    """
    chosen = charts_of(model) if charts is None else charts
    truth = rendered.people[number]
    vertices = body.skin(model, truth.pose).vertices + truth.translation
    points = on_screen(vertices, rendered.camera)[chosen.vertices]
    raster = rasterise(points, chosen.faces, rendered.camera.size, near=NEAR)
    found = looked_up(raster, chosen)
    return Charted(
        part=np.where(truth.mask, found.part, 0).astype(np.uint8),
        uv=np.where(truth.mask, found.uv, 0),
    )

"""The 49 points that SPIN-format rows annotate (``j49``), on any body and with gradients."""

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from pymafsam.body import BodyModel, KeypointRegressor
from pymafsam.errors import BadUsage
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.network.skinning import Keypoints, SkinnedBody

LAYOUT = "j49"
DETECTED = len(LAYOUTS["body25"])  # rows of j49 that come from a detector; the others are annotated
# Where a point's namesake is looked for, and what stands for points without one: (layout, names).
SOURCES = ("coco17", "lsp14", "feet6", "h36m17")
STAND_INS = {
    "openpose_neck": ("coco17", ("left_shoulder", "right_shoulder")),
    "openpose_mid_hip": ("coco17", ("left_hip", "right_hip")),
    "thorax": ("h36m17", ("neck",)),
    "head": ("h36m17", ("head_top",)),
}


def regressor(model: BodyModel) -> KeypointRegressor:
    """The body's own ``j49``, or one put together from its other layouts by name.

    Raises BadUsage when the body lacks a layout that is needed.
    """
    if LAYOUT in model.regressors:
        return model.regressors[LAYOUT]
    rows = [_row(model, *_source(model, name)) for name in LAYOUTS[LAYOUT]]
    most = max(len(ids) for ids, _ in rows)
    ids, weights = np.zeros((len(rows), most), np.int64), np.zeros((len(rows), most), np.float32)
    for row, (chosen, parts) in enumerate(rows):
        ids[row, : len(chosen)], weights[row, : len(parts)] = chosen, parts
    return KeypointRegressor(vertices=ids, weights=weights)


def _source(model: BodyModel, name: str) -> tuple[str, tuple[str, ...]]:
    """The layout and the names in it whose mean is the point ``name`` of j49."""
    if name in STAND_INS:
        return STAND_INS[name]
    plain = name.removeprefix("openpose_")
    for layout in SOURCES:
        if layout in model.regressors and plain in LAYOUTS[layout]:
            return layout, (plain,)
    raise BadUsage(
        f'The body {model.name} has no point called "{plain}", which training rows annotate.'
    )


def _row(model: BodyModel, layout: str, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    if layout not in model.regressors:
        raise BadUsage(f'The body {model.name} has no keypoints "{layout}" to train with.')
    found, places = model.regressors[layout], [LAYOUTS[layout].index(name) for name in names]
    return found.vertices[places].ravel(), found.weights[places].ravel() / len(names)


class TrainedPoints(nn.Module):
    """A pose and shape in, the 49 points in metres out; only the vertices they need are skinned."""

    def __init__(self, model: BodyModel, betas: int):
        super().__init__()
        rows, vertices = regressor(model), len(model.template)
        needed = np.unique(rows.vertices[rows.vertices < vertices])
        # Ids past the last vertex mean joints of the skeleton; they follow the chosen vertices.
        place = np.zeros(vertices + len(model.parents), np.int64)
        place[needed] = np.arange(len(needed))
        place[vertices:] = len(needed) + np.arange(len(model.parents))
        self.body = SkinnedBody(model, betas, needed)
        self.points = Keypoints(
            KeypointRegressor(
                vertices=place[rows.vertices], weights=np.asarray(rows.weights, np.float32)
            )
        )

    def forward(
        self, rotations: Float[Tensor, "batch joints 3 3"], betas: Float[Tensor, "batch betas"]
    ) -> Float[Tensor, "batch 49 3"]:
        return self.points(*self.body(rotations, betas))

"""Whether what a file says is a body: numbers, a tree of joints, weights that share a vertex out.

Skinning believes its model: a joint that is its own ancestor would make it wait for ever, a NaN
spreads over every picture, an index outside its array ends in a traceback.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped

from pymafsam.body.model import BodyModel
from pymafsam.errors import BadInput

MOST_VERTICES = 1_000_000
MOST_JOINTS = 1_000


def check(model: BodyModel, called: object) -> BodyModel:
    """The model itself. Raises BadInput, naming the file as ``called``, for the first fault."""
    for fault in _faults(model):
        raise BadInput(
            f"{called} is not a whole body: {fault}.\n"
            "  Convert it again, or get it again from its owner."
        )
    return model


def _faults(model: BodyModel) -> Iterator[str]:
    yield from _wrong_shapes(model)
    yield from _no_numbers(model)
    vertices, joints = len(model.template), len(model.parents)
    # A parent comes before its children, so that no joint can be its own ancestor.
    if model.parents[0] != -1 or not _within(model.parents[1:], np.arange(1, joints)):
        yield "its joints are no tree whose parents come before children"
    if model.weights.min() < -1e-6 or np.abs(model.weights.sum(axis=1) - 1).max() > 1e-3:
        yield "the skinning weights of a vertex do not add up to 1"
    for name, indices, most in (
        ("faces", model.faces, vertices),
        ("anchors", model.anchors, vertices),
        ("mirror", model.mirror, vertices),
        *((f"keypoints {n}", r.vertices, vertices + joints) for n, r in model.regressors.items()),
    ):
        if indices is not None and not _within(indices, most):
            yield f"its {name} name vertices that are not among the {vertices}"


def _wrong_shapes(model: BodyModel) -> Iterator[str]:
    vertices, joints = len(model.template), len(model.parents)
    betas = model.shape_dirs.shape[-1]
    if not (0 < vertices <= MOST_VERTICES and 0 < joints <= MOST_JOINTS and len(model.faces)):
        yield f"{vertices} vertices, {joints} joints and {len(model.faces)} faces"
    for name, shape in {
        "template": (vertices, 3),
        "shape_dirs": (vertices, 3, betas),
        "pose_dirs": (vertices, 3, 9 * (joints - 1)),
        "weights": (vertices, joints),
        "parents": (joints,),
        "faces": (len(model.faces), 3),
        "joints_template": (joints, 3),
        "joints_dirs": (joints, 3, betas),
        "part": (vertices,),
        "uv": (vertices, 2),
        "mirror": (vertices,),
    }.items():
        value = getattr(model, name)
        if value is not None and value.shape != shape:
            yield f"{name} should be {shape}, and is {value.shape}"
    for name, regressor in model.regressors.items():
        if regressor.vertices.ndim != 2 or regressor.vertices.shape != regressor.weights.shape:
            yield f"its keypoints {name} have {regressor.weights.shape} weights"


def _no_numbers(model: BodyModel) -> Iterator[str]:
    floating = "template shape_dirs pose_dirs weights joints_template joints_dirs uv".split()
    arrays = {name: getattr(model, name) for name in floating}
    arrays |= {f"keypoints {n}": r.weights for n, r in model.regressors.items()}
    for name, value in arrays.items():
        if value is not None and not (value.dtype.kind in "fiu" and np.isfinite(value).all()):
            yield f"{name} holds what is no finite number"


def _within(indices: Shaped[np.ndarray, "..."], most: int | Shaped[np.ndarray, "..."]) -> bool:
    return indices.dtype.kind in "iu" and bool(((indices >= 0) & (indices < most)).all())

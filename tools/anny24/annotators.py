"""Where people who annotate photographs put a body's joints, and keypoint rows that lie there.

An anatomical hip or wrist is not what COCO's or LSP's annotators click. ``MARKED`` says by how
much their places differ, as tools/fit_rows.py found it on coco/train and lsp/train.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import nnls

from pymafsam.geometry import joints

# Layout -> left keypoint -> metres from the anatomical place, in the rest pose's axes.
MARKED: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "coco17": {
        "left_hip": (0.009, -0.013, 0.003),
        "left_knee": (-0.001, -0.008, 0.001),
        "left_ankle": (0.003, 0.009, -0.001),
        "left_wrist": (0.010, 0.0, -0.005),
    },
    "lsp14": {
        "left_hip": (-0.005, -0.022, -0.012),
        "left_knee": (-0.004, -0.005, 0.001),
        "left_ankle": (0.0, 0.004, 0.0),
        "left_shoulder": (0.007, -0.004, 0.002),
        "left_elbow": (0.007, -0.005, -0.003),
        "left_wrist": (0.030, -0.004, -0.008),
    },
}
ANATOMICAL = "blazepose33"  # the layout that keeps its anatomical rows
FIRM = 1e3  # how much a row's place counts beside how little its weights change


def marked(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a body's npz, with the rows of ``MARKED`` moved to where they say."""
    out = dict(arrays)
    for layout, shifts in MARKED.items():
        vertices = out[f"regressor_{layout}_vertices"].copy()
        weights = out[f"regressor_{layout}_weights"].copy()
        for name, shift in shifts.items():
            vertex, weight = _moved(arrays, name, np.array(shift))
            for row, column in ((name, vertex), (joints.mirrored(name), arrays["mirror"][vertex])):
                index = joints.LAYOUTS[layout].index(row)
                vertices[index], weights[index] = column, weight
        out[f"regressor_{layout}_vertices"] = vertices
        out[f"regressor_{layout}_weights"] = weights.astype(np.float32)
    return out


def _moved(
    arrays: Mapping[str, np.ndarray], name: str, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and weights of the anatomical point, moved: convex, and as like it as can be."""
    row = joints.LAYOUTS[ANATOMICAL].index(name)
    vertex = arrays[f"regressor_{ANATOMICAL}_vertices"][row]
    before = arrays[f"regressor_{ANATOMICAL}_weights"][row].astype(float)
    corners = arrays["template"][vertex].astype(float)
    known = before > 0
    unit = np.eye(len(before))
    equations = np.vstack([unit, FIRM * corners.T, FIRM * np.ones((1, len(before)))]) * known
    aim = np.concatenate([before, FIRM * (before @ corners + shift), [FIRM]])
    weight = nnls(equations, aim)[0]
    return vertex, weight / weight.sum()

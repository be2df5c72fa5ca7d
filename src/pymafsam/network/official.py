"""Checkpoints of PyMAF, PyMAFSAM and SPIN: what their names mean here, and the way back.

Their files repeat the licensed body and the anchor matrix once per stage; here both are left
out or kept once, and nothing that a file holds goes unmentioned. numpy only.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Real, Shaped

from pymafsam.body import BodyModel, KeypointRegressor, smpl
from pymafsam.errors import BadInput
from pymafsam.network.architecture import Architecture
from pymafsam.points import grid

Tensors = Mapping[str, np.ndarray]

STAGES = range(3)
_HEADS = {"fc1": "first", "fc2": "second", "decpose": "pose", "decshape": "shape"} | {
    "deccam": "camera"
}
_DENSE = {
    "predict_u": "u",
    "predict_v": "v",
    "predict_uv_index": "part",
    "predict_ann_index": "coarse_part",
}

# Prefixes, theirs -> ours; read from the right for the way back.
PYMAF_NAMES: Mapping[str, str] = (
    {"feature_extractor.": "backbone.trunk."}
    | {f"deconv_layers.{3 * i + k}.": f"backbone.pyramid.{i}.{k}." for i in STAGES for k in (0, 1)}
    | {f"maf_extractor.{i}.conv{k}.": f"readers.{i}.layers.{k}." for i in STAGES for k in range(3)}
    | {f"regressor.{i}.{a}.": f"regressors.{i}.{b}." for i in STAGES for a, b in _HEADS.items()}
    | {f"dp_head.{a}.": f"dense.{b}." for a, b in _DENSE.items()}
)
HMR_NAMES: Mapping[str, str] = {
    f"{part}.": f"backbone.{part}." for part in "conv1 bn1 layer1 layer2 layer3 layer4".split()
} | {f"{a}.": f"regressor.{b}." for a, b in _HEADS.items()}
NAMES: Mapping[str, Mapping[str, str]] = {"pymaf": PYMAF_NAMES, "hmr": HMR_NAMES}

BATCH = 64  # the batch size their body was made for; the entries are zero
EXTRA_ROWS = range(45, 54)  # of their 54 joints: J_regressor_extra's
MEAN = ("init_pose", "init_shape", "init_cam")
# What is in their files and not in ours, and why (a pattern for the whole name).
LEFT_OUT: Mapping[str, str] = {
    r"points_grid": "the uniform grid is computed",
    r"(regressor\.\d\.)?smpl\..+": "the body is a file of its own (--body)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedState:
    """A foreign checkpoint in our names. ``left_out`` maps their names to the reason."""

    architecture: Architecture
    tensors: dict[str, np.ndarray]
    left_out: dict[str, str]


def convert_state_dict(theirs: Tensors) -> ConvertedState:
    """Names and shapes of PyMAF, PyMAFSAM or SPIN (HMR) turned into ours.

    Raises BadInput when it is none of them, or with a list of everything unknown and ambiguous.
    """
    theirs = _without_wrapper(theirs)
    kind = _kind(theirs)
    tensors: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    unknown = []
    for name, array in theirs.items():
        leaf = name.rpartition(".")[2]
        if ours := translate_name(name, NAMES[kind]):
            tensors[ours] = array
        elif why := next((w for p, w in LEFT_OUT.items() if re.fullmatch(p, name)), None):
            left_out[name] = why
        elif leaf in (*MEAN, "Dmap", "masks_points"):
            shared.setdefault(leaf, []).append(name)
        else:
            unknown.append(name)
    if unknown:
        raise BadInput(
            f"This looks like a {kind} checkpoint, but {len(unknown)} entries are unknown:\n  "
            f"{shortened(unknown)}\n  Was the network changed before it was trained?"
        )
    tensors |= _merged(theirs, shared, left_out)
    return ConvertedState(
        architecture=_architecture(kind, theirs, tensors), tensors=tensors, left_out=left_out
    )


def to_official(
    tensors: Tensors, architecture: Architecture, model: BodyModel
) -> dict[str, np.ndarray]:
    """Our tensors in the official layout, with SMPL repeated in it as there.

    Raises BadInput for a network or a body that the official code has no place for.
    """
    if architecture.network != "pymaf" or architecture.backbone != "resnet50":
        raise BadInput(
            "Only PyMAF with the backbone resnet50 can be written in the official layout; this is "
            f"{architecture.network} with {architecture.backbone}."
        )
    body = smpl_entries(model)
    back = {ours: theirs for theirs, ours in PYMAF_NAMES.items()}
    out = {}
    for name, array in tensors.items():
        if theirs := translate_name(name, back):
            out[theirs] = array
    bank = tensors.get("bank")
    out["points_grid" if bank is None else "masks_points"] = (
        grid().T[None] if bank is None else bank
    )
    cuts = np.cumsum([6 * architecture.joints, architecture.betas])
    means = np.split(tensors["mean"], cuts, axis=1)
    for stage in STAGES:
        out[f"maf_extractor.{stage}.Dmap"] = selection_matrix(
            tensors["anchors"], len(body["v_template"])
        )
        for leaf, mean in zip(MEAN, means, strict=True):
            out[f"regressor.{stage}.{leaf}"] = mean
        out |= {f"regressor.{stage}.smpl.{leaf}": array for leaf, array in body.items()}
    return out


def smpl_entries(model: BodyModel) -> dict[str, np.ndarray]:
    """What the official files hold under ``smpl.``, from SMPL's own body.

    Raises BadInput for a body that lacks parts of it.
    """
    wanted = [name for name in ("rest24", "j49") if name not in model.regressors]
    if model.pose_dirs is None or wanted or len(model.template) != smpl.VERTEX_COUNT:
        raise BadInput(
            f'The official layout holds SMPL itself; "{model.name}" is another body, or '
            "J_regressor_extra.npy was not beside its file."
        )
    count = len(model.template)
    points = dense_matrix(model.regressors["j49"], count + len(model.parents))
    extra = points[[int(np.flatnonzero(row == smpl.JOINTS49)[0]) for row in EXTRA_ROWS], :count]
    faces, parents = model.faces.astype(np.int64), model.parents.astype(np.int64)
    pose_dirs = model.pose_dirs.reshape(3 * count, -1).T
    return {
        "betas": np.zeros((BATCH, 10), np.float32),
        "global_orient": np.zeros((BATCH, 3), np.float32),
        "body_pose": np.zeros((BATCH, 69), np.float32),
        "shapedirs": model.shape_dirs,
        "faces_tensor": faces,
        "v_template": model.template,
        "J_regressor": dense_matrix(model.regressors["rest24"], count),
        "posedirs": np.ascontiguousarray(pose_dirs),
        "parents": parents,
        "lbs_weights": model.weights,
        "J_regressor_extra": np.ascontiguousarray(extra),
        "vertex_joint_selector.extra_joints_idxs": np.array(list(smpl.VERTICES.values())),
    }


def dense_matrix(rows: KeypointRegressor, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Sparse rows as one dense float32 matrix."""
    out = np.zeros((len(rows.vertices), columns), np.float32)
    np.add.at(out, (np.arange(len(out))[:, None], rows.vertices), rows.weights)
    return out


def translate_name(name: str, prefixes: Mapping[str, str]) -> str | None:
    """``name`` with the one prefix it has replaced; None when it has none of them."""
    head = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
    return None if head is None else prefixes[head] + name[len(head) :]


def selection_matrix(
    chosen: Int[np.ndarray, "rows"], vertices: int
) -> Float[np.ndarray, "rows vertices"]:
    """Anchor ids as the dense matrix of ones and zeros that picks them."""
    out = np.zeros((len(chosen), vertices), np.float32)
    out[np.arange(len(chosen)), chosen] = 1
    return out


def shortened(names: Iterable[str], most: int = 12) -> str:
    """Names, separated by commas; beyond ``most`` only their number."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _without_wrapper(theirs: Tensors) -> Tensors:
    """Names without the prefix that DistributedDataParallel adds to each."""
    if theirs and all(name.startswith("module.") for name in theirs):
        return {name[len("module.") :]: array for name, array in theirs.items()}
    return theirs


def _kind(theirs: Tensors) -> str:
    signs = {"pymaf": "regressor.0.fc1.weight", "hmr": "fc1.weight"}
    for kind, sign in signs.items():
        if sign in theirs:
            return kind
    raise BadInput(
        "This is no checkpoint of PyMAF, PyMAFSAM or SPIN: it has neither "
        f"{' nor '.join(signs.values())}.\n  It begins with: {shortened(theirs, 5) or 'nothing'}"
    )


def _merged(
    theirs: Tensors, shared: Mapping[str, list[str]], left_out: dict[str, str]
) -> dict[str, np.ndarray]:
    """What every stage repeats, once: the mean person, the anchors, the bank of points."""
    for names in shared.values():
        first = theirs[names[0]]
        differing = [name for name in names[1:] if not np.array_equal(theirs[name], first)]
        if differing:
            raise BadInput(f"{names[0]} and {shortened(differing)} should be equal and are not.")
        left_out |= dict.fromkeys(names[1:], f"the same as {names[0]}")
    missing = [leaf for leaf in MEAN if leaf not in shared]
    if missing:
        raise BadInput(f"The mean person is missing: no {shortened(missing)} in the file.")
    parts = [np.asarray(theirs[shared[leaf][0]], np.float32).reshape(1, -1) for leaf in MEAN]
    out = {"mean": np.concatenate(parts, 1), "anchors": np.zeros(0, np.int64)}
    if "Dmap" in shared:
        out["anchors"] = selected_vertices(theirs[shared["Dmap"][0]])
    if "masks_points" in shared:
        out["bank"] = _bank(theirs[shared["masks_points"][0]])
    return out


def selected_vertices(matrix: Real[np.ndarray, "rows vertices"]) -> Int[np.ndarray, "rows"]:
    """The vertex each row of a 0/1 matrix picks. Raises BadInput when it does anything else."""
    plain = matrix.ndim == 2 and bool(((matrix != 0).sum(1) == 1).all())
    if not plain or not (matrix.max(1) == 1).all():
        raise BadInput(
            "Dmap should pick one vertex per row (a single 1, zeros elsewhere); this one does not."
        )
    return matrix.argmax(1).astype(np.int64)


def _bank(points: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "rows points 2"]:
    if points.ndim != 3 or points.shape[2] != 2 or not np.isfinite(points).all():
        raise BadInput(
            "masks_points should be (masks, points, 2) finite numbers; "
            f"found {tuple(points.shape)}."
        )
    return np.ascontiguousarray(points, np.float32)


def _architecture(kind: str, theirs: Tensors, tensors: Tensors) -> Architecture:
    """Sizes as the tensors show them; whatever does not fit is found when shapes are compared."""
    prefix = "regressor.0." if kind == "pymaf" else ""
    wanted = [f"{prefix}{part}.weight" for part in _HEADS]
    missing = [n for n in wanted if n not in theirs or theirs[n].ndim != 2]
    if missing:
        raise BadInput(f"Missing from the checkpoint, or no matrices: {shortened(missing)}")
    joints, betas = len(theirs[wanted[2]]) // 6, len(theirs[wanted[3]])
    sizes: dict = {"joints": joints, "betas": betas, "anchors": len(tensors["anchors"])}
    if kind == "hmr":
        sizes |= {"points": 0, "dense": False}
    else:
        layers = [tensors.get(f"readers.0.layers.{k}.bias", np.zeros(1)) for k in range(3)]
        widths = tuple(len(layer) for layer in layers)
        readings = theirs[wanted[0]].shape[1] - 6 * joints - betas - 3
        sizes |= {"widths": widths, "points": max(readings, 0) // widths[-1]}
        sizes |= {"dense": any(name.startswith("dense.") for name in tensors)}
    templates = [a for n, a in theirs.items() if n.endswith("smpl.v_template")]
    vertices = len(templates[0]) if templates else _columns(theirs)
    policy = "bank" if "bank" in tensors else "grid"
    made = Architecture(network=kind, policy=policy, vertices=vertices, **sizes)
    made.check()
    return made


def _columns(theirs: Tensors) -> int:
    matrix = theirs.get("maf_extractor.0.Dmap")
    return 0 if matrix is None else matrix.shape[1]

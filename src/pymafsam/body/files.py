"""Bodies in files: SMPL's own pickles and their companions, and our npz; read without running code.

SMPL's files are licensed to their users and never come with this package. ``convert_body`` writes
one into our npz (no pickles, 10 shape directions, float32), which loads four times faster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from pymafsam.body import embedded, smpl
from pymafsam.body.check import check
from pymafsam.body.model import BodyModel
from pymafsam.body.surface import farthest_points, parts_of, read_uv
from pymafsam.config import data_folder
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import made, npz
from pymafsam.files.atomic import writing
from pymafsam.files.pickles import Sparse, read_npy, read_npz, read_pickle

NEEDED = ("v_template", "shapedirs", "weights", "J_regressor", "kintree_table", "f")
IN_A_FOLDER = tuple(
    f"{folder}SMPL_NEUTRAL.{ending}" for folder in ("", "smpl/") for ending in ("npz", "pkl")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """The files of the original's data folder that belong to a body; None: not there."""

    extra: Path | None = None  # J_regressor_extra.npy
    h36m: Path | None = None  # J_regressor_h36m.npy
    downsampling: Path | None = None  # mesh_downsampling.npz
    uv: Path | None = None  # UV_data/UV_Processed.mat

    @classmethod
    def of(cls, body: Path) -> "Companions":
        """Those beside ``body``, one folder up, or in PYMAFSAM_DATA."""
        folders = [body.parent, body.parent.parent, *filter(None, [data_folder()])]

        def find(name: str) -> Path | None:
            return next((f / name for f in folders if (f / name).is_file()), None)

        return cls(
            extra=find("J_regressor_extra.npy"),
            h36m=find("J_regressor_h36m.npy"),
            downsampling=find("mesh_downsampling.npz"),
            uv=find("UV_data/UV_Processed.mat"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPerson:
    """Where PyMAF's first round starts (``smpl_mean_params.npz``)."""

    pose: Float[np.ndarray, "144"]  # 24 rotations in the 6D form
    shape: Float[np.ndarray, "10"]
    camera: Float[np.ndarray, "3"]  # scale, shift x, shift y of the crop


def load(path: Path) -> BodyModel:
    """The body in a file, or the neutral one of a folder in the original's layout.

    Takes our npz and SMPL's ``.pkl`` and ``.npz``; the companions (``J_regressor_extra.npy`` and
    so on) are looked for beside it, one folder up and in PYMAFSAM_DATA. Raises MissingAsset when
    nothing is there, BadInput for damaged files, UntrustedFile for those that would run code.
    """
    path = path.expanduser()
    if path.is_dir():
        path = _in_folder(path)
    if not path.is_file():
        raise MissingAsset(
            f"No body was found at {path}.\n"
            "  Wanted: SMPL_NEUTRAL.pkl (or MALE, FEMALE), its .npz, or a file that\n"
            "  `pymafsam convert` wrote. Where to get SMPL: docs/coming-from-pymaf.md"
        )
    if path.suffix == ".npz" and "template" in (arrays := read_npz(path)):
        return read_ours(path, arrays)
    return read_smpl(path, Companions.of(path))


def neutral() -> BodyModel:
    """The body called "smpl": SMPL_NEUTRAL of PYMAFSAM_DATA. Raises like ``load``."""
    return _of_data_folder("NEUTRAL")


def male() -> BodyModel:
    """The body called "smpl-male": SMPL_MALE of PYMAFSAM_DATA. Raises like ``load``."""
    return _of_data_folder("MALE")


def female() -> BodyModel:
    """The body called "smpl-female": SMPL_FEMALE of PYMAFSAM_DATA. Raises like ``load``."""
    return _of_data_folder("FEMALE")


def _of_data_folder(gender: str) -> BodyModel:
    folder = data_folder()
    if folder is None:
        raise MissingAsset(
            "SMPL's bodies are yours to bring: no folder of licensed files is known.\n"
            "  Set PYMAFSAM_DATA to the folder that holds smpl/SMPL_NEUTRAL.pkl, or name the\n"
            "  file: --body PATH. Where to get SMPL: docs/coming-from-pymaf.md"
        )
    converted = folder / "smpl" / f"SMPL_{gender}.npz"
    return load(converted if converted.is_file() else converted.with_suffix(".pkl"))


def read_smpl(path: Path, companions: Companions | None = None, *, betas: int = 10) -> BodyModel:
    """A body in SMPL's format, ``.pkl`` (Python 2, chumpy) or ``.npz``, with its companions.

    At most ``betas`` of the file's shape directions are kept. Without ``downsampling`` 431 anchors
    are chosen evenly over the surface; without ``uv`` parts follow the skinning weights. Raises
    BadInput for missing, damaged or mis-shaped contents, UntrustedFile for code.
    """
    beside = companions or Companions()
    content = read_npz(path) if path.suffix == ".npz" else read_pickle(path)
    if not isinstance(content, Mapping):
        raise BadInput(f"{path} does not hold a body: a {type(content).__name__} was found.")
    missing = [name for name in NEEDED if name not in content]
    if missing:
        raise BadInput(f"{path} is not a body in SMPL's format: it lacks {', '.join(missing)}.")
    field = _Fields(path, content)
    template = field.array("v_template", (None, 3))
    count = len(template)
    skinning = field.array("weights", (count, None))
    joints = skinning.shape[1]
    shape_dirs = field.array("shapedirs", (count, 3, None))[..., :betas]
    bending = (count, 3, 9 * (joints - 1))
    pose_dirs = field.array("posedirs", bending) if "posedirs" in content else None
    skeleton = field.array("J_regressor", (joints, count))
    faces = field.indices("f", (None, 3))
    extra = points_file(beside.extra, (smpl.EXTRA, count))
    h36m = points_file(beside.h36m, (17, count))
    part, chart = read_uv(beside.uv, count) if beside.uv else parts_of(template, skinning)
    anchors = farthest_points(template)
    if beside.downsampling:
        anchors = read_anchors(beside.downsampling, count)
    model = BodyModel(
        name=path.stem,
        template=template.astype(np.float32),
        shape_dirs=shape_dirs.astype(np.float32),
        pose_dirs=None if pose_dirs is None else pose_dirs.astype(np.float32),
        weights=skinning.astype(np.float32),
        parents=_parents(path, field.indices("kintree_table", (2, joints))),
        faces=faces.astype(np.int32),
        joints_template=(skeleton @ template).astype(np.float32),
        joints_dirs=np.einsum("jv,vdb->jdb", skeleton, shape_dirs).astype(np.float32),
        regressors=smpl.regressors(skeleton, extra, h36m, count),
        anchors=anchors,
        part=part,
        uv=chart,
        mirror=_mirror(content.get("vert_sym_idxs"), count),
    )
    return check(model, path)


def points_file(path: Path | None, shape: tuple[int, int]) -> np.ndarray | None:
    """A dense regressor ``.npy`` of that shape. Raises BadInput for any other."""
    if path is None:
        return None
    return _Fields(path, {"array": read_npy(path)}).array("array", shape).astype(np.float64)


def read_anchors(path: Path, vertices: int) -> Int[np.ndarray, "anchors"]:
    """Vertex ids of the coarsest level of ``mesh_downsampling.npz`` (D[1] D[0]).

    Raises BadInput when it belongs to another mesh or does more than choose vertices.
    """
    levels = read_npz(path)["D"]
    if not (isinstance(levels, np.ndarray) and len(levels) == 2):
        raise BadInput(f"{path} does not hold two levels of downsampling (D).")
    fine, coarse = (_chosen(path, level) for level in levels)
    if levels[0].shape[1] != vertices or levels[1].shape[1] != len(fine):
        raise BadInput(
            f"{path} thins out a mesh of {levels[0].shape[1]} vertices; the body has {vertices}."
        )
    return fine[coarse]


def read_mean(path: Path) -> MeanPerson:
    """Read ``smpl_mean_params.npz``. Raises BadInput for other contents."""
    field = _Fields(path, read_npz(path))
    values = [field.array(n, (k,)) for n, k in (("pose", 144), ("shape", 10), ("cam", 3))]
    pose, shape, camera = (v.astype(np.float32) for v in values)
    if camera[0] <= 0:
        raise BadInput(f"{path}: cam begins with a scale above 0 (the body stands before it).")
    return MeanPerson(pose=pose, shape=shape, camera=camera)


def read_ours(path: Path, arrays: Mapping[str, Any] | None = None) -> BodyModel:
    """A body from our npz. Raises BadInput when it is damaged."""
    content = dict(read_npz(path) if arrays is None else arrays)
    try:
        model = check(embedded.from_arrays(path.stem, content), path)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path} is not a whole body ({type(error).__name__}: {error}).\n"
            "  Convert it again: pymafsam convert SMPL_NEUTRAL.pkl"
        ) from error
    return model


def convert_body(path: Path, out: Path, companions: Companions | None = None) -> BodyModel:
    """Write the body at ``path`` into our npz at ``out``: all of it but betas past the tenth.

    ``companions`` are looked for when not given. Raises like ``load``.
    """
    model = read_smpl(path, companions) if companions else load(path)
    with writing(out) as fresh:
        npz.write(embedded.to_arrays(model, path.name), fresh, made.mark("convert"))
    return model


def _in_folder(folder: Path) -> Path:
    found = [folder / name for name in IN_A_FOLDER if (folder / name).is_file()]
    if not found:
        raise MissingAsset(
            f"No body was found in {folder}.\n  Looked for: {', '.join(IN_A_FOLDER)}\n"
            "  Where to get SMPL: docs/coming-from-pymaf.md"
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class _Fields:
    """Arrays of a file by name, checked on their way out."""

    path: Path
    content: Mapping[str, Any]

    def array(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Finite numbers of that shape (None: any size), as float32 or float64.

        Not all of numpy reckons with the others: truth values have no minus, float16 no
        decomposition, and differences of unsigned numbers wrap around.
        """
        value = self._numbers(name, shape)
        return value if value.dtype in (np.float32, np.float64) else value.astype(np.float64)

    def indices(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Whole numbers of that shape, as int64."""
        with np.errstate(invalid="ignore"):  # what has no place in int64 becomes negative
            return self._numbers(name, shape).astype(np.int64)

    def _numbers(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        value = self.content[name]
        try:
            value = value.dense() if isinstance(value, Sparse) else np.asarray(value)
        except ValueError as error:  # lists of unequal lengths
            raise BadInput(f"{self.path}: {name} should be numbers ({error}).") from error
        fits = value.ndim == len(shape) and all(
            want in (None, size) for want, size in zip(shape, value.shape, strict=True)
        )
        if not fits or value.dtype.kind not in "biuf":
            wanted = " x ".join("any" if n is None else str(n) for n in shape)
            raise BadInput(
                f"{self.path}: {name} should be numbers, {wanted}; "
                f"found {value.dtype} {' x '.join(map(str, value.shape))}."
            )
        if not np.isfinite(value).all():
            raise BadInput(f"{self.path}: {name} holds numbers that are not finite.")
        return value


def _parents(path: Path, table: Int[np.ndarray, "2 joints"]) -> Int[np.ndarray, "joints"]:
    parents = table[0].copy()
    parents[0] = -1  # stored as 2^32 - 1
    if (parents[1:] < 0).any() or (parents >= np.arange(len(parents))).any():
        raise BadInput(f"{path}: kintree_table is no tree whose parents come before children.")
    return parents.astype(np.int32)


def _chosen(path: Path, level: object) -> Int[np.ndarray, "rows"]:
    """The column chosen by every row of a matrix with a single one per row."""
    if (
        not isinstance(level, Sparse)
        or level.values.shape != level.shape[:1]
        or (level.values != 1).any()
    ):
        raise BadInput(f"{path}: D should choose one vertex per row (a single 1).")
    order = np.argsort(level.rows, kind="stable")
    if not (level.rows[order] == np.arange(level.shape[0])).all():
        raise BadInput(f"{path}: D leaves rows empty.")
    return level.columns[order].astype(np.int64)


def _mirror(value: object, vertices: int) -> Int[np.ndarray, "vertices"] | None:
    """Each vertex's other side, when the file has it (some stand-ins hold 0, 1, 2, …)."""
    if not isinstance(value, np.ndarray) or value.shape != (vertices,):
        return None
    if value.dtype.kind not in "iu" or value.min() < 0 or value.max() >= vertices:
        return None
    itself = np.arange(vertices)
    swaps = (value[value] == itself).all() and (value != itself).any()
    return value.astype(np.int32) if swaps else None

"""The data folder of the original PyMAF and PyMAFSAM: what belongs in it, and whether it is whole.

The folder is taken as its README describes it (``data/``); nothing in it is run when it is looked
at. Most of it is licensed: it cannot come with this package, and each entry says whom to ask.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pymafsam.body import files
from pymafsam.body.smpl import EXTRA, VERTEX_COUNT
from pymafsam.body.surface import read_charts
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.files.matlab import read_mat
from pymafsam.files.pickles import read_npy, read_npz


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or ``folder/*.ending`` of the folder; ``check`` says what it holds or raises."""

    pattern: str
    does: str
    ask: str
    check: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Inspected:
    """``whole`` None: not there. ``says`` is what was found, what is wrong, or whom to ask."""

    name: str
    whole: bool | None
    says: str


def inspect(folder: Path) -> Iterator[Inspected]:
    """Every entry of the original's folder; several lines for those that are many files."""
    for entry in ENTRIES:
        found = sorted(folder.glob(entry.pattern))
        if not found:
            yield Inspected(entry.pattern, None, f"{entry.does}. {entry.ask}")
        for path in found:
            name = path.relative_to(folder).as_posix()
            try:
                yield Inspected(name, True, entry.check(path))
            except PymafsamError as error:
                reason = " ".join(str(error).replace(str(path), "").split())
                yield Inspected(name, False, f"damaged: {reason}. {entry.ask}")


def body(path: Path) -> str:
    """An SMPL body, read as ``--body`` would."""
    model = files.read_smpl(path)
    vertices, _, betas = model.shape_dirs.shape
    return f"{vertices:,} vertices, {len(model.parents)} joints, {betas} shape directions"


def weighs_vertices(rows: int) -> Callable[[Path], str]:
    """A dense (rows, 6890) regressor of joints."""

    def check(path: Path) -> str:
        files.points_file(path, (rows, VERTEX_COUNT))
        return f"{rows} joints from {VERTEX_COUNT:,} vertices"

    return check


def downsampling(path: Path) -> str:
    """The choice of 431 vertices."""
    return f"{len(files.read_anchors(path, VERTEX_COUNT))} of {VERTEX_COUNT:,} vertices"


def mean_person(path: Path) -> str:
    """The first estimate of the network."""
    files.read_mean(path)
    return "mean pose, shape and camera"


def charts(path: Path) -> str:
    """DensePose's cut of the surface."""
    found = read_charts(path, VERTEX_COUNT)
    return f"{len(found.faces):,} faces in {found.part.max()} parts"


def symmetries(path: Path) -> str:
    """What a mirrored picture does to U and V."""
    content = read_mat(path)
    if not {"U_transforms", "V_transforms"} <= set(content):
        raise BadInput("it holds no U_transforms and V_transforms")
    return "mirrored U and V of 24 parts"


def mask_points(path: Path) -> str:
    """The bank of the 2024 network."""
    bank = read_npy(path)
    if getattr(bank, "ndim", 0) != 3 or bank.shape[2] != 2 or bank.dtype.kind != "f":
        raise BadInput(f"it should be people x 441 x 2, found {getattr(bank, 'shape', 'objects')}")
    return f"{len(bank)} people, {bank.shape[1]} points each"


def checkpoint(path: Path) -> str:
    """A torch checkpoint, by the listing of its archive alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        with path.open("rb") as stream:
            if stream.read(4)[:2] == b"\x80\x02":  # torch before 1.6 wrote a bare pickle
                return "a checkpoint of torch before 1.6 (looked into only when it is converted)"
        raise BadInput(f"it is truncated or no torch checkpoint ({error})") from error
    tensors = sum("/data/" in name for name in names)
    if not tensors or not any(name.endswith("data.pkl") for name in names):
        raise BadInput("it is an archive, but no torch checkpoint")
    return f"{tensors} tensors, {path.stat().st_size / 1e6:.0f} MB"


def rows_of_people(path: Path) -> str:
    """A data set in SPIN's layout."""
    content = read_npz(path)
    missing = [name for name in ("imgname", "center", "scale") if name not in content]
    if missing:
        raise BadInput(f"it lacks {', '.join(missing)}")
    return f"{len(content['scale']):,} people: {', '.join(sorted(content))}"


def fits(path: Path) -> str:
    """Fitted bodies aligned with a data set's rows."""
    if path.suffix == ".npy":
        return f"{len(read_npy(path)):,} people"
    content = read_npz(path)
    missing = [name for name in ("pose", "betas", "valid_fit") if name not in content]
    if missing:
        raise BadInput(f"it lacks {', '.join(missing)}")
    return f"{len(content['betas']):,} people"


SMPL = "Register and ask at smpl.is.tue.mpg.de (research licence)"
NEUTRAL = "Register at smplify.is.tue.mpg.de; basicModel_neutral_lbs_10_207_0_v1.0.0.pkl, renamed"
SPIN = "In SPIN's data archive: github.com/nkolot/SPIN, fetch_data.sh"
DENSEPOSE = "DensePose's UV data: github.com/facebookresearch/DensePose, get_densepose_uv.sh"
AUTHORS = "From the authors: github.com/HongwenZhang/PyMAF and the PyMAFSAM repository"
ENTRIES = (
    Entry("smpl/SMPL_NEUTRAL.pkl", "the neutral body", NEUTRAL, body),
    Entry("smpl/SMPL_MALE.pkl", "the male body", SMPL, body),
    Entry("smpl/SMPL_FEMALE.pkl", "the female body", SMPL, body),
    Entry("J_regressor_extra.npy", "nine joints of data sets", SPIN, weighs_vertices(EXTRA)),
    Entry("J_regressor_h36m.npy", "Human3.6M's joints", SPIN, weighs_vertices(17)),
    Entry(
        "mesh_downsampling.npz",
        "the vertices a network looks at",
        "GraphCMR: github.com/nkolot/GraphCMR, data/",
        downsampling,
    ),
    Entry("smpl_mean_params.npz", "the network's first estimate", SPIN, mean_person),
    Entry("UV_data/UV_Processed.mat", "part and UV of the surface", DENSEPOSE, charts),
    Entry("UV_data/UV_symmetry_transforms.mat", "mirrored UV", DENSEPOSE, symmetries),
    Entry(
        "lspet_mask_points.npy",
        "the 2024 bank of sampling points",
        f"{AUTHORS}, or: pymafsam mask points",
        mask_points,
    ),
    Entry(
        "sam_vit_h_4b8939.pth",
        "SAM's largest network",
        "github.com/facebookresearch/segment-anything, or use --segmenter mobilesam",
        checkpoint,
    ),
    Entry("pretrained_model/*.pt", "trained networks", AUTHORS, checkpoint),
    Entry("dataset_extras/*.npz", "lists of training pictures", SPIN, rows_of_people),
    Entry("final_fits/*.np[yz]", "fitted bodies of training pictures", SPIN, fits),
)

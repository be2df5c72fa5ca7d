"""Human3.6M: ``S1/MyPoseFeatures/D3_Positions_mono/*.cdf`` beside ``images/``.

Ionescu et al., "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in
Natural Environments", 2014. Pictures are every fifth frame, taken out of the videos by the user
and named ``images/S1_Directions_1.54138969_000001.jpg``. 3D joints are metres around the pelvis,
camera axes; the square holds the segmented person where ``MySegmentsMat`` is there, else the
projected joints (``D2_Positions``).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.data.prepare.boxes import MARGIN, around, into_j24, square
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import hdf5
from pymafsam.geometry.boxes import bounds

# The 17 of the file's 32 joints that are used, by what J24 calls them.
JOINTS = {
    11: "pelvis", 6: "left_hip", 7: "left_knee", 8: "left_ankle", 1: "right_hip", 2: "right_knee",
    3: "right_ankle", 12: "spine", 24: "neck", 14: "jaw", 15: "head", 17: "left_shoulder",
    18: "left_elbow", 19: "left_wrist", 25: "right_shoulder", 26: "right_elbow", 27: "right_wrist",
}  # fmt: skip
SUBJECTS = {
    "train": ("S1", "S5", "S6", "S7", "S8"),
    "valid-p1": ("S9", "S11"),
    "valid-p2": ("S9", "S11"),
}
FRONTAL = "60457274"  # the camera of protocol 2
STEP = 5  # frames
SEGMENTED = 0.9  # scale of the square over the segmentation's box
MILLIMETRES = 1000.0


def h36m(raw: Path, part: str | None) -> Rows:
    """Parts: ``train`` (also where none is said), ``valid-p1``, ``valid-p2`` (one camera only)."""
    only(part, list(SUBJECTS))
    people: list[Row] = []
    dropped: list[Dropped] = []
    for subject in SUBJECTS[part or "train"]:
        for path in _sequences(raw / subject):
            camera = path.stem.rpartition(".")[2]
            if part == "valid-p2" and camera != FRONTAL:
                continue
            for row in _rows(raw, subject, path):
                if isinstance(row, Row):
                    people.append(row)
                else:
                    dropped.append(Dropped(len(people) + len(dropped), *row))
    if not people and not dropped:
        raise BadInput(
            f"{raw} is not Human3.6M: wanted S9/MyPoseFeatures/D3_Positions_mono/*.cdf and so on."
        )
    return Rows.of(people, dropped)


def _sequences(folder: Path) -> list[Path]:
    """A subject's files of 3D joints; ``_ALL`` repeats others."""
    found = sorted((folder / "MyPoseFeatures" / "D3_Positions_mono").glob("*.cdf"))
    return [path for path in found if "_ALL" not in path.name]


def _rows(raw: Path, subject: str, path: Path) -> Iterator[Row | tuple[str, str]]:
    """Rows of a sequence, or (picture, why there is none)."""
    features = path.parent.parent
    metric = read_poses(path, 3)
    projected = features / "D2_Positions" / path.name
    seen = read_poses(projected, 2) if projected.is_file() else None
    segments = raw / subject / "MySegmentsMat" / "ground_truth_bb" / f"{path.stem}.mat"
    boxes = read_boxes(segments, STEP) if segments.is_file() else {}
    for frame in range(0, len(metric), STEP):
        image = f"images/{subject}_{path.stem.replace(' ', '_')}_{frame + 1:06d}.jpg"
        part = None if seen is None or frame >= len(seen) else _pixels(seen[frame])
        box = boxes.get(frame)
        if box is None:
            box = None if part is None else around(part)
            if box is None:
                yield image, "neither segmentation nor projected joints say where the person is"
                continue
            centre, scale = square(box)
        else:
            centre, scale = square(box)
            scale *= SEGMENTED / MARGIN
        yield Row(
            image=image,
            centre=centre,
            scale=scale,
            keypoints=part,
            joints_3d=_metres(metric[frame]),
        )


def _pixels(joints: Float[np.ndarray, "32 2"]) -> Float[np.ndarray, "24 3"]:
    chosen = np.hstack([joints[list(JOINTS)], np.ones((len(JOINTS), 1))])
    return into_j24(chosen, list(JOINTS.values()))


def _metres(joints: Float[np.ndarray, "32 3"]) -> Float[np.ndarray, "24 4"]:
    chosen = joints[list(JOINTS)] / MILLIMETRES
    centred = chosen - chosen[list(JOINTS.values()).index("pelvis")]
    return into_j24(np.hstack([centred, np.ones((len(JOINTS), 1))]), list(JOINTS.values()))


def read_poses(path: Path, axes: int) -> Float[np.ndarray, "frames 32 axes"]:
    """The 32 joints of a sequence. Raises MissingAsset without ``cdflib``, BadInput else."""
    try:
        import cdflib
    except ImportError as error:
        raise MissingAsset(
            f"{path} is a CDF file, which needs cdflib.\n  pip install 'pymafsam[datasets]'"
        ) from error
    try:
        poses = np.asarray(cdflib.CDF(path).varget("Pose"), np.float64)
        return poses.reshape(-1, 32, axes)
    except Exception as error:  # damaged files make cdflib raise nearly anything
        raise BadInput(f"{path} is not a CDF file of 32 joints ({error}).") from error


def read_boxes(path: Path, step: int) -> dict[int, Float[np.ndarray, "4"]]:
    """Every ``step``-th frame's box around its mask; frames without one are left out.

    Raises MissingAsset without ``h5py`` and BadInput for another file.
    """
    with hdf5.opened(path, "Human3.6M's boxes (Masks)") as content:
        references = np.ravel(content["Masks"])
        kept = range(0, len(references), step)
        # HDF5 has MATLAB's axes reversed: columns come first.
        masks = {k: hdf5.array(content[references[k]], path) for k in kept}
    return {frame: bounds(mask.T > 0) for frame, mask in masks.items() if mask.any()}

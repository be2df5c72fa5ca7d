"""MPI-INF-3DHP: ``S1..S8/Seq1,Seq2`` with ``annot.mat``, and ``mpi_inf_3dhp_test_set/TS1..TS6``.

Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision",
2017. Frames are pictures ``S1/Seq1/imageFrames/video_0/frame_000001.jpg``, taken out of the videos
by the user; every tenth is used. 3D joints are metres around the pelvis, camera axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.data.prepare.boxes import around, into_j24, square
from pymafsam.data.prepare.parts import only
from pymafsam.data.rows import Dropped, Row, Rows
from pymafsam.errors import BadInput
from pymafsam.files.hdf5 import read_hdf5
from pymafsam.files.matlab import read_mat

# The 17 of the training file's 28 joints that are used, by what J24 calls them.
TRAIN = {
    3: "spine", 4: "pelvis", 5: "neck", 6: "jaw", 7: "head",
    9: "left_shoulder", 10: "left_elbow", 11: "left_wrist",
    14: "right_shoulder", 15: "right_elbow", 16: "right_wrist",
    18: "left_hip", 19: "left_knee", 20: "left_ankle",
    23: "right_hip", 24: "right_knee", 25: "right_ankle",
}  # fmt: skip
# The test files have these 17 only.
TEST = (
    "head neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle pelvis spine jaw"
).split()
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)  # at the height of the chest
SIDE = 2048  # pixels of the training pictures
STEP = 10  # frames
MILLIMETRES = 1000.0


def mpi_inf_3dhp(raw: Path, part: str | None) -> Rows:
    """Parts: ``train`` (also where none is said) and ``test``."""
    only(part, ("train", "test"))
    people: list[Row] = []
    dropped: list[Dropped] = []
    for image, joints, extent in _test(raw) if part == "test" else _train(raw):
        made = _row(image, joints, extent)
        if isinstance(made, Row):
            people.append(made)
        else:
            dropped.append(Dropped(len(people) + len(dropped), image, made))
    return Rows.of(people, dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joints:
    """17 joints in J24's order: pixels and metres, with 1 where there is one."""

    picture: Float[np.ndarray, "24 3"]
    metric: Float[np.ndarray, "24 4"]


def _train(raw: Path) -> Iterator[tuple[str, _Joints, Float[np.ndarray, "points 2"]]]:
    """Picture, joints and the extent of all 28 joints."""
    files = sorted(raw.glob("S*/Seq*/annot.mat"))
    if not files:
        raise BadInput(f"{raw} is not MPI-INF-3DHP: wanted S1/Seq1/annot.mat and so on in it.")
    for path in files:
        content = read_mat(path)
        try:
            seen, metric = np.ravel(content["annot2"]), np.ravel(content["annot3"])
            sequence = path.parent.relative_to(raw).as_posix()
            for camera in (k for k in CAMERAS if k < len(seen)):
                flat = seen[camera].reshape(-1, 28, 2), metric[camera].reshape(-1, 28, 3)
                for frame in range(0, len(flat[0]), STEP):
                    name = f"imageFrames/video_{camera}/frame_{frame + 1:06d}.jpg"
                    points, places = flat[0][frame], flat[1][frame]
                    joints = _joints(points[list(TRAIN)], places[list(TRAIN)], [*TRAIN.values()])
                    yield f"{sequence}/{name}", joints, points
        except (KeyError, ValueError, AttributeError) as error:
            raise BadInput(f"{path} does not hold annot2 and annot3 of 28 joints.") from error


def _test(raw: Path) -> Iterator[tuple[str, _Joints, Float[np.ndarray, "points 2"]]]:
    """Picture, joints and their extent, of frames marked as valid."""
    files = sorted(raw.glob("**/TS*/annot_data.mat"))
    if not files:
        raise BadInput(f"{raw} holds no TS1/annot_data.mat of MPI-INF-3DHP's test set.")
    for path in files:
        content = read_hdf5(path, ("annot2", "annot3", "valid_frame"))
        seen = content["annot2"].reshape(-1, len(TEST), 2)
        metric = content["annot3"].reshape(-1, len(TEST), 3)
        folder = path.parent.relative_to(raw).as_posix()
        for frame in np.flatnonzero(content["valid_frame"].ravel()).tolist():
            name = f"{folder}/imageSequence/img_{frame + 1:06d}.jpg"
            yield name, _joints(seen[frame], metric[frame], TEST), seen[frame]


def _joints(
    seen: Float[np.ndarray, "joints 2"], metric: Float[np.ndarray, "joints 3"], names: Sequence[str]
) -> _Joints:
    places = (metric - metric[names.index("pelvis")]) / MILLIMETRES
    known = np.ones((len(names), 1))
    return _Joints(
        picture=into_j24(np.hstack([seen, known]), names),
        metric=into_j24(np.hstack([places, known]), names),
    )


def _row(image: str, joints: _Joints, extent: Float[np.ndarray, "points 2"]) -> Row | str:
    """The row, or why there is none."""
    known = joints.picture[joints.picture[:, 2] > 0, :2]
    if not np.isfinite(known).all() or known.min() < 0 or known.max() >= SIDE:
        return "a joint is outside the picture"
    box = around(np.column_stack([extent, np.ones(len(extent))]))
    if box is None:
        return "the joints have no extent"
    centre, scale = square(box)
    return Row(
        image=image, centre=centre, scale=scale, keypoints=joints.picture, joints_3d=joints.metric
    )

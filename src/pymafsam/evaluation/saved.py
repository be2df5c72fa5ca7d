"""Results that were saved, by us or by others, as a subject: measured without any network.

Three forms are read: a folder of our json files, COCO's result json, an npz of poses row by row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.errors import BadInput, PymafsamError
from pymafsam.evaluation.cases import Found
from pymafsam.evaluation.subjects import Answered, Subject
from pymafsam.files import json
from pymafsam.files.json import Field
from pymafsam.files.pickles import read_npz
from pymafsam.geometry import rotation
from pymafsam.geometry.boxes import intersection_over_union
from pymafsam.records import Person, Pose, Request

LEAST = 0.3  # intersection over union with the box that was asked for
SETS = ("h36m17", "coco17", "lsp14")


def subject(path: Path, model: BodyModel) -> Subject:
    """Who answers from ``path``. Raises BadInput where nothing of the kind is there."""
    if path.is_dir():
        return SavedScenes(folder=path)
    if path.suffix == ".npz":
        return SavedPoses(path=path, model=model)
    if path.is_file():
        return SavedKeypoints(path=path)
    raise BadInput(
        f"No results are at {path}.\n  Wanted: a folder of json files that pymafsam reconstruct "
        "wrote, a COCO result file (.json), or poses row by row (.npz with pose and betas)."
    )


@dataclass(frozen=True, kw_only=True)
class SavedScenes:
    """A folder of our json, one file per picture."""

    folder: Path

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """The files by the picture they are of: its name without ending."""
        found = sorted(self.folder.rglob("*.json"))
        return {path.relative_to(self.folder).with_suffix("").as_posix(): path for path in found}

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """The people of every picture that has a file; a missing or damaged one is an error."""
        for request in requests:
            try:
                yield request, asked(self._people(request.frame.name), request.people)
            except PymafsamError as error:
                yield request, error

    def _people(self, name: str) -> list[Found]:
        stem = PurePosixPath(name).with_suffix("").as_posix()
        path = self.files.get(stem) or self.files.get(PurePosixPath(stem).name)
        if path is None:
            raise BadInput(f"{self.folder} holds no results for {name} ({stem}.json).")
        return [_of_ours(person) for person in json.read(path).at("people").items()]


def _of_ours(at: Field) -> Found:
    """A person of our json contract."""
    sets = {name: points.array(None, 3) for name, points in at.at("joints_3d").entries()}
    seen = at.at("keypoints_2d")
    return Found(
        score=at.at("score").number(),
        box=at.at("box").array(4),
        keypoints=seen.at("coco17").array(17, 3) if seen.has("coco17") else None,
        joints=sets,
        pose=at.at("pose").array(None, 3),
        betas=at.at("betas").array(None),
        translation=at.at("translation").array(3),
        mask=at.at("mask").value if at.has("mask") else None,
    )


@dataclass(frozen=True, kw_only=True)
class SavedKeypoints:
    """COCO's result file: a list of image_id, keypoints, score; cases are pictures by their id."""

    path: Path

    @cached_property
    def people(self) -> Mapping[str, Sequence[Found]]:
        """Everybody by picture."""
        out: dict[str, list[Found]] = {}
        for row in json.read(self.path).items():
            points = row.at("keypoints").array(51).reshape(17, 3)
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            found = Found(
                score=row.at("score").number(), box=np.concatenate([low, high]), keypoints=points
            )
            out.setdefault(str(row.at("image_id").value), []).append(found)
        return out

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """Nobody where the file has no row for a picture."""
        for request in requests:
            case = request.key.partition("\n")[0]
            # By likeness, not by box: a result file says nothing of boxes.
            yield request, list(self.people.get(case, ()))


@dataclass(frozen=True, kw_only=True)
class SavedPoses:
    """An npz of rows: pose (n, 72 or n, 24, 3), betas (n, 10), or joints by layout (n, points, 3).

    Rows answer the benchmark's rows by their number. ``model`` is the body that poses are of.
    """

    path: Path
    model: BodyModel

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The file's arrays. Raises BadInput without poses and joints."""
        content = {k: v for k, v in read_npz(self.path).items() if isinstance(v, np.ndarray)}
        posed = {"pose", "betas"} <= set(content)
        if not posed and not set(SETS) & set(content):
            raise BadInput(
                f"{self.path} has neither pose and betas nor joints ({', '.join(SETS)}).\n"
                f"  It has: {', '.join(sorted(content)) or 'nothing'}"
            )
        return content

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """The row of every request."""
        for request in requests:
            number = request.key.split(" ", 1)[0]
            try:
                yield request, [self._row(int(number))]
            except (ValueError, IndexError):
                yield request, BadInput(f"{self.path} has no row for {request.frame.name}.")
            except PymafsamError as error:
                yield request, error

    def _row(self, number: int) -> Found:
        found = Found(score=1.0, box=np.zeros(4), asked=0, joints=self._given(number))
        if "pose" not in self.arrays or "betas" not in self.arrays:
            return found
        vectors = np.asarray(self.arrays["pose"][number], np.float64).reshape(-1, 3)
        betas = np.asarray(self.arrays["betas"][number], np.float64)
        return replace(
            found,
            pose=vectors,
            betas=betas,
            joints={**self._joints(vectors, betas), **found.joints},
        )

    def _given(self, number: int) -> dict[str, Float[np.ndarray, "points 3"]]:
        return {
            name: np.asarray(self.arrays[name][number], np.float64)
            for name in SETS
            if name in self.arrays
        }

    def _joints(
        self, vectors: Float[np.ndarray, "joints 3"], betas: Float[np.ndarray, "betas"]
    ) -> dict[str, Float[np.ndarray, "points 3"]]:
        turns = rotation.from_axis_angle(vectors).astype(np.float32)
        mesh = body.skin(self.model, Pose(rotations=turns, betas=betas.astype(np.float32)))
        known = [name for name in SETS if name in self.model.regressors]
        points = {name: body.keypoints(self.model, mesh, name).astype(np.float64) for name in known}
        return {**points, "body24": mesh.joints.astype(np.float64)}


def asked(found: Sequence[Found], people: Sequence[Person] | None) -> list[Found]:
    """People with the row of the box they answer: the best pairs first, by their boxes."""
    if not people or not found:
        return list(found)
    wanted = np.stack([person.box for person in people]).astype(np.float64)
    overlaps = intersection_over_union(np.stack([one.box for one in found]), wanted)
    rows: dict[int, int] = {}
    while overlaps.size and overlaps.max() > LEAST:
        one, row = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        rows[int(one)] = int(row)
        overlaps[one], overlaps[:, row] = -1, -1
    return [replace(one, asked=rows.get(number)) for number, one in enumerate(found)]

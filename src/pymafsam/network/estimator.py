"""Bodies of people in pictures by a network: crops and points in batches, back into the picture.

The network sees each person through a crop's own camera (s, tx, ty): s is crop half-widths per
metre, seen from far away. Before the whole picture's camera the body is put where its points appear
as near as can be to where the crop's camera shows them; see docs/network.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam import crops
from pymafsam.body import BodyModel, place
from pymafsam.camera import translation_that_shows
from pymafsam.errors import BadUsage
from pymafsam.network import runtime
from pymafsam.network.first_look import FirstLook
from pymafsam.network.runtime import Result, Runner
from pymafsam.records import Body, Camera, Crop, Frame, Mask, Person, Pose, WeakCamera

FOCAL = 5000.0  # pixels of the crop; the camera the networks were trained with
SIDE = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A picture, who is in it, and their masks (None: not known)."""

    frame: Frame
    people: Sequence[Person]
    masks: Sequence[Mask | None]
    camera: Camera


@dataclass(frozen=True, slots=True)
class _Seat:
    """One person of one picture, cut out and waiting for a batch."""

    job: int
    person: Person
    mask: Mask | None
    crop: Crop


class NetworkEstimator:
    """A network around a body model. ``load`` makes one from a file."""

    def __init__(self, runner: Runner, model: BodyModel, look: FirstLook, batch: int = 8):
        """``look`` chooses where the first reading looks; ``batch`` people run together."""
        if batch < 1:
            raise BadUsage(f"--batch must be at least 1; {batch} was given.")
        self.runner, self.model, self.look, self.batch = runner, model, look, batch

    @classmethod
    def load(
        cls,
        path: Path | str,
        model: BodyModel,
        *,
        points: str = "auto",
        device: str = "auto",
        batch: int = 8,
        seed: int = 0,
        threads: int = 0,
    ) -> "NetworkEstimator":
        """From our weights, an official checkpoint (both need torch) or an exported .onnx.

        ``points`` is grid, mask, bank, or auto: as the network was trained. ``seed`` picks the row
        of the bank. ``device``: see ``runtime.load``. Raises BadInput, BadUsage, MissingAsset.
        """
        runner = runtime.load(Path(path), model, device=device, threads=threads)
        look = FirstLook.of(runner.architecture, runner.bank, points, seed)
        return cls(runner, model, look, batch)

    def estimate(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None], camera: Camera
    ) -> list[Body]:
        """One body per person, in order."""
        job = Job(frame=frame, people=people, masks=masks, camera=camera)
        return next(self.estimate_all([job]))

    def estimate_all(self, jobs: Iterable[Job]) -> Iterator[list[Body]]:
        """The bodies of every job, in order; batches reach across pictures.

        At most a batch of pictures is held at a time, so the jobs may come from a long video.
        """
        waiting = iter(jobs)
        while group := list(islice(waiting, self.batch)):
            bodies: list[list[Body]] = [[] for _ in group]
            seats = list(self._seats(group))
            for start in range(0, len(seats), self.batch):
                some = seats[start : start + self.batch]
                result = self.runner(
                    np.stack([seat.crop.pixels for seat in some]),
                    np.stack([self._points(seat) for seat in some]),
                )
                for row, seat in enumerate(some):
                    camera = group[seat.job].camera
                    bodies[seat.job].append(self._body(result, row, seat, camera))
            yield from bodies

    def _seats(self, group: Sequence[Job]) -> Iterator[_Seat]:
        for index, job in enumerate(group):
            for person, mask in zip(job.people, job.masks, strict=True):
                square = crops.around(person.box)
                cut = crops.crop(job.frame.pixels, square, SIDE)
                inside = person.mask if mask is None else mask.inside
                seen = None if inside is None else crops.cut_labels(inside, square, SIDE)
                yield _Seat(index, person, mask, replace(cut, points=self.look(seen)))

    def _points(self, seat: _Seat) -> Float[np.ndarray, "points 2"]:
        assert seat.crop.points is not None
        return seat.crop.points

    def _body(self, result: Result, row: int, seat: _Seat, camera: Camera) -> Body:
        weak = weak_camera_of(result.camera[row], seat.crop)
        joints = result.joints[row].astype(np.float64)
        seen = seen_in_picture(joints, result.camera[row], seat.crop)
        everywhere = np.ones(len(joints))
        translation = translation_that_shows(joints, seen, everywhere, camera)
        pose = Pose(rotations=result.rotations[row], shape=result.shape[row])
        score = trust(seat.person)
        body = place(self.model, pose, translation, camera, seat.person, score, seat.mask)
        return replace(body, weak_camera=weak)


def weak_camera_of(camera: Float[np.ndarray, "3"], crop: Crop) -> WeakCamera:
    """The network's (s, tx, ty) with the square of the picture that it belongs to."""
    corners = crops.apply(crop.to_frame, np.array([[0.0, 0.0], [SIDE, SIDE]]))
    (x0, y0), (x1, y1) = corners.tolist()
    scale, x, y = map(float, camera)
    return WeakCamera(scale=scale, shift=(x, y), crop_box=(x0, y0, x1, y1))


def seen_in_picture(
    points: Float[np.ndarray, "points 3"], camera: Float[np.ndarray, "3"], crop: Crop
) -> Float[np.ndarray, "points 2"]:
    """Metres (body axes) -> picture pixels through the crop's own camera."""
    scale, *shift = camera.astype(np.float64)
    depth = 2 * FOCAL / (SIDE * scale + 1e-9)
    spread = FOCAL * (points[:, :2] + shift) / (points[:, 2:] + depth)
    return crops.apply(crop.to_frame, spread + SIDE / 2)


def trust(person: Person) -> float:
    """How far the body may be trusted, 0..1: how surely its person and keypoints were seen."""
    if person.keypoints is None:
        return float(np.clip(person.score, 0, 1))
    return float(np.clip(person.keypoints[:, 2].mean(), 0, 1))

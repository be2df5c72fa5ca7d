"""Bodies of people in pictures by a network: crops and points in batches, back into the picture.

The network sees each person through a crop's own camera (s, tx, ty): s is crop half-widths per
metre, seen from far away. Before the whole picture's camera the body is put where its points appear
as near as can be to where the crop's camera shows them; see docs/network.md.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam import crops
from pymafsam.body import BodyModel, place
from pymafsam.config import EstimatorOptions
from pymafsam.errors import BadUsage
from pymafsam.geometry import affine
from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE, estimate_translation
from pymafsam.network import runtime
from pymafsam.network.runtime import Result, Runner
from pymafsam.network.sampler import PointSampler
from pymafsam.records import Body, Camera, Crop, Mask, Mesh, Observation, Person, Pose, WeakCamera

MOST_PICTURES = 32  # held while a batch fills


@dataclass(frozen=True, slots=True)
class _Seat:
    """One person, cut out and waiting for a batch."""

    person: Person
    mask: Mask | None
    camera: Camera
    crop: Crop
    points: Float[np.ndarray, "points 2"]


@dataclass(slots=True)
class _Waiting:
    """A picture whose bodies are still being made: how many people, and those that are done."""

    people: int
    bodies: list[Body]


class NetworkEstimator:
    """A network around a body model: an ``Estimator``. ``load`` makes one from a file."""

    def __init__(self, runner: Runner, model: BodyModel, sampler: PointSampler, batch: int = 8):
        """``sampler`` chooses where the first reading looks; ``batch`` people run together."""
        if batch < 1:
            raise BadUsage(f"--batch must be at least 1; {batch} was given.")
        self.runner, self.model, self.sampler, self.batch = runner, model, sampler, batch

    @property
    def needs(self) -> frozenset[str]:
        """Masks where the first points lie in them; keypoints never."""
        return frozenset({"masks"} if self.sampler.policy == "mask" else ())

    def estimate(
        self,
        observations: Iterable[Observation],
        start: Iterable[Sequence[Body]] | None = None,
    ) -> Iterator[list[Body]]:
        """One body per person, in order; batches reach across pictures.

        No more pictures are held than it takes to fill a batch. The network begins from its own
        mean person: ``start`` is not read.
        """
        pictures: deque[_Waiting] = deque()
        seats: list[tuple[_Seat, _Waiting]] = []
        for observation in observations:
            pictures.append(_Waiting(len(observation.people), []))
            seats += [(seat, pictures[-1]) for seat in self._seats(observation)]
            while len(seats) >= self.batch:
                self._run(seats[: self.batch])
                del seats[: self.batch]
            yield from _finished(pictures)
            if len(pictures) >= MOST_PICTURES:
                self._run(seats)
                seats.clear()
                yield from _finished(pictures)
        if seats:
            self._run(seats)
        yield from _finished(pictures)

    def _seats(self, observation: Observation) -> Iterator[_Seat]:
        for person, mask in zip(observation.people, observation.masks, strict=True):
            square = crops.square_around(person.box)
            cut = crops.crop(observation.frame.pixels, square, CROP_SIDE)
            seen = None if mask is None else crops.cut_labels(mask.inside, square, CROP_SIDE)
            yield _Seat(person, mask, observation.camera, cut, self.sampler(seen))

    def _run(self, seats: Sequence[tuple[_Seat, _Waiting]]) -> None:
        """One batch through the network; bodies go to their pictures in order."""
        if not seats:
            return
        result = self.runner(
            np.stack([seat.crop.pixels for seat, _ in seats]),
            np.stack([seat.points for seat, _ in seats]),
        )
        for row, (seat, picture) in enumerate(seats):
            picture.bodies.append(self._body(result, row, seat))

    def _body(self, result: Result, row: int, seat: _Seat) -> Body:
        weak = weak_camera_of(result.camera[row], seat.crop)
        joints = result.joints[row].astype(np.float64)
        seen = project_to_picture(joints, result.camera[row], seat.crop)
        everywhere = np.ones(len(joints))
        body = place(
            self.model,
            Pose(rotations=result.rotations[row], betas=result.betas[row]),
            estimate_translation(joints, seen, everywhere, seat.camera),
            seat.camera,
            seat.person,
            body_score(seat.person),
            seat.mask,
            mesh=Mesh(vertices=result.vertices[row], joints=result.joints[row]),
        )
        return replace(body, weak_camera=weak)


def load(model: BodyModel, options: EstimatorOptions) -> NetworkEstimator:
    """The row ``network`` of the table of estimators.

    From our weights, an official checkpoint (both need torch) or an exported .onnx.
    ``options.points`` auto: as the network was trained; ``seed`` picks the row of the bank;
    ``device``: see ``runtime.load``. Raises BadInput, BadUsage, MissingAsset.
    """
    path = Path(options.weights)
    runner = runtime.load(path, model, device=options.device, threads=options.threads)
    sampler = PointSampler.of(runner.architecture, runner.bank, options.points, options.seed)
    return NetworkEstimator(runner, model, sampler, options.batch)


def _finished(pictures: deque[_Waiting]) -> Iterator[list[Body]]:
    """The bodies of the first pictures of which everybody is done; they leave the queue."""
    while pictures and len(pictures[0].bodies) == pictures[0].people:
        yield pictures.popleft().bodies


def weak_camera_of(camera: Float[np.ndarray, "3"], crop: Crop) -> WeakCamera:
    """The network's (s, tx, ty) with the square of the picture that it belongs to."""
    corners = affine.apply(crop.to_frame, np.array([[0.0, 0.0], [CROP_SIDE, CROP_SIDE]]))
    (x0, y0), (x1, y1) = corners.tolist()
    scale, x, y = map(float, camera)
    return WeakCamera(scale=scale, shift=(x, y), crop_box=(x0, y0, x1, y1))


def project_to_picture(
    points: Float[np.ndarray, "points 3"], camera: Float[np.ndarray, "3"], crop: Crop
) -> Float[np.ndarray, "points 2"]:
    """Metres (body axes) -> picture pixels through the crop's own camera."""
    scale, *shift = camera.astype(np.float64)
    depth = 2 * CROP_FOCAL / (CROP_SIDE * scale + 1e-9)
    spread = CROP_FOCAL * (points[:, :2] + shift) / (points[:, 2:] + depth)
    return affine.apply(crop.to_frame, spread + CROP_SIDE / 2)


def body_score(person: Person) -> float:
    """How far the body may be trusted, 0..1: how surely its person and keypoints were seen."""
    if person.keypoints is None:
        return float(np.clip(person.score, 0, 1))
    return float(np.clip(person.keypoints[:, 2].mean(), 0, 1))

"""The flow on one page: pictures in, bodies before a camera out.

    request -> observation (people, masks) -> bodies (Estimator) -> scene

Every step is a protocol with a table of names behind it; ``Reconstructor.load`` looks the names
up, ``Reconstructor.run`` takes pictures through the steps, batched where that pays.
"""

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pymafsam.body import BodyModel
from pymafsam.config import MINIMUM_SCORE, EstimatorOptions
from pymafsam.errors import BadUsage, MissingAsset, PymafsamError
from pymafsam.masks import Segmenter
from pymafsam.observe import Observer
from pymafsam.records import (
    Body,
    Estimator,
    Frame,
    Mask,
    Observation,
    Person,
    Prompt,
    Request,
    Scene,
)
from pymafsam.registry import Table

log = logging.getLogger(__name__)

# name -> function of (body model, EstimatorOptions); weights that name no row are a network's file
ESTIMATORS = Table(
    "estimator",
    {
        "fit": "pymafsam.fitting.keypoints:load",
        "lift": "pymafsam.fitting.keypoints:load_lifted",
        "network": "pymafsam.network.estimator:load",
    },
)


@dataclass(frozen=True, kw_only=True)
class Reconstructor:
    """Reconstructs everybody in pictures. ``load`` builds one; calling it gives scenes."""

    model: BodyModel
    observer: Observer
    estimator: Estimator

    @classmethod
    def load(
        cls,
        *,
        weights: str = "fit",
        body: str = "anny24",
        detector: str = "auto",
        segmenter: str = "auto",
        points: str = "auto",
        refine: bool = False,
        device: str = "auto",
        batch: int = 8,
        seed: int = 0,
        focal: float | None = None,
        minimum_score: float = MINIMUM_SCORE,
        threads: int = 0,
    ) -> "Reconstructor":
        """Look up every part by name; fetches missing networks.

        ``threads`` of the large networks, 0 for as many as there are cores.

        Raises BadUsage for an unknown name or a senseless focal length, MissingAsset for what
        cannot be had.
        """
        from pymafsam import body as bodies
        from pymafsam import people

        if focal is not None and not 0 < focal < math.inf:
            raise BadUsage(f"--focal is a number of pixels above 0, not {focal:g}.")
        # First what threads open while the rest is imported and read.
        observer = Observer(
            detector=people.load(detector),
            segmenter=load_segmenter(segmenter, threads=threads),
            focal=focal,
            minimum_score=minimum_score,
        )
        model = bodies.load(body)
        options = EstimatorOptions(
            weights=weights,
            points=points,
            device=device,
            batch=batch,
            seed=seed,
            threads=threads,
        )
        estimator = load_estimator(model, options, refine=refine)
        return cls(model=model, observer=observer, estimator=estimator)

    def __call__(self, frames: Frame | Iterable[Frame]) -> Iterator[Scene]:
        """The scene of every frame, in order."""
        frames = [frames] if isinstance(frames, Frame) else frames
        for _, scene in self.run(Request(frame=frame) for frame in frames):
            if isinstance(scene, PymafsamError):
                raise scene
            yield scene

    def scene(
        self,
        frame: Frame,
        *,
        people: Sequence[Person] | None = None,
        prompts: Sequence[Prompt] | None = None,
        masks: Sequence[Mask | None] | None = None,
    ) -> Scene:
        """Everybody in ``frame``, or only who is meant by ``people`` (boxes) or ``prompts``.

        ``masks`` belong to ``people`` one by one; without them the segmenter makes them.
        Raises BadInput for a prompt that makes no sense on this picture.
        """
        request = Request(
            frame=frame,
            people=None if people is None else tuple(people),
            prompts=None if prompts is None else tuple(prompts),
            masks=None if masks is None else tuple(masks),
        )
        ((_, scene),) = self.run([request])
        if isinstance(scene, PymafsamError):
            raise scene
        return scene

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Scene | PymafsamError]]:
        """Every request with its scene, or with what was wrong with it, in order.

        Requests are taken as they are needed: a network's batch of pictures is held at a time.
        """
        waiting: deque[tuple[Request, Observation | PymafsamError]] = deque()

        def observed() -> Iterator[Observation]:
            for request in requests:
                try:
                    observation = self.observer.observe(request, self.estimator.needs)
                except PymafsamError as error:
                    waiting.append((request, error))
                    continue
                waiting.append((request, observation))
                yield observation

        for bodies in self.estimator.estimate(observed()):
            yield from self._failures(waiting)
            request, observation = waiting.popleft()
            assert isinstance(observation, Observation)
            yield request, self.compose(observation, bodies)
        yield from self._failures(waiting)

    def _failures(
        self, waiting: deque[tuple[Request, Observation | PymafsamError]]
    ) -> Iterator[tuple[Request, PymafsamError]]:
        """The failed requests before the next that has an observation."""
        while waiting and isinstance(error := waiting[0][1], PymafsamError):
            yield waiting.popleft()[0], error

    def compose(self, observation: Observation, bodies: Sequence[Body]) -> Scene:
        """The bodies of an observation before its camera."""
        frame = observation.frame
        return Scene(
            name=frame.name,
            index=frame.index,
            camera=observation.camera,
            bodies=tuple(bodies),
            body_name=self.model.name,
            faces=self.model.faces,
            pixels=frame.pixels,
        )


@runtime_checkable
class Runs(Protocol):
    """What makes scenes of requests, as ``Reconstructor`` does."""

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Scene | PymafsamError]]:
        """The scene of every request, in order; an error is that request's alone."""
        ...


def scenes(
    reconstructor: Runs, requests: Iterable[Request]
) -> Iterator[tuple[Request, Scene | Exception]]:
    """What ``Reconstructor.run`` gives, also where it breaks down.

    Pictures go through a network together: when something unforeseen happens to a batch, its
    pictures are tried one by one, and the rest goes on.
    """
    under_way: deque[Request] = deque()

    def taken() -> Iterator[Request]:
        for request in requests:
            under_way.append(request)
            yield request

    more = True
    while more:
        try:
            for request, scene in reconstructor.run(taken()):
                under_way.popleft()
                yield request, scene
            more = False
        except Exception:  # told of the picture that it comes from, below
            yield from _one_by_one(reconstructor, under_way)
            under_way.clear()


def _one_by_one(
    reconstructor: Runs, requests: Iterable[Request]
) -> Iterator[tuple[Request, Scene | Exception]]:
    for request in requests:
        try:
            ((_, scene),) = reconstructor.run([request])
        except Exception as alone:
            yield request, alone
        else:
            yield request, scene


def load_segmenter(name: str, *, threads: int = 0) -> Segmenter:
    """The segmenter of that name; ``auto`` is MobileSAM as it runs fastest here
    (``mobilesam.fastest``), or the detector's masks without it.
    """
    from pymafsam import masks
    from pymafsam.masks import mobilesam

    if name != "auto":
        return masks.load_segmenter(name, threads=threads)
    try:
        return masks.load_segmenter(mobilesam.fastest(), threads=threads)
    except MissingAsset as error:
        log.warning("The detector's own masks are used, because MobileSAM is missing: %s", error)
        return masks.load_segmenter("detector")


def load_estimator(
    model: BodyModel, options: EstimatorOptions, *, refine: bool = False
) -> Estimator:
    """The estimator that ``options.weights`` names: a row of ``ESTIMATORS``, or a network's file.

    ``refine``: the keypoint fit goes on from its bodies (from the fit's own that changes nothing).
    """
    row = options.weights if options.weights in ESTIMATORS.names() else "network"
    estimator: Estimator = ESTIMATORS.load(row)(model, options)
    if not refine or row == "fit":
        return estimator
    from pymafsam.fitting.refine import Refined

    return Refined(first=estimator, second=ESTIMATORS.load("fit")(model, options))


def save(
    scene: Scene, folder: str | Path, formats: Sequence[str] = ("picture", "side", "json", "obj")
) -> Mapping[str, Path]:
    """Write a scene under ``folder``, files named after its picture; returns format -> path."""
    from pymafsam import export

    return export.save(scene, Path(folder), formats)

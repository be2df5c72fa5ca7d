"""The flow on one page: pictures in, bodies before a camera out.

    frame -> people (Detector) -> masks (Segmenter) -> bodies (Estimator) -> scene

Every step is a protocol with a table of names behind it; ``Reconstructor.load`` looks the names
up, ``Reconstructor.scene`` runs the steps for one picture.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from pymafsam.body import BodyModel
from pymafsam.camera import whole_picture
from pymafsam.errors import BadInput, BadUsage, MissingAsset
from pymafsam.masks import Segmenter
from pymafsam.masks.prompts import check, for_person
from pymafsam.masks.tidy import alone, bounds
from pymafsam.people import Detector
from pymafsam.people.overlaps import distinct
from pymafsam.records import Body, Camera, Frame, Mask, Person, Prompt, Scene

Box = Float[np.ndarray, "4"]
TOUCHED = 0.02  # of a box in other people's masks: from here on somebody is looked at again
ASTRAY = 0.05  # of the keypoint score
log = logging.getLogger(__name__)


@runtime_checkable
class Estimator(Protocol):
    """From people in a picture to bodies before its camera: the keypoint fit, or a network."""

    def estimate(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None], camera: Camera
    ) -> list[Body]:
        """One body per person, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reconstructor:
    """Reconstructs everybody in a picture. ``load`` builds one; calling it gives scenes.

    ``minimum_score``: people the detector is less sure of are passed over.
    """

    model: BodyModel
    detector: Detector
    segmenter: Segmenter
    estimator: Estimator
    focal: float | None = None
    minimum_score: float = 0.4

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
        minimum_score: float = 0.4,
    ) -> "Reconstructor":
        """Look up every part by name; fetches missing networks.

        Raises BadUsage for an unknown name and MissingAsset for what cannot be had.
        """
        from pymafsam import body as bodies
        from pymafsam import people

        model = bodies.load(body)
        return cls(
            model=model,
            detector=people.load(detector),
            segmenter=load_segmenter(segmenter),
            estimator=load_estimator(
                weights, model, points=points, refine=refine, device=device, batch=batch, seed=seed
            ),
            focal=focal,
            minimum_score=minimum_score,
        )

    def __call__(self, frames: Frame | Iterable[Frame]) -> Iterator[Scene]:
        """The scene of every frame, one at a time, in order."""
        for frame in [frames] if isinstance(frames, Frame) else frames:
            yield self.scene(frame)

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
        camera = whole_picture(frame.size, self.focal or frame.focal)
        if people is None and prompts is None:
            people = self.find(frame)
        else:
            people = self.meant(frame, prompts or ()) if people is None else people
            people = self.detector.describe(frame.pixels, people)
        if masks is None:
            masks = self.segment(frame, people)
        people = self.look_again(frame, people, masks)
        bodies = self.estimator.estimate(frame, people, masks, camera)
        return Scene(
            name=frame.name,
            index=frame.index,
            camera=camera,
            bodies=tuple(bodies),
            body_name=self.model.name,
            faces=self.model.faces,
            pixels=frame.pixels,
        )

    def find(self, frame: Frame) -> list[Person]:
        """Everybody the detector is sure enough of, described; nobody twice, the surest first."""
        sure = [p for p in self.detector.find(frame.pixels) if p.score >= self.minimum_score]
        return distinct(self.detector.describe(frame.pixels, sure))

    def meant(self, frame: Frame, prompts: Sequence[Prompt]) -> list[Person]:
        """The people that prompts name: their boxes, or the boxes of what the prompts segment."""
        for k, prompt in enumerate(prompts):
            check(prompt, frame.size, f"Person {k} of {frame.name}")
        boxes = [prompt.box for prompt in prompts]
        unknown = [k for k, box in enumerate(boxes) if box is None]
        if unknown:
            masks = self.segmenter.segment(frame.pixels, [prompts[k] for k in unknown])
            for k, mask in zip(unknown, masks, strict=True):
                boxes[k] = None if mask is None or not mask.inside.any() else bounds(mask.inside)
        return [
            Person(box=_known(box, k, frame.name), score=1.0, prompt=prompt)
            for k, (box, prompt) in enumerate(zip(boxes, prompts, strict=True))
        ]

    def look_again(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None]
    ) -> list[Person]:
        """Whoever has others' pixels in their box is described again with those greyed out.

        A keypoint network easily describes the same one of two people who touch. A second look
        that is much less clear than the first went astray.
        """
        chosen = list(people)
        for k, person in enumerate(people):
            if touched(person, masks, k) > TOUCHED:
                (again,) = self.detector.describe(alone(frame.pixels, masks, k), [person])
                if (again.keypoint_score or 0) > (person.keypoint_score or 0) - ASTRAY:
                    chosen[k] = again
        return chosen

    def segment(self, frame: Frame, people: Sequence[Person]) -> Sequence[Mask | None]:
        """Each person's mask by the segmenter, prompted with all that is known of them."""
        if not people:
            return []
        return self.segmenter.segment(frame.pixels, [for_person(person) for person in people])


def touched(person: Person, masks: Sequence[Mask | None], own: int) -> float:
    """The share of a person's box that other people's masks cover."""
    height, width = next((m.inside.shape for m in masks if m is not None), (1, 1))
    x0, y0 = np.floor(person.box[:2].clip(0)).astype(int)
    x1, y1 = np.ceil(person.box[2:].clip(0, (width, height))).astype(int)
    others = [m.inside[y0:y1, x0:x1] for k, m in enumerate(masks) if k != own and m is not None]
    if not others or not others[0].size:
        return 0.0
    return float(np.mean(np.logical_or.reduce(others)))


def _known(box: Box | None, number: int, picture: str) -> Box:
    if box is None:
        raise BadInput(
            f"Person {number} of {picture}: nothing could be segmented at the prompt, so it is not "
            "known where they are.\n  Give a box, or choose a segmenter (--segmenter mobilesam)."
        )
    return box


def load_segmenter(name: str) -> Segmenter:
    """The segmenter of that name; ``auto`` is MobileSAM, or the detector's masks without it."""
    from pymafsam import masks

    if name != "auto":
        return masks.load_segmenter(name)
    try:
        return masks.load_segmenter("mobilesam")
    except MissingAsset as error:
        log.warning("The detector's own masks are used, because MobileSAM is missing: %s", error)
        return masks.load_segmenter("detector")


def load_estimator(weights: str, model: BodyModel, *, refine: bool, **options: Any) -> Estimator:
    """The keypoint fit for ``fit``, else the network whose weights are named (a path)."""
    if weights == "fit":
        from pymafsam.fitting import KeypointFit

        return _Fit(KeypointFit(model))
    if refine:
        raise BadUsage("--refine works on nothing yet but the fit itself; leave it out.")
    from pymafsam.network.estimator import NetworkEstimator

    return NetworkEstimator.load(weights, model, **options)


@dataclass(frozen=True)
class _Fit:
    """The keypoint fit needs no pixels."""

    fit: Any

    def estimate(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None], camera: Camera
    ) -> list[Body]:
        return self.fit.estimate(people, masks, camera)


def save(
    scene: Scene, folder: str | Path, formats: Sequence[str] = ("picture", "side", "json", "obj")
) -> Mapping[str, Path]:
    """Write a scene under ``folder``, files named after its picture; returns format -> path."""
    from pymafsam import export

    return export.save(scene, Path(folder), formats)

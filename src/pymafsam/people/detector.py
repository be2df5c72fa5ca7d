"""What finds people and describes them: the protocol, and the table of names."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from pymafsam.config import MINIMUM_SCORE
from pymafsam.errors import MissingAsset
from pymafsam.geometry.boxes import nms
from pymafsam.people import landmarks
from pymafsam.people.describe import Describer
from pymafsam.people.features import Features, Projection
from pymafsam.people.litert import Network
from pymafsam.people.movenet import MoveNet
from pymafsam.people.solo import SoloDescriber
from pymafsam.pretrained import catalogue, networks
from pymafsam.records import Person, Pixels
from pymafsam.registry import Table

MINIMUM_SCORE_TURNED = 0.5  # for people found in a turned picture
log = logging.getLogger(__name__)


@runtime_checkable
class Detector(Protocol):
    """Finds people in a picture, and says of given people what they look like."""

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture: boxes and scores, the surest first."""
        ...

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, metres, presence and mask; boxes and scores stay."""
        ...


DETECTORS = Table(
    "detector",
    {
        "auto": "pymafsam.people.detector:load_best",
        "nanodet": "pymafsam.people.detector:load_nanodet",
        "blazepose": "pymafsam.people.detector:load_blazepose",
        "fast": "pymafsam.people.detector:load_fast",
    },
)


@runtime_checkable
class Describes(Protocol):
    """What says how given people look."""

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, metres, presence and mask; boxes and scores stay."""
        ...


@runtime_checkable
class Glances(Protocol):
    """What also says, in less time, how people look who were described a moment ago."""

    def glance(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people as they look now, in their boxes of now (``people.glances``)."""
        ...


@dataclass(frozen=True)
class TwoSteps:
    """Boxes by one network, everything else by keypoint networks inside each box."""

    finder: Callable[[Pixels], list[Person]]
    describer: Describes

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture: boxes and scores, the surest first.

        Where nobody is found the picture is looked at turned, for people who lie or stand on
        their hands: finders were trained on people with their heads up.
        """
        found = self.finder(pixels)
        if any(person.score >= MINIMUM_SCORE for person in found):
            return found
        turned = [person for quarters in (1, 2, 3) for person in self._turned(pixels, quarters)]
        sure = [person for person in turned if person.score >= MINIMUM_SCORE_TURNED]
        if not sure:
            return found
        boxes = np.array([person.box for person in sure], np.float64)
        scores = np.array([person.score for person in sure], np.float64)
        return [sure[k] for k in nms(boxes, scores, 0.45)]

    def _turned(self, pixels: Pixels, quarters: int) -> list[Person]:
        seen = np.ascontiguousarray(np.rot90(pixels, quarters))
        height, width = seen.shape[:2]
        return [
            replace(person, box=unturned(person.box, quarters, (width, height)))
            for person in self.finder(seen)
        ]

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, metres, presence and mask; boxes and scores stay."""
        return self.describer.describe(pixels, people)


def unturned(
    box: Float[np.ndarray, "4"], quarters: int, size: tuple[int, int]
) -> Float[np.ndarray, "4"]:
    """A box found after ``quarters`` counter-clockwise turns, back in the picture before them.

    ``size`` is the turned picture's (width, height).
    """
    width, height = size
    for _ in range(quarters):
        # One turn takes (x, y) to (y, width before - x), and that width is the height now.
        width, height = height, width
        x0, y0, x1, y1 = box
        box = np.array([width - y1, x0, width - y0, x1])
    return box


def load(name: str = "auto") -> Detector:
    """The detector called ``name``, ready to run; missing networks are fetched.

    Raises BadUsage for an unknown name, MissingAsset for networks that cannot be had.
    """
    return DETECTORS.load(name)()


def load_best() -> Detector:
    """NanoDet and the heavy landmark network, or what can be had of them."""
    try:
        return load_nanodet()
    except MissingAsset as error:
        log.warning(
            "Going on with BlazePose's own, weaker detector of people: %s",
            " ".join(str(error).split("\n  ")[:3]),
        )
        return load_blazepose()


def load_nanodet() -> Detector:
    """NanoDet's boxes."""
    from pymafsam.people.nanodet import NanoDet, any_size

    nanodet = NanoDet(networks.opened("nanodet", threads=1, cut=any_size))
    return TwoSteps(nanodet.find, load_describer())


def load_blazepose() -> Detector:
    """BlazePose's own detector on overlapping tiles: needs nothing but pip."""
    from pymafsam.people.tiles import TiledDetector

    finder = TiledDetector(
        Network(catalogue.locate("blazepose-detector")), Network(catalogue.locate("blazepose-full"))
    )
    return TwoSteps(finder.find, load_describer())


def load_fast() -> Detector:
    """NanoDet's boxes, one pass of MoveNet and one of the smaller landmark network."""
    from pymafsam.people.nanodet import NanoDet, any_size

    nanodet = NanoDet(networks.opened("nanodet", threads=1, cut=any_size))
    keypoints = MoveNet(networks.opened("keypoints", threads=1))
    blazepose = landmarks.load("blazepose-full")
    describer = Describer(keypoints, blazepose, Features.load(), thorough=False, mirrored=False)
    return TwoSteps(nanodet.find, describer)


def without_mirror_images(detector: Detector) -> Detector:
    """The same detector with half the work: one look where it takes one with a mirror image."""
    if isinstance(detector, TwoSteps) and isinstance(detector.describer, Describer):
        return replace(detector, describer=replace(detector.describer, mirrored=False))
    return detector


def with_features(detector: Detector, features: Projection | None) -> Detector:
    """The same detector, other features of the people it describes (none where it has none)."""
    if isinstance(detector, TwoSteps) and isinstance(detector.describer, Describer):
        return replace(detector, describer=replace(detector.describer, features=features))
    return detector


def glancing(detector: Detector) -> Glances | None:
    """What of a detector can glance at people; None where nothing can."""
    describer = detector.describer if isinstance(detector, TwoSteps) else detector
    return describer if isinstance(describer, Glances) else None


def load_describer() -> Describes:
    """MoveNet and the heavy landmark network; what only pip can bring where npm is missing."""
    name = catalogue.first_available("blazepose-heavy", "blazepose-full")
    if name != "blazepose-heavy":
        log.warning("The larger landmark network cannot be had (npm); going on with %s.", name)
    network = landmarks.load(name)
    try:
        keypoints = MoveNet(networks.opened("keypoints", threads=1))
        return Describer(keypoints, network, Features.load())
    except MissingAsset:
        log.warning(
            "MoveNet cannot be had (npm); going on with BlazePose alone, whose keypoints are less "
            "exact, most of all where people touch."
        )
        return SoloDescriber(network)

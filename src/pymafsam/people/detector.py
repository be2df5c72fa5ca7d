"""What finds people and describes them: the protocol, and the table of names."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pymafsam import assets
from pymafsam.errors import MissingAsset
from pymafsam.people.describe import QUALITY, Describer
from pymafsam.people.litert import Network
from pymafsam.records import Person, Pixels
from pymafsam.registry import Table

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


@dataclass(frozen=True)
class TwoSteps:
    """Boxes by one network, everything else by the landmark network inside each box."""

    finder: Callable[[Pixels], list[Person]]
    describer: Describer

    def find(self, pixels: Pixels) -> list[Person]:
        """Everybody in the picture: boxes and scores, the surest first."""
        return self.finder(pixels)

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The same people with keypoints, metres, presence and mask; boxes and scores stay."""
        return self.describer.describe(pixels, people)


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
    from pymafsam.people.nanodet import NanoDet

    return TwoSteps(NanoDet(assets.locate("nanodet")).find, load_describer())


def load_blazepose() -> Detector:
    """BlazePose's own detector on overlapping tiles: needs nothing but pip."""
    from pymafsam.people.tiles import TiledDetector

    finder = TiledDetector(
        Network(assets.locate("blazepose-detector")), Network(assets.locate("blazepose-full"))
    )
    return TwoSteps(finder.find, load_describer())


def load_fast() -> Detector:
    """NanoDet's boxes and one pass of the smaller landmark network."""
    from pymafsam.people.nanodet import NanoDet

    describer = Describer(Network(assets.locate("blazepose-full")), QUALITY["fast"])
    return TwoSteps(NanoDet(assets.locate("nanodet")).find, describer)


def load_describer() -> Describer:
    """The landmark network: heavy, else full where only pip is there (said in the log)."""
    name = assets.first_available("blazepose-heavy", "blazepose-full")
    if name != "blazepose-heavy":
        log.warning("The larger landmark network cannot be had (npm); going on with %s.", name)
    return Describer(Network(assets.locate(name)), QUALITY["best"])

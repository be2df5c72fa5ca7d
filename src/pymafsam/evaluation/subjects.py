"""What is evaluated: the whole flow, a segmenter alone, or what others saved.

A subject turns requests into the people it finds, one answer per request, in order.
"""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from pymafsam.body.regions import REGIONS
from pymafsam.errors import PymafsamError
from pymafsam.evaluation.cases import Found
from pymafsam.files import rle
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import project
from pymafsam.geometry.joints import mapping
from pymafsam.records import Body, Mask, Observation, Person, Request, Scene

Answered = tuple[Request, list[Found] | PymafsamError]


@runtime_checkable
class Subject(Protocol):
    """Whoever is evaluated."""

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """Every request with the people found, or with what went wrong, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A reconstructor. ``keeps``: what is measured, as ``Protocol`` has it.

    ``regions``: every vertex's, where parts are (``body.regions``).
    """

    scenes: Callable[[Iterable[Request]], Iterator[tuple[Request, Scene | PymafsamError]]]
    keeps: Set[str]
    regions: Int[np.ndarray, "vertices"] | None = None

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """The bodies of every request."""
        for request, scene in self.scenes(requests):
            if isinstance(scene, PymafsamError):
                yield request, scene
            else:
                given = request.people is not None
                yield request, people_of(scene, self.keeps, self.regions, given=given)


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """People and masks without the bodies; ``observe`` makes them of a request."""

    observe: Callable[[Request, Set[str]], Observation]

    def answer(self, requests: Iterable[Request]) -> Iterator[Answered]:
        """The masks of every request."""
        for request in requests:
            try:
                seen = self.observe(request, {"keypoints", "masks"})
            except PymafsamError as error:
                yield request, error
                continue
            given = request.people is not None
            yield (
                request,
                [
                    masked(person, mask, k if given else None)
                    for k, (person, mask) in enumerate(zip(seen.people, seen.masks, strict=True))
                ],
            )


def people_of(
    scene: Scene,
    keeps: Set[str],
    regions: Int[np.ndarray, "vertices"] | None = None,
    *,
    given: bool,
) -> list[Found]:
    """What any metric reads of a scene; ``given``: its bodies answer the boxes one by one."""
    from pymafsam.render import labelled, silhouette

    out = []
    for k, body in enumerate(scene.bodies):
        outline = None
        if "silhouette" in keeps:
            outline = rle.encode(silhouette(body, scene.faces, scene.camera))
        mask = body.mask if "mask" in keeps else None
        found = _found(body, k if given else None, mask, outline)
        if "lsp14" in keeps and "lsp14" in body.joints_3d:
            places = project(np.asarray(body.joints_3d["lsp14"], np.float64), scene.camera)
            found = replace(found, lsp14=places)
        if regions is not None:
            seen = labelled(body, scene.faces, regions, scene.camera)
            parts = tuple(rle.encode(seen == n + 1) for n in range(len(REGIONS)))
            found = replace(found, parts=parts)
        out.append(found)
    return out


def _found(body: Body, asked: int | None, mask: Mask | None, outline: dict | None) -> Found:
    points, sure = detector_points(body.person)
    return Found(
        score=float(body.score),
        box=np.asarray(body.person.box, np.float64),
        asked=asked,
        keypoints=np.asarray(body.keypoints_2d["coco17"], np.float64)
        if "coco17" in body.keypoints_2d
        else None,
        detector=points,
        detector_score=sure,
        joints={name: np.asarray(at, np.float64) for name, at in body.joints_3d.items()},
        pose=rotation.to_axis_angle(body.pose.rotations.astype(np.float64)),
        betas=np.asarray(body.pose.betas, np.float64),
        translation=np.asarray(body.translation, np.float64),
        mask=None if mask is None else rle.encode(mask.inside),
        silhouette=outline,
    )


def masked(person: Person, mask: Mask | None, asked: int | None) -> Found:
    """Somebody of whom a mask was made."""
    points, sure = detector_points(person)
    return Found(
        score=float(person.score),
        box=np.asarray(person.box, np.float64),
        asked=asked,
        detector=points,
        detector_score=sure,
        mask=None if mask is None else rle.encode(mask.inside),
    )


def detector_points(person: Person) -> tuple[np.ndarray | None, float]:
    """The keypoints a body was made from, in COCO's order, and how far they can be trusted."""
    if person.keypoints is None:
        return None, float(person.score)
    points = person.keypoints[mapping(person.layout, "coco17")].astype(np.float64)
    sure = person.score if person.keypoint_score is None else person.keypoint_score
    return points, float(sure)

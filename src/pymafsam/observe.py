"""What is known of a picture before there is a body: who is there, how they look, their masks.

    Request -> people (Detector) -> masks (Segmenter) -> a second look at who touches -> Observation

One stage with one result. What the estimator does not read is not made.
"""

import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.config import MINIMUM_SCORE
from pymafsam.errors import BadInput
from pymafsam.geometry.boxes import area, bounds
from pymafsam.geometry.camera import picture_camera
from pymafsam.masks import Segmenter
from pymafsam.masks.prompts import check, for_person
from pymafsam.masks.tidy import grey_out_others
from pymafsam.people import Detector
from pymafsam.people.corrections import corrected
from pymafsam.people.same import doubles
from pymafsam.records import Frame, Mask, Observation, Person, Pixels, Prompt, Request

CLEAR = 0.3  # keypoint score of somebody who was hidden behind another's description
TOUCHED = 0.02  # of a box in other people's masks: from here on somebody is looked at again
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Finds, describes and segments people.

    ``minimum_score``: people the detector is less sure of are passed over. ``focal`` (pixels)
    overrules the picture's own.
    """

    detector: Detector
    segmenter: Segmenter
    focal: float | None = None
    minimum_score: float = MINIMUM_SCORE

    def observe(self, request: Request, needs: Set[str]) -> Observation:
        """Everybody in the picture, or only who is meant; ``needs`` as an ``Estimator`` has it.

        Raises BadInput for a prompt that makes no sense on this picture.
        """
        frame = request.frame
        described = "keypoints" in needs or ("masks" in needs and request.masks is None)
        people = self.describe_requested(request) if described else self.find_requested(request)
        masks: Sequence[Mask | None] = [None] * len(people)
        if "masks" in needs:
            masks = self.segment(frame, people) if request.masks is None else request.masks
            if "keypoints" in needs:
                again = self.describe_touching(frame, people, masks)
                changed = any(new is not old for new, old in zip(again, people, strict=True))
                people = again
                if changed and request.masks is None:
                    # The masks shall be of the people as they are known at last.
                    masks = self.segment(frame, people)
        return Observation(
            frame=frame,
            camera=picture_camera(frame.size, self.focal or frame.focal),
            people=tuple(people),
            masks=tuple(masks),
        )

    def find_requested(self, request: Request) -> list[Person]:
        """The people of a request with their boxes, not yet described."""
        if request.people is not None:
            return list(request.people)
        if request.prompts is not None:
            return self.from_prompts(request.frame, request.prompts)
        return self.find(request.frame)

    def describe_requested(self, request: Request) -> list[Person]:
        """The people of a request, described; of two boxes around one person one is left out."""
        people = self.describe(request.frame.pixels, self.find_requested(request))
        found = request.people is None and request.prompts is None
        return self.resolve_duplicates(request.frame, people, drop=found)

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        """The people as the detector describes them and their prompts correct that."""
        return [corrected(person) for person in self.detector.describe(pixels, people)]

    def resolve_duplicates(
        self, frame: Frame, people: Sequence[Person], *, drop: bool
    ) -> list[Person]:
        """The same people in order, so that no two have the same keypoints where that can be.

        Of two who do, the one with the higher keypoint score keeps them. The other is described
        again with that person greyed out. ``drop``: where that shows nobody else, the other is
        left out: there were two boxes around one person.
        """
        kept: dict[int, Person] = {}
        for k in sorted(range(len(people)), key=lambda k: -(people[k].keypoint_score or 0)):
            person = people[k]
            if same := doubles(person, kept.values()):
                masks = [_own_mask(other) for other in same]
                (again,) = self.describe(grey_out_others(frame.pixels, masks, -1), [person])
                own = clearer(again, person) and (again.keypoint_score or 0) >= CLEAR
                if drop and (not own or doubles(again, kept.values())):
                    continue
                person = again if clearer(again, person) else person
            kept[k] = person
        return [kept[k] for k in sorted(kept)]

    def find(self, frame: Frame) -> list[Person]:
        """Everybody the detector is sure enough of, the surest first."""
        return [p for p in self.detector.find(frame.pixels) if p.score >= self.minimum_score]

    def from_prompts(self, frame: Frame, prompts: Sequence[Prompt]) -> list[Person]:
        """The people that prompts name, one for each.

        The box of a click is that of the found person around it. Where nobody was found there,
        and for a mask, the box is that of what the segmenter makes of the prompt.
        """
        for k, prompt in enumerate(prompts):
            check(prompt, frame.size, f"Person {k} of {frame.name}")
        boxes = self.boxes_of_prompts(frame, prompts)
        without_box = [k for k, box in enumerate(boxes) if box is None]
        segmented: dict[int, Mask | None] = {}
        if without_box:
            masks = self.segmenter.segment(frame.pixels, [prompts[k] for k in without_box])
            segmented = dict(zip(without_box, masks, strict=True))
        return [
            _boxed(prompt, box, segmented.get(k), f"Person {k} of {frame.name}")
            for k, (prompt, box) in enumerate(zip(prompts, boxes, strict=True))
        ]

    def boxes_of_prompts(
        self, frame: Frame, prompts: Sequence[Prompt]
    ) -> list[Float[np.ndarray, "4"] | None]:
        """The prompts' boxes; for clicks without one the smallest found box that agrees."""
        boxes = [prompt.box for prompt in prompts]
        asked = [k for k, p in enumerate(prompts) if p.box is None and p.clicks is not None]
        found = [person.box for person in self.find(frame)] if asked else []
        for k in asked:
            agreeing = [box for box in found if agrees(box, prompts[k])]
            boxes[k] = min(agreeing, key=lambda box: float(area(box[None])[0]), default=None)
        return boxes

    def segment(self, frame: Frame, people: Sequence[Person]) -> Sequence[Mask | None]:
        """Each person's mask by the segmenter, prompted with all that is known of them."""
        if not people:
            return []
        return self.segmenter.segment(frame.pixels, [for_person(person) for person in people])

    def describe_touching(
        self, frame: Frame, people: Sequence[Person], masks: Sequence[Mask | None]
    ) -> list[Person]:
        """Everybody with other people's pixels in their box described again, those greyed out.

        A keypoint network easily describes the same one of two people who touch. The second
        description is taken where its keypoint score is higher.
        """
        chosen = list(people)
        for k, person in enumerate(people):
            if touched(person, masks, k) > TOUCHED:
                (again,) = self.describe(grey_out_others(frame.pixels, masks, k), [person])
                if clearer(again, person):
                    chosen[k] = again
        return chosen


def clearer(one: Person, other: Person) -> bool:
    """Whether one description of a person has the higher keypoint score."""
    return (one.keypoint_score or 0) > (other.keypoint_score or 0)


def touched(person: Person, masks: Sequence[Mask | None], own: int) -> float:
    """The share of a person's box that other people's masks cover."""
    height, width = next((m.inside.shape for m in masks if m is not None), (1, 1))
    x0, y0 = np.floor(person.box[:2].clip(0)).astype(int)
    x1, y1 = np.ceil(person.box[2:].clip(0, (width, height))).astype(int)
    others = [m.inside[y0:y1, x0:x1] for k, m in enumerate(masks) if k != own and m is not None]
    if not others or not others[0].size:
        return 0.0
    return float(np.mean(np.logical_or.reduce(others)))


def _own_mask(person: Person) -> Mask | None:
    """The keypoint network's own mask of the person."""
    if person.mask is None:
        return None
    return Mask(inside=person.mask, score=1.0, source="detector")


def agrees(box: Float[np.ndarray, "4"], prompt: Prompt) -> bool:
    """Whether a box holds every click on a person, and none that is said to be beside them."""
    assert prompt.clicks is not None
    beside = np.maximum(box[:2] - prompt.clicks, prompt.clicks - box[2:])
    within = np.max(beside, axis=1) <= 0
    meant = np.ones(len(prompt.clicks), bool) if prompt.inside is None else prompt.inside
    return bool(np.any(meant) and np.array_equal(within, meant))


def _boxed(
    prompt: Prompt, box: Float[np.ndarray, "4"] | None, mask: Mask | None, who: str
) -> Person:
    """Somebody who was prompted, with their box or that of what the prompt segmented."""
    if box is None and mask is not None and mask.inside.any():
        box = bounds(mask.inside)
    if box is None:
        raise BadInput(
            f"{who}: nothing could be segmented at the prompt, so it is not known where they "
            "are.\n  Give a box, or choose a segmenter (--segmenter mobilesam)."
        )
    return Person(box=box, score=1.0, prompt=prompt)

"""Where the prompts of ``mask save`` come from: the command line, files, or the detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.cli.inputs import read_names
from pymafsam.cli.mask_save import MaskSave
from pymafsam.errors import BadInput, BadUsage
from pymafsam.geometry.boxes import bounds
from pymafsam.masks import prompts as prompting
from pymafsam.masks.folder import MaskFolder, open_folder
from pymafsam.records import Frame, Inside, Person, Prompt

if TYPE_CHECKING:
    from pymafsam.people import Detector

FOUND = ("box", "keypoints", "mask")


@dataclass(frozen=True, kw_only=True)
class PromptSource:
    """Turns the options of ``mask save`` into the prompts of a picture."""

    said: prompting.GivenPrompts | None
    boxes: tuple[Float[np.ndarray, "4"], ...]
    clicks: Float[np.ndarray, "clicks 2"]
    inside: Bool[np.ndarray, "clicks"]
    masks: MaskFolder | None
    use: tuple[str, ...]
    minimum: float
    detector: "Detector | None"
    complete: bool

    @classmethod
    def of(cls, options: MaskSave, names: Sequence[str]) -> "PromptSource":
        """Read everything once; ``names`` are the pictures'. Raises BadUsage and BadInput."""
        clicks = [numbers(text, 2, "--click") for text in options.click]
        beside = [numbers(text, 2, "--click-out") for text in options.click_out]
        boxes = tuple(numbers(text, 4, "--box") for text in options.box)
        if (clicks or beside) and len(boxes) > 1:
            raise BadUsage(
                f"{len(boxes)} boxes and {len(clicks + beside)} clicks: it is not clear whose the "
                "clicks are.\n  Write a prompts file (--prompts, docs/masks.md)."
            )
        said = prompting.read_file(options.prompts, names) if options.prompts else None
        named = bool(boxes or clicks or beside or options.masks)
        detector = None
        if options.complete or not (named or options.prompts):
            from pymafsam import people

            detector = people.load(options.detector)
        return cls(
            said=said,
            boxes=boxes,
            clicks=np.array([*clicks, *beside]).reshape(-1, 2),
            inside=np.array([*[True] * len(clicks), *[False] * len(beside)], bool),
            masks=open_folder(options.masks, names) if options.masks else None,
            use=read_names("--use", options.use, FOUND),
            minimum=options.min_score,
            detector=detector,
            complete=options.complete,
        )

    def files_of(self, picture: str) -> Sequence[Path]:
        """The mask files that the picture's prompts are taken from."""
        return self.masks.files_of(picture) if self.masks else ()

    def prompts(self, frame: Frame) -> list[Prompt]:
        """One prompt per person of the picture, checked. Raises BadInput."""
        prompts = self.named(frame)
        if prompts is None:
            assert self.detector is not None
            found = self.detector.find(frame.pixels)
            sure = [person for person in found if person.score >= self.minimum]
            described = self.detector.describe(frame.pixels, sure)
            return [self.of_findings(prompting.for_person(person)) for person in described]
        if self.complete and self.detector is not None:
            prompts = [self.completed(frame, prompt) for prompt in prompts]
        return [
            prompting.check(prompt, frame.size, f"Person {k} of {frame.name}")
            for k, prompt in enumerate(prompts)
        ]

    def named(self, frame: Frame) -> list[Prompt] | None:
        """What the user said of this picture; None where the detector is to look."""
        prompts = self.said.prompts(frame.name, frame.size) if self.said else None
        if prompts is not None:
            return prompts
        masks = self.masks.masks(frame.name, frame.size) if self.masks else []
        if masks is None:
            raise BadInput(f"--masks holds no mask for {frame.name}.")
        return self.combined(masks)

    def combined(self, masks: Sequence[Inside]) -> list[Prompt] | None:
        """Boxes, clicks and masks of the command line, person by person."""
        count = max(len(self.boxes), len(masks), min(len(self.clicks), 1))
        if not count:
            return None if not (self.said or self.masks) else []
        for what, some in (("boxes", self.boxes), ("masks", masks)):
            if some and len(some) != count:
                raise BadInput(
                    f"{len(self.boxes)} boxes but {len(masks)} masks: give as many {what} as "
                    "people, in the same order, or a prompts file."
                )
        if len(self.clicks) and count > 1:
            raise BadInput(f"Clicks name one person, but there are {count}: use a prompts file.")
        return [
            Prompt(
                box=self.boxes[k] if self.boxes else bounds(masks[k]) if masks else None,
                mask=masks[k] if masks else None,
                clicks=self.clicks if len(self.clicks) else None,
                inside=self.inside if len(self.clicks) else None,
            )
            for k in range(count)
        ]

    def completed(self, frame: Frame, prompt: Prompt) -> Prompt:
        """The prompt with what the detector sees in its box."""
        if prompt.box is None or self.detector is None:
            return prompt
        person = Person(box=prompt.box, score=1.0, prompt=prompt)
        (described,) = self.detector.describe(frame.pixels, [person])
        return prompting.for_person(described)

    def of_findings(self, prompt: Prompt) -> Prompt:
        """Only the kinds of findings that are to be used."""
        return replace(prompt, **{kind: None for kind in FOUND if kind not in self.use})


def numbers(text: str, count: int, option: str) -> Float[np.ndarray, "count"]:
    """``count`` numbers separated by commas. Raises BadUsage."""
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        wanted = ",".join(["x,y", "x0,y0,x1,y1"][count == 4 :][:1])
        raise BadUsage(f'{option} "{text}": wanted {count} numbers as in {option} {wanted}.')
    return values

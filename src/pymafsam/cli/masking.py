"""What the verb ``mask save`` does."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from pymafsam import render
from pymafsam.cli.mask import FORMS, MaskSave
from pymafsam.cli.options import progress_bar
from pymafsam.cli.reconstruct import read_formats
from pymafsam.cli.saved_masks import in_crop, save_jpeg
from pymafsam.errors import BadInput, BadUsage, PymafsamError
from pymafsam.files import frames, lspet
from pymafsam.files.atomic import check_writable, writing
from pymafsam.files.names import result_stems, told_apart
from pymafsam.geometry.boxes import bounds
from pymafsam.masks import folder, load_segmenter, saver2024, store
from pymafsam.masks import prompts as prompting
from pymafsam.records import Frame, Inside, Person, Pixels, Prompt

if TYPE_CHECKING:
    from pymafsam.masks.store import Segmented
    from pymafsam.people import Detector

TOGETHER = 4  # pictures of LSP-Extended handed to the segmenter at once
SMALL = 512  # pixels: up to here pictures may share a canvas
FOUND = ("box", "keypoints", "mask")


@dataclass(kw_only=True)
class Job:
    """One run of ``mask save``: writes pictures' masks and remembers failures by name."""

    options: MaskSave
    forms: tuple[str, ...]
    done: int = 0
    people: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, Sequence[Prompt]] = field(default_factory=dict)

    def write(self, one: "Segmented", pixels: Pixels, stem: str) -> None:
        """Everything asked for; the json comes last, since it says that the picture is done."""
        folder = self.options.out
        if "png" in self.forms:
            store.save_pngs(one, folder, stem)
        if "2024" in self.forms:
            for k, (prompt, mask) in enumerate(zip(one.prompts, one.masks, strict=True)):
                if mask is not None:
                    name = PurePosixPath(stem).name + (f"_person{k}" if k else "")
                    inside = in_crop(mask.inside, prompt.box)
                    saver2024.save(inside, (folder / stem).parent, name)
        if "picture" in self.forms:
            drawn = render.draw_masks(pixels, one.masks, one.prompts)
            save_jpeg(drawn, folder / f"{stem}_masks.jpg", 90)
        if "json" in self.forms:
            store.save_json(one, folder / f"{stem}.json")
        self.done += 1
        self.people += sum(mask is not None for mask in one.masks)

    def report(self) -> int:
        """Say what was done, name what failed; returns the exit code."""
        print(f"{self.done} pictures, {self.people} masks -> {self.options.out}")
        for name, reason in self.failures.items():
            print(f"failed: {name}: {reason}", file=sys.stderr)
        return 1 if self.failures else 0


def save_lspet(options: MaskSave) -> int:
    """LSP-Extended, its joints as prompts; goes on where an earlier run ended."""
    data = lspet.read(options.lspet or Path())
    present = data.present()
    chosen = lspet.indices(options.index, present) if options.index else present
    job = Job(options=options, forms=read_formats(options.save, FORMS))
    check_writable(options.out)
    stems = {index: data.picture(index).stem for index in chosen}
    missing = [k for k in chosen if options.redo or not store.done(options.out, stems[k])]
    segmenter = load_segmenter(options.segmenter, threads=options.threads)
    with progress_bar() as progress:
        before = len(chosen) - len(missing)
        task = progress.add_task("mask save", total=len(chosen), completed=before)
        for start in range(0, len(missing), TOGETHER):
            group = missing[start : start + TOGETHER]
            ready = list(_readable(job, data, group))
            for (frame, prompt), masks in zip(ready, _together(segmenter, ready), strict=True):
                one = _segmented(frame, options.segmenter, [prompt], masks)
                job.write(one, frame.pixels, PurePosixPath(frame.name).stem)
            progress.advance(task, len(group))
    if before:
        print(f"{before} pictures were there already.")
    return job.report()


def _readable(
    job: Job, data: lspet.LspExtended, group: Iterable[int]
) -> Iterator[tuple[Frame, Prompt]]:
    for index in group:
        path = data.picture(index)
        try:
            frame = frames.read_picture(path)
            yield frame, lspet.prompt(data.joints[index - 1], frame.size)
        except PymafsamError as error:
            job.failures[path.name] = str(error)


def _together(segmenter: Any, ready: Sequence[tuple[Frame, Prompt]]) -> list[Any]:
    """Small pictures share an encoding where the segmenter can do that."""
    small = all(max(frame.size) <= SMALL for frame, _ in ready)
    if small and hasattr(segmenter, "segment_together"):
        return segmenter.segment_together([f.pixels for f, _ in ready], [[p] for _, p in ready])
    return [segmenter.segment(frame.pixels, [prompt]) for frame, prompt in ready]


def save_pictures(options: MaskSave) -> int:
    """Any pictures, prompted as the options say."""
    job = Job(options=options, forms=read_formats(options.save, FORMS))
    sources = told_apart(frames.find(options.paths))
    names = [source.name for source in sources]
    speaker = Speaker.of(options, names)
    stems = result_stems(names)
    check_writable(options.out)
    segmenter = load_segmenter(options.segmenter, threads=options.threads)
    with progress_bar() as progress:
        task = progress.add_task("mask save", total=len(sources))
        for source, stem in zip(sources, stems, strict=True):
            try:
                for frame in frames.read_source(source):
                    name = f"{stem}/{PurePosixPath(frame.name).name}" if source.is_video else stem
                    if options.skip_existing and store.done(options.out, name):
                        continue
                    prompts = speaker.prompts(frame)
                    masks = segmenter.segment(frame.pixels, prompts)
                    one = _segmented(frame, options.segmenter, prompts, masks)
                    job.write(one, frame.pixels, name)
                    job.prompts[frame.name] = prompts
            except PymafsamError as error:
                job.failures[source.name] = str(error)
            progress.advance(task)
    if job.prompts and "json" in job.forms:
        with writing(options.out / "prompts.json") as temporary:
            temporary.write_text(json.dumps(prompting.file_content(job.prompts)), "utf-8")
    return job.report()


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """Turns the options of ``mask save`` into the prompts of a picture."""

    said: prompting.GivenPrompts | None
    boxes: tuple[np.ndarray, ...]
    clicks: np.ndarray
    inside: np.ndarray
    masks: folder.MaskFolder | None
    use: tuple[str, ...]
    minimum: float
    detector: "Detector | None"
    complete: bool

    @classmethod
    def of(cls, options: MaskSave, names: Sequence[str]) -> "Speaker":
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
            masks=folder.open_folder(options.masks, names) if options.masks else None,
            use=read_formats(options.use, FOUND),
            minimum=options.min_score,
            detector=detector,
            complete=options.complete,
        )

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


def numbers(text: str, count: int, option: str) -> np.ndarray:
    """``count`` numbers separated by commas. Raises BadUsage."""
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        wanted = ",".join(["x,y", "x0,y0,x1,y1"][count == 4 :][:1])
        raise BadUsage(f'{option} "{text}": wanted {count} numbers as in {option} {wanted}.')
    return values


def _segmented(
    frame: Frame, segmenter: str, prompts: Sequence[Prompt], masks: Sequence[Any]
) -> "Segmented":
    return store.Segmented(
        name=frame.name,
        size=frame.size,
        segmenter=segmenter.partition("=")[0],
        prompts=tuple(prompts),
        masks=tuple(masks),
    )

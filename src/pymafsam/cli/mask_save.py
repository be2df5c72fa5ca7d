"""``mask save``: segment people, keep their masks and what was prompted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.cli.bars import progress_bar
from pymafsam.cli.inputs import Inputs, Run, read_names, recipe
from pymafsam.cli.options import MOST_THREADS, check_range
from pymafsam.config import MINIMUM_SCORE
from pymafsam.errors import BadUsage
from pymafsam.records import Frame, Mask, Prompt

if TYPE_CHECKING:
    from pymafsam.cli.mask_files import MaskFiles
    from pymafsam.files.lspet import LspExtended
    from pymafsam.masks import Segmenter
    from pymafsam.masks.store import Segmented
    from pymafsam.records import Origin

FORMS = ("png", "json", "picture", "2024")
TOGETHER = 4  # pictures of LSP-Extended handed to the segmenter at once
SMALL = 512  # pixels: up to here pictures may share a canvas
Several = tyro.conf.UseAppendAction


@dataclass(kw_only=True)
class MaskSave(Inputs):
    """Segment people in pictures and keep the masks.

    Who is meant is found automatically, or said by boxes, clicks, mask files or a prompts file
    (docs/masks.md). --out gets, per picture, a json with prompts and masks (COCO run lengths), a
    PNG per person, and the picture with masks and prompts drawn.

    Examples:
      pymafsam mask save photo.jpg --out masks
      pymafsam mask save photo.jpg --box 40,20,220,400 --click-out 60,300 --out masks
      pymafsam mask save holiday/ --prompts prompts.json --out masks
      pymafsam mask save --lspet lspet/ --index 1-960 --out masks
      pymafsam mask save photo.jpg --segmenter sam:vit_h=sam_vit_h_4b8939.pth --out masks
    """

    box: Annotated[tuple[str, ...], Several] = ()
    """x0,y0,x1,y1 in pixels; repeat it for several people."""
    click: Annotated[tuple[str, ...], Several] = ()
    """x,y of a place on the person; repeat it for several places."""
    click_out: Annotated[tuple[str, ...], Several] = ()
    """x,y of a place beside the person."""
    masks: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Rough masks as prompts: label maps, PNGs, npy, COCO json; matched by the names."""
    prompts: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """Prompts per picture; a json saved by this verb and COCO annotations work too."""
    complete: bool = False
    """Let the detector add keypoints and its own mask to the boxes given."""
    use: str = "box,keypoints,mask"
    """Which of the detector's findings become prompts."""
    detector: str = "auto"
    """Who finds people where nobody is named: auto, nanodet, blazepose."""
    min_score: float = MINIMUM_SCORE
    """People the detector is less sure of are passed over."""
    segmenter: str = "mobilesam"
    """mobilesam, mobilesam-openvino, mobilesam-bf16 (with OpenVINO), sam:vit_h=PATH (also vit_l,
    vit_b), detector, none."""
    save: str = "png,json,picture"
    """What to write: png, json, picture, 2024 (the older code's masks_fore1_*.npy)."""
    lspet: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """LSP-Extended in its official layout (images, joints.mat): its joints are the prompts."""
    index: str | None = None
    """Which of its pictures: 1005, 1-960, 3,8,20-30. Default: all."""
    redo: bool = False
    """With --lspet: segment again what is there already."""
    threads: int = 0
    """Of the networks; 0: as many as there are cores."""

    def run(self) -> int:
        check_range("--min-score", self.min_score, 0, 1)
        check_range("--threads", self.threads, 0, MOST_THREADS)
        forms = read_names("--save", self.save, FORMS)
        if self.lspet is not None:
            if self.paths:
                raise BadUsage("Give either pictures or --lspet, not both.")
            return self.of_lspet(self.lspet, forms)
        if self.index is not None:
            raise BadUsage("--index counts the pictures of --lspet, which is missing.")
        return self.of_pictures(forms)

    def of_pictures(self, forms: tuple[str, ...]) -> int:
        """Any pictures, prompted as the options say."""
        from pymafsam.cli.mask_files import MaskFiles
        from pymafsam.cli.prompt_source import PromptSource
        from pymafsam.masks.store import MAKER

        run = Run(
            options=self,
            maker=MAKER,
            recipe=recipe(self),
            sources=self.find(),
            inputs=[self.prompts],
        )
        source = PromptSource.of(self, run.names)
        run.prepare()
        segmenter = load_segmenter(self.segmenter, threads=self.threads)
        files = MaskFiles(run=run, forms=forms, masks_of=source.files_of)
        with progress_bar() as progress:
            tracked = progress.track(run.sources, description="mask save")
            for frame, name, origin in run.frames(iter(tracked), files.up_to_date):
                with run.attempt(frame.name):
                    origin = files.prepare(name, frame.name, origin)
                    prompts = source.prompts(frame)
                    masks = segmenter.segment(frame.pixels, prompts)
                    one = segmented(frame, self.segmenter, prompts, masks)
                    files.write(one, frame.pixels, name, origin)
        files.write_prompts()
        return run.report("masks")

    def of_lspet(self, folder: Path, forms: tuple[str, ...]) -> int:
        """LSP-Extended, its joints as prompts; goes on where an earlier run ended."""
        from pymafsam.cli.mask_files import MaskFiles
        from pymafsam.files import lspet, made
        from pymafsam.files.frames import Source
        from pymafsam.masks.store import MAKER

        data = lspet.read(folder)
        present = data.present()
        chosen = lspet.indices(self.index, present) if self.index else present
        indices = {data.picture(index).name: index for index in chosen}
        run = Run(
            options=replace(self, skip_existing=not self.redo),
            maker=MAKER,
            recipe={**recipe(self), "joints": made.stamp(folder / "joints.mat")},
            sources=[Source(path=data.picture(k), name=name) for name, k in indices.items()],
        )
        run.prepare()
        job = LspetJob(
            run=run,
            files=MaskFiles(run=run, forms=forms),
            data=data,
            segmenter=load_segmenter(self.segmenter, threads=self.threads),
            called=self.segmenter,
        )
        with progress_bar() as progress:
            tracked = progress.track(run.sources, description="mask save")
            for frame, name, origin in run.frames(iter(tracked), job.files.up_to_date):
                job.add(frame, name, origin, indices[frame.name])
        job.segment()
        return run.report("masks")


def load_segmenter(name: str, *, threads: int) -> "Segmenter":
    """The segmenter of that name."""
    from pymafsam import masks

    return masks.load_segmenter(name, threads=threads)


def segmented(
    frame: Frame, segmenter: str, prompts: Sequence[Prompt], masks: Sequence[Mask | None]
) -> "Segmented":
    """What is kept of a picture."""
    from pymafsam.masks.store import Segmented

    return Segmented(
        name=frame.name,
        size=frame.size,
        segmenter=segmenter.partition("=")[0],
        prompts=tuple(prompts),
        masks=tuple(masks),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A picture of LSP-Extended with its prompt."""

    frame: Frame
    prompt: Prompt
    name: str
    origin: "Origin"


@dataclass(kw_only=True)
class LspetJob:
    """Pictures of LSP-Extended, a few at a time: small ones share an encoding."""

    run: Run
    files: "MaskFiles"
    data: "LspExtended"
    segmenter: "Segmenter"
    called: str
    waiting: list[Ready] = field(default_factory=list)

    def add(self, frame: Frame, name: str, origin: "Origin", index: int) -> None:
        """One more picture; when enough are waiting they are segmented."""
        from pymafsam.files import lspet

        with self.run.attempt(frame.name):
            self.files.prepare(name, frame.name, origin)
            prompt = lspet.prompt(self.data.joints[index - 1], frame.size)
            self.waiting.append(Ready(frame=frame, prompt=prompt, name=name, origin=origin))
        if len(self.waiting) == TOGETHER:
            self.segment()

    def segment(self) -> None:
        """Segment and write those that are waiting; one by one where that fails together."""
        try:
            masks = together(self.segmenter, self.waiting)
        except Exception:  # whoever is at fault is named below
            masks = None
        for k, ready in enumerate(self.waiting):
            with self.run.attempt(ready.frame.name):
                own = (
                    masks[k]
                    if masks
                    else self.segmenter.segment(ready.frame.pixels, [ready.prompt])
                )
                one = segmented(ready.frame, self.called, [ready.prompt], own)
                self.files.write(one, ready.frame.pixels, ready.name, ready.origin)
        self.waiting.clear()


def together(segmenter: "Segmenter", waiting: Sequence[Ready]) -> list[list[Mask | None]]:
    """Small pictures share an encoding where the segmenter can do that."""
    small = all(max(ready.frame.size) <= SMALL for ready in waiting)
    several = getattr(segmenter, "segment_together", None)
    if small and several is not None:
        return several(
            [ready.frame.pixels for ready in waiting], [[ready.prompt] for ready in waiting]
        )
    return [segmenter.segment(ready.frame.pixels, [ready.prompt]) for ready in waiting]

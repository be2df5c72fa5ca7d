"""``mask save``, ``mask points``, ``mask show``: segment people, keep it, look at it."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from pymafsam.cli.options import progress_bar
from pymafsam.errors import BadUsage, PymafsamError

if TYPE_CHECKING:
    from pymafsam.masks.lspet import LspExtended
    from pymafsam.records import Pixels, Prompt


@dataclass(kw_only=True)
class MaskSave:
    """Segment LSP-Extended."""

    out: Path
    """Folder for the masks; made when missing."""
    lspet: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """LSP-Extended in its official layout (images, joints.mat): its joints are the prompts."""
    index: str | None = None
    """Which of its pictures: 1005, 1-960, 3,8,20-30. Default: all."""
    segmenter: str = "mobilesam"
    """mobilesam, sam:vit_h=PATH (also vit_l, vit_b), detector, none."""
    threads: int = 0
    """Of the networks; 0: as many as there are cores."""

    def run(self) -> int:
        from pymafsam.masks import lspet

        assert self.lspet
        data = lspet.read(self.lspet)
        present = data.present()
        chosen = lspet.indices(self.index, present) if self.index else present
        return LspetJob(options=self, data=data).run(chosen)


@dataclass(kw_only=True)
class LspetJob:
    options: MaskSave
    data: "LspExtended"
    failures: dict[str, str] = field(default_factory=dict)

    def run(self, chosen: Sequence[int]) -> int:
        from pymafsam.masks import load_segmenter, store

        names = {index: self.data.picture(index).stem for index in chosen}
        missing = [k for k, stem in names.items() if not store.done(self.options.out, stem)]
        segmenter = load_segmenter(self.options.segmenter, threads=self.options.threads)
        with progress_bar() as progress:
            task = progress.add_task(
                "mask save", total=len(chosen), completed=len(chosen) - len(missing)
            )
            for start in range(0, len(missing), 4):
                group = missing[start : start + 4]
                self.some(segmenter, group)
                progress.advance(task, len(group))
        print(f"{len(chosen) - len(self.failures)} pictures -> {self.options.out}")
        for name, reason in self.failures.items():
            print(f"failed: {name}: {reason}", file=sys.stderr)
        return 1 if self.failures else 0

    def some(self, segmenter: Any, group: Sequence[int]) -> None:
        from pymafsam.masks import store

        ready = list(self.readable(group))
        masks = segmenter.segment_together([r[1] for r in ready], [[r[2]] for r in ready])
        for (path, pixels, prompt), own in zip(ready, masks, strict=True):
            one = store.Segmented(
                name=path.name,
                size=(pixels.shape[1], pixels.shape[0]),
                segmenter=self.options.segmenter,
                prompts=(prompt,),
                masks=tuple(own),
            )
            store.save_pngs(one, self.options.out, path.stem)
            store.save_json(one, self.options.out / f"{path.stem}.json")

    def readable(self, group: Sequence[int]) -> Iterator[tuple[Path, "Pixels", "Prompt"]]:
        from pymafsam import frames
        from pymafsam.masks import lspet

        for index in group:
            path = self.data.picture(index)
            try:
                frame = frames.read_picture(path)
                yield path, frame.pixels, lspet.prompt(self.data.joints[index - 1], frame.size)
            except PymafsamError as error:
                self.failures[path.name] = str(error)

"""``reconstruct``: pictures, folders and videos in, meshes and pictures out."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.cli.options import Flow, progress_bar
from pymafsam.errors import BadInput, BadUsage, PymafsamError
from pymafsam.files.names import result_stems, told_apart
from pymafsam.records import Mask
from pymafsam.registry import closest

if TYPE_CHECKING:
    from pymafsam.files.frames import Source
    from pymafsam.masks.folder import MaskFolder
    from pymafsam.masks.prompts import GivenPrompts
    from pymafsam.people.boxes import GivenBoxes
    from pymafsam.pipeline import Reconstructor
    from pymafsam.records import Frame, Request, Scene


@dataclass(kw_only=True)
class Reconstruct(Flow):
    """Reconstruct everybody in pictures, folders and videos.

    For every picture --out gets the overlay, a side view, the numbers (json, npz) and the mesh
    (obj). Frames of a video go to a folder named after it.

    Examples:
      pymafsam reconstruct photo.jpg --out results
      pymafsam reconstruct holiday/ clip.mp4 --out results --save picture,json
      pymafsam reconstruct photo.jpg --boxes people.json --segmenter none --out results
    """

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """Pictures, folders (searched with their subfolders), videos."""
    out: Path
    """Folder for the results; made when missing."""
    boxes: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """COCO-style json: who is meant, by boxes (images by file_name, annotations with bbox)."""
    prompts: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """Who is meant, by boxes, clicks, keypoints or masks (docs/masks.md); others: everybody."""
    masks: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder with masks made elsewhere, matched by the pictures' names."""
    save: str = "picture,side,json,npz,obj"
    """What to write, separated by commas: picture, side, json, npz, obj, glb."""
    skip_existing: bool = False
    """Pass over pictures whose results are in --out already (to go on after an interruption)."""

    def run(self) -> int:
        from pymafsam import export
        from pymafsam.files import frames
        from pymafsam.files.atomic import check_writable

        if not self.paths:
            raise BadUsage("Which pictures? Give at least one file or folder.")
        formats = read_formats(self.save, export.EXPORTERS.names())
        job = Job(options=self, formats=formats, sources=told_apart(frames.find(self.paths)))
        if sum(said is not None for said in (self.boxes, self.masks, self.prompts)) > 1:
            raise BadUsage("Give one of --boxes, --prompts and --masks: each says who is meant.")
        check_writable(self.out)
        return job.run(self.load())


def read_formats(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The names in ``picture,json``. Raises BadUsage for none and for unknown ones."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if name not in known:
            raise BadUsage(
                f'--save: there is no "{name}"{closest(name, known)}\n  Known: {", ".join(known)}'
            )
    if not names:
        raise BadUsage(f"--save: nothing to save. Known: {', '.join(known)}")
    return names


@dataclass(kw_only=True)
class Job:
    """One run over many inputs: what is to be read, and what came of it."""

    options: Reconstruct
    formats: tuple[str, ...]
    sources: Sequence["Source"]
    pictures: int = 0
    people: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    @cached_property
    def names(self) -> list[str]:
        """What the sources are called."""
        return [source.name for source in self.sources]

    @cached_property
    def boxes(self) -> "GivenBoxes":
        """What --boxes says, read once."""
        from pymafsam.people.boxes import read

        assert self.options.boxes is not None
        return read(self.options.boxes, self.names)

    @cached_property
    def prompts(self) -> "GivenPrompts":
        """What --prompts says, read once."""
        from pymafsam.masks import prompts

        assert self.options.prompts is not None
        return prompts.read_file(self.options.prompts, self.names)

    @cached_property
    def masks(self) -> "MaskFolder":
        """What --masks holds, listed once."""
        from pymafsam.masks.folder import open_folder

        assert self.options.masks is not None
        return open_folder(self.options.masks, self.names)

    def run(self, reconstructor: "Reconstructor") -> int:
        """Everything that can be read is reconstructed and saved; failures are kept by name."""
        with progress_bar() as progress:
            tracked = progress.track(self.sources, description="reconstruct")
            for request, scene in reconstructor.run(self.requests(tracked)):
                if isinstance(scene, PymafsamError):
                    self.failures[request.frame.name] = str(scene)
                else:
                    self.keep(scene, request.key)
        return self.report()

    def requests(self, sources: Iterable["Source"]) -> Iterator["Request"]:
        """One of every picture and every frame of a video; what fails is noted, passed over."""
        from pymafsam.files import frames

        for source, stem in zip(sources, result_stems(self.names), strict=True):
            try:
                for frame in frames.read_source(source):
                    # Frames of a video: <the video's stem>/<6 digits>.
                    name = f"{stem}/{PurePosixPath(frame.name).name}" if source.is_video else stem
                    if not self.done(name):
                        yield self.request(frame, name)
            except PymafsamError as error:
                self.failures[source.name] = str(error)

    def done(self, name: str) -> bool:
        """Whether the results called ``name`` are there and need not be made again."""
        from pymafsam import export

        wanted = export.paths(self.options.out, name, self.formats).values()
        return self.options.skip_existing and all(path.exists() for path in wanted)

    def keep(self, scene: "Scene", name: str) -> None:
        """Save a scene and count it."""
        from pymafsam import export

        export.save(scene, self.options.out, self.formats, stem=name)
        self.pictures += 1
        self.people += len(scene.bodies)
        if not scene.bodies:
            self.empty.append(scene.name)

    def request(self, frame: "Frame", key: str) -> "Request":
        """The frame, with everybody or whom the options name."""
        from pymafsam.records import Request

        options = self.options
        if options.boxes is not None:
            if not self.boxes.names(frame.name):
                raise BadInput(
                    f"--boxes {options.boxes} does not name {frame.name}.\n"
                    "  List it under images; without annotations nobody is meant in it."
                )
            people = self.boxes.people(frame.name, frame.size)
            return Request(frame=frame, people=tuple(people), key=key)
        if options.prompts is not None:
            prompts = self.prompts.prompts(frame.name, frame.size)
            if prompts is not None:
                return Request(frame=frame, prompts=tuple(prompts), key=key)
        if options.masks is not None:
            people = self.masks.people(frame.name, frame.size)
            if people is None:
                raise BadInput(f"--masks {options.masks} holds no mask for {frame.name}.")
            masks = tuple(
                Mask(inside=p.mask, score=1.0, source="given") for p in people if p.mask is not None
            )
            return Request(frame=frame, people=tuple(people), masks=masks, key=key)
        return Request(frame=frame, key=key)

    def report(self) -> int:
        """Say what was done, name what failed; returns the exit code."""
        for name in self.empty:
            print(f"{name}: nobody was found (raise or lower --min-score?)", file=sys.stderr)
        print(f"{self.pictures} pictures, {self.people} people -> {self.options.out}")
        for name, reason in self.failures.items():
            print(f"failed: {name}: {reason}", file=sys.stderr)
        return 1 if self.failures else 0

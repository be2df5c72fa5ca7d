"""``reconstruct``: pictures, folders and videos in, meshes and pictures out."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.cli.bars import tracked
from pymafsam.cli.inputs import Inputs, Run, read_names, recipe
from pymafsam.cli.options import Flow, check_range, check_workers
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import made
from pymafsam.records import Mask

if TYPE_CHECKING:
    from pymafsam.cli.sharing import Picture
    from pymafsam.files.frames import Source
    from pymafsam.masks.folder import MaskFolder
    from pymafsam.masks.prompts import GivenPrompts
    from pymafsam.people.boxes import GivenBoxes
    from pymafsam.pipeline import Reconstructor
    from pymafsam.records import Frame, Origin, Request, Scene

HELD = 2  # scenes at most that are being saved while the next one is made


@dataclass(kw_only=True)
class Reconstruct(Inputs, Flow):
    """Reconstruct everybody in pictures, folders and videos.

    For every picture --out gets the overlay, a side view, the numbers (json, npz) and the mesh
    (obj). A video becomes two films (overlay and side) and the numbers of everybody's motion
    (json, npz): people are followed, their bodies fitted over time. An interrupted video goes on
    where it stopped.

    Examples:
      pymafsam reconstruct photo.jpg --out results
      pymafsam reconstruct holiday/ clip.mp4 --out results --save picture,json
      pymafsam reconstruct photo.jpg --boxes people.json --segmenter none --out results
      pymafsam reconstruct clip.mp4 --out results --segmenter none --track 2
    """

    boxes: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """COCO-style json: who is meant, by boxes (images by file_name, annotations with bbox)."""
    prompts: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """Who is meant, by boxes, clicks, keypoints or masks (docs/masks.md); others: everybody."""
    masks: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder with masks made elsewhere, matched by the pictures' names."""
    save: str = "picture,side,json,npz,obj"
    """What to write, separated by commas: picture, side, json, npz, obj, glb."""
    frames: bool = False
    """Of a video also every frame's own files, as of pictures, in a folder named after it."""
    smooth: bool = True
    """Fit the bodies of a video over time; else each frame alone."""
    track: tuple[int, ...] = ()
    """Of a video only these people, by the numbers of their tracks."""
    min_track: int = 1
    """People seen in fewer frames of a video are left out."""
    every: int = 1
    """Look at people in every so manieth frame of a video only; in between bodies are fitted."""
    mask_every: float = 1.0
    """Seconds from mask to mask in a video; 0: in every frame that is looked at."""
    workers: int = 1
    """Processes that share the pictures (not the frames of videos) among them."""

    def run(self) -> int:
        from pymafsam import export

        self.check()
        formats = read_names("--save", self.save, export.EXPORTERS.names())
        sources = self.find()
        if sum(said is not None for said in (self.boxes, self.masks, self.prompts)) > 1:
            raise BadUsage("Give one of --boxes, --prompts and --masks: each says who is meant.")
        run = Run(
            options=self,
            maker=export.MAKER,
            recipe=recipe(self),
            sources=sources,
            inputs=[self.boxes, self.prompts],
        )
        run.prepare()
        given = GivenPeople(options=self, names=run.names)
        given.read()
        return Job(run=run, given=given, formats=formats).reconstruct()

    def check(self) -> None:
        """Raises BadUsage for numbers out of their range."""
        super().check()
        check_workers(self.workers)
        check_range("--every", self.every, 1)
        check_range("--min-track", self.min_track, 1)
        check_range("--mask-every", self.mask_every, 0)


@dataclass(kw_only=True)
class GivenPeople:
    """The people that --boxes, --prompts or --masks name in the pictures ``names``."""

    options: Reconstruct
    names: list[str]

    @cached_property
    def boxes(self) -> "GivenBoxes | None":
        """What --boxes says, read once."""
        from pymafsam.people.boxes import read

        return read(self.options.boxes, self.names) if self.options.boxes else None

    @cached_property
    def prompts(self) -> "GivenPrompts | None":
        """What --prompts says, read once."""
        from pymafsam.masks.prompts import read_file

        return read_file(self.options.prompts, self.names) if self.options.prompts else None

    @cached_property
    def masks(self) -> "MaskFolder | None":
        """What --masks holds, listed once."""
        from pymafsam.masks.folder import open_folder

        return open_folder(self.options.masks, self.names) if self.options.masks else None

    def read(self) -> None:
        """Read it all now: a mistake in it is told before any network is loaded."""
        _ = self.boxes, self.prompts, self.masks

    def files_of(self, name: str) -> str:
        """What of --masks a picture's result depends on."""
        found = self.masks.files_of(name) if self.masks else ()
        return ", ".join(made.stamp(path) for path in found)

    def digest_of_masks(self) -> str:
        """What of --masks a video's result depends on: any of the files may be a frame's."""
        from pymafsam.files.folders import files_below

        place = self.options.masks
        if place is None:
            return ""
        files = files_below(place) if place.is_dir() else [place]
        stamps = [f"{file.relative_to(place).as_posix()} {made.stamp(file)}" for file in files]
        return hashlib.sha256("\n".join(sorted(stamps)).encode()).hexdigest()[:16]

    def request(self, frame: "Frame", key: str) -> "Request":
        """The frame, with everybody or whom the options name. Raises BadInput."""
        from pymafsam.records import Request

        if self.boxes is not None:
            if not self.boxes.names(frame.name):
                raise BadInput(
                    f"--boxes {self.boxes.path} does not name {frame.name}.\n"
                    "  List it under images; without annotations nobody is meant in it."
                )
            people = self.boxes.people(frame.name, frame.size)
            return Request(frame=frame, people=tuple(people), key=key)
        if self.prompts is not None:
            prompts = self.prompts.prompts(frame.name, frame.size)
            return Request(
                frame=frame, prompts=None if prompts is None else tuple(prompts), key=key
            )
        if self.masks is not None:
            found = self.masks.people(frame.name, frame.size)
            if found is None:
                raise BadInput(f"--masks {self.options.masks} holds no mask for {frame.name}.")
            masks = tuple(
                Mask(inside=p.mask, score=1.0, source="given") for p in found if p.mask is not None
            )
            return Request(frame=frame, people=tuple(found), masks=masks, key=key)
        return Request(frame=frame, key=key)


@dataclass(kw_only=True)
class Job:
    """Requests in, scenes out and saved."""

    run: Run
    given: GivenPeople
    formats: tuple[str, ...]
    origins: dict[str, "Origin"] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    def reconstruct(self) -> int:
        """Everything that can be read is reconstructed and saved; failures are kept by name."""
        pictures = [source for source in self.run.sources if not source.is_video]
        videos = [source for source in self.run.sources if source.is_video]
        shared = self.options.workers > 1 and len(pictures) > 1
        if shared:
            self.by_workers(pictures)
        if videos or not shared:
            reconstructor = self.options.load()
            self.here(reconstructor, [] if shared else pictures)
            for source in videos:
                with self.run.attempt(source.name):
                    self.video(reconstructor, source)
        for name in self.empty:
            print(f"{name}: nobody was found (raise or lower --min-score?)", file=sys.stderr)
        return self.run.report("people")

    def here(self, reconstructor: "Reconstructor", pictures: "Sequence[Source]") -> None:
        """Pictures by this process: one is drawn and saved while the next is looked at."""
        from pymafsam.ahead import abreast
        from pymafsam.pipeline import scenes

        with closing(tracked(pictures, "reconstruct")) as counted:
            found = scenes(reconstructor, self.prepared(self.requests(counted)))
            for name, outcome in abreast(self.keep, self.dated(found), HELD):
                if isinstance(outcome, Exception):
                    self.run.fail(name, outcome)
                else:
                    self.count(name, outcome)

    def prepared(self, requests: "Iterator[Request]") -> "Iterator[Request]":
        """The same requests; while the first is looked at, what saving needs is loaded.

        Not before: imports would only wait for one another.
        """
        from pymafsam import export

        for number, request in enumerate(requests):
            if not number:
                export.prepare(self.formats)
            yield request

    def dated(
        self, found: "Iterable[tuple[Request, Scene | Exception]]"
    ) -> "Iterator[tuple[Request, Scene | Exception]]":
        """The scenes with what they were made of."""
        for request, scene in found:
            origin = self.origins.pop(request.key)
            failed = isinstance(scene, Exception)
            yield request, scene if failed else replace(scene, origin=origin)

    def by_workers(self, pictures: "Sequence[Source]") -> None:
        """Pictures by worker processes; the results are the same."""
        from pymafsam.cli.sharing import Maker

        maker = Maker(options=self.options, names=self.given.names, formats=self.formats)
        with maker.pool() as pool, closing(tracked(pictures, "reconstruct")) as counted:
            for outcome in pool.map(self.to_be_done(counted)):
                name = outcome.picture.source.name
                if outcome.error is not None:
                    self.run.fail(name, outcome.error)
                else:
                    self.count(name, outcome.people)

    def to_be_done(self, sources: "Iterable[Source]") -> "Iterator[Picture]":
        """The pictures that workers shall do; what must not be written is noted, passed over."""
        from pymafsam.cli.sharing import Picture

        for source in sources:
            with self.run.attempt(source.name):
                stem = self.run.stems[source.name]
                origin = made.origin(source.path, self.run.recipe)
                if self.run.passes(self.up_to_date, stem, source.name, origin):
                    continue
                self.run.outputs.claim(self.paths(stem).values(), source.name)
                origin = self.with_masks(origin, source.name)
                yield Picture(source=source, stem=stem, origin=origin)

    @property
    def options(self) -> Reconstruct:
        """The options of the run."""
        assert isinstance(self.run.options, Reconstruct)
        return self.run.options

    def video(self, reconstructor: "Reconstructor", source: "Source") -> None:
        """A video from end to end."""
        from pymafsam.cli.bars import frames_bar, stage_updates
        from pymafsam.cli.videos import clip_of
        from pymafsam.clips import reconstruct

        options, stem = self.options, self.run.stems[source.name]
        origin = made.origin(source.path, self.run.recipe)
        if self.given.masks is not None:
            masks = self.given.digest_of_masks()
            origin = replace(origin, options={**origin.options, "masks": masks})
        clip = clip_of(source, stem, options, self.formats, reconstructor, self.given.request)
        self.run.outputs.claim(clip.files(), source.name)
        if options.skip_existing and clip.is_done(origin):
            self.run.passed_over += 1
            return
        with frames_bar() as bar:
            report = reconstruct(clip, origin, stage_updates(bar))
        self.run.done += report.frames
        self.run.people += report.people
        if not report.people:
            self.empty.append(source.name)
        for index, why in sorted(report.broken.items()):
            self.run.failures[f"{source.name}, frame {index + 1}"] = why

    def requests(self, sources: "Iterator[Source]") -> Iterator["Request"]:
        """One of every picture; what fails is noted, passed over."""
        for frame, name, origin in self.run.frames(sources, self.up_to_date):
            request = None
            with self.run.attempt(frame.name):
                self.run.outputs.claim(self.paths(name).values(), frame.name)
                request = self.given.request(frame, name)
                self.origins[name] = self.with_masks(origin, frame.name)
            if request is not None:
                yield request

    def up_to_date(self, name: str, picture: str, origin: "Origin") -> bool:
        """Whether all the results called ``name`` are there, made of what there is now."""
        from pymafsam import export

        wanted = made.mark(export.MAKER, self.with_masks(origin, picture))
        found = map(made.read, self.paths(name).values())
        return all(mark is not None and mark.text == wanted for mark in found)

    def with_masks(self, origin: "Origin", picture: str) -> "Origin":
        """The origin, with the mask files of the picture."""
        if self.given.masks is None:
            return origin
        return replace(origin, options={**origin.options, "masks": self.given.files_of(picture)})

    def paths(self, name: str) -> dict[str, Path]:
        """Where the results called ``name`` go, by format."""
        from pymafsam import export

        return export.paths(self.run.options.out, name, self.formats)

    def keep(self, made_of: "tuple[Request, Scene | Exception]") -> "tuple[str, int | Exception]":
        """Save a scene; the picture's name, and how many people there are or what went wrong."""
        from pymafsam import export

        request, scene = made_of
        if isinstance(scene, Exception):
            return request.frame.name, scene
        try:
            export.save(scene, self.run.options.out, self.formats, stem=request.key)
        except Exception as error:  # told of its picture; the others go on
            return request.frame.name, error
        return request.frame.name, len(scene.bodies)

    def count(self, name: str, people: int) -> None:
        """Note that a picture is done."""
        self.run.done += 1
        self.run.people += people
        if not people:
            self.empty.append(name)

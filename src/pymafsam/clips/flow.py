"""A video from end to end: look at it, follow everybody, make motions, films and numbers."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from threadpoolctl import threadpool_limits

from pymafsam import export
from pymafsam.ahead import abreast, ahead
from pymafsam.clips.film import Stage, kinds, pieces
from pymafsam.clips.following import Followed, Wanted, follow
from pymafsam.clips.looking import Ask, Looker
from pymafsam.clips.looks import Look
from pymafsam.clips.memory import give_back
from pymafsam.clips.motions import Studio
from pymafsam.clips.neighbours import REACH, Neighbours
from pymafsam.clips.shelf import CHUNK, Shelf, chunk_of
from pymafsam.clips.sights import Sights
from pymafsam.config import EstimatorOptions
from pymafsam.errors import BadInput
from pymafsam.export.sequence import SEQUENCE_EXPORTERS
from pymafsam.files import made, video
from pymafsam.files.atomic import writing
from pymafsam.files.names import without_ending
from pymafsam.fitting import keypoints
from pymafsam.fitting.sequence import SequenceFit
from pymafsam.geometry.camera import picture_camera
from pymafsam.people.detector import without_mirror_images
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Camera, Frame, Mask, Origin, SequenceScene

log = logging.getLogger(__name__)

MAKER = export.MAKER
FILMS = {"picture": "overlay", "side": "side"}  # formats that become films
TOGETHER = 2  # chunks, and then people, that are worked on side by side
HELD_BYTES = 400_000_000  # of decoded pictures, at most, in chunks that are looked at side by side


# Told how far a stage is: its name, and how many of how many frames (tracks) have passed it.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """What a video is made into, and how.

    ``formats``: films (picture, side) and sequences (json, npz); ``per_frame``: formats of single
    pictures that every frame is saved in, too. ``every``: people are looked at in each so manieth
    frame and fitted in between; ``mask_every``: seconds from mask to mask.
    """

    formats: tuple[str, ...] = ("picture", "side", "json", "npz")
    per_frame: tuple[str, ...] = ()
    smooth: bool = True
    every: int = 1
    mask_every: float = 1.0
    with_masks: bool = True
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(slots=True, kw_only=True)
class ClipReport:
    """What came of a video; ``broken`` are frames that could not be read or looked at, and why."""

    frames: int = 0
    people: int = 0
    written: list[Path] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A chunk of a video: its number, its frames, and the frame before the first."""

    chunk: int
    frames: Iterable[Frame]
    before: Frame | None


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One video on its way: where it is, what it is called, what is wanted of it."""

    path: Path
    name: str
    stem: str
    out: Path
    reconstructor: Reconstructor
    options: ClipOptions
    ask: Ask
    progress: Progress = _silent
    report: ClipReport = field(default_factory=ClipReport)

    def frames(self) -> Iterator[Frame]:
        """The video's frames; those that cannot be decoded are noted."""
        return video.frames(self.path, without_ending(self.name), self._broken)

    @property
    def eyes(self) -> Reconstructor:
        """Who looks at single frames."""
        observer = self.reconstructor.observer
        # Half the work: frames are smoothed over time anyway.
        single = replace(observer, detector=without_mirror_images(observer.detector))
        return replace(self.reconstructor, observer=single)

    def look(self, shelf: Shelf) -> Camera:
        """Everything is looked at, a chunk at a time, as far as it has not been; the camera."""
        looker = Looker(
            reconstructor=self.eyes,
            ask=self.ask,
            every=self.options.every,
            mask_every=self.options.mask_every,
            with_masks=self.options.with_masks,
        )
        facts, last = video.facts(self.path), list[Frame]()
        # A chunk looked at beside others must lie in memory; of large pictures one streams.
        count = TOGETHER if TOGETHER * CHUNK * facts.bytes <= HELD_BYTES else 1

        def put(part: Part) -> None:
            shelf.put(part.chunk, looker.looks(part.frames, part.before))

        parts = self._parts(shelf, facts.frames, last, held=count > 1)
        work = abreast(put, parts, count) if count > 1 else map(put, parts)
        deque(work, maxlen=0)  # until all of it is done
        self.report.frames = last[0].index + 1
        return picture_camera(last[0].size, self.reconstructor.observer.focal)

    def _parts(
        self, shelf: Shelf, total: int, last: list[Frame], *, held: bool
    ) -> Iterator["Part"]:
        """The chunks that are not on the shelf, their frames in memory (``held``) or decoded as
        they are asked for; ``last`` comes to hold the last frame so far.
        """

        def told(frames: Iterable[Frame]) -> Iterator[Frame]:
            for frame in frames:
                _refuse_another_size(frame, last)
                self.progress("look", frame.index + 1, max(total, frame.index + 1))
                yield frame
                last[:] = [frame]

        every = told(ahead(self.frames()))
        for chunk, part in groupby(every, lambda frame: chunk_of(frame.index)):
            if shelf.looks_path(chunk).exists():
                deque(part, maxlen=0)  # passed over
                continue
            before = last[0] if last else None
            frames = list(part) if held else part  # noqa: B031
            yield Part(chunk=chunk, frames=frames, before=before)

    def carry(self, shelf: Shelf, camera: Camera) -> None:
        """What was said of where somebody is goes on to the frames around."""
        facts = video.facts(self.path)
        frames = min(REACH * facts.rate, HELD_BYTES / max(facts.bytes, 1))
        neighbours = Neighbours(
            shelf=shelf, reconstructor=self.eyes, camera=camera, held=max(int(frames), 1)
        )
        neighbours.carry(self.frames())

    def follow(self, shelf: Shelf, camera: Camera) -> Followed:
        """Who is who, from the looks."""
        return follow(self._noted(shelf.all()), camera.size, self.options.wanted)

    def fit(self, shelf: Shelf, followed: Followed, camera: Camera) -> SequenceScene:
        """Everybody's motion, from the looks."""
        model = self.reconstructor.model
        single = keypoints.load(model, EstimatorOptions())
        sights = Sights(shelf=shelf, camera=camera, fit=single)
        studio = Studio(sights=sights, followed=followed, camera=camera)
        fit = SequenceFit(single) if self.options.smooth else None
        motions = []
        work = abreast(lambda course: studio.motion(course, fit), followed.courses, TOGETHER)
        for count, motion in enumerate(work, start=1):
            motions.append(motion)
            self.progress("fit", count, len(followed.courses))
        self.report.people = len(motions)
        return SequenceScene(
            name=self.name,
            seconds=followed.seconds,
            camera=camera,
            motions=tuple(motions),
            body_name=model.name,
            faces=model.faces,
            cuts=followed.cuts,
        )

    def draw(self, shelf: Shelf, followed: Followed, scene: SequenceScene) -> None:
        """The films, and the files of single frames where they are asked for."""

        def mask(track: int, frame: int) -> Mask | None:
            row = followed.row(track, frame)
            packed = None if row is None else shelf.look(frame).masks[row]
            return None if packed is None else packed.mask()

        stage = Stage(model=self.reconstructor.model, clip=scene)
        single = replace(stage, mask=mask)
        names = [FILMS[name] for name in self.options.formats if name in FILMS]
        if not names and not self.options.per_frame:
            return
        films = kinds(names, scene)
        for frame in pieces(ahead(self.frames()), stage, films, shelf):
            if self.options.per_frame:
                alone = replace(single.scene(frame), origin=scene.origin)
                stem = f"{self.stem}/{frame.index + 1:06d}"
                export.save(alone, self.out, self.options.per_frame, stem=stem)
            self.progress("draw", frame.index + 1, len(scene.seconds))
        chunks = chunk_of(len(scene.seconds) - 1) + 1
        for film in films:
            segments = [shelf.film_path(film.name, chunk) for chunk in range(chunks)]
            mark = made.mark(MAKER, scene.origin)
            with writing(self.file(film.name)) as path:
                video.join(segments, path, mark=mark, sound=self.path)

    def file(self, kind: str) -> Path:
        """Where a film or a sequence goes; ``kind``: overlay, side, or a sequence's format."""
        if kind in FILMS.values():
            return self.out / f"{self.stem}_{kind}.mp4"
        return self.out / f"{self.stem}{SEQUENCE_EXPORTERS.load(kind).ending}"

    def files(self) -> list[Path]:
        """Everything that is written, but for the single frames."""
        return [self.file(FILMS.get(name, name)) for name in self.options.formats]

    def is_done(self, origin: Origin) -> bool:
        """Whether all files are there, made of the same video with the same options."""
        mark = made.mark(MAKER, origin)
        found = [made.read(path) for path in self.files()]
        return bool(found) and all(one is not None and one.text == mark for one in found)

    def save(self, scene: SequenceScene) -> None:
        """The sequence's own files."""
        for name in self.options.formats:
            if name not in FILMS:
                with writing(self.file(name)) as path:
                    SEQUENCE_EXPORTERS.load(name).write(scene, path)

    def _broken(self, index: int, why: str) -> None:
        self.report.broken.setdefault(index, f"it cannot be decoded ({why}); it is bridged")

    def _noted(self, looks: Iterable[Look]) -> Iterator[Look]:
        """The same looks; those that failed are noted, also where an earlier run looked."""
        for look in looks:
            if look.failed:
                self.report.broken.setdefault(look.index, look.failed)
            yield look


@dataclass(kw_only=True)
class Quiet:
    """BLAS and OpenCV work in the thread that calls them, as long as a clip is under way.

    Their own threads share work out by who else is busy just then, and it may round accordingly;
    and pieces here are so small that their threads mostly wait for one another. How many there are
    belongs to the process: of clips that overlap the first sets it and the last sets it back.
    """

    under_way: int = 0
    before: ExitStack = field(default_factory=ExitStack)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> None:
        import cv2
        import scipy.linalg  # noqa: F401  a BLAS of its own, which is limited only when it is there

        with self.lock:
            if not self.under_way:
                self.before.callback(cv2.setNumThreads, cv2.getNumThreads())
                cv2.setNumThreads(1)
                self.before.enter_context(threadpool_limits(limits=1, user_api="blas"))
            self.under_way += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.under_way -= 1
            if not self.under_way:
                self.before.close()


QUIET = Quiet()


def reconstruct(clip: Clip, origin: Origin, progress: Progress = _silent) -> ClipReport:
    """Everything a clip is made into; goes on where an interrupted run stopped.

    Raises BadInput for a video that cannot be read and one whose pictures change their size.
    """
    clip = replace(clip, progress=progress)
    recipe = {**origin.options, "bytes": str(origin.size), "modified": str(origin.modified)}
    shelf = Shelf.open(clip.out / f"{clip.stem}.work", {**recipe, "options": repr(clip.options)})
    followed, scene = motions(clip, shelf)
    scene = replace(scene, origin=origin)
    with QUIET:
        clip.save(scene)
        clip.draw(shelf, followed, scene)
    shelf.remove()
    clip.report.written = clip.files()
    return clip.report


def motions(clip: Clip, shelf: Shelf) -> tuple[Followed, SequenceScene]:
    """Everybody's motion; what is on the shelf need not be looked at again."""
    with QUIET:
        camera = clip.look(shelf)
        give_back()
        clip.carry(shelf, camera)
        followed = clip.follow(shelf, camera)
        scene = clip.fit(shelf, followed, camera)
        give_back()
        return followed, scene


def _refuse_another_size(frame: Frame, last: list[Frame]) -> None:
    if last and last[0].size != frame.size:
        raise BadInput(
            f"{frame.name}: the pictures change from {last[0].size[0]} x {last[0].size[1]} to "
            f"{frame.size[0]} x {frame.size[1]} pixels.\n  Cut the video there first."
        )

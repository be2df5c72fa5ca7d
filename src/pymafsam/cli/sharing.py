"""Pictures of ``reconstruct`` shared out to worker processes, each with networks of its own."""

import multiprocessing.pool
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pymafsam.ahead import cores
from pymafsam.config import ONE_BY_ONE
from pymafsam.errors import BadInput
from pymafsam.scale.pool import Pool

if TYPE_CHECKING:
    from pymafsam.cli.reconstruct import Reconstruct
    from pymafsam.files.frames import Source
    from pymafsam.records import Origin, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture, what its results are called and made of."""

    source: "Source"
    stem: str
    origin: "Origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a picture: how many people were saved, or what went wrong."""

    picture: Picture
    people: int = 0
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes a worker in a process of its own; ``names`` are all pictures' of the run."""

    options: "Reconstruct"
    names: list[str]
    formats: tuple[str, ...]

    def __call__(self) -> "Worker":
        return Worker(self)

    def pool(self) -> Pool[Picture, Outcome]:
        """As many workers as --workers says; pictures of a network's batch go together."""
        group = 1 if self.options.weights in ONE_BY_ONE else self.options.batch
        workers = self.options.workers
        return Pool(self, lost, workers=workers, group=group, threads=threads(workers))


class Worker:
    """Does pictures one after the other, whatever is wrong with them."""

    def __init__(self, maker: Maker):
        from pymafsam.cli.reconstruct import GivenPeople

        self._formats, self._out = maker.formats, maker.options.out
        self._given = GivenPeople(options=maker.options, names=maker.names)
        self._reconstructor = maker.options.load(threads=threads(maker.options.workers))

    def __call__(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """What came of each."""
        from pymafsam import export
        from pymafsam.pipeline import scenes

        found: dict[str, Outcome] = {}
        by_stem = {picture.stem: picture for picture in pictures}
        for request, scene in scenes(self._reconstructor, self._requests(pictures, found)):
            picture = by_stem[request.key]
            try:
                if isinstance(scene, Exception):
                    raise scene
                whole = replace(scene, origin=picture.origin)
                export.save(whole, self._out, self._formats, stem=picture.stem)
                found[picture.stem] = Outcome(picture=picture, people=len(scene.bodies))
            except Exception as error:  # the others go on
                found[picture.stem] = Outcome(picture=picture, error=_told(error))
        return [found[picture.stem] for picture in pictures]

    def _requests(
        self, pictures: Sequence[Picture], failed: dict[str, Outcome]
    ) -> "Iterator[Request]":
        from pymafsam.files import frames

        for picture in pictures:
            try:
                (frame,) = frames.read_source(picture.source)
                request = self._given.request(frame, picture.stem)
            except Exception as error:  # the others go on
                failed[picture.stem] = Outcome(picture=picture, error=_told(error))
            else:
                yield request


def lost(picture: Picture) -> Outcome:
    """What came of a picture on which workers died."""
    why = "the worker died on it, twice (too large for the memory, or a fault in a library)."
    return Outcome(picture=picture, error=BadInput(why))


def threads(workers: int) -> int:
    """Threads of each worker, so that together they are as many as there are cores."""
    return max(1, cores() // workers)


def _told(error: Exception) -> Exception:
    """The error as it can be sent, with the text of its traceback for --debug."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # some errors of libraries cannot be copied
        error = RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    return multiprocessing.pool.ExceptionWithTraceback(error, error.__traceback__)  # pyright: ignore

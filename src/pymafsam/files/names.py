"""Which file belongs to which picture, and what a picture's results are called.

One rule for boxes, prompts, masks and results, pictures and frames of videos alike: names are
compared by their path below the folder that was asked for, then without endings, then by what
stands last in them where that is unique. What could mean two things is an error that names both.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from pymafsam.errors import BadInput, BadUsage
from pymafsam.files.frames import PICTURES, VIDEOS, Source

T = TypeVar("T")

PATH, STEM, LAST = range(3)  # how a name was matched: the lower goes before the higher

# Only these are taken off a name: "IMG.0001" and "Dr. Who" are names without an ending.
ENDINGS = PICTURES | VIDEOS | {".json", ".npy", ".npz"}


def without_ending(name: str) -> str:
    """``a/IMG.0001.jpg`` -> ``a/IMG.0001``; only known endings are taken off."""
    path = PurePosixPath(name)
    return (path.with_suffix("") if path.suffix.lower() in ENDINGS else path).as_posix()


def stem_of(name: str) -> str:
    """``holiday/beach 1.jpg`` -> ``holiday/beach 1``; never leads out of a folder.

    Raises BadUsage for a name that is nothing but ways up.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part not in (path.anchor, "..")]
    if not parts:
        raise BadUsage(f'A scene called "{name}" has no name to call its files by; give a stem.')
    return without_ending(PurePosixPath(*parts).as_posix())


def result_stems(names: Iterable[str]) -> list[str]:
    """What each source's results are called: its name without ending, made unique.

    ``a.jpg`` and ``a.png`` become ``a_jpg`` and ``a_png``; two of the same name get ``-2``. A
    video's frames go to a folder of its stem, so no picture may lie in that folder.
    """
    names = list(names)
    plain = [without_ending(name) for name in names]
    count = Counter(plain)
    folders = {parent.as_posix() for stem in plain for parent in PurePosixPath(stem).parents}
    clear = [
        count[stem] == 1 and not (_is_video(name) and stem in folders)
        for name, stem in zip(names, plain, strict=True)
    ]
    taken = folders | {stem for stem, alone in zip(plain, clear, strict=True) if alone}
    stems = []
    for name, stem, alone in zip(names, plain, clear, strict=True):
        if not alone:
            stem = next(free for free in _spellings(name) if free not in taken)
            taken.add(stem)
        stems.append(stem)
    return stems


def _spellings(name: str) -> Iterator[str]:
    """``a.jpg``: a_jpg, a_jpg-2, a_jpg-3 ..."""
    stem = _with_kind(name)
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _with_kind(name: str) -> str:
    """``a.jpg`` -> ``a_jpg``, as results are called where ``a`` could mean two things."""
    kind = PurePosixPath(name).suffix[1:]
    stem = without_ending(name)
    return f"{stem}_{kind}" if stem != name else stem


def _is_video(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in VIDEOS


def told_apart(sources: Iterable[Source]) -> list[Source]:
    """The sources, each file once, and those of the same name with more of their paths.

    ``x/a.jpg y/a.jpg`` on a command line are both called ``a.jpg`` at first: they become
    ``x/a.jpg`` and ``y/a.jpg``.
    """
    apart = list({source.path.absolute(): source for source in sources}.values())
    while True:
        count = Counter(source.name for source in apart)
        longer = [s if count[s.name] == 1 else replace(s, name=_longer(s)) for s in apart]
        if longer == apart:
            return apart
        apart = longer


def _longer(source: Source) -> str:
    """The name with one more folder of the path before it, where there is one."""
    more = len(PurePosixPath(source.name).parts) + 1
    parts = source.path.absolute().parts[1:]
    return PurePosixPath(*parts[-more:]).as_posix()


@dataclass(frozen=True, kw_only=True)
class ByPicture(Generic[T]):
    """Things of many pictures, each under a name as it stands in a file or a folder.

    ``where`` is that file or folder, for messages. ``pictures`` are the sources of this run, as
    far as they are known: what is matched by its last part only must be theirs alone.
    ``by_path``: the last part says nothing (numbered files, which every folder has).
    """

    where: str
    things: Mapping[str, T]
    pictures: Sequence[str] = ()
    by_path: bool = False

    def find(self, picture: str) -> T | None:
        """What belongs to the picture; None when nothing does.

        Raises BadInput where several things, or several pictures, could be meant.
        """
        name = self.match(picture)
        return None if name is None else self.things[name]

    def match(self, picture: str) -> str | None:
        """The name, as it stands in the file, that means the picture."""
        how, name = self._nearest(picture)
        if name is None or how == PATH:
            return name
        for other in self._rivals(picture):
            theirs, wanted = self._nearest(other)
            if wanted == name and theirs < how:
                return None
            if wanted == name and theirs == how:
                raise BadInput(
                    f'{self.where}: "{name}" could mean {other} and {picture}.\n'
                    "  Write the names with their folders and endings."
                )
        return name

    def _nearest(self, picture: str) -> tuple[int, str | None]:
        """The rule, whatever other pictures there are: how it was matched, and the name."""
        path = _clean(picture)
        if found := self._paths.get(path):
            return PATH, self._only(picture, found)
        for spelled in (without_ending(path), _with_kind(path)):
            if found := self._stems.get(spelled):
                return STEM, self._only(picture, found)
        last = PurePosixPath(path).name
        for end, known in ((last, self._last), (without_ending(last), self._last_stems)):
            if found := self._alike(path, known.get(end, [])):
                return LAST, self._only(picture, found)
        return LAST, None

    def _alike(self, path: str, found: Sequence[str]) -> Sequence[str]:
        """Of names with the same last part those that may mean the picture."""
        ends = [name for name in found if _is_end(_clean(name), path)]
        if self.by_path:
            return [name for name in ends if "/" in path and "/" in _clean(name)]
        # A frame's number says nothing without its video, so one name must be the other's end.
        is_frame = without_ending(path) == path
        return ends if ends or is_frame else found

    def _only(self, picture: str, found: Sequence[str]) -> str:
        if len(found) > 1:
            raise BadInput(
                f"{self.where}: {' and '.join(sorted(found)[:3])} could all be meant for {picture}."
                "\n  Write the names with their folders and endings."
            )
        return found[0]

    def _rivals(self, picture: str) -> Iterator[str]:
        """The other pictures of this run that end alike."""
        path = _clean(picture)
        last = without_ending(PurePosixPath(path).name)
        for other in self._ends_of_pictures.get(last, []):
            if _clean(other) != path:
                yield other
        if without_ending(path) == path:
            for video in self._videos:
                frame = f"{without_ending(video)}/{last}"
                if _clean(frame) != path:
                    yield frame

    @cached_property
    def _paths(self) -> Mapping[str, list[str]]:
        return _index(self.things, _clean)

    @cached_property
    def _stems(self) -> Mapping[str, list[str]]:
        return _index(self.things, lambda name: without_ending(_clean(name)))

    @cached_property
    def _last(self) -> Mapping[str, list[str]]:
        return _index(self.things, lambda name: PurePosixPath(_clean(name)).name)

    @cached_property
    def _last_stems(self) -> Mapping[str, list[str]]:
        return _index(self.things, _last_stem)

    @cached_property
    def _ends_of_pictures(self) -> Mapping[str, list[str]]:
        return _index(self.pictures, _last_stem)

    @cached_property
    def _videos(self) -> list[str]:
        return [name for name in self.pictures if _is_video(name)]


def _index(names: Iterable[str], key: Callable[[str], str]) -> Mapping[str, list[str]]:
    rows: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        rows[key(name)].append(name)
    return rows


def _clean(name: str) -> str:
    """One spelling of a path: slashes, no ``./``, composed letters (macOS decomposes them)."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return PurePosixPath(plain).as_posix()


def _last_stem(name: str) -> str:
    return PurePosixPath(without_ending(_clean(name))).name


def _is_end(one: str, other: str) -> bool:
    """Whether one path, without ending, is the end of the other."""
    ones, others = (PurePosixPath(without_ending(path)).parts for path in (one, other))
    count = min(len(ones), len(others))
    return ones[-count:] == others[-count:]

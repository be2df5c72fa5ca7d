"""One clip made again and again, as what is said of its frames grows: the same flow, no films."""

import shutil
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from pymafsam.clips.flow import Clip, Progress, motions
from pymafsam.clips.shelf import Shelf, chunk_of
from pymafsam.files.names import without_ending
from pymafsam.masks.prompts import GivenPrompts, read_file
from pymafsam.records import Frame, Request, SequenceScene


@dataclass(kw_only=True)
class Takes:
    """A ``clip`` with whom a prompts file means, taken as often as that changes.

    Every take is what ``reconstruct --prompts`` makes of the same file. Looks are kept in a folder
    that goes with this object; only chunks of which something else is said are looked at again.
    """

    clip: Clip
    prompts: Path
    said: dict[int, str] = field(default_factory=dict)  # by chunk, in the last take
    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="pymafsam-")))

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __call__(self, progress: Progress) -> SequenceScene:
        """One more take. Raises BadInput for prompts that make no sense."""
        given = read_file(self.prompts) if self.prompts.exists() else None

        def ask(frame: Frame) -> Request:
            rows = None if given is None else given.prompts(frame.name, frame.size)
            return Request(frame=frame, prompts=None if rows is None else tuple(rows))

        shelf = Shelf(folder=self.folder)
        self._forget(shelf, given)
        return motions(replace(self.clip, ask=ask, progress=progress), shelf)[1]

    def _forget(self, shelf: Shelf, given: GivenPrompts | None) -> None:
        """Throw away the looks at chunks of which something else is said now."""
        said: dict[int, str] = {}
        stem = f"{without_ending(self.clip.name)}/"
        for name, rows in sorted({} if given is None else given.rows.things.items()):
            number = name.removeprefix(stem)
            if name.startswith(stem) and number.isdecimal():
                chunk = chunk_of(int(number) - 1)
                said[chunk] = said.get(chunk, "") + repr((name, rows))
        for chunk in said.keys() | self.said.keys():
            if said.get(chunk) != self.said.get(chunk):
                shelf.looks_path(chunk).unlink(missing_ok=True)
        self.said = said

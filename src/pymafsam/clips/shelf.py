"""Where a clip's intermediate results lie: looks and pieces of film, a chunk of frames in each.

The folder stands beside the results and goes when they are done. A recipe in it says what it was
made of and how; what was made otherwise is thrown away.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pymafsam.clips import looks
from pymafsam.clips.looks import Look
from pymafsam.errors import BadInput
from pymafsam.files import made
from pymafsam.files.atomic import PREFIX, writing

RECIPE = "recipe.json"
PIECE = re.compile(r"recipe\.json|looks-\d{6}\.npz|(overlay|side)-\d{6}\.mp4")
CHUNK = 48  # frames; a chunk of Full HD takes 300 MB while it is looked at
HELD = 4  # chunks of looks kept in memory


@dataclass(kw_only=True)
class Shelf:
    """The intermediate results of one clip.

    ``amended``: looks, by frame, that what was said in other frames has changed; in memory alone.
    """

    folder: Path
    held: dict[int, list[Look]] = field(default_factory=dict)
    amended: dict[int, Look] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def open(folder: Path, recipe: dict[str, str]) -> "Shelf":
        """The shelf in a folder, emptied when it was filled by another recipe.

        Raises BadInput where a folder of that name holds what pymafsam did not make.
        """
        text = json.dumps({"made": made.mark("reconstruct"), **recipe}, indent=1, sort_keys=True)
        place, shelf = folder / RECIPE, Shelf(folder=folder)
        there = list(folder.iterdir()) if folder.is_dir() else []
        if made.read(place) is None and any(p == place or _is_foreign(p) for p in there):
            raise BadInput(
                f"{folder} is left as it is: pymafsam did not make it.\n"
                "  Choose another folder for the results (--out), or remove it."
            )
        if not place.is_file() or place.read_text(encoding="utf-8", errors="replace") != text:
            shelf.remove()
            with writing(place) as path:
                path.write_text(text, encoding="utf-8")
        return shelf

    def looks_path(self, chunk: int) -> Path:
        """Where the looks of a chunk lie."""
        return self.folder / f"looks-{chunk:06d}.npz"

    def film_path(self, kind: str, chunk: int) -> Path:
        """Where a chunk of a film lies; ``kind`` is overlay or side."""
        return self.folder / f"{kind}-{chunk:06d}.mp4"

    def chunks(self) -> int:
        """How many chunks have been looked at, from the first on without a gap."""
        count = 0
        while self.looks_path(count).exists():
            count += 1
        return count

    def put(self, chunk: int, found: list[Look]) -> None:
        """Keep the looks of a chunk."""
        looks.save(found, self.looks_path(chunk))

    def looks_of(self, chunk: int) -> list[Look]:
        """The looks of a chunk; the last few asked for stay in memory."""
        with self.turn:
            if chunk not in self.held:
                while len(self.held) >= HELD:
                    self.held.pop(next(iter(self.held)))
                self.held[chunk] = looks.load(self.looks_path(chunk))
            return self.held[chunk]

    def look(self, index: int) -> Look:
        """The look at a frame."""
        if (amended := self.amended.get(index)) is not None:
            return amended
        return self.looks_of(chunk_of(index))[index % CHUNK]

    def all(self) -> Iterator[Look]:
        """All looks in order."""
        for chunk in range(self.chunks()):
            for look in self.looks_of(chunk):
                yield self.amended.get(look.index, look)

    def remove(self) -> None:
        """Throw everything away that was put here; the folder, where nothing else is in it."""
        with contextlib.suppress(OSError):  # what cannot be removed now is stale the next time
            for path in list(self.folder.iterdir()):
                if not _is_foreign(path):
                    path.unlink()
            self.folder.rmdir()


def chunk_of(index: int) -> int:
    """The number of the chunk that a frame belongs to."""
    return index // CHUNK


def _is_foreign(path: Path) -> bool:
    return not PIECE.fullmatch(path.name) and not path.name.startswith(PREFIX)

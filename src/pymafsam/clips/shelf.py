"""Where a clip's intermediate results lie: looks and pieces of film, a chunk of frames in each.

The folder stands beside the results and goes when they are done. A recipe in it says what it was
made of and how; what was made otherwise is thrown away.
"""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pymafsam.clips import looks
from pymafsam.clips.looks import Look
from pymafsam.files.atomic import writing

CHUNK = 48  # frames; a chunk of Full HD takes 300 MB while it is looked at
HELD = 4  # chunks of looks kept in memory


@dataclass(kw_only=True)
class Shelf:
    """The intermediate results of one clip."""

    folder: Path
    held: dict[int, list[Look]] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def open(folder: Path, recipe: dict[str, str]) -> "Shelf":
        """The shelf in a folder, emptied when it was filled by another recipe."""
        text = json.dumps(recipe, indent=1, sort_keys=True)
        place = folder / "recipe.json"
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            shutil.rmtree(folder, ignore_errors=True)
            with writing(place) as path:
                path.write_text(text, encoding="utf-8")
        return Shelf(folder=folder)

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
        return self.looks_of(index // CHUNK)[index % CHUNK]

    def all(self) -> Iterator[Look]:
        """All looks in order."""
        for chunk in range(self.chunks()):
            yield from self.looks_of(chunk)

    def remove(self) -> None:
        """Throw everything away: the results are done."""
        shutil.rmtree(self.folder, ignore_errors=True)

"""Where pictures are corrected: what is said of the people in one, and the bodies that follow.

A picture's bodies are a function of its prompts alone, computed as ``reconstruct --prompts`` does,
from the prompts as the file has them: whatever is shown here can be had again, bit for bit.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.masks.prompts import from_json, to_json
from pymafsam.records import Frame, Prompt, Scene
from pymafsam.viewer.book import Book, Page, Rows
from pymafsam.viewer.remembering import digest

# A frame and who is meant in it (None: everybody) -> its scene.
Reconstruct = Callable[[Frame, Sequence[Prompt] | None], Scene]
KEPT = 32  # scenes


@dataclass(kw_only=True)
class Desk:
    """Answers corrections. ``load`` makes ready what reconstructs, when it is first needed."""

    load: Callable[[], Reconstruct]
    book: Book
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: OrderedDict[str, Scene] = field(default_factory=OrderedDict)
    _reconstruct: Reconstruct | None = None

    def open(self, frame: Frame, first: Rows | None) -> tuple[Page, Scene]:
        """What is said of a picture, and its bodies.

        Where nothing has been said that is ``first``; without it, everybody is looked for.
        """
        page = self.book.page(frame.name)
        if page.rows is None:
            rows = rows_of(self.everybody(frame)) if first is None else first
            page = Page(revision=page.revision, rows=rows)
        return page, self.scene(frame, page.rows or [])

    def change(self, frame: Frame, revision: int, rows: Rows) -> tuple[Page, Scene]:
        """Say something else of a picture.

        Nothing is kept of prompts that make no sense (BadInput), nor of those based on another
        revision than the last (Outdated).
        """
        self._refuse_files(frame, rows)
        rows = [to_json(prompt) for prompt in self._prompts(frame, rows)]
        scene = self.scene(frame, rows)
        return self.book.change(frame.name, revision, rows), scene

    def undo(self, frame: Frame, revision: int, first: Rows | None) -> tuple[Page, Scene]:
        """As it was before the last change."""
        self.book.undo(frame.name, revision)
        return self.open(frame, first)

    def scene(self, frame: Frame, rows: Rows) -> Scene:
        """The bodies that follow from prompts."""
        return self._known(frame, rows)

    def everybody(self, frame: Frame) -> Scene:
        """A picture of which nothing is known yet."""
        return self._known(frame, None)

    def _known(self, frame: Frame, rows: Rows | None) -> Scene:
        """A scene, made once; the last few are kept, for they hold their pictures."""
        # Names are not enough: pictures of two folders may have the same one.
        key = repr((frame.name, digest(frame.pixels), rows))
        with self.lock:
            if key not in self.done:
                prompts = None if rows is None else self._prompts(frame, rows)
                self.done[key] = self.reconstruct(frame, prompts)
                if len(self.done) > KEPT:
                    self.done.popitem(last=False)
            return self.done[key]

    def reconstruct(self, frame: Frame, prompts: Sequence[Prompt] | None) -> Scene:
        """The networks are loaded when the first picture is corrected."""
        if self._reconstruct is None:
            self._reconstruct = self.load()
        return self._reconstruct(frame, prompts)

    def _refuse_files(self, frame: Frame, rows: Rows) -> None:
        """A browser may name the mask files that the prompts file names, and no others."""
        known = [_mask_file(row) for row in self.book.page(frame.name).rows or []]
        for row in rows:
            if (name := _mask_file(row)) is not None and name not in known:
                raise BadInput(f"The mask {name} is not named in {self.book.path}.")

    def _prompts(self, frame: Frame, rows: Rows) -> list[Prompt]:
        folder: Path = self.book.path.parent
        return [
            from_json(row, frame.size, f"Person {k + 1} of {frame.name}", folder)
            for k, row in enumerate(rows)
        ]


def _mask_file(row: object) -> str | None:
    mask = row.get("mask") if isinstance(row, Mapping) else None
    return mask if isinstance(mask, str) else None


def rows_of(scene: Scene) -> list[dict[str, Any]]:
    """The people of a scene as prompts: their boxes, and masks that a user gave."""
    rows = []
    for body in scene.bodies:
        given = body.mask is not None and body.mask.source == "given"
        mask = body.mask.inside if given and body.mask is not None else None
        rows.append(to_json(Prompt(box=body.person.box, mask=mask)))
    return rows

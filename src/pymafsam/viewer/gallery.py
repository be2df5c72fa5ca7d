"""What the page asks for, of every exhibit: documents, photographs, corrections, files to take."""

import io
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pymafsam import export
from pymafsam.body import BodyModel
from pymafsam.errors import BadInput
from pymafsam.export import conversions
from pymafsam.export.conversions import CONVERSIONS, Saved
from pymafsam.files import frames
from pymafsam.files.names import without_ending
from pymafsam.masks.prompts import to_json
from pymafsam.records import Frame, Pixels, Prompt, Scene, SequenceScene
from pymafsam.viewer import documents
from pymafsam.viewer.book import Page, Rows
from pymafsam.viewer.desk import Desk, rows_of
from pymafsam.viewer.exhibits import Exhibit
from pymafsam.viewer.film import Film
from pymafsam.viewer.retake import Remake, Retake

THUMBNAIL = 240  # pixels
OPEN = 4  # photographs held in memory: one may be a hundred megabytes
RESULT = "result-"  # before the names of what `reconstruct --save` writes


@dataclass(kw_only=True)
class Photographs:
    """The photographs looked at last, as they are; others are read again."""

    held: OrderedDict[Path, Frame] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, path: Path, name: str) -> Frame:
        """The picture in a file, called ``name``. Raises BadInput for what is none."""
        with self.lock:
            frame = self.held.get(path)
        frame = frame or frames.read_picture(path, name)
        with self.lock:
            self.held[path] = frame
            self.held.move_to_end(path)
            while len(self.held) > OPEN:
                self.held.popitem(last=False)
        return replace(frame, name=name)


@dataclass(kw_only=True)
class Room:
    """One exhibit, opened as far as it has been asked about."""

    exhibit: Exhibit
    model: BodyModel
    desk: Desk
    remake: Remake | None = None  # how a clip is made anew; None: it is not
    photographs: Photographs = field(default_factory=Photographs)
    corrected: dict[int, Scene] = field(default_factory=dict)  # by frame; 0 of a picture
    retake: Retake | None = field(init=False)  # the clip made anew, where its film is

    def __post_init__(self):
        path, name, remake = self.exhibit.photograph, self.exhibit.name, self.remake
        self.retake = None
        if self.exhibit.is_clip and path is not None and remake is not None:
            self.retake = Retake(load=lambda: remake(path, name))

    @cached_property
    def saved(self) -> Scene | SequenceScene | None:
        """What was saved; None for a photograph. Raises BadInput for another version's."""
        results = self.exhibit.results
        return None if results is None else conversions.load(results, self.model).scene

    @cached_property
    def film(self) -> Film | None:
        """The clip's film, where it is."""
        path = self.exhibit.photograph
        return None if path is None else Film(path=path, name=self.exhibit.name)

    @property
    def now(self) -> Scene | SequenceScene | None:
        """What was saved; of a clip that was made anew its last take."""
        retaken = None if self.retake is None else self.retake.scene
        return retaken or self.saved

    @property
    def photograph(self) -> Frame | None:
        """The picture, where it was found; None for one of another size than was reconstructed."""
        if self.exhibit.photograph is None or self.exhibit.is_clip:
            return None
        frame = self.photographs.read(self.exhibit.photograph, self.exhibit.name)
        fits = self.saved is None or frame.size == self.saved.camera.size
        return frame if fits else None

    def document(self) -> dict[str, Any]:
        """The exhibit as the page takes it; a photograph is reconstructed first."""
        saved = self.now
        if isinstance(saved, SequenceScene):
            film = None if self.film is None else "frames/{}.jpg"
            return documents.of_sequence(saved, self.model, film, note=self.note())
        if saved is None:
            return self.document_of(self.desk.open(self.frame(0), None)[1])
        return self.document_of(saved)

    def document_of(self, scene: Scene, frame: Frame | None = None) -> dict[str, Any]:
        """A scene of this picture, or of a frame of this clip."""
        shown = frame or self.photograph
        pixels = None if shown is None else shown.pixels
        return documents.of_scene(scene, self.model, pixels, note=self.note())

    def note(self) -> str:
        """What is to be told of the photograph."""
        path = self.exhibit.photograph
        if path is None:
            return (
                f"The photograph {self.exhibit.name} was not found: give its folder with "
                "--pictures DIR."
            )
        if not self.exhibit.is_clip and self.photograph is None:
            return f"{path} has another size now than when it was reconstructed; it is not shown."
        return ""

    def frame(self, index: int) -> Frame:
        """What is corrected: the photograph, or a frame of the film. Raises BadInput without."""
        if self.exhibit.is_clip:
            if self.film is None:
                raise BadInput(self.note())
            frame = self.film.frame(index)
            name = f"{without_ending(self.exhibit.name)}/{index + 1:06d}"
            return replace(frame, name=name)
        photograph = self.photograph
        if photograph is None:
            raise BadInput(self.note())
        return photograph

    def first(self, index: int) -> Rows | None:
        """The people as saved, as prompts; those in a frame of a clip."""
        if isinstance(self.saved, SequenceScene):
            return _boxes_at(self.saved, index)
        return None if self.saved is None else rows_of(self.saved)

    def open(self, index: int) -> dict[str, Any]:
        """A picture to be corrected."""
        frame = self.frame(index)
        return self._answer(index, *self.desk.open(frame, self.first(index)))

    def change(self, index: int, revision: int, rows: Rows) -> dict[str, Any]:
        """A correction, and what follows from it."""
        frame = self.frame(index)
        return self._answer(index, *self.desk.change(frame, revision, rows))

    def undo(self, index: int, revision: int) -> dict[str, Any]:
        """As it was before the last correction."""
        frame = self.frame(index)
        return self._answer(index, *self.desk.undo(frame, revision, self.first(index)))

    def _answer(self, index: int, page: Page, scene: Scene) -> dict[str, Any]:
        # A photograph is read again where it is needed; a clip's frames are not.
        self.corrected[index] = scene if self.exhibit.is_clip else replace(scene, pixels=None)
        return {
            "revision": page.revision,
            "rows": page.rows,
            "saved_to": str(self.desk.book.path),
            "document": self.document_of(scene, self.frame(index)),
        }

    def retaking(self, *, begin: bool) -> dict[str, Any]:
        """How far a clip is that is made anew (see ``Retake.state``). Raises BadInput without."""
        if self.retake is None:
            raise BadInput(self.note() or "Only clips are made anew; pictures follow at once.")
        if begin:
            self.retake.begin()
        return self.retake.state()

    @cached_property
    def thumbnail(self) -> bytes:
        """A small JPEG of the photograph; without one a plain tile."""
        pixels: Pixels = np.full((THUMBNAIL * 3 // 4, THUMBNAIL, 3), 70, np.uint8)
        if self.exhibit.is_clip and self.film is not None:
            pixels = self.film.frame(0).pixels
        elif (photograph := self.photograph) is not None:
            pixels = photograph.pixels
        return documents.jpeg_bytes(pixels, THUMBNAIL, 80)

    def download(self, name: str, index: int | None) -> tuple[str, bytes]:
        """A file to take away, of what is shown, and what it is called.

        ``index``: of the corrected picture (a clip's frame); None: of what was saved. Several
        files come as one zip. Raises BadUsage for an unknown format.
        """
        scene = self.corrected.get(index) if index is not None else self.now
        if scene is None:
            scene = self.desk.open(self.frame(index or 0), self.first(index or 0))[1]
        stem = Path(self.exhibit.stem).name
        with TemporaryDirectory() as folder:
            written = self._written(scene, name, Path(folder), stem)
            if len(written) == 1:
                return written[0].name, written[0].read_bytes()
            return f"{stem}_{name}.zip", _zipped(written)

    def _written(
        self, scene: Scene | SequenceScene, name: str, folder: Path, stem: str
    ) -> Sequence[Path]:
        if name.startswith(RESULT) and isinstance(scene, Scene):
            photograph = self.photograph
            pixels = scene.pixels if photograph is None else photograph.pixels
            kind = name.removeprefix(RESULT)
            return list(export.save(scene, folder, (kind,), pixels, stem).values())
        return conversions.convert(Saved(scene=scene, model=self.model), name, folder, stem)


@dataclass(kw_only=True)
class Gallery:
    """Everything there is to look at, with one body and one desk."""

    exhibits: Sequence[Exhibit]
    model: BodyModel
    desk: Desk
    remake: Remake | None = None
    photographs: Photographs = field(default_factory=Photographs)
    rooms: dict[int, Room] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def room(self, number: int) -> Room:
        """An exhibit. Raises BadInput for a number that none has."""
        if not 0 <= number < len(self.exhibits):
            raise BadInput(f"There are {len(self.exhibits)} pictures, and none numbered {number}.")
        with self.lock:
            if number not in self.rooms:
                exhibit = self.exhibits[number]
                self.rooms[number] = Room(
                    exhibit=exhibit,
                    model=self.model,
                    desk=self.desk,
                    remake=self.remake,
                    photographs=self.photographs,
                )
            return self.rooms[number]

    def close(self) -> None:
        """End what is under way."""
        for room in self.rooms.values():
            if room.retake is not None:
                room.retake.close()

    def catalogue(self) -> dict[str, Any]:
        """What the page knows from the beginning."""
        return {
            "exhibits": [
                {"name": one.name, "stem": one.stem, "kind": "clip" if one.is_clip else "picture"}
                for one in self.exhibits
            ],
            "downloads": {
                "picture": [
                    *(f"{RESULT}{name}" for name in export.EXPORTERS.names()),
                    *CONVERSIONS.names(),
                ],
                "clip": CONVERSIONS.names(),
            },
            "prompts": str(self.desk.book.path),
        }


def _boxes_at(clip: SequenceScene, index: int) -> list[dict[str, Any]]:
    """Everybody in a frame of a clip, by their boxes."""
    there = [(motion, np.flatnonzero(motion.frames == index)) for motion in clip.motions]
    boxes = [motion.boxes[rows[0]] for motion, rows in there if len(rows)]
    return [to_json(Prompt(box=box)) for box in boxes]


def _zipped(files: Sequence[Path]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return stream.getvalue()

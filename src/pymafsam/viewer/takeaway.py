"""Exhibits as one html file: everything that can be looked at without a server."""

from typing import Any

from pymafsam.errors import BadInput
from pymafsam.records import SequenceScene
from pymafsam.viewer import documents, page
from pymafsam.viewer.gallery import RESULT, Gallery, Room

MOST_FRAMES = 300  # of a clip that are drawn behind its bodies; of longer ones every so manieth
SIDE, QUALITY = 640, 70
FILES = ("glb", f"{RESULT}json")


def standalone(gallery: Gallery) -> str:
    """The page with all exhibits, their photographs and rigs in it."""
    rooms = [gallery.room(number) for number in range(len(gallery.exhibits))]
    return page.standalone([_document(room) for room in rooms], [_files(room) for room in rooms])


def _document(room: Room) -> dict[str, Any]:
    if not isinstance(room.saved, SequenceScene):
        return room.document()
    return documents.of_sequence(room.saved, room.model, _film(room), note=room.note())


def _film(room: Room) -> list[str] | None:
    """The clip's frames as data addresses; of a long clip one stands for several."""
    if room.film is None or not isinstance(room.saved, SequenceScene):
        return None
    count = len(room.saved.seconds)
    step = -(-count // MOST_FRAMES)
    shown: list[str] = []
    for index in range(count):
        if index % step == 0:
            frame = room.film.frame(index)
            shown.append(documents.jpeg(frame.pixels, SIDE, QUALITY))
        else:
            shown.append("")  # the page keeps the one before
    return shown


def _files(room: Room) -> dict[str, str]:
    """Name -> data address of what can be taken away; nothing where nobody is."""
    files: dict[str, str] = {}
    for name in FILES[:1] if room.exhibit.is_clip else FILES:
        try:
            called, content = room.download(name, None)
        except BadInput:
            continue
        files[called] = documents.address("application/octet-stream", content)
    return files

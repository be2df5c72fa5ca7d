"""What is behind synthetic people: parts of photographs without people, or a plain room."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import json
from pymafsam.records import Camera, Pixels
from pymafsam.render.shade import to_linear, to_srgb

Generator = np.random.Generator
Rectangle = tuple[int, int, int, int]  # x0 y0 x1 y1, pixels

ALL_KNOWN = "all_people_annotated"
CANDIDATES = 300  # rectangles tried per photograph
KEPT = 3
LEAST = 0.10  # of the photograph's area
MARGIN = 4  # pixels kept from people
ROOMS = 0.12  # share of plain rooms
TEXTURE = 64  # pixels along the side of a texture


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A file's bytes and its parts in which nobody is."""

    content: bytes
    parts: tuple[Rectangle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backgrounds:
    """Photographs to cut backgrounds and textures from; without any, everything is a room."""

    photographs: tuple[Photograph, ...] = ()

    @staticmethod
    def of(folder: Path, *, held_out: bool = False) -> "Backgrounds":
        """Of a COCO-format folder (images/, person_keypoints.json) whose people are annotated.

        Photographs with ``all_people_annotated`` false are left out; one in ten is ``held_out``
        and given to test sets only. Raises MissingAsset where there is no such folder, BadInput
        for a file of it that is damaged or not there.
        """
        path = folder / "person_keypoints.json"
        if not path.is_file():
            raise MissingAsset(
                f"{path} was not found.\n  Wanted: a folder with COCO's images/ and "
                "person_keypoints.json, to cut backgrounds from."
            )
        content = json.read(path)
        boxes: dict[int, list] = {}
        for row in content.at("annotations").items():
            box = row.at("bbox").array(4).tolist()
            boxes.setdefault(row.at("image_id").whole(), []).append(box)
        photographs = []
        for picture in content.at("images").items():
            number = picture.at("id").whole()
            all_known = not isinstance(picture.value, dict) or picture.value.get(ALL_KNOWN, True)
            if (number % 10 == 0) != held_out or not all_known:
                continue
            size = (picture.at("width").whole(), picture.at("height").whole())
            parts = _without_people(size, boxes.get(number, []), number)
            if parts:
                file = folder / "images" / picture.at("file_name").text()
                photographs.append(Photograph(content=_content(file), parts=parts))
        return Backgrounds(photographs=tuple(photographs))

    def draw(self, camera: Camera, tilt: float, generator: Generator) -> Pixels:
        """A background of the camera's size; ``tilt``: how far it looks down, radians."""
        if not self.photographs or generator.random() < ROOMS:
            return _room(camera, tilt, generator)
        return self._cut(camera.size, generator)

    def texture(self, generator: Generator) -> Float32[np.ndarray, "64 64 3"]:
        """A small picture in linear light, to print on cloth or to cover an obstacle with."""
        if not self.photographs:
            cells = generator.integers(2, 9)
            rough = generator.random((cells, cells, 3)).astype(np.float32)
            import cv2

            return np.asarray(cv2.resize(rough, (TEXTURE, TEXTURE)), np.float32)
        return to_linear(self._cut((TEXTURE, TEXTURE), generator))

    def _cut(self, size: tuple[int, int], generator: Generator) -> Pixels:
        """Part of a photograph, of a random size in it, mirrored or not, in changed colours."""
        import cv2

        g = generator
        photograph = self.photographs[g.integers(len(self.photographs))]
        x0, y0, x1, y1 = photograph.parts[g.integers(len(photograph.parts))]
        decoded = cv2.imdecode(np.frombuffer(photograph.content, np.uint8), cv2.IMREAD_COLOR)
        part = np.asarray(decoded)[y0:y1, x0:x1, ::-1]
        aspect = size[0] / size[1]
        wide = min(x1 - x0, (y1 - y0) * aspect) * g.uniform(0.75, 1.0)
        high = wide / aspect
        left = int(g.uniform(0, max(x1 - x0 - wide, 0) + 1e-9))
        top = int(g.uniform(0, max(y1 - y0 - high, 0) + 1e-9))
        part = part[top : top + max(int(high), 2), left : left + max(int(wide), 2)]
        if g.random() < 0.5:
            part = part[:, ::-1]
        out = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_CUBIC)
        if g.random() < 0.35:
            out = cv2.GaussianBlur(out, (0, 0), g.uniform(0.8, 5.0))
        table = np.clip((np.arange(256) / 255) ** g.uniform(0.75, 1.35) * 255 * g.uniform(0.8, 1.1),
                        0, 255)  # fmt: skip
        return table.astype(np.uint8)[np.asarray(out, np.uint8)]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}).") from error


def _without_people(
    size: tuple[int, int], boxes: Sequence[Sequence[float]], seed: int
) -> tuple[Rectangle, ...]:
    """The largest of many random rectangles that touch nobody's box."""
    generator = np.random.default_rng(seed)
    ends = np.sort(generator.random((CANDIDATES, 2, 2)), axis=2) * np.array(size)[:, None]
    # Borders of the picture are the best sides.
    snap = generator.random((CANDIDATES, 2, 2)) < 0.5
    ends = np.where(snap, np.array([[0.0, size[0]], [0.0, size[1]]]), ends)
    low, high = ends[:, :, 0], ends[:, :, 1]
    free = np.ones(CANDIDATES, bool)
    for x, y, width, height in boxes:
        apart = (high < np.array([x, y]) - MARGIN) | (
            low > np.array([x + width, y + height]) + MARGIN
        )
        free &= apart.any(axis=1)
    area = np.prod(high - low, axis=1) * free / (size[0] * size[1])
    area *= (high - low).min(axis=1) > 60
    best = [k for k in np.argsort(-area, kind="stable")[:KEPT] if area[k] > LEAST]
    return tuple(tuple(int(v) for v in (*low[k], *high[k])) for k in best)  # type: ignore[misc]


def _room(camera: Camera, tilt: float, generator: Generator) -> Pixels:
    """Wall and floor in two colours, each a little uneven, lighter to one side."""
    import cv2

    g = generator
    width, height = camera.size
    horizon = camera.centre[1] - camera.focal * np.tan(tilt)
    floor = horizon + height * g.uniform(0.1, 0.6)
    rows = np.arange(height, dtype=np.float32)[:, None, None]
    colours = g.beta(1.2, 1.5, (2, 1)) * g.uniform(0.7, 1.3, (2, 3))
    share = np.clip((rows - floor) / g.uniform(1, 12) + 0.5, 0, 1)
    base = colours[0] * (1 - share) + colours[1] * share
    side = 1 + g.uniform(-0.4, 0.4) * np.linspace(-1, 1, width)[None, :, None]
    spots = g.normal(0, g.uniform(0.01, 0.12), g.integers(4, 40, 2)).astype(np.float32)
    rough = np.asarray(cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC))
    return to_srgb(np.clip(base * side * (1 + rough[..., None]), 0, 1))

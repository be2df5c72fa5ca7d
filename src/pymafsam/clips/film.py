"""Films of motions: the bodies over the video, and from the side; a piece for every chunk."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from jaxtyping import Float

from pymafsam import render
from pymafsam.body import BodyModel, place
from pymafsam.clips.memory import give_back
from pymafsam.clips.shelf import Shelf, chunk_of
from pymafsam.export.pictures import LEAST_DRAWN
from pymafsam.files.atomic import writing
from pymafsam.files.video import Encoder
from pymafsam.records import (
    Body,
    Frame,
    Mask,
    Motion,
    Person,
    Pixels,
    Scene,
    SequenceScene,
)

SAMPLES = 2  # per pixel side: a moving picture forgives coarser edges than a photograph
SIDE_HEIGHT = 720  # pixels at most
REACH = (1.0, 1.15, 1.0)  # metres around the pelvis that hold head, hands and feet
WITHIN = (1.0, 99.0)  # per cent of places that the side view shows: strays do not widen it
AHEAD = 6  # frames drawn ahead of the encoder
Bounds = tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]


def _no_mask(track: int, frame: int) -> Mask | None:
    """Nobody has a mask."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Makes the scene of any frame out of a clip's motions.

    ``mask`` gives the mask of a track in a frame, where there is one.
    """

    model: BodyModel
    clip: SequenceScene
    mask: Callable[[int, int], Mask | None] = _no_mask

    def scene(self, frame: Frame) -> Scene:
        """Everybody in a frame, over its picture."""
        found = [(motion, motion.row(frame.index)) for motion in self.clip.motions]
        there = [(motion, row) for motion, row in found if row is not None]
        return Scene(
            name=frame.name,
            index=frame.index,
            camera=self.clip.camera,
            bodies=tuple(self.body(motion, row) for motion, row in there),
            body_name=self.clip.body_name,
            faces=self.clip.faces,
            pixels=frame.pixels,
        )

    def body(self, motion: Motion, row: int) -> Body:
        """A motion's body in one of its rows."""
        person = Person(box=motion.boxes[row], score=float(motion.scores[row]), track=motion.track)
        where, score = motion.translation[row], float(motion.scores[row])
        mask = self.mask(motion.track, int(motion.frames[row]))
        return place(self.model, motion.pose(row), where, self.clip.camera, person, score, mask)

    def drawn(self) -> "Stage":
        """The stage with those only whose bodies can be trusted, over their whole track: nobody
        is to flicker.
        """
        trusted = [m for m in self.clip.motions if np.median(m.scores) >= LEAST_DRAWN]
        clip = SequenceScene(
            name=self.clip.name,
            seconds=self.clip.seconds,
            camera=self.clip.camera,
            motions=tuple(trusted),
            body_name=self.clip.body_name,
            faces=self.clip.faces,
            cuts=self.clip.cuts,
        )
        return Stage(model=self.model, clip=clip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One film: its size, and how a scene becomes a picture of it."""

    name: str
    size: tuple[int, int]
    draw: Callable[[Scene], Pixels]


def kinds(names: Sequence[str], clip: SequenceScene) -> list[Kind]:
    """The films asked for, of ``overlay`` and ``side``."""
    within = bounds(clip.motions)
    side = _side_size(clip, within)
    rows = {
        "overlay": Kind(name="overlay", size=clip.camera.size, draw=_overlay),
        "side": Kind(
            name="side",
            size=side,
            draw=lambda scene: render.side_view(scene, size=side, within=within, samples=SAMPLES),
        ),
    }
    return [rows[name] for name in names]


def bounds(motions: Sequence[Motion]) -> Bounds:
    """The space that everybody needs through the clip, camera axes, metres."""
    if not motions:
        return np.array([-1.0, -1.0, 3.0]), np.array([1.0, 1.0, 5.0])
    places = np.concatenate([motion.translation for motion in motions])
    low, high = np.percentile(places, WITHIN, axis=0)
    return low - REACH, high + REACH


def pieces(
    frames: Iterable[Frame], stage: Stage, films: Sequence[Kind], shelf: Shelf
) -> Iterator[Frame]:
    """Draws and encodes every chunk that is not there yet; gives each frame when it is done."""
    trusted = stage.drawn()
    with ThreadPoolExecutor(max_workers=2) as crew:
        for chunk, part in groupby(frames, lambda frame: chunk_of(frame.index)):
            todo = [film for film in films if not shelf.film_path(film.name, chunk).exists()]
            if not todo:
                yield from part
                continue
            yield from _piece(part, trusted, todo, shelf, chunk, crew)
            give_back()


def _piece(
    frames: Iterable[Frame],
    stage: Stage,
    films: Sequence[Kind],
    shelf: Shelf,
    chunk: int,
    crew: ThreadPoolExecutor,
) -> Iterator[Frame]:
    """One chunk: scenes are drawn side by side, encoded in order."""
    waiting: deque[tuple[Frame, list[Future[Pixels]]]] = deque()
    with ExitStack() as whole:  # all films of the chunk, or none
        paths = [whole.enter_context(writing(shelf.film_path(film.name, chunk))) for film in films]
        encoders = [
            Encoder(path, film.size, stage.clip.rate)
            for path, film in zip(paths, films, strict=True)
        ]

        def encode() -> Frame:
            frame, pictures = waiting.popleft()
            for encoder, picture in zip(encoders, pictures, strict=True):
                encoder.write(picture.result(), float(stage.clip.seconds[frame.index]))
            return frame

        for frame in frames:
            scene = stage.scene(frame)
            waiting.append((frame, [crew.submit(film.draw, scene) for film in films]))
            if len(waiting) >= AHEAD:
                yield encode()
        while waiting:
            yield encode()
        for encoder in encoders:
            encoder.close()


def _overlay(scene: Scene) -> Pixels:
    assert scene.pixels is not None
    return render.overlay(scene.pixels, scene, samples=SAMPLES)


def _side_size(clip: SequenceScene, within: Bounds) -> tuple[int, int]:
    """As high as the video, as wide as the space needs; even."""
    low, high = within
    height = min(max(clip.camera.size[1], 320), SIDE_HEIGHT) // 2 * 2
    aspect = float((high[2] - low[2]) / (high[1] - low[1]))
    return int(height * np.clip(aspect * 1.1, 0.7, 2.2)) // 2 * 2, height

"""Two people followed through clips made of real ones, with exact truth.

    python benchmarks/following.py DANCER.mp4 WALKER.mp4 --out DIR [--words="--segmenter none"]
        [--others 24]

A dancer and a passer-by are cut out of their videos (by MobileSAM) and pasted into empty rooms (the
same videos' backgrounds), where they cross, hide behind one another, leave and come back. Who is
where is then known exactly. Every clip goes through ``pymafsam reconstruct`` (with ``--words``)
and ``pymafsam evaluate sequence``; a line of figures is printed for each. ``--others``: in place of
the seven clips so many with other speeds, sizes, places and moments, some mirrored: what the
settings of following are chosen on.

The two videos are meant to be Sports2D's demonstration (a woman walks by at its bottom from frame
70 on) and a clip of somebody who stays where they are.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pymafsam import masks, people
from pymafsam.cli.main import main as pymafsam
from pymafsam.files import video
from pymafsam.files.atomic import writing
from pymafsam.masks.followed import Outline
from pymafsam.masks.prompts import for_person

RATE = 30.0
SIZE = (640, 360)
HEIGHT = 300  # pixels of a cut-out person; pasted smaller
# Below this share of themselves in sight somebody is not counted: nobody could find them.
SEEN = 0.3
SEGMENTED = 4  # frames from mask to mask; in between they are followed
KINDS = ("front", "behind", "herself", "turns", "second", "leaves")  # of other clips
WALK = slice(70, 190)  # frames of the walker's video in which she is free of the tree


@dataclass(frozen=True, kw_only=True)
class CutOut:
    """One frame of somebody: RGB and opacity, and where the middle of the hips is in it."""

    pixels: np.ndarray
    opacity: np.ndarray
    hips: np.ndarray

    def mirrored(self) -> "CutOut":
        width = self.pixels.shape[1]
        return CutOut(
            pixels=self.pixels[:, ::-1],
            opacity=self.opacity[:, ::-1],
            hips=np.array([width - self.hips[0], self.hips[1]]),
        )


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody on the stage.

    ``way`` gives the place of the hips (x, y) at a time in seconds, pixels, and whether they are
    mirrored; ``height`` is theirs in pixels.
    """

    frames: Sequence[CutOut]
    height: float
    way: Callable[[float], tuple[float, float, bool]]

    def at(self, index: int) -> tuple[CutOut, np.ndarray]:
        """What to paste, and where its hips go; frames run to and fro."""
        period = 2 * len(self.frames) - 2
        step = index % period
        cut = self.frames[min(step, period - step)]
        x, y, mirrored = self.way(index / RATE)
        return (cut.mirrored() if mirrored else cut), np.array([x, y])


def cut_outs(path: Path, frames: slice, store: Path) -> list[CutOut]:
    """The lowest person in each frame of a video, as kept in ``store`` or made now."""
    if not store.exists():
        _keep(path, frames, store)
    with np.load(store) as kept:
        return [
            CutOut(pixels=kept[f"p{k}"], opacity=kept[f"o{k}"], hips=kept[f"h{k}"])
            for k in range(len(kept.files) // 3)
        ]


def _keep(path: Path, frames: slice, store: Path) -> None:
    detector, segmenter = people.load(), masks.load_segmenter("mobilesam")
    rows: dict[str, np.ndarray] = {}
    zoom = outline = before = None
    for frame in video.frames(path, path.stem, lambda *_: None):
        if not frames.start <= frame.index < frames.stop:
            continue
        found = [p for p in detector.find(frame.pixels) if p.score > 0.4]
        who = max(found, key=lambda p: p.box[3])
        (who,) = detector.describe(frame.pixels, [who])
        if outline is None or frame.index % SEGMENTED == 0:
            (mask,) = segmenter.segment(frame.pixels, [for_person(who)])
            outline = Outline.of(mask)
        else:
            outline = outline.moved_on(before, frame.pixels)
        before = frame.pixels
        inside = cv2.GaussianBlur((outline.distance > 0).astype(np.float32), (0, 0), 1.5)
        y, x = (np.flatnonzero((inside > 0.05).any(axis=1 - axis)) for axis in (0, 1))
        box = slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)
        zoom = HEIGHT / (y[-1] - y[0]) if zoom is None else zoom
        hips = who.keypoints[[11, 12], :2].mean(axis=0) - (x[0], y[0])
        k = len(rows) // 3
        size = {"dsize": None, "fx": zoom, "fy": zoom, "interpolation": cv2.INTER_AREA}
        rows[f"p{k}"] = cv2.resize(frame.pixels[box], **size)
        rows[f"o{k}"] = cv2.resize(inside[box], **size)
        rows[f"h{k}"] = hips * zoom
    with writing(store) as temporary, temporary.open("wb") as file:
        np.savez(file, **rows)


def room(path: Path, frames: slice, patched: tuple[slice, int] | None = None) -> np.ndarray:
    """The empty background of a video: each pixel's median.

    ``patched``: columns in which somebody stayed, and where those begin that stand in for them.
    """
    seen = [
        cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_AREA)
        for frame in video.frames(path, path.stem, lambda *_: None)
        if frames.start <= frame.index < frames.stop and frame.index % 3 == 0
    ]
    empty = np.median(np.stack(seen), axis=0).astype(np.uint8)
    if patched is not None:
        to, start = patched
        empty[:, to] = empty[:, start : start + to.stop - to.start]
    return empty


def compose(ground: np.ndarray, actors: Sequence[Actor], index: int):
    """A frame, and everybody's box with the share of them in sight; the last actor is in front."""
    picture = ground.astype(np.float32)
    owner = np.full(picture.shape[:2], -1)
    wholes = []
    for number, actor in enumerate(actors):
        cut, place = actor.at(index)
        zoom = actor.height / HEIGHT
        moved = np.array([[zoom, 0, 0], [0, zoom, 0]])
        moved[:, 2] = place - zoom * cut.hips
        opacity = cv2.warpAffine(cut.opacity, moved, SIZE, flags=cv2.INTER_AREA)
        pixels = cv2.warpAffine(cut.pixels, moved, SIZE, flags=cv2.INTER_AREA)
        picture += opacity[..., None] * (pixels - picture)
        owner[opacity > 0.5] = number
        wholes.append((opacity > 0.5, float((cut.opacity > 0.5).sum()) * zoom**2))
    boxes = {}
    for number, (inside, area) in enumerate(wholes):
        if inside.any():
            y, x = np.nonzero(inside)
            share = float((owner == number).sum()) / area
            boxes[number + 1] = ((x.min(), y.min(), x.max() + 1, y.max() + 1), share)
    return picture.round().astype(np.uint8), boxes


def write(scene: "Scene", folder: Path) -> tuple[Path, Path]:
    """The clip, and the truth as MOTChallenge text."""
    film, truth = folder / f"{scene.name}.mp4", folder / f"{scene.name}.txt"
    lines = []
    encoder = video.Encoder(film, SIZE, RATE)
    for index in range(round(scene.seconds * RATE)):
        picture, boxes = compose(scene.ground, scene.actors, index)
        encoder.write(picture, index / RATE)
        for number, ((x0, y0, x1, y1), share) in boxes.items():
            counts = int(share >= SEEN)
            lines.append(
                f"{index + 1},{number},{x0},{y0},{x1 - x0},{y1 - y0},{counts},1,{share:.2f}"
            )
    encoder.close()
    truth.write_text("\n".join(lines) + "\n")
    return film, truth


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip to be made; actors from the back to the front."""

    name: str
    seconds: float
    ground: np.ndarray
    actors: tuple[Actor, ...]


def stays(x: float, y: float) -> Callable[[float], tuple[float, float, bool]]:
    return lambda _: (x, y, False)


def through(*stops: tuple[float, float], y: float, facing: int = -1):
    """Straight from stop to stop (seconds, x), looking where they go; ``facing`` as cut out."""
    times, places = np.array(stops).T

    def way(seconds: float) -> tuple[float, float, bool]:
        x = float(np.interp(seconds, times, places))
        ahead = float(np.interp(seconds + 0.05, times, places)) - x
        last = ahead if ahead else float(places[-1] - places[-2])
        return x, y, last * facing < 0

    return way


def scenes(studio, garden, dancer, walker) -> list[Scene]:
    """Everything that people do to one another."""
    here = Actor(frames=dancer, height=170, way=stays(320, 190))
    large = Actor(frames=dancer, height=300, way=stays(320, 200))

    def walks(height: float, y: float, *stops: tuple[float, float]) -> Actor:
        return Actor(frames=walker, height=height, way=through(*stops, y=y))

    over = ((0.0, 610.0), (3.8, 30.0))
    back = ((0.0, 30.0), (3.8, 610.0))
    meets = ((0.0, 610.0), (2.0, 350.0), (4.0, 610.0))
    waits = ((0.0, 600.0), (1.8, 322.0), (3.0, 318.0), (4.8, 40.0))
    leaves = ((0.0, 330.0), (2.2, -60.0), (3.4, -60.0), (5.6, 330.0))
    longer = ((0.0, 330.0), (2.2, -60.0), (6.2, -60.0), (8.4, 330.0))
    return [
        Scene(
            name="crosses_in_front",
            seconds=3.8,
            ground=studio,
            actors=(here, walks(185, 195, *over)),
        ),
        Scene(
            name="crosses_behind", seconds=3.8, ground=garden, actors=(walks(160, 185, *over), here)
        ),
        Scene(
            name="walker_meets_herself",
            seconds=3.8,
            ground=garden,
            actors=(walks(165, 190, *back), walks(180, 195, *over)),
        ),
        Scene(
            name="meets_and_turns_back",
            seconds=4.0,
            ground=studio,
            actors=(here, walks(180, 195, *meets)),
        ),
        Scene(
            name="a_second_behind",
            seconds=4.8,
            ground=studio,
            actors=(walks(130, 210, *waits), large),
        ),
        Scene(
            name="leaves_and_comes_back",
            seconds=5.6,
            ground=garden,
            actors=(
                Actor(frames=dancer, height=170, way=stays(450, 190)),
                walks(175, 195, *leaves),
            ),
        ),
        Scene(
            name="comes_back_after_five_seconds",
            seconds=8.4,
            ground=studio,
            actors=(
                Actor(frames=dancer, height=170, way=stays(450, 190)),
                walks(175, 195, *longer),
            ),
        ),
    ]


def from_moment(frames: Sequence[CutOut], start: int, *, mirrored: bool) -> list[CutOut]:
    """The actor's frames, to and fro, from another one on."""
    period = 2 * len(frames) - 2
    order = [(start + k) % period for k in range(len(frames))]
    chosen = [frames[min(step, period - step)] for step in order]
    return [cut.mirrored() for cut in chosen] if mirrored else chosen


def other(number: int, grounds: Sequence[np.ndarray], dancer, walker) -> Scene:
    """One of the scenes' kinds with everything else drawn at random, by its number."""
    generator = np.random.default_rng([1, number])
    between = lambda low, high: float(generator.uniform(low, high))  # noqa: E731
    kind = KINDS[number % len(KINDS)]
    ground, mirrored = grounds[int(generator.integers(2))], generator.random() < 0.5
    turned = (lambda x: SIZE[0] - x) if mirrored else (lambda x: x)
    height, middle, pace = between(140, 210), between(250, 400), between(0.6, 1.5)
    large = kind == "second"
    dances = from_moment(dancer, int(generator.integers(150)), mirrored=generator.random() < 0.5)
    here = Actor(
        frames=dances,
        height=between(240, 310) if large else height,
        way=stays(turned(between(400, 480) if kind == "leaves" else middle), 200 if large else 190),
    )

    def walks(*stops: tuple[float, float]) -> Actor:
        frames = from_moment(walker, int(generator.integers(200)), mirrored=mirrored)
        way = through(
            *[(at / pace, turned(x)) for at, x in stops],
            y=210.0 if large else between(185, 205),
            facing=1 if mirrored else -1,
        )
        size = between(110, 160) if large else height * between(0.8, 1.25)
        return Actor(frames=frames, height=size, way=way)

    stay, deep = between(0.7, 3.0), between(-10, 60)
    over = ((0.0, 610.0), (3.8, 30.0))
    turns = ((0.0, 610.0), (2.0, middle + deep), (4.0, 610.0))
    waits = ((0.0, 600.0), (1.8, middle), (1.8 + stay, middle - 6), (3.6 + stay, 40.0))
    leaves = ((0.0, 330.0), (2.2, -60.0), (2.2 + stay, -60.0), (4.4 + stay, 330.0))
    stops = {"turns": turns, "second": waits, "leaves": leaves}.get(kind, over)
    actors = [here, walks(*stops)]
    if kind == "herself":
        actors = [walks((0.0, 30.0), (3.8, 610.0)), actors[1]]
    if kind in ("behind", "second"):
        actors.reverse()
    return Scene(
        name=f"{kind}_{number}",
        seconds=stops[-1][0] / pace,
        ground=np.ascontiguousarray(ground[:, ::-1]) if mirrored else ground,
        actors=tuple(actors),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dancer", type=Path)
    parser.add_argument("walker", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--others", type=int, default=0, help="so many other clips instead")
    parser.add_argument("--only", nargs="*", help="names of scenes")
    parser.add_argument("--words", default="", help="options of reconstruct, in one string")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    dancer = cut_outs(options.dancer, slice(0, 10**9), options.out / "dancer.npz")
    walker = cut_outs(options.walker, WALK, options.out / "walker.npz")
    studio = room(options.dancer, slice(0, 10**9), (slice(270, 350), 350))
    garden = room(options.walker, slice(130, 10**9))
    several = scenes(studio, garden, dancer, walker)
    if options.others:
        grounds = studio, garden
        several = [other(k, grounds, dancer, walker) for k in range(options.others)]
    for scene in several:
        if options.only and scene.name not in options.only:
            continue
        film, truth = write(scene, options.out)
        results, figures = options.out / "results", options.out / "figures" / scene.name
        words = ["reconstruct", film, "--out", results, "--save", "npz", *options.words.split()]
        assert pymafsam([str(word) for word in words]) == 0
        motions = results / f"{scene.name}.npz"
        words = ["evaluate", "sequence", motions, "--tracks", truth, "--out", figures]
        assert pymafsam([str(word) for word in words]) == 0
        (told,) = json.loads((figures / "scores.json").read_text())
        print(scene.name, json.dumps(told["following"]))


if __name__ == "__main__":
    main()

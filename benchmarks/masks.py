"""How well masks agree with COCO's outlines, prompt by prompt, and what they cost.

    python benchmarks/masks.py --images DIR --annotations FILE --rows rows.json [--pictures N]

Rows are kept in a file as they come, so that an interrupted run goes on.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam import people
from pymafsam.evaluation import coco
from pymafsam.evaluation.metrics import boundary_f, iou
from pymafsam.files import frames
from pymafsam.files.atomic import writing
from pymafsam.masks import load_segmenter
from pymafsam.masks.prompts import for_person, untangled
from pymafsam.masks.view import whole
from pymafsam.records import Mask, Person, Prompt

LARGE = 3000  # pixels of annotated area


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--images", type=Path, required=True)
    options.add_argument("--annotations", type=Path, required=True)
    options.add_argument("--rows", type=Path, required=True)
    options.add_argument("--pictures", type=int)
    options.add_argument("--smallest", type=float, default=LARGE, help="annotated area, pixels")
    options.add_argument("--segmenter", default="mobilesam")
    options.add_argument("--threads", type=int, default=1)
    chosen = options.parse_args()
    segmenter = load_segmenter(chosen.segmenter, threads=chosen.threads)
    segmenter.engine = Remembering(segmenter.engine)
    detector = people.load()
    kept = json.loads(chosen.rows.read_text()) if chosen.rows.is_file() else {}
    pictures = [
        picture
        for picture in coco.read_annotations(chosen.annotations)
        if any(person.area >= chosen.smallest for person in picture.people)
    ]
    for count, picture in enumerate(pictures[: chosen.pictures]):
        if str(picture.id) not in kept:
            kept[str(picture.id)] = one_picture(segmenter, detector, chosen, picture)
        if count % 10 == 9 or count + 1 == len(pictures[: chosen.pictures]):
            with writing(chosen.rows) as temporary:
                temporary.write_text(json.dumps(kept))
    print(table([row for rows in kept.values() for row in rows["people"]]))
    for name in ("encode", "decode"):
        times = [seconds for rows in kept.values() for seconds in rows[name]]
        print(f"{name}: median {1000 * float(np.median(times)):.0f} ms of {len(times)}")


class Remembering:
    """An engine that decodes nothing twice: the rows of the table share much."""

    def __init__(self, engine: Any):
        self.engine = engine
        self.known: dict[bytes, Any] = {}
        self.seconds: list[float] = []

    def forget(self) -> None:
        self.known.clear()
        self.seconds.clear()

    is_local = False

    def encode(self, canvas: np.ndarray, corner: tuple[int, int] = (0, 0)) -> Any:
        return self.engine.encode(canvas, corner)

    def decode(
        self, embedding: Any, points: np.ndarray, labels: np.ndarray, previous: np.ndarray | None
    ) -> Any:
        asked = points.tobytes() + labels.tobytes()
        asked += b"" if previous is None else previous.tobytes()
        if asked not in self.known:
            self.known[asked], seconds = timed(
                lambda: self.engine.decode(embedding, points, labels, previous)
            )
            self.seconds.append(seconds)
        return self.known[asked]


def one_picture(segmenter: Any, detector: Any, chosen: Any, picture: Any) -> dict[str, Any]:
    """Every way of prompting for everybody in one picture."""
    frame = frames.read_picture(chosen.images / picture.file_name)
    true = [person.mask(picture.size) for person in picture.people]
    found = detector.describe(
        frame.pixels, [Person(box=person.box, score=1.0) for person in picture.people]
    )
    view = whole(frame.size)
    segmenter.engine.forget()
    encoded, encode = timed(lambda: segmenter.encode(frame.pixels, view))

    def decoded(prompt: Prompt) -> Any:
        return segmenter.decode(encoded, view, prompt)

    masks: dict[str, list[Mask | None]] = {
        "detector's mask": load_segmenter("detector").segment(
            frame.pixels, [for_person(person) for person in found]
        )
    }
    for name, prompts in ways(picture.people, found):
        masks[name] = segmenter.finish([decoded(prompt) for prompt in prompts], prompts)
    rows = []
    for k, person in enumerate(picture.people):
        row: dict[str, Any] = {"id": person.id, "area": person.area}
        for name, own in masks.items():
            mask = own[k]
            inside = np.zeros_like(true[k]) if mask is None else mask.inside
            row[name] = [iou(inside, true[k]), boundary_f(inside, true[k])]
        for count, inside in clicked(segmenter, decoded, true[k]) if person.area > LARGE else ():
            row[f"{count} click{'s' * (count > 1)}"] = [
                iou(inside, true[k]),
                boundary_f(inside, true[k]),
            ]
        rows.append(row)
    return {"people": rows, "encode": [encode], "decode": list(segmenter.engine.seconds)}


def ways(annotated: Any, found: list[Person]) -> Iterator[tuple[str, list[Prompt]]]:
    """The rows of the table that prompt with findings."""
    everything = untangled([for_person(person) for person in found])
    yield "box", [Prompt(box=prompt.box) for prompt in everything]
    yield "box + keypoints", [replace(prompt, mask=None) for prompt in everything]
    yield "box + mask", [replace(prompt, keypoints=None) for prompt in everything]
    yield "box + keypoints + mask", everything
    yield (
        "box + annotated keypoints",
        [
            Prompt(
                box=p.box, keypoints=p.keypoints * [1, 1, 0] + (p.keypoints[:, 2:] > 1) * [0, 0, 1]
            )
            for p in annotated
        ],
    )


def clicked(
    segmenter: Any, decoded: Callable[[Prompt], Any], true: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Masks after 1 and 3 simulated clicks: each at the middle of the largest region in error."""
    inside = np.zeros_like(true)
    clicks: list[np.ndarray] = []
    labels: list[bool] = []
    for count in (1, 2, 3):
        place, label = next_click(inside, true)
        clicks.append(place)
        labels.append(label)
        prompt = Prompt(clicks=np.array(clicks), inside=np.array(labels))
        (mask,) = segmenter.finish([decoded(prompt)], [prompt])
        inside = mask.inside
        if count in (1, 3):
            yield count, inside


def next_click(inside: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, bool]:
    """The point deepest inside the largest connected error, and whether it belongs inside."""
    import cv2

    best: tuple[int, np.ndarray, bool] = (0, np.zeros(2), True)
    for wrong, label in ((true & ~inside, True), (inside & ~true, False)):
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        if count < 2:
            continue
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        area = int(statistics[largest, cv2.CC_STAT_AREA])
        if area > best[0]:
            region = np.pad(np.asarray(labels) == largest, 1).astype(np.uint8)
            depth = cv2.distanceTransform(region, cv2.DIST_L2, 5)[1:-1, 1:-1]
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            best = (area, np.array([column + 0.5, row + 0.5]), label)
    return best[1], best[2]


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: means over people above ``LARGE`` pixels, and over the smaller ones."""
    large = [row for row in rows if row["area"] > LARGE]
    small = [row for row in rows if row["area"] <= LARGE]
    names = [name for name in large[0] if name not in ("id", "area")]
    lines = [
        f"| prompt | IoU, {len(large)} people above {LARGE} px | boundary F | IoU below .5 "
        f"| IoU, {len(small)} smaller |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        overlaps, outlines = np.array([row[name] for row in large]).T
        less = [row[name][0] for row in small if name in row]
        shown = f"{np.mean(less):.3f}" if less else ""
        lines.append(
            f"| {name} | {overlaps.mean():.3f} | {outlines.mean():.3f} "
            f"| {100 * np.mean(overlaps < 0.5):.1f} % | {shown} |"
        )
    return "\n".join(lines)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    main()

"""How well people are found and described, on COCO-format data (images/, person_keypoints.json).

    python benchmarks/people.py boxes coco/dev [--detector nanodet] [--sheet misses.jpg]
    python benchmarks/people.py kept coco/dev [--every 2]
    python benchmarks/people.py keypoints coco/dev [--detector auto]

``boxes``: recall and precision at IoU .5 over the pictures in which everybody is annotated.
``kept``: the same of whom `pymafsam reconstruct` keeps: nobody twice.
``keypoints``: COCO keypoint AP of the detector's own keypoints in annotated boxes, one thread.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam import people
from pymafsam.evaluation import coco
from pymafsam.files import frames
from pymafsam.geometry.boxes import intersection_over_union, nms
from pymafsam.geometry.joints import mapping
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Frame, Person

SCORES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
HEIGHTS = ((0, 32), (32, 64), (64, 128), (128, 256), (256, 0))
CROWDED = 0.2  # of a person's box inside somebody else's


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found in one picture, and what is there."""

    name: str
    size: tuple[int, int]
    truth: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


Find = Callable[[Frame], list[tuple[Person, float]]]


def finder(options: argparse.Namespace) -> Find:
    """People and their scores: all that the detector finds, or what the whole flow keeps."""
    if options.report == "kept":
        flow = replace(
            Reconstructor.load(detector=options.detector, segmenter="none"), minimum_score=SCORES[0]
        )
        return lambda frame: [(person, person.score) for person in flow.find(frame)]
    detector = people.load(options.detector)
    return lambda frame: [(person, person.score) for person in detector.find(frame.pixels)]


def searched(options: argparse.Namespace) -> tuple[list[Picture], float]:
    """Everybody that is found in complete pictures; seconds per picture (median)."""
    find = finder(options)
    pictures, seconds = [], []
    annotations = coco.read_annotations(options.data / "person_keypoints.json")
    complete = [picture for picture in annotations if picture.complete]
    for picture in complete[: options.limit : options.every]:
        frame = frames.read_picture(options.data / "images" / picture.file_name)
        start = time.perf_counter()
        found = find(frame)
        seconds.append(time.perf_counter() - start)
        boxes = np.array([person.box for person, _ in found]).reshape(-1, 4)
        scores = np.array([score for _, score in found])
        truth = np.array([person.box for person in picture.people]).reshape(-1, 4)
        pictures.append(Picture(picture.file_name, picture.size, truth, boxes, scores))
    return pictures, float(np.median(seconds))


def matches(picture: Picture, score: float) -> tuple[np.ndarray, int]:
    """Which annotated people are found (surest boxes choose first); how many boxes there are."""
    sure = picture.scores >= score
    overlaps = intersection_over_union(picture.boxes[sure], picture.truth)
    found = np.zeros(len(picture.truth), bool)
    for row in overlaps[np.argsort(-picture.scores[sure], kind="stable")]:
        free = np.where(found, -1, row)
        if len(free) and free.max() >= 0.5:
            found[free.argmax()] = True
    return found, int(sure.sum())


def kinds(picture: Picture) -> dict[str, np.ndarray]:
    """For each kind of annotated person, who is one."""
    boxes, (width, height) = picture.truth, picture.size
    tall = boxes[:, 3] - boxes[:, 1]
    rows = {"all": tall >= 0, "from 32 px tall": tall >= 32}
    for low, high in HEIGHTS:
        rows[f"{low} to {high} px" if high else f"from {low} px"] = (tall >= low) & (
            tall < (high or np.inf)
        )
    low, high = boxes[:, :2], boxes[:, 2:]
    edges = np.concatenate([low <= 2, high >= np.array([width, height]) - 2], 1)
    shared = np.clip(
        np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None]), 0, None
    ).prod(-1)
    np.fill_diagonal(shared, 0)
    area = np.maximum((high - low).prod(-1), 1)
    rows["cut by the picture"] = edges.any(1)
    rows["crowded"] = (shared / area[:, None]).max(1, initial=0) > CROWDED
    rows["whole and alone"] = ~rows["cut by the picture"] & ~rows["crowded"]
    return rows


def report_boxes(options: argparse.Namespace) -> None:
    pictures, seconds = searched(options)
    count = sum(len(picture.truth) for picture in pictures)
    print(
        f"{len(pictures)} pictures, {count} people, {seconds * 1000:.0f} ms per picture (median)\n"
    )
    print("| score | recall | precision | F1 |\n|---|---|---|---|")
    for score in SCORES:
        found = [matches(picture, score) for picture in pictures]
        hits, boxes = sum(f.sum() for f, _ in found), sum(n for _, n in found)
        recall, precision = hits / count, hits / max(boxes, 1)
        f1 = 2 * recall * precision / max(recall + precision, 1e-9)
        print(f"| {score} | {recall:.3f} | {precision:.3f} | {f1:.3f} |")
    print(f"\n| people | how many | recall at {options.score} |\n|---|---|---|")
    found = np.concatenate([matches(picture, options.score)[0] for picture in pictures])
    groups = [kinds(picture) for picture in pictures]
    for kind in groups[0]:
        chosen = np.concatenate([group[kind] for group in groups])
        print(f"| {kind} | {chosen.sum()} | {found[chosen].sum() / max(chosen.sum(), 1):.3f} |")
    if options.sheet:
        sheet(options, pictures)


def report_overlaps(options: argparse.Namespace) -> None:
    """Which overlap makes two boxes one person: average over the scores of F1 for each choice."""
    from pymafsam.people.nanodet import NanoDet, any_size
    from pymafsam.pretrained import networks

    network = NanoDet(networks.opened("nanodet", threads=1, cut=any_size))
    raw = []
    for picture in coco.read_annotations(options.data / "person_keypoints.json"):
        if picture.complete:
            pixels = frames.read_picture(options.data / "images" / picture.file_name).pixels
            truth = np.array([person.box for person in picture.people]).reshape(-1, 4)
            raw.append((picture, truth, *network.candidates(pixels)))
    print("| overlap | " + " | ".join(f"F1 at {s}" for s in SCORES) + " |")
    print("|---" * (len(SCORES) + 1) + "|")
    for overlap in (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7):
        pictures = []
        for picture, truth, boxes, scores in raw:
            chosen = nms(boxes, scores, overlap)
            pictures.append(
                Picture(picture.file_name, picture.size, truth, boxes[chosen], scores[chosen])
            )
        cells = []
        for score in SCORES:
            found = [matches(picture, score) for picture in pictures]
            hits, boxes = sum(f.sum() for f, _ in found), sum(n for _, n in found)
            cells.append(2 * hits / (boxes + sum(len(p.truth) for p in pictures)))
        print(f"| {overlap} | " + " | ".join(f"{f1:.3f}" for f1 in cells) + " |")


def sheet(options: argparse.Namespace, pictures: list[Picture]) -> None:
    """A contact sheet of pictures with missed people (red) and false boxes (blue)."""
    import cv2

    tiles = []
    for picture in pictures:
        found, count = matches(picture, options.score)
        if found.all() and count == found.sum():
            continue
        pixels = frames.read_picture(options.data / "images" / picture.name).pixels.copy()
        for box in picture.boxes[picture.scores >= options.score].astype(int).tolist():
            cv2.rectangle(pixels, box[:2], box[2:], (60, 120, 255), 1)
        for box, hit in zip(picture.truth.astype(int).tolist(), found, strict=True):
            colour = (60, 220, 60) if hit else (255, 40, 40)
            cv2.rectangle(pixels, box[:2], box[2:], colour, 1 if hit else 2)
        scale = 320 / max(pixels.shape[:2])
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile = np.zeros((320, 320, 3), np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
    chosen = tiles[:: max(len(tiles) // 24, 1)][:24]
    chosen += [np.zeros_like(tiles[0])] * (-len(chosen) % 6)
    rows = [np.concatenate(chosen[i : i + 6], 1) for i in range(0, len(chosen), 6)]
    cv2.imwrite(str(options.sheet), np.concatenate(rows)[:, :, ::-1])


def report_keypoints(options: argparse.Namespace) -> None:
    describer = people.load(options.detector)
    order = mapping("blazepose33", "coco17")
    rows: dict[str, list] = {"keypoint_score": [], "presence": [], "all 1": []}
    seconds, ids = [], []
    for picture in coco.read_annotations(options.data / "person_keypoints.json")[: options.limit]:
        ids.append(picture.id)
        pixels = frames.read_picture(options.data / "images" / picture.file_name).pixels
        for truth in picture.people:
            if not (truth.keypoints[:, 2] > 0).any():
                continue
            start = time.perf_counter()
            (person,) = describer.describe(pixels, [Person(box=truth.box, score=1.0)])
            seconds.append(time.perf_counter() - start)
            assert person.keypoints is not None
            points = person.keypoints[order].astype(np.float64)
            for name, score in zip(
                rows, (person.keypoint_score, person.presence, 1.0), strict=True
            ):
                rows[name].append(coco.result(picture.id, points, float(score or 0)))
    print(f"{len(seconds)} people, {np.median(seconds) * 1000:.0f} ms each (median)\n")
    print("| score | " + " | ".join(coco.SUMMARY) + " |\n" + "|---" * 11 + "|")
    for name, results in rows.items():
        scores = coco.score(options.data / "person_keypoints.json", results, ids)
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in scores.values()) + " |")


REPORTS = {
    "boxes": report_boxes,
    "kept": report_boxes,
    "overlaps": report_overlaps,
    "keypoints": report_keypoints,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", choices=REPORTS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--detector", default="nanodet")
    parser.add_argument("--score", type=float, default=0.4)
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th picture")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    REPORTS[options.report](options)


if __name__ == "__main__":
    main()

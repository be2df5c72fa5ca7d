"""What is lost when a mask is followed through a video instead of made in every frame.

    python benchmarks/masks_followed.py DANCER.mp4 WALKER.mp4 --out DIR

On the clips of ``following.py``, of which masks are known exactly: MobileSAM's masks once a second,
followed in between; every ten frames they are compared with the truth, beside masks made just then
and the keypoint network's own; and with masks made with the mask of ten frames before, moved along
with the box, as the prompt in place of the keypoint network's own. Said of both people together:
the mean intersection over union, and the share of masks below .5.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from following import HEIGHT, RATE, SIZE, WALK, Scene, compose, cut_outs, room, scenes
from pymafsam import masks, people
from pymafsam.masks.followed import Outline
from pymafsam.masks.prompts import for_person
from pymafsam.records import Person
from pymafsam.tracking.tracker import shifted

MADE, COMPARED = 30, 10  # frames
LEAST = 400  # pixels of somebody who is compared
SCENES = ("crosses_in_front", "walker_meets_herself", "meets_and_turns_back")


def truth(scene: Scene, index: int) -> list[np.ndarray]:
    """Everybody's visible pixels."""
    owner = np.full(SIZE[::-1], -1)
    for number, actor in enumerate(scene.actors):
        cut, place = actor.at(index)
        zoom = actor.height / HEIGHT
        moved = np.array([[zoom, 0, 0], [0, zoom, 0]])
        moved[:, 2] = place - zoom * cut.hips
        owner[cv2.warpAffine(cut.opacity, moved, SIZE, flags=cv2.INTER_AREA) > 0.5] = number
    return [owner == number for number in range(len(scene.actors))]


def box_of(inside: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(inside)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], np.float64)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.count_nonzero(one & other) / max(np.count_nonzero(one | other), 1))


def measured(scene: Scene, detector, segmenter, rows: dict[str, list[float]]) -> None:
    """One clip's overlaps, added to ``rows``."""
    outlines: list[Outline | None] = []
    before = None
    last: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # everybody's mask made last, and box then
    for index in range(round(scene.seconds * RATE)):
        picture, _ = compose(scene.ground, scene.actors, index)
        if before is not None:
            outlines = [None if o is None else o.moved_on(before, picture) for o in outlines]
        before = picture
        if index % COMPARED:
            continue
        true = truth(scene, index)
        seen = [k for k, inside in enumerate(true) if inside.sum() > LEAST]
        known = [Person(box=box_of(true[k]), score=1.0) for k in seen]
        known = detector.describe(picture, known)
        made = segmenter.segment(picture, [for_person(person) for person in known])
        prompts = []
        for k, person in zip(seen, known, strict=True):
            prompt = for_person(person)
            if k in last:
                inside, box = last[k]
                right, down = (person.box[:2] + person.box[2:] - box[:2] - box[2:]) / 2
                prompt = replace(prompt, mask=shifted(inside, round(right), round(down)))
            prompts.append(prompt)
        again = segmenter.segment(picture, prompts)
        for k, mask in zip(seen, again, strict=True):
            if k in last:
                rows.setdefault("made, the last mask as prompt", []).append(
                    iou(mask.inside, true[k])
                )
        last = {k: (m.inside, p.box) for k, p, m in zip(seen, known, made, strict=True)}
        age = index % MADE
        for k, person, mask in zip(seen, known, made, strict=True):
            name = "made, later" if index else "made, at first"
            rows.setdefault(name, []).append(iou(mask.inside, true[k]))
            rows.setdefault("keypoint network's", []).append(iou(person.mask, true[k]))
            outline = outlines[k] if age and k < len(outlines) else None
            if outline is not None:
                followed = iou(outline.distance > 0, true[k])
                rows.setdefault(f"followed for {age} frames", []).append(followed)
        if not age:
            found = dict(zip(seen, made, strict=True))
            outlines = [Outline.of(found[k]) if k in found else None for k in range(len(true))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dancer", type=Path)
    parser.add_argument("walker", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    dancer = cut_outs(options.dancer, slice(0, 10**9), options.out / "dancer.npz")
    walker = cut_outs(options.walker, WALK, options.out / "walker.npz")
    studio = room(options.dancer, slice(0, 10**9), (slice(270, 350), 350))
    garden = room(options.walker, slice(130, 10**9))
    detector, segmenter = people.load(), masks.load_segmenter("mobilesam")
    rows: dict[str, list[float]] = {}
    for scene in scenes(studio, garden, dancer, walker):
        if scene.name in SCENES:
            measured(scene, detector, segmenter, rows)
    for name, values in rows.items():
        below = np.mean(np.array(values) < 0.5)
        print(f"{name}: {np.mean(values):.3f}, below .5: {below:.2f}, {len(values)} masks")


if __name__ == "__main__":
    main()

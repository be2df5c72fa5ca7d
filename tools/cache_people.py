"""Describe the people of a data set once and keep the answers in an npz.

    python tools/cache_people.py coco/train train.npz
    python tools/cache_people.py lsp lsp_dev.npz --split dev

DATA is a COCO-format folder (images/, person_keypoints.json; everybody with a labelled keypoint,
in the file's order), a folder in LSP's form (images/, joints.npz; the box is 1.2 times the box of
the joints inside the picture) or LSP-Extended (keypoint_examples.py says whom of it). Rows of the
npz: image (file name), id (annotation or row), size (width, height), box, keypoints (33 x 3),
answer_LAYOUT (each network's own points), world (33 x 3), presence, keypoint_score, mask (COCO run
lengths of the person's own mask), channels (of the keypoint network's inner maps, in the picture
and its mirror image), seconds.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keypoint_examples import of_lspet
from pymafsam import people
from pymafsam.files import frames, rle
from pymafsam.files.atomic import writing
from pymafsam.people.detector import with_features
from pymafsam.people.features import all_channels
from pymafsam.records import Person

Row = tuple[str, int, np.ndarray]  # picture, id, box


def coco_rows(data: Path) -> list[Row]:
    content = json.loads((data / "person_keypoints.json").read_text())
    names = {picture["id"]: picture["file_name"] for picture in content["images"]}
    return [
        (
            names[row["image_id"]],
            row["id"],
            np.array([*row["bbox"][:2], *np.add(row["bbox"][:2], row["bbox"][2:])], float),
        )
        for row in content["annotations"]
        if row["num_keypoints"] > 0 and not row.get("iscrowd")
    ]


def lsp_rows(data: Path, split: str | None) -> list[Row]:
    table = np.load(data / "joints.npz")
    chosen = np.arange(len(table["imgname"]))
    if split is not None:
        chosen = np.flatnonzero(table["split"] == split)
    rows = []
    for row in chosen.tolist():
        joints = table["joints"][row, :, :2]
        joints = joints[np.isfinite(joints).all(1)]
        low, high = joints.min(0), joints.max(0)
        middle, half = (low + high) / 2, (high - low) / 2 * 1.2
        box = np.concatenate([middle - half, middle + half]).astype(float)
        rows.append((str(table["imgname"][row]), row, box))
    return rows


def lspet_rows(data: Path) -> list[Row]:
    return [(one.picture.name, one.row, one.box) for one in of_lspet(data)]


def described(data: Path, rows: list[Row], detector: str) -> Iterator[tuple[Row, Person, tuple]]:
    """Every row's person; rows of one picture read it once."""
    network = with_features(people.load(detector), all_channels)
    last, pixels = "", None
    for row in rows:
        if row[0] != last:
            last, pixels = row[0], frames.read_picture(data / "images" / row[0]).pixels
        size = (pixels.shape[1], pixels.shape[0])
        person = Person(box=row[2].clip(0, [*size, *size]), score=1.0)
        yield row, network.describe(pixels, [person])[0], size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    is_coco = (options.data / "person_keypoints.json").is_file()
    if is_coco:
        rows = coco_rows(options.data)
    elif (options.data / "joints.mat").is_file():
        rows = lspet_rows(options.data)
    else:
        rows = lsp_rows(options.data, options.split)
    columns: dict[str, list] = {}
    start = time.perf_counter()
    for row, person, size in described(options.data, rows[: options.limit], options.detector):
        values = {
            "image": row[0],
            "id": row[1],
            "size": size,
            "box": person.box,
            "keypoints": person.keypoints,
            **{f"answer_{layout}": points for layout, points in person.answers.items()},
            "world": person.world,
            "presence": person.presence,
            "keypoint_score": person.keypoint_score,
            "mask": rle.encode(person.mask)["counts"] if person.mask is not None else "",
        }
        if person.features is not None:
            values["channels"] = person.features
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    seconds = time.perf_counter() - start
    arrays = {name: np.array(column) for name, column in columns.items()}
    with writing(options.out) as path:
        np.savez_compressed(path, seconds=seconds, **arrays)
    count = len(columns["id"])
    print(f"{count} people, {seconds / count * 1000:.0f} ms each -> {options.out}")


if __name__ == "__main__":
    main()

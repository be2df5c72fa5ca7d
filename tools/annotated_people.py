"""Described people with their annotations beside them, as tools/train_lifter.py learns from.

    python tools/cache_people.py coco/train train.npz
    python tools/annotated_people.py coco/train train.npz annotated.npz

DATA is a COCO-format folder, one in LSP's form or LSP-Extended, CACHE what tools/cache_people.py
made of it. With --moved LSP's points are where COCO's annotators would click; those of
LSP-Extended always are, and what may be exchanged of them is left out (keypoint_examples.py).
Columns: what both networks said (coco, blaze, channels, world, presence), box, size, and the
annotated places of the fit's landmarks (seen, weight: 0 where there is none).
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import keypoint_examples
from pymafsam.files.atomic import writing
from pymafsam.fitting.evidence import LANDMARKS
from pymafsam.geometry import joints

SURE = 0.97  # LSP's training joints were recovered from another scale, and say how surely


def as_landmarks(points: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Places (landmarks 2) and weights (landmarks) of annotated points x, y, known."""
    seen, weight = np.zeros((len(LANDMARKS), 2)), np.zeros(len(LANDMARKS))
    for row, name in enumerate(names):
        if name in LANDMARKS:
            seen[LANDMARKS.index(name)] = points[row, :2]
            weight[LANDMARKS.index(name)] = points[row, 2]
    return seen, weight


def of_coco(data: Path, ids: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The annotations with these ids."""
    content = json.loads((data / "person_keypoints.json").read_text())
    rows = {row["id"]: row["keypoints"] for row in content["annotations"]}
    for identity in ids:
        points = np.array(rows[identity], float).reshape(-1, 3)
        points[:, 2] = points[:, 2] > 0
        yield as_landmarks(points, joints.COCO17)


def of_lsp(data: Path, ids: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows of joints.npz with these numbers."""
    table = np.load(data / "joints.npz", allow_pickle=False)
    for row in ids:
        places = table["joints"][row, :, :2].astype(float)
        sure = np.broadcast_to(table["confidence"][row], len(places)) > SURE
        known = np.isfinite(places).all(axis=1) & sure
        yield as_landmarks(np.column_stack([np.nan_to_num(places), known]), joints.LSP14)


def moved(data: Path, ids: Sequence[int], said: np.ndarray) -> Iterator[tuple | None]:
    """The same of keypoint_examples.py's people, None for whom those leave out.

    ``said`` are MoveNet's points of everybody (people 17 3).
    """
    is_extended = (data / "joints.mat").is_file()
    of = keypoint_examples.of_lspet if is_extended else keypoint_examples.of_lsp
    known = {example.row: example.points for example in of(data)}
    for row, answer in zip(ids, said, strict=True):
        points = known.get(row)
        if points is not None and is_extended:
            points = points.copy()
            points[keypoint_examples.doubtful(points, answer), 2] = 0
        yield None if points is None else as_landmarks(points, joints.COCO17)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("data", "cache", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--moved", action="store_true")
    options = parser.parse_args()
    with np.load(options.cache, allow_pickle=False) as content:
        table = {name: content[name] for name in content.files if name != "seconds"}
    ids, is_coco = table["id"].tolist(), (options.data / "person_keypoints.json").is_file()
    if is_coco:
        annotated = list(of_coco(options.data, ids))
    elif options.moved or (options.data / "joints.mat").is_file():
        found = list(moved(options.data, ids, table["answer_coco17"]))
        table = {n: v[[one is not None for one in found]] for n, v in table.items()}
        annotated = [one for one in found if one is not None]
    else:
        annotated = list(of_lsp(options.data, ids))
    columns = {name: table[name] for name in ("id", "size", "box", "world", "presence")}
    with writing(options.out) as path:
        np.savez_compressed(
            path,
            coco=table["answer_coco17"],
            blaze=table["answer_blazepose33"],
            channels=table["channels"],
            seen=np.stack([seen for seen, _ in annotated]),
            weight=np.stack([weight for _, weight in annotated]),
            **columns,
        )
    print(f"{len(annotated)} people -> {options.out}")


if __name__ == "__main__":
    main()

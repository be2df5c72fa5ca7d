"""Fit everybody of people caches (tools/cache_people.py) and keep the poses, for synthetic people.

    python tools/fit_poses.py OUT.npz coco_train.npz lsp_train.npz

Rows of the npz: rotations (24 x 3 x 3, the root in camera axes), energy, keypoint_score, source
(number of the cache), id (annotation or row).
"""

import argparse
from pathlib import Path

import numpy as np

from fitted import read
from pymafsam import body
from pymafsam.files.atomic import writing
from pymafsam.fitting import KeypointFit
from pymafsam.geometry import camera
from pymafsam.records import Mask

GROUP = 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("caches", type=Path, nargs="+")
    options = parser.parse_args()
    fit = KeypointFit(body.load("anny24"))
    columns: dict[str, list] = {n: [] for n in "rotations energy keypoint_score source id".split()}
    for source, cache in enumerate(options.caches):
        rows = read(cache)
        for first in range(0, len(rows), GROUP):
            group = rows[first : first + GROUP]
            people = [person for _, _, person in group]
            views = [camera.picture_camera(size) for _, size, _ in group]
            masks = [
                None if p.mask is None else Mask(inside=p.mask, score=1.0, source="detector")
                for p in people
            ]
            state, energy = fit.solve(people, masks, views)
            columns["rotations"] += list(state.rotations.astype(np.float32))
            columns["energy"] += energy.tolist()
            columns["keypoint_score"] += [person.keypoint_score for person in people]
            columns["source"] += [source] * len(group)
            columns["id"] += [identity for identity, _, _ in group]
    with writing(options.out) as path:
        np.savez_compressed(path, **{name: np.array(rows) for name, rows in columns.items()})
    print(f"{len(columns['id'])} poses -> {options.out}")


if __name__ == "__main__":
    main()

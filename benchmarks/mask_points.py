"""Ways to choose and order 400 points of a mask: how much does a slot move when it should not?

    python benchmarks/mask_points.py COCO_FOLDER [--people 60]

COCO_FOLDER holds ``person_keypoints.json``; the polygons of its people are the masks. For every
person and way: the mask is shifted, scaled, sprinkled with 5 % wrong pixels, its outline wobbled
(5 % of its area), and a limb is hidden; each slot's displacement from where it should be is taken
in pixels of the 224 crop (mean / 95 % / worst slot, averaged over people; ``hidden``: slots
outside the hidden disc). ``cover``: mean and 99 % distance of the mask's pixels to their nearest
point. docs/decisions/004-mask-points.md discusses the table.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import cv2
import numpy as np

from pymafsam import crops, points
from pymafsam.files import rle
from pymafsam.geometry import affine

SIDE, N = crops.SIZE, points.ACROSS
SHARES = (np.arange(N) + 0.5) / N
SHIFTS, SCALES = ((4, 0), (0, -5), (3, 3)), (0.9, 1.08)


def people(folder: Path, count: int) -> list[np.ndarray]:
    """Masks of the first people with 1,500 pixels or more of a crop."""
    content = json.loads((folder / "person_keypoints.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    out = []
    for row in content["annotations"]:
        if len(out) == count:
            break
        if row["iscrowd"] or row["area"] < 4000:
            continue
        x, y, width, height = row["bbox"]
        square = crops.square_around(np.array([x, y, x + width, y + height]))
        inside = crops.cut_labels(rle.decode(row["segmentation"], sizes[row["image_id"]]), square)
        out += [points._solid(inside)] if inside.sum() >= 1500 else []
    return out


def chosen(inside: np.ndarray) -> np.ndarray:
    """What the package does: even rows, in each the mask's own distribution, softly."""
    return points._within(inside).reshape(N, N, 2).transpose(1, 0, 2).reshape(-1, 2)


def equal_rows(inside: np.ndarray) -> np.ndarray:
    """The same, but rows that share the area equally instead of evenly spaced ones."""
    mass = inside.astype(np.float32)
    rows = points._quantiles(mass.sum(axis=1)[None], SHARES)[0]
    reach = np.ptp(np.flatnonzero(mass.any(axis=1))) / N
    window = np.exp(-0.5 * ((np.arange(SIDE) - rows[:, None]) / reach) ** 2)
    columns = points._quantiles((window @ mass).astype(np.float32), SHARES)
    lattice = np.stack([columns, np.broadcast_to(rows[:, None], columns.shape)], -1)
    return points._nearest(inside, lattice.reshape(-1, 2))


def box_grid(inside: np.ndarray) -> np.ndarray:
    """A uniform grid over the mask's extent, each node pulled to the nearest pixel."""
    mass = inside.astype(np.float32)
    ends = np.array([0.02, 0.98])
    (x0, x1), (y0, y1) = (points._quantiles(mass.sum(axis=a)[None], ends)[0] for a in (0, 1))
    lattice = np.stack(np.meshgrid(x0 + (x1 - x0) * SHARES, y0 + (y1 - y0) * SHARES), -1)
    return points._nearest(inside, lattice.reshape(-1, 2))


def split(inside: np.ndarray, plan: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Equal areas by repeated cuts (axis, pieces); of each piece the pixel nearest its middle."""

    def pieces(places: np.ndarray, cuts) -> list[np.ndarray]:
        if not cuts:
            return [places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]]
        (axis, count), rest = cuts[0], cuts[1:]
        places = places[np.lexsort((places[:, 1 - axis], places[:, axis]))]
        edges = np.linspace(0, len(places), count + 1).astype(int)
        starts = itertools.pairwise(edges)
        return [p for a, b in starts for p in pieces(places[a : max(b, a + 1)], rest)]

    return np.array(pieces(np.argwhere(inside)[:, ::-1], plan), float)


def farthest(inside: np.ndarray) -> np.ndarray:
    """Farthest-point sampling from the middle: the evenest cover, in the order it finds them."""
    places = np.argwhere(inside)[:, ::-1].astype(float)
    out = [places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]]
    distance = np.full(len(places), np.inf)
    for _ in range(N * N - 1):
        distance = np.minimum(distance, ((places - out[-1]) ** 2).sum(axis=1))
        out.append(places[distance.argmax()])
    return np.array(out)


def assigned(inside: np.ndarray) -> np.ndarray:
    """Farthest points, put in order by the least total distance to the nodes of a grid."""
    from scipy.optimize import linear_sum_assignment

    places = farthest(inside)
    rows, columns = np.nonzero(inside)
    x = columns.min() + np.ptp(columns) * SHARES
    y = rows.min() + np.ptp(rows) * SHARES
    lattice = np.stack(np.meshgrid(x, y), -1).reshape(-1, 1, 2)
    return places[linear_sum_assignment(((lattice - places) ** 2).sum(axis=-1))[1]]


def drawn(inside: np.ndarray, generator=np.random.default_rng(0)) -> np.ndarray:  # noqa: B008
    """Random pixels in random order, as in 2024 (without its stretching)."""
    places = np.argwhere(inside)[:, ::-1]
    return places[generator.choice(len(places), N * N)].astype(float)


WAYS = {
    "even rows, soft (chosen)": chosen,
    "equal rows, soft": equal_rows,
    "grid on the box, pulled in": box_grid,
    "equal cuts 20 x 20": lambda m: split(m, ((1, N), (0, N))),
    "equal cuts 4 x 4 x 5 x 5": lambda m: split(m, ((1, 4), (0, 4), (1, 5), (0, 5))),
    "farthest, assigned to a grid": assigned,
    "farthest, as found": farthest,
    "random (2024)": drawn,
}


def moved(inside: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    flags = cv2.INTER_NEAREST
    return cv2.warpAffine(inside.astype(np.uint8), matrix, (SIDE, SIDE), flags=flags).astype(bool)


def wobbled(inside: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The outline pushed in and out smoothly until 5 % of the area has changed."""
    noise = cv2.GaussianBlur(generator.normal(size=inside.shape), (0, 0), 4)
    signed = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    signed = signed - cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 3)
    low, high = 0.0, 20.0 / noise.std()
    for _ in range(12):
        middle = (low + high) / 2
        few = ((signed + middle * noise > 0) != inside).sum() < 0.05 * inside.sum()
        low, high = (middle, high) if few else (low, middle)
    return signed + low * noise > 0


def changes(inside: np.ndarray, generator: np.random.Generator):
    """(name, changed mask, map of the points, pixels whose slots count) of every disturbance."""
    everywhere, still, middle = np.ones_like(inside), np.eye(2, 3), (SIDE - 1) / 2
    for x, y in SHIFTS:
        matrix = np.array([[1.0, 0, x], [0, 1.0, y]])
        yield "shift", moved(inside, matrix), matrix, everywhere
    for s in SCALES:
        matrix = np.array([[s, 0, middle * (1 - s)], [0, s, middle * (1 - s)]])
        yield "scale", moved(inside, matrix), matrix, everywhere
    for _ in range(2):
        yield "5 % pixels", inside ^ (generator.random(inside.shape) < 0.05), still, everywhere
        yield "5 % outline", wobbled(inside, generator), still, everywhere
        places = np.argwhere(inside)
        far = (((places - places.mean(axis=0)) ** 2).sum(axis=1)) ** 1.5
        centre = places[generator.choice(len(places), p=far / far.sum())]
        radius = 0.18 * np.sqrt(inside.any(0).sum() * inside.any(1).sum())
        rows, columns = np.mgrid[:SIDE, :SIDE]
        kept = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 >= radius**2
        yield "hidden", inside & kept, still, kept


def measure(way, masks: list[np.ndarray]) -> tuple[dict[str, list], list, float]:
    generator, found, cover, spent = np.random.default_rng(0), {}, [], []
    for inside in masks:
        before = way(inside)
        some = np.argwhere(inside)[::7, ::-1]
        gaps = np.sqrt(((some[:, None] - before) ** 2).sum(-1).min(axis=1))
        cover.append((gaps.mean(), np.quantile(gaps, 0.99)))
        for name, changed, matrix, counted in changes(inside, generator):
            changed = points._solid(changed)
            began = time.perf_counter()
            after = way(changed)
            spent.append(time.perf_counter() - began)
            off = np.linalg.norm(after - affine.apply(matrix, before), axis=1)
            x, y = np.rint(before).astype(int).T
            off = off[counted[y, x]]
            found.setdefault(name, []).append((off.mean(), np.quantile(off, 0.95), off.max()))
    return found, cover, float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=60)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    masks = people(options.folder, options.people)
    names = ["shift", "scale", "5 % pixels", "5 % outline", "hidden"]
    print(f"| way | {' | '.join(names)} | cover | ms |\n|{'---|' * (len(names) + 3)}")
    for label, way in WAYS.items():
        found, cover, spent = measure(way, masks)
        cells = [" / ".join(f"{v:.1f}" for v in np.mean(found[n], axis=0)) for n in names]
        gap = " / ".join(f"{v:.1f}" for v in np.mean(cover, axis=0))
        print(f"| {label} | {' | '.join(cells)} | {gap} | {1000 * spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()

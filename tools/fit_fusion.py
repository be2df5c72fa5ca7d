"""Find the coefficients of people/fusion.py: which network is believed, how likely it is right.

    python tools/fit_fusion.py COCO_TRAIN_FOLDER COCO_CACHE.npz LSP_FOLDER LSP_CACHE.npz

The caches are tools/cache_people.py's; used are the people that MoveNet was not taught with
(tools/keypoint_examples.py), on whom it is as sure as it is on others. A point is right by COCO's
kernel of its distance; what COCO has not labelled counts as wrong: such a point is the network's
invention. Prints the coefficients to be pasted, and what merging is worth for held-out people (five
folds).
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import keypoint_examples
from fit_score import logistic
from pymafsam.evaluation import coco
from pymafsam.geometry import joints
from pymafsam.geometry.boxes import area
from pymafsam.people import fusion
from pymafsam.people.looks import COCO

FILLED = 0.35  # of a box around LSP's joints is body
RIDGE = 2e-5
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Both networks' answers about one person, and the truth (third column > 0: known)."""

    source: str
    coco: np.ndarray
    blazepose: np.ndarray
    box: np.ndarray
    truth: np.ndarray
    area: float

    def right(self, points: np.ndarray) -> np.ndarray:
        """COCO's kernel of the distances to the truth; 0 where COCO labelled nothing."""
        squared = ((points[:, :2] - self.truth[:, :2]) ** 2).sum(1)
        kernel = np.exp(-squared / ((2 * coco.SIGMAS) ** 2 * 2 * self.area))
        return np.where(self.truth[:, 2] > 0, np.nan_to_num(kernel), 0.0)

    @property
    def counted(self) -> np.ndarray:
        """Points that are looked at: all in COCO, LSP's limbs."""
        return np.isfinite(self.truth[:, 2])


def of_coco(data: Path, cache: Path) -> list[Answered]:
    pictures = coco.read_annotations(data / "person_keypoints.json")
    truths = {person.id: person for picture in pictures for person in picture.people}
    untaught = {one.row for one in keypoint_examples.of_coco(data) if one.held_out}
    with np.load(cache) as table:
        rows = zip(
            table["id"].tolist(),
            table["answer_coco17"],
            table["answer_blazepose33"],
            table["box"],
            strict=True,
        )
        return [
            Answered(
                source="coco",
                coco=movenet,
                blazepose=blazepose,
                box=box,
                truth=truths[identity].keypoints,
                area=truths[identity].area,
            )
            for identity, movenet, blazepose, box in rows
            if identity in untaught
        ]


def of_lsp(data: Path, cache: Path) -> list[Answered]:
    joint_table = np.load(data / "joints.npz")
    limbs = [joints.COCO17.index(name) for name in joints.LSP14[:12]]
    untaught = {one.row for one in keypoint_examples.of_lsp(data) if one.held_out}
    answered = []
    with np.load(cache) as table:
        for k, identity in enumerate(table["id"].tolist()):
            if identity not in untaught:
                continue
            truth = np.full((17, 3), np.nan)
            truth[limbs, :2] = joint_table["joints"][identity, :12, :2]
            truth[limbs, 2] = np.isfinite(truth[limbs, 0])
            answered.append(
                Answered(
                    source="lsp",
                    coco=table["answer_coco17"][k],
                    blazepose=table["answer_blazepose33"][k],
                    box=table["box"][k],
                    truth=truth,
                    area=FILLED * float(area(table["box"][k : k + 1])[0]),
                )
            )
    return answered


def compared(people: list[Answered]) -> fusion.Compared:
    return fusion.Compared.of(
        np.stack([one.coco for one in people]),
        np.stack([one.blazepose[COCO] for one in people]),
        np.stack([one.box for one in people]),
    )


def unpacked(values: np.ndarray) -> fusion.Sharing:
    rows = values[:21].reshape(7, 3)
    return fusion.Sharing(
        by_kind=tuple((float(a), float(b), float(c)) for a, b, c in rows),
        overall=tuple(values[21:25].tolist()),
        soft=float(np.exp(values[25])),
        sharp=float(np.exp(values[26])),
    )


def sharing(people: list[Answered]) -> fusion.Sharing:
    """The coefficients that make the mean kernel of the shared points largest."""
    table = compared(people)
    known = np.stack([one.truth[:, 2] > 0 for one in people])
    unit = np.stack([2 * coco.SIGMAS * np.sqrt(one.area) for one in people])[..., None]
    truth = np.stack([one.truth[:, :2] for one in people])
    ours = (np.stack([one.coco[:, :2] for one in people]) - truth) / unit
    theirs = (np.stack([one.blazepose[COCO, :2] for one in people]) - truth) / unit

    def loss(values: np.ndarray) -> float:
        share = table.share(unpacked(values))[..., None]
        off = (ours + share * (theirs - ours))[known]
        return float(-np.exp(-(off**2).sum(-1) / 2).mean() + RIDGE * (values**2).sum())

    start = np.zeros(27)
    start[[1, 4, 7, 10, 13, 16, 19]], start[[2, 5, 8, 11, 14, 17, 20]] = -0.3, 0.3
    return unpacked(minimize(loss, start, method="L-BFGS-B", options={"maxiter": 60}).x)


def likelihood(people: list[Answered], found: fusion.Sharing) -> np.ndarray:
    """Coefficients of the merged points' likelihoods."""
    rows = []
    for one in people:
        table = compared([one])
        share = table.share(found)[0, :, None]
        points = one.coco[:, :2] + share * (one.blazepose[COCO, :2] - one.coco[:, :2])
        single = fusion.Compared.of(one.coco, one.blazepose[COCO], one.box)
        values = fusion.features(single, one.blazepose[COCO, 2], np.arange(17))
        rows.append((values[one.counted], one.right(points)[one.counted]))
    return logistic(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def alone(people: list[Answered]) -> np.ndarray:
    """Coefficients of BlazePose's likelihoods without MoveNet."""
    rows = []
    for one in people:
        single = fusion.Compared.of(one.coco, one.blazepose[COCO], one.box)
        values = fusion.features(single, one.blazepose[COCO, 2], np.arange(17))
        right = one.right(one.blazepose[COCO])
        rows.append((values[one.counted, : len(fusion.ALONE)], right[one.counted]))
    return logistic(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def report(people: list[Answered], ways: dict[str, list[np.ndarray]]) -> None:
    """Mean OKS and PCK of several ways to say where the points are."""
    for name, points in ways.items():
        similar, found = [], {0.1: [], 0.2: []}
        for one, there in zip(people, points, strict=True):
            known = one.truth[:, 2] > 0
            if one.source == "coco":
                similar.append(one.right(there)[known].mean())
                continue
            shoulder, hip = (joints.COCO17.index(n) for n in ("left_shoulder", "right_hip"))
            torso = np.linalg.norm(one.truth[shoulder, :2] - one.truth[hip, :2])
            away = np.linalg.norm(there[known, :2] - one.truth[known, :2], axis=1) / torso
            for share, hits in found.items():
                hits.append(away < share)
        pck = {share: np.concatenate(hits).mean() for share, hits in found.items()}
        print(f"{name:10} OKS {np.mean(similar):.4f}  PCK@.2 {pck[0.2]:.4f} @.1 {pck[0.1]:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("coco", "coco_cache", "lsp", "lsp_cache"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    people = [
        *of_coco(options.coco, options.coco_cache),
        *of_lsp(options.lsp, options.lsp_cache),
    ]
    held_out = [np.zeros((17, 2))] * len(people)
    for part in range(FOLDS):
        found = sharing([one for k, one in enumerate(people) if k % FOLDS != part])
        for k, one in enumerate(people):
            if k % FOLDS == part:
                share = compared([one]).share(found)[0, :, None]
                there = one.blazepose[COCO, :2]
                held_out[k] = one.coco[:, :2] + share * (there - one.coco[:, :2])
    report(
        people,
        {
            "movenet": [one.coco for one in people],
            "blazepose": [one.blazepose[COCO] for one in people],
            "merged": held_out,
        },
    )
    found = sharing(people)
    print("by_kind", np.round(found.by_kind, 3).tolist())
    print("overall", np.round(found.overall, 3).tolist(), f"{found.soft:.3f} {found.sharp:.3f}")
    print("MERGED", likelihood(people, found).round(3).tolist())
    print("ALONE", alone(people).round(3).tolist())


if __name__ == "__main__":
    main()

"""Find the coefficients of fitting/quality.py: a logistic model of OKS, five-fold checked.

    python tools/fit_score.py COCO_TRAIN_FOLDER PEOPLE_CACHE.npz

Prints the coefficients to be pasted and how well held-out people are ranked.
"""

import argparse
from pathlib import Path

import numpy as np

from fitted import Fitted, fitted
from pymafsam import body
from pymafsam.evaluation import coco
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.lifter import Lifter
from pymafsam.fitting.quality import FEATURES, features
from pymafsam.geometry import camera

RIDGE = 0.5


def logistic(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Maximum likelihood for fractional targets, ridge on all but the constant (Newton)."""
    weights = np.zeros(values.shape[1])
    penalty = RIDGE * np.eye(values.shape[1])
    penalty[0, 0] = 0.0
    for _ in range(30):
        chance = 1 / (1 + np.exp(-values @ weights))
        gradient = values.T @ (chance - target) + penalty @ weights
        curvature = (values * (chance * (1 - chance))[:, None]).T @ values + penalty
        weights = weights - np.linalg.solve(curvature, gradient)
    return weights


def row(fit: KeypointFit, one: Fitted) -> tuple[np.ndarray, float]:
    """Features and OKS of a fitted person."""
    points = fit.points(one.state)[0].T
    projected = camera.project(points, one.camera)
    keypoints = camera.project(fit.coco_points(one.state)[0].T, one.camera)
    values = features(one.person, projected, one.camera)
    return values, coco.similarity(keypoints, one.truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    arguments = parser.parse_args()
    model = body.load("anny24")
    fit = KeypointFit(model, lifter=Lifter.of(model))
    annotations = arguments.data / "person_keypoints.json"
    rows = [row(fit, one) for one in fitted(fit, annotations, arguments.cache)]
    values, target = np.stack([v for v, _ in rows]), np.array([oks for _, oks in rows])
    fold = np.arange(len(values)) % 5
    held_out = np.zeros(len(values))
    for part in range(5):
        weights = logistic(values[fold != part], target[fold != part])
        held_out[fold == part] = values[fold == part] @ weights
    print(f"people {len(values)}  mean OKS {target.mean():.3f}")
    print(f"correlation with OKS, held out: {np.corrcoef(held_out, target)[0, 1]:.3f}")
    for name, weight in zip(FEATURES, logistic(values, target), strict=True):
        print(f'    "{name}": {weight:.3f},')


if __name__ == "__main__":
    main()

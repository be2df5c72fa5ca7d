"""Ten betas of unit variance over the population: principal components of the T-posed people."""

import numpy as np

from anny24.skeleton import Linear

# A misplaced joint moves whole limbs when posed: beside a vertex it counts this much.
JOINT_WEIGHT = 20.0


def components(
    points: Linear, coefficients: np.ndarray, count: int, weights: np.ndarray | None = None
) -> Linear:
    """Mean and the first ``count`` principal directions, each scaled to one deviation.

    The points are linear in the coefficients, so the exact components follow from the
    coefficients' covariance. ``weights`` says how much an error of each point matters (squared).
    Signs: a positive beta makes the person taller.
    """
    weight = np.ones((len(points.template), 1)) if weights is None else weights[:, None]
    mean = coefficients.mean(axis=0)
    spread = np.linalg.cholesky(
        np.cov(coefficients, rowvar=False, bias=True) + 1e-12 * np.eye(len(mean))
    )
    flat = spread.T @ (points.blend * weight).reshape(len(mean), -1)
    _, deviation, directions = np.linalg.svd(flat, full_matrices=False)
    blend = (deviation[:count, None] * directions[:count]).reshape(count, -1, 3) / weight
    template = points.at(mean[None])[0]
    top, bottom = template[:, 1].argmax(), template[:, 1].argmin()
    taller = np.sign(blend[:, top, 1] - blend[:, bottom, 1])
    return Linear(template=template, blend=blend * taller[:, None, None])


def symmetric(points: Linear, mirror: np.ndarray) -> Linear:
    """The average of the points and their reflection in x = 0."""

    def average(values):
        return (values + values[..., mirror, :] * np.array([-1.0, 1.0, 1.0])) / 2

    return Linear(template=average(points.template), blend=average(points.blend))


def joined(first: Linear, second: Linear) -> Linear:
    """Both point sets, one after the other."""
    return Linear(
        template=np.concatenate([first.template, second.template]),
        blend=np.concatenate([first.blend, second.blend], axis=1),
    )


def taken(points: Linear, index: np.ndarray) -> Linear:
    """Some of the points."""
    return Linear(template=points.template[index], blend=points.blend[:, index])

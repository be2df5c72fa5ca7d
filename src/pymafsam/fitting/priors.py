"""What bodies do: Gaussian priors of the joints' rotations, their limits, and of the shape.

A joint's rotation is measured by its logarithm (axis times angle, radians) in the rest pose's
axes: x to the person's left, y up, z forward, T-pose. So a knee flexes about +x, the left elbow
about -y, and a left arm that hangs down is turned by about -1.2 about z.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from pymafsam.fitting.chain import Skeleton
from pymafsam.geometry import joints, rotation

OPEN = 9.0  # no limit on this axis


@dataclass(frozen=True, slots=True)
class JointPrior:
    """Mean, deviation and soft limits of a joint's rotation vector (the left one of a pair)."""

    mean: tuple[float, float, float]
    sigma: tuple[float, float, float]
    low: tuple[float, float, float] = (-OPEN, -OPEN, -OPEN)
    high: tuple[float, float, float] = (OPEN, OPEN, OPEN)

    def mirrored(self) -> "JointPrior":
        """The prior of the other side: x stays, y and z change sign."""
        flip = lambda v: (v[0], -v[1], -v[2])  # noqa: E731
        low, high = flip(self.low), flip(self.high)
        return JointPrior(
            mean=flip(self.mean),
            sigma=self.sigma,
            low=(self.low[0], high[1], high[2]),
            high=(self.high[0], low[1], low[2]),
        )


# Deviations chosen by hand, compared with 20 motions of motion capture and widened where
# photographs hold more than the motions do (sitting, reaching up); limits from
# anatomy (ranges of motion of healthy adults: knee 0 to 150 degrees, elbow 0 to 150, ankle 20
# dorsal to 50 plantar, hip 120 flexion to 20 extension).
JOINT_PRIORS: Mapping[str, JointPrior] = {
    "left_hip": JointPrior(
        (-0.35, 0.05, 0.05), (0.7, 0.35, 0.3), low=(-2.3, -0.9, -0.6), high=(0.5, 0.9, 1.2)
    ),
    "left_knee": JointPrior(
        (0.5, 0.0, 0.0), (0.8, 0.12, 0.08), low=(-0.02, -OPEN, -OPEN), high=(2.6, OPEN, OPEN)
    ),
    "left_ankle": JointPrior(
        (0.0, 0.1, 0.0), (0.35, 0.2, 0.2), low=(-0.5, -OPEN, -OPEN), high=(0.9, OPEN, OPEN)
    ),
    "spine1": JointPrior((0.07, 0.0, 0.0), (0.2, 0.15, 0.12), low=(-0.3, -OPEN, -OPEN)),
    "spine2": JointPrior((0.07, 0.0, 0.0), (0.2, 0.15, 0.12), low=(-0.3, -OPEN, -OPEN)),
    "spine3": JointPrior((0.05, 0.0, 0.0), (0.2, 0.15, 0.12), low=(-0.3, -OPEN, -OPEN)),
    "neck": JointPrior((0.1, 0.0, 0.0), (0.25, 0.3, 0.2)),
    "head": JointPrior((0.0, 0.0, 0.0), (0.25, 0.3, 0.2)),
    "left_collar": JointPrior((0.0, -0.05, 0.0), (0.1, 0.15, 0.15)),
    "left_shoulder": JointPrior((0.1, -0.3, -0.9), (0.6, 0.6, 0.6)),
    "left_elbow": JointPrior(
        (0.0, -0.6, 0.0), (0.5, 0.8, 0.2), low=(-OPEN, -2.6, -OPEN), high=(OPEN, 0.02, OPEN)
    ),
    "left_wrist": JointPrior((0.0, 0.0, 0.0), (0.35, 0.25, 0.35)),
}
LIMIT = 40.0  # residual per radian beyond a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapePrior:
    """Means and precisions (1 / deviation) of the first betas; all others have ``rest``."""

    means: tuple[float, ...] = ()
    precisions: tuple[float, ...] = ()
    rest: float = 1.3

    def mean(self, betas: int) -> Float[np.ndarray, "betas"]:
        """The mean of each beta."""
        return np.pad(np.array(self.means[:betas], float), (0, betas - len(self.means[:betas])))

    def precision(self, betas: int) -> Float[np.ndarray, "betas"]:
        """The precision of each beta."""
        told = np.array(self.precisions[:betas], float)
        return np.pad(told, (0, betas - len(told)), constant_values=self.rest)


# By the body's name; another body's betas mean other things, so theirs are usual at zero.
SHAPES: Mapping[str, ShapePrior] = {
    # The first beta is age and height: people are taken for grown-ups (1.72 m) unless their
    # proportions say otherwise. The second is proportions: held too fast they are made up for by
    # leaning. The rest is mostly weight: loose, it takes clothes for flesh.
    "anny24": ShapePrior(means=(0.45,), precisions=(2.3, 0.9), rest=1.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrior:
    """The joints' priors as arrays (free joints without the root), and the shape's.

    Means and precisions (1 / sigma) may be everybody's or, with a first axis, each person's own.
    """

    mean: Float[np.ndarray, "*people held 3"]
    precision: Float[np.ndarray, "*people held 3"]
    low: Float[np.ndarray, "held 3"]
    high: Float[np.ndarray, "held 3"]
    betas_mean: Float[np.ndarray, "*people betas"]
    betas_precision: Float[np.ndarray, "*people betas"]

    @staticmethod
    def of(
        skeleton: Skeleton, table: Mapping[str, JointPrior] = JOINT_PRIORS, *, body: str = ""
    ) -> "PosePrior":
        """For the free joints of an SMPL-ordered skeleton (the first of them is the root).

        ``body`` is the model's name, by which its shape's prior is found (``SHAPES``).
        """
        rows = []
        betas = skeleton.joint_dirs.shape[2]
        shape = SHAPES.get(body, ShapePrior())
        for joint in skeleton.free[1:]:
            name = joints.SMPL24[joint]
            twin = joints.mirrored(name)
            rows.append(table[name] if name in table else table[twin].mirrored())
        return PosePrior(
            mean=np.array([row.mean for row in rows]),
            precision=1 / np.array([row.sigma for row in rows]),
            low=np.array([row.low for row in rows]),
            high=np.array([row.high for row in rows]),
            betas_mean=shape.mean(betas),
            betas_precision=shape.precision(betas),
        )

    def take(self, people: Int[np.ndarray, "chosen"]) -> "PosePrior":
        """The priors of some of the people, where everybody has their own."""
        if self.mean.ndim == 2:
            return self
        return replace(
            self,
            mean=self.mean[people],
            precision=self.precision[people],
            betas_mean=self.betas_mean[people],
            betas_precision=self.betas_precision[people],
        )

    def residuals(
        self, vectors: Float[np.ndarray, "people held 3"]
    ) -> tuple[Float[np.ndarray, "people held 3 2"], Float[np.ndarray, "people held 3 2"]]:
        """Residuals and their slopes by the rotation vector: the Gaussian's, the limit's."""
        beyond = np.minimum(vectors - self.low, 0) + np.maximum(vectors - self.high, 0)
        residual = np.stack([(vectors - self.mean) * self.precision, LIMIT * beyond], axis=-1)
        slope = np.stack(
            [np.broadcast_to(self.precision, vectors.shape), LIMIT * (beyond != 0)], -1
        )
        return residual, slope


def left_jacobian_inverse(vector: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """d log(exp(delta) exp(vector)) / d delta at 0 (Sola et al., "A micro Lie theory", eq. 146)."""
    squared = np.sum(vector * vector, axis=-1)
    angle = np.sqrt(np.maximum(squared, 1e-12))
    half = angle / 2
    factor = np.where(squared < 1e-6, 1 / 12 + squared / 720, (1 - half / np.tan(half)) / angle**2)
    k = rotation.skew(vector)
    return np.eye(3) - 0.5 * k + factor[..., None, None] * (k @ k)

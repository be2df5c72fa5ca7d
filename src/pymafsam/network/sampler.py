"""Where the first reading looks: a grid, the person's mask, or a stored bank; fixed by a seed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pymafsam import points as choosing
from pymafsam.errors import BadUsage
from pymafsam.legacy.bank import from_bank
from pymafsam.network.architecture import Architecture

POLICIES = ("grid", "mask", "bank")


@dataclass(frozen=True, slots=True)
class PointSampler:
    """A policy and what it needs; ``fixed`` are the points where the mask does not matter."""

    policy: str
    fixed: Float[np.ndarray, "points 2"]

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        bank: Float[np.ndarray, "rows points 2"] | None,
        policy: str,
        seed: int = 0,
    ) -> "PointSampler":
        """``auto`` looks as the network was trained to; ``seed`` picks the one row of a bank.

        Raises BadUsage for an unknown policy, or one that the network cannot follow.
        """
        chosen = architecture.policy if policy == "auto" else policy
        if chosen not in POLICIES:
            raise BadUsage(f'--points: there is no "{policy}". Known: auto, {", ".join(POLICIES)}')
        if chosen == "bank" and bank is None:
            raise BadUsage(
                "--points bank: these weights come without a bank of points "
                "(masks_points of PyMAFSAM). Choose grid or mask."
            )
        fixed = choosing.grid()
        if bank is not None and chosen == "bank":
            fixed = from_bank(bank, seed=seed)[0]
        if architecture.points not in (0, len(fixed)):
            raise BadUsage(
                f"The network reads {architecture.points} points; {chosen} gives {len(fixed)}."
            )
        return cls(chosen, np.asarray(fixed, np.float32))

    def __call__(
        self, inside: Bool[np.ndarray, "side side"] | None
    ) -> Float[np.ndarray, "points 2"]:
        """Points in [-1, 1] of the crop for a person with that mask (crop pixels)."""
        if self.policy != "mask" or inside is None:
            return self.fixed
        return choosing.from_mask(inside)

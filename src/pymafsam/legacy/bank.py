"""The bank of sampling points of 2024: 441 points of other people's masks, row after row.

``lspet_mask_points.npy`` holds (rows, 441, 2). Nothing ties a row to the picture it is used for;
it is kept for checkpoints that were trained so. ``points.from_mask`` is what a new one should use.
"""

import random
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Float, Int

from pymafsam.errors import BadInput
from pymafsam.files.pickles import read_npy
from pymafsam.records import Inside

FOREGROUND, BACKGROUND = 400, 41


def from_bank(
    bank: Float[np.ndarray, "rows points 2"],
    *,
    row: int | None = None,
    seed: int | None = None,
    count: int = 1,
) -> Float[np.ndarray, "count points 2"]:
    """``count`` rows in a row, as the 2024 network takes them for a batch: from ``row`` on, or
    from where Python's generator with ``seed`` says. Nothing ties them to the pictures.

    Raises BadInput when the bank has too few rows, or not exactly one of row and seed is given.
    """
    if (row is None) == (seed is None):
        raise BadInput("Points from a bank need either a row or a seed.")
    most = len(bank) - count
    if most < 0:
        raise BadInput(f"The bank has {len(bank)} rows; {count} were wanted for one batch.")
    first = random.Random(seed).randint(0, most) if row is None else row
    if not 0 <= first <= most:
        raise BadInput(f"Row {first} was wanted with {count - 1} after it; the last is {most}.")
    return bank[first : first + count].astype(np.float32)


def read_bank(path: Path) -> Float[np.ndarray, "rows points 2"]:
    """A saved bank. Raises BadInput for any other file."""
    bank = read_npy(path)
    if not isinstance(bank, np.ndarray) or bank.ndim != 3 or bank.shape[2] != 2 or not bank.size:
        raise BadInput(f"{path} is no bank of points: wanted an array (rows, points, 2).")
    return np.asarray(bank, np.float32)


def bank_points(inside: Inside, random: Random) -> Float[np.ndarray, "441 2"]:
    """The 2024 selection: 400 pixels inside, then 41 outside, each stretched to [-1, 1].

    Pixels are drawn without replacement and mapped linearly, x and y apart, so that the least of
    the drawn becomes -1 and the largest +1: place and proportions are lost. Kept for checkpoints
    trained on such banks; ``points.from_mask`` is what a new one should use. Raises BadInput when
    there are too few pixels, or all drawn ones lie in a line.
    """
    parts = []
    for where, count, what in ((inside, FOREGROUND, "inside"), (~inside, BACKGROUND, "outside")):
        rows, columns = np.nonzero(where)
        if len(rows) < count:
            raise BadInput(
                f"The 2024 policy draws {count} pixels {what} the mask; there are {len(rows)}."
            )
        drawn = random.sample(range(len(rows)), count)
        parts.append(np.stack([_stretched(columns[drawn]), _stretched(rows[drawn])], axis=1))
    return np.concatenate(parts)


def _stretched(values: Int[np.ndarray, "points"]) -> Float[np.ndarray, "points"]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise BadInput("The 2024 policy cannot stretch a mask of a single row or column.")
    # In this order of operations the reference's numbers come out to the last bit.
    return 2 / (high - low) * (values - low) - 1

"""What the numbers of a training run may be: beyond these a run fails late and in odd words."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

from pymafsam.errors import BadUsage

MANY = 10**9


@dataclass(frozen=True, slots=True)
class Bounds:
    """From ``low`` (left out where ``above``) to ``high`` (left out where ``below``)."""

    low: int | float
    high: int | float
    above: bool = False
    below: bool = False

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.above else f"{self.low:g}"
        return f"{low} to {'below ' if self.below else ''}{self.high:g}"

    def hold(self, value: int | float) -> bool:
        """Whether a number lies within; not a number never does."""
        high_enough = value > self.low if self.above else value >= self.low
        return high_enough and (value < self.high if self.below else value <= self.high)


SHARE = Bounds(0, 1)
PART = Bounds(0, 1, below=True)
COUNT = Bounds(1, MANY)
PLAIN = Bounds(0, MANY)
WIDTH = Bounds(1, 65_536)
BOUNDS: Mapping[str, Bounds] = {
    "batch": WIDTH,
    "steps": COUNT,
    "minutes": PLAIN,
    "seed": Bounds(0, 2**63 - 1),
    "threads": Bounds(0, 4096),
    "log_every": COUNT,
    "pictures_every": COUNT,
    "validate_every": COUNT,
    "save_every": COUNT,
    "network.widths": WIDTH,
    "network.hidden": WIDTH,
    "network.dropout": PART,
    "data.shares": PLAIN,
    "data.synthetic": SHARE,
    "data.synthetic_size": COUNT,
    "data.validation_people": COUNT,
    "data.limit": COUNT,
    "data.workers": Bounds(0, 1024),
    "data.augment.mirrored": SHARE,
    "data.augment.colour": SHARE,
    "data.augment.degrees": Bounds(0, 180),
    "data.augment.upright": SHARE,
    "data.augment.scale": PART,
    "data.augment.occluded": SHARE,
    "data.augment.coarse": SHARE,
    "optimiser.rate": Bounds(0, 1000, above=True),
    "optimiser.backbone_rate": PLAIN,
    "optimiser.weight_decay": PLAIN,
    "optimiser.final": SHARE,
    "optimiser.warm_up": PLAIN,
    "optimiser.clip": Bounds(0, MANY, above=True),
    "optimiser.average": PART,
}


def check(settings: object) -> None:
    """Raises BadUsage that names the settings that are out of range, and their ranges."""
    wrong = []
    for name, value in _numbers(settings, ""):
        bounds = BOUNDS.get(name, PLAIN)  # losses: what each of them counts
        if not bounds.hold(value):
            wrong.append((f"--{name.replace('_', '-')}", f"{value:g} is not {bounds}"))
    if wrong:
        names = ", ".join(dict.fromkeys(name for name, _ in wrong))
        reasons = "\n".join(f"  {name}: {why}" for name, why in wrong)
        raise BadUsage(f"These are out of range: {names}.\n{reasons}")


def _numbers(record: object, above: str) -> Iterator[tuple[str, float]]:
    """Every number of the settings under its name; of several, each."""
    assert is_dataclass(record)
    assert not isinstance(record, type)
    for one in fields(record):
        value, name = getattr(record, one.name), f"{above}{one.name}"
        if is_dataclass(value):
            yield from _numbers(value, f"{name}.")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool):
                yield name, _as_float(number)


def _as_float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf

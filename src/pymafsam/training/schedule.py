"""The learning rate, step by step."""

import math

from pymafsam.training.settings import OptimiserSettings


def rate(step: int, steps: int, settings: OptimiserSettings) -> float:
    """Of a step counted from 0: a linear rise, then constant or half a cosine down to the end.

    Loshchilov and Hutter, "SGDR", 2017, without restarts.
    """
    if step < settings.warm_up:
        return settings.rate * (step + 1) / settings.warm_up
    if settings.schedule == "constant":
        return settings.rate
    share = (step - settings.warm_up) / max(steps - settings.warm_up, 1)
    height = (1 + math.cos(math.pi * min(share, 1.0))) / 2
    return settings.rate * (settings.final + (1 - settings.final) * height)

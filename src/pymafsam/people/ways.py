"""A window and its mirror image, read at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from pymafsam.records import Pixels

Answer = TypeVar("Answer")


def both_ways(network: Callable[[Pixels], Answer], seen: Pixels) -> tuple[Answer, Answer]:
    """What a network says of a window and of its mirror image, the latter as it came.

    The second runs in a thread of its own: networks release the interpreter while they compute,
    so with a core to spare both take as long as one.
    """
    with ThreadPoolExecutor(1) as second:
        mirrored = second.submit(network, np.ascontiguousarray(seen[:, ::-1]))
        return network(seen), mirrored.result()

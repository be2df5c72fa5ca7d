"""TensorFlow Lite networks through LiteRT."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from pymafsam.ahead import beside
from pymafsam.errors import BadInput
from pymafsam.records import Pixels

Answer = TypeVar("Answer")


class Network:
    """One network file, ready to run. Threads that use it at once take turns.

    Copies that were pickled (for another process) open the file again. One thread of its own by
    default: two are no faster for networks this small (measured in docs/results).
    """

    def __init__(self, path: Path, threads: int = 1):
        self._made = partial(Network, path, threads)
        # An interpreter has one set of tensors: whose input it ran on, whose output it has.
        self._turn = threading.Lock()
        self._opened = _Opened(path, threads)

    def __call__(self, values: Float[np.ndarray, "1 height width 3"]) -> list[np.ndarray]:
        """All outputs for one picture (RGB), in the file's order."""
        with self._turn:
            return self._opened.run(values)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._made, ()


class _Opened:
    """One interpreter of a file."""

    def __init__(self, path: Path, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        try:
            with _without_announcements():
                self._interpreter = Interpreter(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadInput(
                f"{path} is not a network that LiteRT can read ({error}).\n"
                "  Remove the file and run: pymafsam fetch"
            ) from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [row["index"] for row in self._interpreter.get_output_details()]

    def run(self, values: Float[np.ndarray, "1 height width 3"]) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


# File descriptors belong to the process: two threads that put 2 aside at once would lose it.
_DESCRIPTOR = threading.Lock()


@contextlib.contextmanager
def _without_announcements() -> Iterator[None]:
    """LiteRT greets every network on file descriptor 2, below Python; errors come as exceptions."""
    with _DESCRIPTOR:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def both_ways(network: Callable[[Pixels], Answer], seen: Pixels) -> tuple[Answer, Answer]:
    """What a network says of a window and of its mirror image, the latter as it came.

    Side by side: networks release the interpreter while they compute, so with a core to spare both
    take as long as one.
    """
    mirrored = np.ascontiguousarray(seen[:, ::-1])
    return beside(lambda: network(seen), lambda: network(mirrored))

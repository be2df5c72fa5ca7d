"""Stages that run side by side: each in a thread of its own, with a bounded queue behind it."""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
LOOK = 0.1  # seconds after which a waiting stage looks whether it is still wanted


class _End(Generic[T]):
    """Nothing more comes, because of ``error`` or because that was all."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def ahead(items: Iterable[T], depth: int = 4) -> Iterator[T]:
    """The same items, made up to ``depth`` ahead in another thread.

    Pays where making them leaves Python's lock alone (decoding, networks, drawing). An error is
    raised where the item would have come; when nobody wants more, the thread ends.
    """
    waiting: queue.Queue[T | _End[T]] = queue.Queue(depth)
    wanted = threading.Event()
    wanted.set()

    def put(item: "T | _End[T]") -> None:
        while wanted.is_set():
            try:
                waiting.put(item, timeout=LOOK)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if not wanted.is_set():
                    return
            put(_End())
        except BaseException as error:  # told to whoever waits for the items
            put(_End(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        wanted.clear()
        thread.join()


def threads() -> int:
    """How many threads this process is meant to keep busy.

    What libraries go by: ``OMP_NUM_THREADS`` (worker processes are given it), else the processors
    that it may use.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isascii() and said.isdecimal() and int(said) else cores()


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Once(Generic[T]):
    """A function without arguments that is called once; its result is everybody's.

    Threads that ask while it works wait for it: ``functools.cache`` lets each do all the work.
    """

    def __init__(self, make: Callable[[], T]):
        self.__doc__ = make.__doc__
        self._make, self._turn = make, threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._turn:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def forget(self) -> None:
        """Call it again the next time."""
        with self._turn:
            self._made.clear()


def beside(first: Callable[[], T], second: Callable[[], R]) -> tuple[T, R]:
    """What both give; the second in a thread of its own where one may be kept busy with it."""
    if threads() == 1:
        return first(), second()
    with ThreadPoolExecutor(1) as other:
        given = other.submit(second)
        return first(), given.result()


def abreast(work: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """What ``work`` makes of every item, in order; ``count`` items are worked on at a time.

    One at a time where one thread is all that may be kept busy: more would wait for one another.
    """
    if threads() == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(max_workers=count) as crew:
        for item in items:
            waiting.append(crew.submit(work, item))
            if len(waiting) >= count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

"""Worker processes that may die: what killed one is tried once more, then named; the rest goes on.

Python's own pools stop when a worker is killed (by the kernel, when memory runs out; by a fault in
a library). Here every worker has a pipe of its own, so that it is known what it was at.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

from pymafsam.errors import PymafsamError

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Sequence[T]], Sequence[R]]

AHEAD = 4  # groups for each worker that may be under way or wait for an earlier one
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkersFail(PymafsamError):
    """No worker gets as far as its first picture."""


@dataclass(slots=True)
class _Job(Generic[T]):
    """Items in a row, the first of which has the number ``start``; how often they were tried."""

    start: int
    items: list[T]
    tries: int = 0


@dataclass(slots=True)
class _Worker(Generic[T]):
    """A process and what it is at."""

    process: Any
    pipe: Connection
    job: _Job[T] | None = None
    ready: bool = False


@dataclass(slots=True)
class _Books(Generic[T, R]):
    """What is still to be given out, and what has come back before its turn."""

    items: Iterator[T]
    group: int
    again: deque[_Job[T]] = field(default_factory=deque)
    results: dict[int, R] = field(default_factory=dict)
    given: int = 0
    told: int = 0

    def next_job(self, most_ahead: int) -> _Job[T] | None:
        """The next piece of work: first what was lost, then what is new, if it may be begun."""
        if self.again:
            return self.again.popleft()
        if self.given - self.told >= most_ahead:
            return None
        items = list(islice(self.items, self.group))
        job = _Job(self.given, items)
        self.given += len(items)
        return job if items else None

    def in_order(self) -> Iterator[R]:
        """The results whose turn it is."""
        while self.told in self.results:
            yield self.results.pop(self.told)
            self.told += 1


class Pool(Generic[T, R]):
    """``workers`` processes, each with what ``make()`` gave it; a context manager.

    ``make`` and the items are pickled; ``group`` items go to a worker at a time. ``lost`` says what
    the result is of an item on which a worker died twice. Every worker's libraries are told to
    use ``threads`` threads.
    """

    def __init__(
        self,
        make: Callable[[], Work],
        lost: Callable[[T], R],
        *,
        workers: int = 1,
        group: int = 1,
        threads: int = 1,
    ):
        self._make, self._lost = make, lost
        self._count, self._group, self._threads = workers, group, threads
        self._workers: list[_Worker[T]] = []
        self._deaths = 0  # in a row, of workers that had not even begun

    def __enter__(self) -> "Pool[T, R]":
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.terminate()
            worker.process.join()
        self._workers = []

    def map(self, items: Iterable[T]) -> Iterator[R]:
        """The result of every item, in order; items are taken as they are needed.

        Raises what ``make`` raises, and WorkersFail when workers die before they begin.
        """
        books: _Books[T, R] = _Books(iter(items), self._group)
        while True:
            # First what is done: as long as it is not told nothing new may be begun.
            yield from books.in_order()
            self._give_out(books)
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                if books.again or books.results:
                    continue
                return
            # A closed pipe counts as one that has something to say.
            heard = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe in heard:
                    self._hear(worker, books)

    def _give_out(self, books: _Books[T, R]) -> None:
        for worker in self._workers:
            if worker.job is None:
                job = books.next_job(AHEAD * self._count * self._group)
                if job is None:
                    return
                worker.job = job
                # A worker that is dead is noticed when it is listened to.
                with contextlib.suppress(OSError):
                    worker.pipe.send(job.items)

    def _hear(self, worker: _Worker[T], books: _Books[T, R]) -> None:
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker, books)
            return
        if kind == "failed":
            raise content
        worker.ready, self._deaths = True, 0
        if kind == "done":
            assert worker.job is not None
            for number, result in enumerate(content, worker.job.start):
                books.results[number] = result
            worker.job = None

    def _bury(self, worker: _Worker[T], books: _Books[T, R]) -> None:
        """Replace a worker that is gone. Of several items each is tried alone, then once more."""
        self._deaths += not worker.ready
        if self._deaths > 2 * self._count:
            raise WorkersFail(
                "The workers die before they have done anything.\n"
                "  Is there enough memory for so many? One alone tells more: --workers 1"
            )
        worker.pipe.close()
        worker.process.join()
        self._workers[self._workers.index(worker)] = self._start()
        job = worker.job
        assert job is not None
        if not worker.ready:
            books.again.append(job)  # it was not the pictures
        elif len(job.items) > 1:
            books.again += (_Job(job.start + k, [one]) for k, one in enumerate(job.items))
        elif job.tries == 0:
            books.again.append(_Job(job.start, job.items, tries=1))
        else:
            books.results[job.start] = self._lost(job.items[0])

    def _start(self) -> _Worker[T]:
        # A fresh interpreter: a forked one would share locks with threads that it does not have.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        told = dict.fromkeys(THREADS, str(self._threads)) | {"OPENBLAS_NUM_THREADS": "1"}
        with _environment(told):
            process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(pipe: Connection, make: Callable[[], Work]) -> None:
    """A worker's life: until the pipe is closed."""
    # Ctrl-C reaches everybody at the terminal; whoever started us says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):  # of the pipe; those of the work are told
        try:
            work = make()
        except Exception as error:
            pipe.send_bytes(_failure(error))
            return
        pipe.send(("ready", None))
        while True:
            # What Connection.recv does, in two steps: the content, which is our own process's, may
            # open files, and their errors are not the pipe's.
            content = pipe.recv_bytes()
            try:
                answer = ForkingPickler.dumps(("done", work(pickle.loads(content))))
            except Exception as error:
                answer = _failure(error)
            pipe.send_bytes(answer)


def _failure(error: Exception) -> bytes | memoryview:
    """The message that the work has failed; of errors that cannot be copied their text."""
    try:
        message = ForkingPickler.dumps(("failed", error))
        pickle.loads(message)
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        return ForkingPickler.dumps(("failed", told))
    return message


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """The environment with these variables, for processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

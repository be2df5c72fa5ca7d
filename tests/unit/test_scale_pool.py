"""Worker processes: in order, each item once, and a worker that dies takes nothing with it."""

import os
import signal
import time
from collections.abc import Sequence

import pytest

from pymafsam.errors import BadInput
from pymafsam.scale.pool import Pool, WorkersFail

SLOW, SLOW_TAKES = 200, 0.3  # an item, and seconds: all that may be begun meanwhile is done sooner


class Doubles:
    """Doubles numbers; some kill their worker, always or the first time."""

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, items: Sequence[int]) -> list[int]:
        for item in items:
            if item == 13 or (item == 7 and self.first(item)):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(SLOW_TAKES if item == SLOW else 0.002 * (item % 3))
        return [2 * item for item in items]

    def first(self, item: int) -> bool:
        path = os.path.join(self.folder, str(item))
        if os.path.exists(path):
            return False
        open(path, "w").close()
        return True


class Make:
    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self) -> Doubles:
        return Doubles(self.folder)


def lost(item: int) -> int:
    return -item


def refuse():
    raise BadInput("there is no such network")


class Odd(Exception):
    """An error of a library that cannot be copied to another process."""

    def __init__(self, what: str, where: str):
        super().__init__(f"{what} in {where}")


def refuse_oddly():
    raise Odd("a fault", "a library")


def unreadable():
    raise PermissionError(13, "Permission denied", "body.pkl")


def of_work():
    return fails


def fails(items: Sequence[int]) -> list[int]:
    raise FileNotFoundError(2, "No such file or directory", "scratch")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_and_what_kills_a_worker_twice_is_named(tmp_path):
    with Pool(Make(str(tmp_path)), lost, workers=2, group=3) as pool:
        found = list(pool.map(range(20)))
    assert found == [-13 if item == 13 else 2 * item for item in range(20)]


def test_a_slow_item_that_everybody_waits_for_ends_nothing(tmp_path):
    with Pool(Make(str(tmp_path)), lost, workers=2) as pool:
        found = list(pool.map(range(SLOW, SLOW + 30)))
    assert found == [2 * item for item in range(SLOW, SLOW + 30)]


def test_no_more_is_taken_than_is_under_way(tmp_path):
    taken = []

    def items():
        for item in range(100, 140):
            taken.append(item)
            yield item

    with Pool(Make(str(tmp_path)), lost, workers=1) as pool:
        for done, _ in enumerate(pool.map(items()), 1):
            assert len(taken) - done <= 4


def test_what_the_workers_cannot_begin_with_is_raised_here():
    with pytest.raises(BadInput, match="no such network"), Pool(refuse, lost) as pool:
        list(pool.map([1]))


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (unreadable, PermissionError, "body.pkl"),
        (refuse_oddly, RuntimeError, "Odd: a fault in a library"),
        (of_work, FileNotFoundError, "scratch"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_told_as_it_was_and_not_taken_for_a_death(make, kind, told):
    with pytest.raises(kind, match=told), Pool(make, lost) as pool:
        list(pool.map([1]))


def test_workers_that_die_at_once_are_not_started_for_ever():
    with pytest.raises(WorkersFail), Pool(die, lost) as pool:
        list(pool.map([1]))

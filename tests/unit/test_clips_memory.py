"""Memory is given back where the C library can be asked for that, and nowhere else."""

import ctypes
from types import SimpleNamespace

import pytest

from pymafsam.clips import memory


def test_glibc_is_asked(monkeypatch):
    told = []
    library = SimpleNamespace(malloc_trim=told.append)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    memory.give_back()
    assert told == [0]


@pytest.mark.parametrize("error", [TypeError, OSError, None])
def test_other_libraries_are_left_alone(error, monkeypatch):
    def load(name):
        if error is not None:
            raise error("no such library")
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", load)
    memory.give_back()

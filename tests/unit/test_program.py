"""The command line as a process: its exit codes and its last words, however it ends."""

import subprocess
import sys

import pytest

ENDS = """
import atexit, threading, time
from pymafsam.cli import program

def main():
    atexit.register(lambda: print("called at the end"))
    threading.Thread(target=lambda: time.sleep(0.2) or print("thread")).start()
    print("done")
    {ending}

program.main = main
program.program()
"""


def ended(ending):
    """A process whose ``main`` ends like that."""
    command = [sys.executable, "-c", ENDS.format(ending=ending)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("return 0", 0),
        ("return 1", 1),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(143)", 143),
        ("import sys; sys.exit('why')", 1),
        ("raise ValueError('why')", 1),
    ],
)
def test_a_process_ends_with_its_code_after_its_threads_and_what_was_asked_for(ending, code):
    process = ended(ending)
    assert process.returncode == code
    assert process.stdout.splitlines() == ["done", "thread", "called at the end"]
    assert ("why" in process.stderr) == ("why" in ending)


def test_a_numpy_of_the_process_computes_in_one_thread_unless_it_was_told_otherwise(monkeypatch):
    show = "import os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert ended(show).stdout.splitlines()[1] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert ended(show).stdout.splitlines()[1] == "3"

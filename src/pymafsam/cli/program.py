"""``main`` as a process of its own: set up for what we compute, and left without taking it apart.

A third of the processor's time of one photograph went into none of our work: BLAS's threads that
wait for each other by spinning, Python's collector that walks over freshly imported modules again
and again, and the taking apart of networks whose memory the system takes back anyway
(docs/results.md has the measurements).
"""

import atexit
import contextlib
import gc
import os
import sys
from typing import NoReturn

from pymafsam.cli.main import main

# Our matrices are small and many: a second thread of BLAS spins longer than it computes. Read when
# numpy is loaded. Whoever has set it knows better; worker processes are given numbers of their own.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "1")
# New objects until Python looks for cycles (its own 700): imports make hundreds of thousands that
# all stay.
COLLECTED_AFTER = 50_000


def program() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    os.environ.setdefault(*BLAS_THREADS)
    gc.set_threshold(COLLECTED_AFTER)
    code: object = 1  # of an error that leaves a traceback

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(
                AttributeError, OSError, ValueError
            ):  # closed, or nobody reads
                stream.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))

    # Registered before all others it is called after them, and after the last thread has ended.
    atexit.register(leave)
    try:
        code = main()
    except SystemExit as leaving:
        code = leaving.code
        raise
    sys.exit(code)

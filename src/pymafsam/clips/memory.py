"""Memory between the stages of a clip, and between their parts."""

import ctypes


def give_back() -> None:
    """What was freed goes back to the system, where the C library can be asked for that (glibc).

    Otherwise small pieces that live on, scattered between, hold what such a part had used for good:
    of a long clip more than of a short one.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return
    trim(0)

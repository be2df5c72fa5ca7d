"""What can go wrong in the user's world, said so that the user can put it right.

Every message says what was wanted, what was found and what to do. Anything else that is raised
(an ``AssertionError``, a ``KeyError``) is a defect of ours and keeps its traceback.
"""


class PymafsamError(Exception):
    """Base of every error that is the user's to mend; the command line prints it as a paragraph."""


class BadInput(PymafsamError):
    """A file or an array does not hold what was asked for (unreadable, truncated, wrong shape)."""


class BadUsage(PymafsamError):
    """Options that contradict each other or name something that does not exist (exit code 2)."""


class MissingAsset(PymafsamError):
    """A network, body or optional package is not here; the message says how to get it."""


class UntrustedFile(PymafsamError):
    """A file asks to run code when it is read, and was refused."""

"""The standard unpickler, whose names lead to inert stand-ins.

A pickle is a program that can name any function and have it called. ``find_class`` decides what a
name leads to: here to a ``StandIn`` from ``RECOGNISED``, which only notes what was asked for. The
program is looked over before it runs (``check_program``): what find_class never sees is refused
there, and so is what would not end, fill the memory or overflow the C stack.
"""

import io
import pickle
import pickletools
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pymafsam.files.limits import MOST_STEPS


class Refused(Exception):
    """What a file wants to run."""


class Sealed(type):
    """The type of stand-ins: a file can call them, and change nothing about them."""

    @property
    def __setstate__(cls) -> NoReturn:  # where BUILD looks first, also when handed a class
        raise Refused(f"a change to what {cls.__name__} stands for")


class StandIn(metaclass=Sealed):
    """Something a file asked to be made: of which arguments, and with which contents."""

    __slots__ = ("arguments", "pairs", "state")
    arguments: tuple[Any, ...]
    pairs: list[tuple[Any, Any]]
    state: Any

    def __new__(cls, *arguments: object):
        self = super().__new__(cls)
        self.arguments, self.state, self.pairs = arguments, None, []
        return self

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.pairs.append((key, value))


class Contents(StandIn):
    """An object that is made empty and given its contents afterwards: its class runs nothing."""

    def __new__(cls, *arguments: object):
        if arguments:
            raise Refused(f"{cls.__name__} with arguments")
        return super().__new__(cls)


class OnlyNamed(StandIn):
    """A class that ``_reconstruct`` and others are told of, and that nobody calls."""

    def __new__(cls, *arguments: object):
        raise Refused("a class of numpy's or Python's")


class Reconstructor(StandIn):
    """``copyreg``'s ways to make an empty object of a class."""

    def __new__(cls, *arguments: object):
        if not isinstance(arguments[0], Sealed):
            raise Refused("a class that the file has built itself")
        return arguments[0]()


# What a name stands for -> its behaviour here, and its names under all module paths.
KINDS: Mapping[str, tuple[type[StandIn], str]] = {
    "named": (
        OnlyNamed,
        "numpy.ndarray numpy.matrixlib.defmatrix.matrix numpy.core.defmatrix.matrix object",
    ),
    "newobj": (Reconstructor, "copyreg._reconstructor copyreg.__newobj__"),
    "array": (StandIn, "numpy.core.multiarray._reconstruct"),
    "scalar": (StandIn, "numpy.core.multiarray.scalar"),
    "frombuffer": (StandIn, "numpy.core.numeric._frombuffer"),
    "dtype": (StandIn, "numpy.dtype"),
    "encoded": (StandIn, "_codecs.encode bytes"),  # bytes only ever without arguments: b""
    "sequence": (StandIn, "set frozenset list tuple"),
    "mapping": (StandIn, "dict collections.OrderedDict"),
    "Ch": (Contents, "chumpy.ch.Ch chumpy.Ch"),
    "Select": (Contents, "chumpy.reordering.Select"),
    "Reshape": (Contents, "chumpy.reordering.Reshape"),
    "transpose": (Contents, "chumpy.reordering.transpose"),
    **{
        n: (Contents, f"scipy.sparse.{n}.{n}_matrix scipy.sparse.{n}.{n}_array")
        for n in ("csc", "csr", "coo", "lil")
    },
}
MOVED = {  # Python 3, numpy 2 and newer versions of scipy moved them
    "numpy.core.": "numpy._core.",
    "copyreg.": "copy_reg.",
    **{f"scipy.sparse.{n}.": f"scipy.sparse._{n}." for n in ("csc", "csr", "coo", "lil")},
}


def _recognised() -> Iterator[tuple[str, type[StandIn]]]:
    for kind, (base, names) in KINDS.items():
        stand_in = Sealed(kind, (base,), {"__slots__": (), "__module__": __name__})
        for name in names.split():
            places = [name] if "." in name else [f"builtins.{name}", f"__builtin__.{name}"]
            moved = [name.replace(old, new) for old, new in MOVED.items() if name.startswith(old)]
            yield from ((place, stand_in) for place in [*places, *moved])


RECOGNISED = dict(_recognised())


class Unpickler(pickle.Unpickler):
    """Python's own, in which every name leads to a stand-in or is refused."""

    def find_class(self, module: str, name: str) -> type[StandIn]:
        full = f"{module}.{name}"
        if full not in RECOGNISED:
            raise Refused(full)
        return RECOGNISED[full]


def run(data: bytes) -> Any:
    """What a pickle makes, with stand-ins where it names something.

    Raises Refused for what wants to be run, and the errors of Python's unpickler.
    """
    check_program(data)
    return Unpickler(io.BytesIO(data), encoding="latin-1").load()


OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
PAST_FIND_CLASS = {
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "an entry of the extension registry"),
    **dict.fromkeys(("PERSID", "BINPERSID"), "a look-up of a persistent object"),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "a read of memory outside the file"),
}
NOTHING = slice(0, 0)
HASHED = {  # which of the values taken
    **dict.fromkeys(("SETITEM", "SETITEMS"), slice(1, None, 2)),
    "DICT": slice(0, None, 2),
    "ADDITEMS": slice(1, None),
    "FROZENSET": slice(0, None),
}
UNHASHABLE = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE", "FROZENSET")
_MARK = object()


def check_program(data: bytes) -> None:
    """Refuse what ``find_class`` cannot.

    Each step is accounted for on a stack that holds, for every value, whether it may be a key. No
    tuple may: hashing one that is nested 50,000 times overflows the C stack, and numbers beyond 64
    bits (and tuples of numbers) can be chosen so that all of them fall on one hash.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument in _steps(data):
        name = opcode.name
        if name in PAST_FIND_CLASS:
            raise Refused(PAST_FIND_CLASS[name])
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            index = len(memo) if argument is None else argument
            if not 0 <= index <= len(data):  # the unpickler makes room for all below it
                raise ValueError(f"memory cell {index:,}")
            memo[index] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":
            stack.pop()  # the one step that may take a mark
        else:
            taken = _taken(stack, opcode.stack_before)
            if not all(taken[HASHED.get(name, NOTHING)]):
                raise ValueError("a tuple or a huge number as a key")
            small = not isinstance(argument, int) or abs(argument) < 1 << 63
            may_be_key = small and name not in UNHASHABLE
            stack += [_MARK if name == "MARK" else may_be_key for _ in opcode.stack_after]


def _steps(data: bytes) -> Iterator[tuple[Any, Any]]:
    stream = io.BytesIO(data)
    for _ in range(MOST_STEPS):
        code = stream.read(1)
        if code not in OPCODES:
            raise ValueError(f"no pickle has the byte {code}" if code else "it ends early")
        opcode, argument = OPCODES[code], None
        if opcode.name == "STRING":  # pickletools takes ASCII only; Python 2 wrote raw bytes
            stream.readline()
        elif opcode.arg is not None:
            argument = opcode.arg.reader(stream)
        yield opcode, argument
        if opcode.name == "STOP":
            return
    raise ValueError(f"it takes more than {MOST_STEPS:,} steps")


def _taken(stack: list[Any], before: list[Any]) -> list[Any]:
    """The values a step takes from the stack, those above its mark included."""
    place = len(stack) - len(before)
    if pickletools.markobject in before:
        mark = next((k for k in reversed(range(len(stack))) if stack[k] is _MARK), -1)
        place = mark - before.index(pickletools.markobject)
        del stack[max(mark, 0)]
    taken = stack[max(place, 0) :]
    if place < 0 or any(value is _MARK for value in taken):
        raise ValueError("a value is missing")
    del stack[place:]
    return taken

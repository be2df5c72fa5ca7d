"""Pickle's stack machine over inert values: names are looked up in a table, never imported."""

import codecs
import io
import pickletools
from collections.abc import Callable, Hashable
from typing import Any

from pymafsam.errors import BadInput, UntrustedFile
from pymafsam.files.pickles.values import LARGEST, NEEDED, Label, Thing

MOST_STEPS = 2_000_000  # two masks as lists take 100,000, names of 312,188 pictures 625,000


def _table() -> dict[str, str]:
    """Names a file may use -> what they stand for here."""
    names = {
        "numpy.ndarray": "class",
        "numpy.matrixlib.defmatrix.matrix": "class",
        "numpy.core.defmatrix.matrix": "class",
        "numpy.dtype": "dtype",
        "_codecs.encode": "encode",
        "collections.OrderedDict": "mapping",
        "chumpy.ch.Ch": "Ch",
        "chumpy.Ch": "Ch",
        "chumpy.reordering.Select": "Select",
        "chumpy.reordering.Reshape": "Reshape",
        "chumpy.reordering.transpose": "transpose",
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray._reconstruct"] = "reconstruct"
        names[f"{core}.multiarray.scalar"] = "scalar"
        names[f"{core}.numeric._frombuffer"] = "frombuffer"
    for builtins in ("__builtin__", "builtins"):
        names |= {f"{builtins}.{n}": "sequence" for n in ("set", "frozenset", "list", "tuple")}
        names |= {f"{builtins}.dict": "mapping", f"{builtins}.object": "class"}
        names |= {f"{builtins}.bytes": "encode"}  # only ever called without arguments: b""
    for module in ("copy_reg", "copyreg"):
        names |= {f"{module}._reconstructor": "newobj", f"{module}.__newobj__": "newobj"}
    for layout in ("csc", "csr", "coo", "lil"):
        for module in (f"scipy.sparse.{layout}", f"scipy.sparse._{layout}"):
            names |= {f"{module}.{layout}_{n}": layout for n in ("matrix", "array")}
    return names


RECOGNISED = _table()


_MARK = object()
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


class Machine:
    """Pickle's stack machine over inert values."""

    def __init__(self, data: bytes, called: str):
        self.stream = io.BytesIO(data)
        self.called = called
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.spent = len(data)

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            code = self.stream.read(1)
            opcode = OPCODES.get(code)
            if opcode is None:
                raise ValueError("it ends early" if not code else f"no pickle has the byte {code}")
            if opcode.name == "STOP":
                return self.stack.pop()
            STEPS[opcode.name](self, self._argument(opcode))
        raise BadInput(f"{self.called} takes more than {MOST_STEPS:,} steps to read: refused.")

    def _argument(self, opcode: Any) -> Any:
        if opcode.name == "STRING":  # Python 2 wrote raw bytes here, escaped
            line = self.stream.readline()
            return codecs.escape_decode(line.rstrip()[1:-1])[0].decode("latin-1")
        return None if opcode.arg is None else opcode.arg.reader(self.stream)

    def charge(self, amount: int) -> None:
        """Count bytes that are made here, so that a small file cannot fill the memory."""
        self.spent += amount
        if self.spent > LARGEST:
            raise BadInput(f"{self.called} unfolds to more than {LARGEST >> 20} MB: refused.")

    def refuse(self, wish: str) -> UntrustedFile:
        return UntrustedFile(
            f"{self.called} wants to run {wish} when it is read, and was refused.\n"
            "  A body or mask file holds arrays only. Do not open this one with other programs;\n"
            "  get it again from its owner."
        )

    def since_mark(self) -> list[Any]:
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth] is _MARK:
                items = self.stack[depth + 1 :]
                del self.stack[depth:]
                return items
        raise ValueError("a mark is missing")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def name(self, module: str, attribute: str) -> None:
        full = f"{module}.{attribute}"
        if full not in RECOGNISED:
            raise self.refuse(full)
        self.push(Label(full, RECOGNISED[full]))

    def stack_name(self) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        self.name(str(module), str(attribute))

    def make(self, callee: Any, arguments: Any) -> None:
        """What REDUCE, NEWOBJ, OBJ and INST do: note down what was to be called."""
        if not isinstance(callee, Label) or not isinstance(arguments, tuple):
            raise self.refuse("a value that it has built itself")
        kind = callee.stands_for
        if kind == "newobj":
            return self.make(arguments[0], ())
        if kind in NEEDED and arguments:
            raise self.refuse(f"{callee.name} with arguments")
        if kind == "class":
            raise self.refuse(callee.name)
        maker: Callable[[Machine, tuple], Any] | None = MAKERS.get(kind)
        self.push(maker(self, arguments) if maker else Thing(kind, arguments))

    def build(self) -> None:
        state, thing = self.stack.pop(), self.stack[-1]
        if not isinstance(thing, Thing):
            raise self.refuse(f"a change to {getattr(thing, 'name', type(thing).__name__)}")
        thing.state = state

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("entries for something that is no dict")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(key)] = value

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("items for something that is no list")
        target.extend(items)


def _key(value: Any) -> Hashable:
    # Deeply nested tuples as keys would overflow the C stack when hashed.
    if not isinstance(value, (str, bytes, int, float)):
        raise ValueError(f"a {type(value).__name__} as a key")
    return value


def _encode(machine: Machine, arguments: tuple) -> bytes:
    text, encoding = arguments or ("", "latin1")
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise machine.refuse(f"_codecs.encode to {encoding!r}")
    machine.charge(len(text))
    return text.encode("latin-1")


def _sequence(machine: Machine, arguments: tuple) -> list[Any]:
    items = arguments[0] if arguments else []
    if not isinstance(items, (list, tuple)):
        raise ValueError("a set of something that is no list")
    machine.charge(8 * len(items))
    return list(items)


def _mapping(machine: Machine, arguments: tuple) -> dict[Any, Any]:
    if not arguments:
        return {}
    machine.charge(64 * len(arguments[0]))
    return {_key(key): value for key, value in arguments[0]}


MAKERS: dict[str, Callable[[Machine, tuple], Any]] = {
    "encode": _encode,
    "sequence": _sequence,
    "mapping": _mapping,
}


def _push_argument(machine: Machine, argument: Any) -> None:
    machine.push(argument)


def _dictionary(machine: Machine, _: Any) -> None:
    items = machine.since_mark()
    machine.push({})
    machine.set_items(items)


def _tuple_of(count: int) -> Callable[[Machine, Any], None]:
    def step(machine: Machine, _: Any) -> None:
        items = tuple(machine.stack[-count:])
        if len(items) < count:
            raise IndexError("the stack is empty")
        machine.stack[-count:] = [items]

    return step


def _call(machine: Machine, _: Any) -> None:
    arguments, callee = machine.stack.pop(), machine.stack.pop()
    machine.make(callee, arguments)


def _call_with_keywords(machine: Machine, _: Any) -> None:
    keywords = machine.stack.pop()
    if keywords:
        raise machine.refuse("a call with keywords")
    _call(machine, None)


def _old_instance(machine: Machine, argument: str) -> None:
    items = machine.since_mark()
    machine.name(*_module_and_attribute(argument))
    machine.make(machine.stack.pop(), tuple(items))


def _old_object(machine: Machine, _: Any) -> None:
    callee, *arguments = machine.since_mark()
    machine.make(callee, tuple(arguments))


def _module_and_attribute(argument: str) -> tuple[str, str]:
    module, _, attribute = argument.partition(" ")
    return module, attribute


def _refused(wish: str) -> Callable[[Machine, Any], None]:
    def step(machine: Machine, argument: Any) -> None:
        raise machine.refuse(f"{wish} {argument}" if argument is not None else wish)

    return step


def _remember(machine: Machine, place: int | None) -> None:
    machine.memo[len(machine.memo) if place is None else place] = machine.stack[-1]


_Step = Callable[[Machine, Any], object]
_LITERALS = (
    "INT LONG BININT BININT1 BININT2 LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
).split()
STEPS: dict[str, _Step] = {
    **dict.fromkeys(_LITERALS, _push_argument),
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "MARK": lambda m, a: m.push(_MARK),
    "POP": lambda m, a: m.stack.pop(),
    "POP_MARK": lambda m, a: m.since_mark(),
    "DUP": lambda m, a: m.push(m.stack[-1]),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_SET": lambda m, a: m.push([]),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": lambda m, a: m.push(tuple(m.since_mark())),
    "LIST": lambda m, a: m.push(m.since_mark()),
    "FROZENSET": lambda m, a: m.push(m.since_mark()),
    "DICT": _dictionary,
    "APPEND": lambda m, a: m.append([m.stack.pop()]),
    "APPENDS": lambda m, a: m.append(m.since_mark()),
    "ADDITEMS": lambda m, a: m.append(m.since_mark()),
    "SETITEM": lambda m, a: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, a: m.set_items(m.since_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, a: m.push(m.memo[a])),
    "GLOBAL": lambda m, a: m.name(*_module_and_attribute(a)),
    "STACK_GLOBAL": lambda m, a: m.stack_name(),
    "REDUCE": _call,
    "NEWOBJ": _call,
    "NEWOBJ_EX": _call_with_keywords,
    "INST": _old_instance,
    "OBJ": _old_object,
    "BUILD": lambda m, a: m.build(),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _refused("an entry of the extension registry,")),
    "PERSID": _refused("a look-up of the persistent object"),
    "BINPERSID": _refused("a look-up of a persistent object"),
    "NEXT_BUFFER": _refused("a read of memory outside the file"),
    "READONLY_BUFFER": _refused("a read of memory outside the file"),
}

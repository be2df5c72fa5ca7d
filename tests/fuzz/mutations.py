"""What is done to good files to make bad ones; everything is drawn from the generator given."""

import copy
import json
import pickletools
import random
from collections.abc import Callable
from typing import Any

NASTY = (
    None, True, False, 0, -1, 1, 255, 256, 2**31, 2**53 + 1, -(2**63), 10**400, 0.5, 1e8, -1e308,
    float("nan"), float("inf"), "", "a", "0", "\ud800", "../../x", "a" * 5000, [], {}, [[]], [None],
    [[1, 2], [3]], {"counts": [], "size": [1, 1]}, [[float("nan"), 1, 20, 1, 20, 20]], ["a"] * 3,
    [1e300] * 6,
)  # fmt: skip
MAGIC = (
    b"\0", b"\xff", b"\x80", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b".", b"\n",
    b"\x00\x00\x00\x80", b"<", b"{", b"\xed\xa0\x80",
)  # fmt: skip
OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
NAMES = (
    b"numpy\nndarray\n", b"numpy\ndtype\n", b"numpy.core.multiarray\n_reconstruct\n",
    b"numpy.core.multiarray\nscalar\n", b"_codecs\nencode\n", b"os\nsystem\n", b"builtins\neval\n",
    b"collections\nOrderedDict\n", b"chumpy.ch\nCh\n", b"chumpy.reordering\nSelect\n",
    b"scipy.sparse.csc\ncsc_matrix\n", b"copy_reg\n_reconstructor\n", b"builtins\nset\n",
)  # fmt: skip


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, cut, doubled or put elsewhere, at a few places."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        place = draw.randrange(len(out) + 1)
        length = draw.choice((1, 1, 2, 4, 8, 64))
        kind = draw.randrange(6)
        if kind == 0:
            out[place : place + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            magic = draw.choice(MAGIC)
            out[place : place + len(magic)] = magic
        elif kind == 2:
            del out[place : place + length]
        elif kind == 3:
            out[place:place] = out[place : place + length]
        elif kind == 4:
            other = draw.randrange(len(out) + 1)
            out[place : place + length] = out[other : other + length]
        elif draw.random() < 0.2:
            del out[place:]
    return bytes(out)


def misshapen(document: Any, draw: random.Random) -> Any:
    """A json value with other things at a few places: wrong kinds, absurd numbers, missing keys."""
    out = copy.deepcopy(document)
    for _ in range(draw.choice((1, 1, 2, 3))):
        holder: Any = [out]
        key: Any = 0
        while isinstance(holder[key], (dict, list)) and holder[key] and draw.random() < 0.85:
            holder = holder[key]
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = draw.choice(keys)
        if holder is not out and draw.random() < 0.2 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw.choice(NASTY))
            out = holder[key] if not isinstance(out, (dict, list)) or holder == [out] else out
    return out


def json_text(document: Any, draw: random.Random) -> bytes:
    """A misshapen document as text, now and then damaged as text too."""
    text = json.dumps(misshapen(document, draw)).encode("utf-8", "surrogatepass")
    return damaged(text, draw) if draw.random() < 0.2 else text


def pickle_program(seed: bytes, draw: random.Random) -> bytes:
    """Steps of pickle's machine in any order: names, tuples, calls, cells."""
    steps = [b"\x80\x04"] if draw.random() < 0.5 else []
    for _ in range(draw.randrange(1, 60)):
        code = draw.choice(OPCODES)
        argument = draw.choice((b"", b"\0", b"\1", b"\2ab", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        if code in (b"c", b"i"):
            argument = draw.choice(NAMES)
        steps.append(code + argument)
    return b"".join(steps) + b"."


Mutation = Callable[[bytes, random.Random], bytes]

"""Kernels as machine code: compiled once by numba, then loaded without it.

To import numba and have it load what it compiled earlier takes nearly a second of a processor's
time, longer than to draw the picture. So the finished code is kept as an object file of a few
kilobytes, which LLVM alone (llvmlite, numba's own binding) loads in the twentieth of a second.

Only code that needs nothing from outside is kept: calls into numba's runtime or Python, all on
paths that are never taken, vanish when LLVM sees that nobody else calls the kernel's parts. Should
another version of numba leave one, the kernel is used as numba made it.
"""

import ctypes
import hashlib
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from pymafsam.config import cache_folder
from pymafsam.files import kept
from pymafsam.render import kernel, lighting, occlusion, reference

log = logging.getLogger(__name__)

SYMBOL = "pymafsam_run"
_POINTER, _WHOLE, _REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A function of C: what it is called in the cache, its ``arguments``, what numba makes of it.

    It depends on nothing but the code of ``sources``.
    """

    name: str
    arguments: tuple[type, ...]
    compile: Callable[[], Any]
    sources: tuple[ModuleType, ...]


def load(kernel: Kernel) -> Callable[..., None]:
    """The kernel, from the cache where it is, else compiled now.

    The lock of the interpreter is released while it works. Raises whatever a broken compiler
    raises.
    """
    path = _place(kernel)
    content = kept.read(path)
    if content is not None:
        return _linked(content, kernel)
    compiled = kernel.compile()
    try:
        kept.write(path, _object_file(compiled))
    except Exception as error:  # of another LLVM than those this was written for
        log.info("The compiled %s is not kept (%s: %s).", kernel.name, type(error).__name__, error)
    return _callable(compiled.address, compiled, kernel)


def _place(kernel: Kernel) -> Path:
    versions = [metadata.version(name) for name in ("numba", "llvmlite")]
    files = [*(source.__file__ for source in kernel.sources), __file__]
    code = b"".join(Path(file).read_bytes() for file in files if file is not None)
    name = kept.key(*versions, hashlib.sha256(code).hexdigest())
    return cache_folder() / "compiled" / f"{kernel.name}-{name}.o"


def _compiled(function: Callable) -> Callable:
    """A part of a kernel, for numba to put into it."""
    import numba

    function = inspect.unwrap(function)  # shape checkers of the tests wrap every function
    return numba.njit(nogil=True, error_model="numpy")(function)


def _function_of_c(function: Callable, codes: str) -> Any:
    """numba's own function of C: ``codes`` name numbers (i, d) and arrays (i4, i8, f4, f8)."""
    import numba
    from numba import types  # pyright: ignore[reportPrivateImportUsage]

    arrays = {"i4": types.int32, "i8": types.int64, "f4": types.float32, "f8": types.float64}
    known = {"i": types.int64, "d": types.float64}
    known |= {code: types.CPointer(kind) for code, kind in arrays.items()}
    signature = types.void(*(known[code] for code in codes.split()))
    return numba.cfunc(signature, error_model="numpy")(inspect.unwrap(function))


def _arguments(codes: str) -> tuple[type, ...]:
    return tuple({"i": _WHOLE, "d": _REAL}.get(code, _POINTER) for code in codes.split())


# points, how many, near, faces, how many, width, height, then what is written
_DRAW = "f8 i d i4 i i i i8 f8 i4 f8 f4 f4"


def _draw() -> Any:
    from numba import carray  # pyright: ignore[reportPrivateImportUsage]

    snap, fill, weigh = map(_compiled, (kernel.snap, kernel.fill, kernel.weigh))

    def draw(
        points, corners, near, faces, triangles, width, height,
        xy, inverse, face, nearest, barycentric, depth,
    ):  # fmt: skip
        steps, inverses = carray(xy, (corners, 2)), carray(inverse, (corners,))
        triples, seen = carray(faces, (triangles, 3)), carray(face, (height, width))
        closest = carray(nearest, (height, width))
        snap(carray(points, (corners, 3)), near, steps, inverses)
        fill(steps, inverses, triples, seen, closest)
        weights, depths = carray(barycentric, (height, width, 3)), carray(depth, (height, width))
        weigh(steps, inverses, triples, seen, closest, weights, depths)

    return _function_of_c(draw, _DRAW)


# Sizes and numbers, then arrays: those of 4 and 8 bytes of whole numbers, of 4 and 8 of real ones,
# then what is written.
_LIGHT = "i i i i i i i i i i i i4 i4 i8 i8 f4 f4 f4 f4 f4 f8 f8 f8 f4 f4"


def _light() -> Any:
    from numba import carray  # pyright: ignore[reportPrivateImportUsage]

    shade = _compiled(inspect.unwrap(lighting.shading)(_compiled(lighting.power)))
    sample = _compiled(inspect.unwrap(lighting.sampling)(shade, _compiled(lighting.openness)))
    compose = _compiled(inspect.unwrap(lighting.composing)(sample))
    count = len(lighting.NUMBERS) + 1

    def draw(
        height, width, samples, chosen, triangles, corners, tones, rows, columns, lights, exponent,
        face, faces, nearby, owner, weights, depth, normals, colours, around,
        numbers, lamps, ambient, light, cover,
    ):  # fmt: skip
        down, across = height * samples, width * samples
        compose(
            carray(face, (down, across)), carray(weights, (down, across, 3)),
            carray(depth, (down, across)), samples, carray(nearby, (chosen,)),
            carray(faces, (triangles, 3)), carray(normals, (corners, 3)),
            carray(owner, (triangles,)), carray(colours, (tones, 3)),
            carray(around, (rows, columns)), carray(numbers, (count,)),
            carray(lamps, (lights, 7)), carray(ambient, (2, 3)), exponent,
            carray(light, (height, width, 3)), carray(cover, (height, width)),
        )  # fmt: skip

    return _function_of_c(draw, _LIGHT)


RASTER = Kernel(
    name="raster", arguments=_arguments(_DRAW), compile=_draw, sources=(kernel, reference)
)
LIGHT = Kernel(
    name="light", arguments=_arguments(_LIGHT), compile=_light, sources=(lighting, occlusion)
)


def _object_file(compiled: Any) -> bytes:
    """The function alone, under ``SYMBOL``. Raises ValueError where it needs anything else."""
    llvm, machine = _machine()
    module = llvm.parse_assembly(compiled.inspect_llvm())
    (main,) = (
        f for f in module.functions if f.name == compiled.native_name and not f.is_declaration
    )
    for one in (*module.functions, *module.global_variables):
        if not one.is_declaration and one.name != main.name:
            one.linkage = llvm.Linkage.internal
    main.name = SYMBOL
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    if needed := [f.name for f in module.functions if f.is_declaration and _is_foreign(f.name)]:
        raise ValueError(f"it still calls {', '.join(needed)}")
    if variables := [one.name for one in module.global_variables if one.is_declaration]:
        raise ValueError(f"it still reads {', '.join(variables)}")
    return machine.emit_object(module)


def _is_foreign(name: str) -> bool:
    """Whether a function is neither part of LLVM nor of every C library."""
    return not name.startswith("llvm.") and name not in ("memset", "memcpy", "memmove")


def _linked(content: bytes, kernel: Kernel) -> Callable[..., None]:
    llvm, machine = _machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    address = engine.get_function_address(SYMBOL)
    assert address, f"{SYMBOL} was not linked"
    return _callable(address, engine, kernel)


def _callable(address: int, owner: object, kernel: Kernel) -> Callable[..., None]:
    """The function at ``address``; its code lives as long as its owner."""
    run = ctypes.CFUNCTYPE(None, *kernel.arguments)(address)

    def draw(*given: Any, _owner: object = owner) -> None:
        run(*given)

    return draw


def _machine() -> tuple[Any, Any]:
    """llvmlite's binding, ready, and this machine for it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, codemodel="default", jit=True
    )
    return llvm, machine

"""The kernel as machine code: compiled once by numba, then loaded without it.

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
from importlib import metadata
from pathlib import Path
from typing import Any

from pymafsam.config import cache_folder
from pymafsam.files import kept
from pymafsam.render import kernel, reference

log = logging.getLogger(__name__)

SYMBOL = "pymafsam_draw"
# points, how many, near, faces, how many, width, height, then what is written
_POINTER, _WHOLE, _REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
ARGUMENTS = (
    *(_POINTER, _WHOLE, _REAL, _POINTER, _WHOLE, _WHOLE, _WHOLE),
    *(_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
)
SIGNATURE = ctypes.CFUNCTYPE(None, *ARGUMENTS)


def load() -> Callable[..., None]:
    """The kernel's ``draw`` with ``ARGUMENTS``; from the cache where it is, else compiled now.

    The lock of the interpreter is released while it works. Raises whatever a broken compiler
    raises.
    """
    path = _place()
    content = kept.read(path)
    if content is not None:
        return _linked(content)
    compiled = _compiled()
    try:
        kept.write(path, _object_file(compiled))
    except Exception as error:  # of another LLVM than those this was written for
        log.info("The compiled rasteriser is not kept (%s: %s).", type(error).__name__, error)
    return _callable(compiled.address, compiled)


def _place() -> Path:
    versions = [metadata.version(name) for name in ("numba", "llvmlite")]
    sources = [Path(file).read_bytes() for file in (kernel.__file__, reference.__file__, __file__)]
    name = kept.key(*versions, hashlib.sha256(b"".join(sources)).hexdigest())
    return cache_folder() / "compiled" / f"raster-{name}.o"


def _compiled() -> Any:
    """numba's own function of C (``numba.cfunc``)."""
    import numba
    from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]

    def compiled(function: Callable) -> Callable:
        function = inspect.unwrap(function)  # shape checkers of the tests wrap every function
        return numba.njit(nogil=True, error_model="numpy")(function)

    snap, fill, weigh = map(compiled, (kernel.snap, kernel.fill, kernel.weigh))
    pointers = {code: types.CPointer(getattr(types, code)) for code in _CODES}
    real, whole, index, single = (pointers[code] for code in _CODES)
    size = types.int64
    given = (real, size, types.float64, index, size, size, size)
    written = (whole, real, index, real, single, single)

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

    signature = types.void(*given, *written)
    return numba.cfunc(signature, error_model="numpy")(inspect.unwrap(draw))


_CODES = ("float64", "int64", "int32", "float32")


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
    return not name.startswith("llvm.") and name not in ("memset", "memcpy", "memmove", "rint")


def _linked(content: bytes) -> Callable[..., None]:
    llvm, machine = _machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    address = engine.get_function_address(SYMBOL)
    assert address, f"{SYMBOL} was not linked"
    return _callable(address, engine)


def _callable(address: int, owner: object) -> Callable[..., None]:
    """The function at ``address``; its code lives as long as its owner."""
    run = SIGNATURE(address)

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

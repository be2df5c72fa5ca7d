"""ONNX Runtime and OpenVINO: the one place where they are loaded, so that neither phones home.

Since 1.2x its wheels report usage: the import alone writes a device's id and a database of events
(with Python's path) under the user's cache, and a thread looks up a collector's address to send
them to. Only the environment variable, read when its library is loaded, keeps all of that from
happening; its own ``disable_telemetry_events`` comes too late for the files, but is what helps when
another part of the process has imported it before us. Both are done.

OpenVINO asks a web analytics service at every import, through a package of its own that it can do
without; so that package is made one that cannot be imported.
"""

import io
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput, MissingAsset

SILENCE = "ORT_DISABLE_TELEMETRY"
WEIGHTS_APART = "session.optimized_model_external_initializers_file_name"
LEAST_APART = "session.optimized_model_external_initializers_min_size_in_bytes"
LAID_OUT = "session.save_external_prepacked_constant_initializers"
FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"
LEAST_BYTES = 1024  # of a weight that is worth a place outside the graph
CPU = ("CPUExecutionProvider",)


def onnxruntime() -> Any:
    """The module ``onnxruntime``, silent; processes started from here inherit the silence."""
    os.environ[SILENCE] = "1"
    import onnxruntime as module

    module.disable_telemetry_events()
    return module


def openvino() -> Any:
    """The module ``openvino``, silent. Raises MissingAsset where it is not installed."""
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino as module  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingAsset("OpenVINO is not here: pip install 'pymafsam[openvino]'") from error
    return module


class Session:
    """One network on ONNX Runtime. Safe to use from several threads at once.

    Copies that were pickled (for another process) open the network's file again; for a graph given
    as bytes that is for whoever has them to do (``networks.Opening``).
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        threads: int = 0,
        providers: Sequence[str] = CPU,
        optimise: bool = True,
        beside: Path | None = None,
    ):
        """``threads`` 0 leaves their number to the runtime.

        ``optimise`` False: the graph has been (``optimised``). ``beside``: the folder of the file
        that a graph given as bytes has its weights in.
        Raises BadInput for what ONNX Runtime cannot read.
        """
        # A graph given as bytes is not kept for copies: it is as large as the network.
        self._made = partial(
            Session,
            model if isinstance(model, Path) else b"",
            threads=threads,
            providers=providers,
            optimise=optimise,
            beside=beside,
        )
        runtime = onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        # A plan of all memory is made in the first run and is in use from the second on: by then
        # the arena holds both, and neither is ever given back.
        options.enable_mem_pattern = False
        # Nor which tensor takes which other's place: the plan keeps that until the last of them is
        # done with. The arena does as well without one, with half of the memory and sooner.
        options.enable_mem_reuse = False
        if not optimise:
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if beside is not None:
            options.add_session_config_entry(FOLDER_OF_WEIGHTS, str(beside))
        self._session: Any = _session(model, options, providers)
        self.inputs: tuple[str, ...] = tuple(entry.name for entry in self._session.get_inputs())

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """The named outputs (None: all, in the file's order)."""
        names = None if outputs is None else [*outputs]
        return [np.asarray(value) for value in self._session.run(names, dict(inputs))]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._made, ()


class VinoSession:
    """One network on OpenVINO's CPU. Threads take turns.

    In ``bf16`` it computes in bfloat16: about a hundredth off, and where the processor has
    instructions for it in half the time. Where it has none, that is nothing gained.
    """

    def __init__(
        self, model: Path | bytes, *, precision: str, threads: int = 0, is_compiled: bool = False
    ):
        """``model``: an ONNX graph, or what ``compiled`` gave (``is_compiled``).

        ``precision``: f32 or bf16. ``threads`` 0 leaves their number to the runtime.
        Raises MissingAsset without OpenVINO, BadInput for what it cannot read.
        """
        self._turn = threading.Lock()  # calls share one request's tensors
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        core = openvino().Core()
        try:
            if is_compiled:
                assert isinstance(model, bytes)
                self._compiled = core.import_model(io.BytesIO(model), "CPU", settings)
            else:
                self._compiled = core.compile_model(core.read_model(model), "CPU", settings)
        except RuntimeError as error:
            called = model if isinstance(model, Path) else "The network"
            raise BadInput(f"{called} is not one that OpenVINO can read ({error}).") from error
        self.inputs: tuple[str, ...] = tuple(one.any_name for one in self._compiled.inputs)

    def compiled(self) -> bytes:
        """The network as it is now, for this version of OpenVINO: opened in a fifth of the time."""
        stream = io.BytesIO()
        self._compiled.export_model(stream)
        return stream.getvalue()

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """The named outputs (None: all, in the file's order)."""
        with self._turn:
            found = self._compiled(dict(inputs))
            names = outputs or [one.any_name for one in self._compiled.outputs]
            return [np.array(found[name]) for name in names]


def optimised(model: Path | bytes, weights: Path) -> bytes:
    """The graph as ONNX Runtime optimises it for this processor, without its weights.

    Those are written to the file ``weights``, laid out as this processor reads them: mapped into
    memory they need neither be copied nor laid out again, and processes share them. Raises
    BadInput for what ONNX Runtime cannot read.
    """
    with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
        target = Path(folder) / "graph.onnx"
        options = onnxruntime().SessionOptions()
        options.optimized_model_filepath = str(target)
        options.add_session_config_entry(WEIGHTS_APART, weights.name)
        options.add_session_config_entry(LEAST_APART, str(LEAST_BYTES))
        options.add_session_config_entry(LAID_OUT, "1")
        _session(model, options, CPU)
        shutil.move(Path(folder) / weights.name, weights)
        return target.read_bytes()


def simplified(model: bytes, target: Path) -> None:
    """Write the graph to ``target`` with all that is constant worked out, for any processor.

    Raises BadInput for what ONNX Runtime cannot read.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    _session(model, options, CPU)


def _session(model: Path | bytes, options: Any, providers: Sequence[str]) -> Any:
    """The runtime's own session. Raises BadInput for what it cannot read."""
    options.log_severity_level = 3  # errors come as exceptions; warnings are about spare parts
    given = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime().InferenceSession(given, options, providers=[*providers])
        session._model_bytes = None  # for changing providers later, which nobody does
        return session
    except Exception as error:  # onnxruntime's own errors share no base class
        called = model if isinstance(model, Path) else "The network"
        raise BadInput(
            f"{called} is not a network that ONNX Runtime can read ({error}).\n"
            "  It is damaged or of another kind: get it again (pymafsam fetch, or convert)."
        ) from error

"""The catalogue's ONNX networks, open and quick about it.

To optimise a graph takes ONNX Runtime many times as long as to open one that has been. The
optimised graph is kept in the cache under a name that says what it depends on: the network (by
its pinned digest), the runtime's version, the processor. Its weights lie beside it in a file that
is mapped into memory, so that opening takes milliseconds and worker processes share them. Opening
goes on in a thread of its own while the caller imports and loads the rest.
"""

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pymafsam.config import cache_folder
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import digests, kept
from pymafsam.pretrained import catalogue
from pymafsam.pretrained.sessions import Session, VinoSession, optimised

Cut = Callable[[Path], bytes]  # what of a file's graph is wanted
LAYOUT = "digest, stamp, graph"  # of what is kept
BFLOAT16 = ("avx512_bf16", "amx_bf16")  # as Linux calls the instructions for it


@runtime_checkable
class Runs(Protocol):
    """What runs a network: a ``Session``, or one that is still being opened."""

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """The named outputs (None: all, in the file's order)."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network calls its inputs."""
        ...


class Opening:
    """A session that a thread is opening; whoever needs it first waits, and is told of errors.

    Copies that were pickled (for another process) open the network again.
    """

    def __init__(self, make: Callable[[], Runs]):
        self._make = make
        self._session: Runs | None = None
        self._error: BaseException | None = None
        # No daemon: a process that has nothing to do ends while this goes on, and Python would end
        # the thread in the middle of ONNX Runtime, which aborts the process.
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._session = self._make()
        except BaseException as error:  # told to whoever needs the session
            self._error = error

    def _opened(self) -> Runs:
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._session is not None
        return self._session

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """The named outputs (None: all, in the file's order)."""
        return self._opened().run(outputs, inputs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network calls its inputs."""
        return self._opened().inputs

    def __reduce__(self) -> tuple[Any, ...]:
        return Opening, (self._make,)


def opened(name: str, *, threads: int = 0, cut: Cut | None = None) -> Opening:
    """The catalogue's network called ``name``, fetched on first use.

    ``cut`` (a function of a module, so that it can be named) takes what is wanted from the file.
    ``threads`` as a ``Session`` has them. Raises BadUsage for an unknown name,
    MissingAsset for a network that cannot be had.
    """
    if not is_kept(name, cut):
        catalogue.locate(name)
    return Opening(partial(_open, name, threads, cut))


def opened_in_openvino(
    name: str, *, precision: str, threads: int = 0, cut: Cut | None = None
) -> Opening:
    """The same on OpenVINO, in f32 or bf16 (``VinoSession``); kept as compiled here.

    Raises MissingAsset without OpenVINO and for a network that cannot be had.
    """
    if find_spec("openvino") is None:
        raise MissingAsset("OpenVINO is not here: pip install 'pymafsam[openvino]'")
    if not (_compiled_place(name, precision, cut).is_file() and catalogue.is_cached(name)):
        catalogue.locate(name)
    return Opening(partial(_open_in_openvino, name, precision, threads, cut))


def has_bf16() -> bool:
    """Whether the processor is known to have instructions for bfloat16."""
    words = kept.processor().split()
    return any(word in words for word in BFLOAT16)


def digest_of(weights: str) -> str:
    """Of a network's file; of ``fit`` and names of the catalogue the pins of all networks in it."""
    if Path(weights).is_file():
        return digests.of_path(Path(weights))
    pins = [f"{name} {asset.digest or asset.sha256}" for name, asset in catalogue.ASSETS.items()]
    return digests.of_parts([weights.encode(), *(pin.encode() for pin in sorted(pins))])


def is_kept(name: str, cut: Cut | None = None) -> bool:
    """Whether the network is here with its optimised graph (whose content is not looked at)."""
    return _place(name, cut).is_file() and catalogue.is_cached(name)


def _open(name: str, threads: int, cut: Cut | None) -> Session:
    place = _place(name, cut)
    session = _reopened(place, threads)
    if session is not None:
        return session
    path = catalogue.locate(name)
    given = path if cut is None else cut(path)
    _keep(given, place)
    session = _reopened(place, threads)
    # Where nothing can be kept the graph is optimised every time.
    return session or Session(given, threads=threads)


def _reopened(place: Path, threads: int) -> Session | None:
    """The session of what was kept at ``place``; None where that is not whole."""
    content = kept.read(place)
    if content is None:
        return None
    digest, rest = content[: kept.LENGTH], content[kept.LENGTH :]
    stamp, graph = rest[: kept.STAMP.size], rest[kept.STAMP.size :]
    weights = _weights(place)
    # Another stamp has a copy of the cache, too: then the content decides.
    if kept.stamp_of(weights) != stamp and kept.digest_of(weights) != digest:
        return None
    try:
        return Session(graph, threads=threads, optimise=False, beside=place.parent)
    except BadInput:  # whole, and yet not to be read: made again
        return None


def _keep(network: Path | bytes, place: Path) -> None:
    """The optimised graph at ``place``, before it the digest and the stamp of its weights."""
    weights = _weights(place)
    with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
        made = Path(folder) / weights.name
        graph = optimised(network, made)
        marks = kept.take(weights, made)
    if marks is not None:
        kept.write(place, marks + graph)


def _weights(place: Path) -> Path:
    return place.with_suffix(".weights")


def _place(name: str, cut: Cut | None) -> Path:
    return _called(name, cut, "onnxruntime", LAYOUT, ".onnx")


def _open_in_openvino(name: str, precision: str, threads: int, cut: Cut | None) -> VinoSession:
    place = _compiled_place(name, precision, cut)
    content = kept.read(place)
    if content is not None:
        try:
            return VinoSession(content, precision=precision, threads=threads, is_compiled=True)
        except BadInput:  # whole, and yet not to be read: made again
            pass
    path = catalogue.locate(name)
    given = path if cut is None else cut(path)
    session = VinoSession(given, precision=precision, threads=threads)
    kept.write(place, session.compiled())
    return session


def _compiled_place(name: str, precision: str, cut: Cut | None) -> Path:
    return _called(name, cut, "openvino", precision, ".compiled")


def _called(name: str, cut: Cut | None, runtime: str, how: str, suffix: str) -> Path:
    """Where what ``runtime`` made of a network is kept; the name says what it depends on."""
    asset = catalogue.find(name)
    taken = "" if cut is None else f"{cut.__module__}.{cut.__qualname__}"
    pinned = asset.sha256 or asset.digest or ""
    key = kept.key(pinned, taken, metadata.version(runtime), how)
    return cache_folder() / "optimised" / f"{name}-{key}{suffix}"

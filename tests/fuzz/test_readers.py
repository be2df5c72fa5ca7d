"""Whatever is in a file, its reader gives a value or says in one sentence why not.

Each target takes good files, spoils them in many ways and reads them. The suite tries a few dozen
(the same ones every time); more by hand, from another beginning:

    PYMAFSAM_FUZZ=20000 PYMAFSAM_FUZZ_SEED=7 python -m pytest tests/fuzz
"""

import io
import json
import os
import pickle
import random
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from mutations import Mutation, damaged, json_text, misshapen, pickle_program
from PIL import Image

from pymafsam import body, export
from pymafsam.body import files as body_files
from pymafsam.data import rows
from pymafsam.errors import PymafsamError
from pymafsam.evaluation import calibration, lsp, motions, scores
from pymafsam.evaluation.sequence import read_posetrack
from pymafsam.export.sequence import load as load_motions
from pymafsam.files import frames, hdf5, rle, video
from pymafsam.files.matlab import read_mat
from pymafsam.files.pickles import read_npy, read_npz, read_pickle
from pymafsam.masks import files as mask_files
from pymafsam.masks import prompts
from pymafsam.network.architecture import Architecture
from pymafsam.people import boxes
from pymafsam.training import recipes, settings

CASES = int(os.environ.get("PYMAFSAM_FUZZ", "60"))
SEED = int(os.environ.get("PYMAFSAM_FUZZ_SEED", "0"))
KEPT = Path(os.environ.get("PYMAFSAM_FUZZ_KEEP", tempfile.gettempdir()))
PATIENCE = 60  # seconds after which a case is called a hang, on however busy a machine
MEMORY = 2 << 30  # bytes that reading a small file may add
SIZE = (60, 40)
PICKLES = Path(__file__).parents[1] / "data" / "pickles"


@dataclass(frozen=True)
class Target:
    """``seeds``: good files; ``spoil``: what is done to them; ``use``: who reads them."""

    suffix: str
    seeds: Callable[[], list[bytes]]
    spoil: Mutation
    use: Callable[[Path], Any]


def saved(write: Callable[[Any], Any]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def as_json(*documents: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(document).encode() for document in documents]


def spoilt_json(data: bytes, draw: random.Random) -> bytes:
    return json_text(json.loads(data), draw)


def pickled() -> list[bytes]:
    values = [
        {"J": scipy.sparse.csc_matrix(np.eye(4)), "v": np.arange(6.0).reshape(2, 3)},
        {"foreground": {"imgname": ["im00001"], "mask_fore_points_x": [1, 2, 3]}},
        np.array([scipy.sparse.lil_matrix(np.eye(2)), {"a": (1, 2.5)}], dtype=object),
    ]
    dumped = [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4)]
    real = [path for path in sorted(PICKLES.glob("*.pkl")) if path.stem != "real_add"]
    return dumped + [path.read_bytes() for path in real]


def numpy_files() -> list[bytes]:
    arrays = [np.arange(12.0).reshape(3, 4), np.array([{"a": [1]}, None], dtype=object)]
    return [saved(lambda s, a=a: np.save(s, a, allow_pickle=True)) for a in arrays]


def archives() -> list[bytes]:
    arrays = {"a": np.arange(12.0), "b": np.array(["x", "yy"]), "c": np.array([{}], dtype=object)}
    return [
        saved(lambda s: np.savez(s, **arrays)),
        saved(lambda s: np.savez_compressed(s, **arrays)),
    ]


def matlab_files() -> list[bytes]:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.eye(2), "text"
    content = {"a": np.arange(12.0), "c": cells, "s": {"x": "text", "y": {"z": np.eye(2)}}}
    return [saved(lambda s, c=c: scipy.io.savemat(s, content, do_compression=c)) for c in (0, 1)]


def pictures() -> list[bytes]:
    whole = Image.fromarray((np.arange(60 * 40 * 3) % 251).astype(np.uint8).reshape(40, 60, 3))
    grey = Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27)
    floating = Image.fromarray(np.linspace(0, 1, 2400, dtype=np.float32).reshape(40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA405: 50, 0xA002: 6000, 0xA003: 4000})
    kinds = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000")
    turned = [saved(lambda s, k=k: whole.save(s, k, exif=exif)) for k in ("JPEG", "PNG", "WEBP")]
    plain = [saved(lambda s, k=k: whole.save(s, k)) for k in kinds]
    deep = [saved(lambda s, p=p: p.save(s, "TIFF")) for p in (grey, floating)]
    with suppress(OSError, KeyError):
        plain.append(saved(lambda s: whole.save(s, "AVIF")))
    return turned + plain + deep + [saved(lambda s: grey.save(s, "PNG"))]


def videos() -> list[bytes]:
    return [_video(*kind) for kind in (("mp4", "mpeg4"), ("avi", "mpeg4"), ("matroska", "mpeg4"))]


def _video(kind: str, codec: str) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=kind) as container:
        track = container.add_stream(codec, rate=10)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for k in range(4):
            pixels = np.full((48, 64, 3), 40 * k + 20, np.uint8)
            container.mux(track.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(track.encode())
    return stream.getvalue()


def labels() -> list[bytes]:
    picture = Image.fromarray((np.indices((40, 60)).sum(0) // 30).astype(np.uint8))
    return [saved(lambda s, k=k: picture.save(s, k)) for k in ("PNG", "TIFF", "GIF", "BMP")]


RUNS = {"size": [40, 60], "counts": [100, 20, 2280]}
POLYGON = [[5, 5, 30, 6, 28, 30, 4, 33]]
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 40}],
    "categories": [{"id": 1, "name": "person"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 4, 20, 30], "score": 0.9,
         "keypoints": [10, 10, 2] * 17, "segmentation": POLYGON, "iscrowd": 0, "area": 500},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "track_id": 3,
         "segmentation": RUNS},
    ],
}  # fmt: skip
TRACKS = {
    "images": [{"id": 4}, {"id": 7}],
    "annotations": [{"image_id": image, "track_id": 1, "bbox": [3, 4, 20, 30]} for image in (4, 7)],
}
PROMPTS = {
    "format": "pymafsam-prompts/1",
    "pictures": {
        "a.jpg": [
            {"box": [3, 4, 20, 30], "clicks": [[5, 5, 1], [9, 9, 0]]},
            {"keypoints": [[10, 10, 0.9]] * 17, "mask": RUNS},
        ]
    },
}


def results() -> list[bytes]:
    from pymafsam.records import Body, Camera, Person, Pose, Scene

    model = body.load("anny24")
    pose = Pose(rotations=np.tile(np.eye(3), (24, 1, 1)), betas=np.zeros(10))
    camera = Camera(focal=60.0, centre=(30.0, 20.0), size=SIZE)
    placed = body.place(
        model, pose, np.array([0.0, 0.0, 4.0]), camera,
        Person(box=np.array([3.0, 4, 20, 30]), score=0.9), 0.5, None,
    )  # fmt: skip
    assert isinstance(placed, Body)
    scene = Scene(
        name="a.jpg", index=0, camera=camera, bodies=(placed,), body_name=model.name,
        faces=model.faces, pixels=np.zeros((40, 60, 3), np.uint8),
    )  # fmt: skip
    return [json.dumps(export.results.document(scene)).encode()]


def archive_of(**arrays: np.ndarray) -> bytes:
    return saved(lambda s: np.savez(s, **arrays))


def sequences() -> list[bytes]:
    frames_, text = np.arange(3), np.array
    track = {
        "frames_1": frames_, "rotations_1": np.tile(np.eye(3, dtype="f4"), (3, 24, 1, 1)),
        "betas_1": np.zeros((3, 10), "f4"), "translation_1": np.ones((3, 3)),
        "boxes_1": np.ones((3, 4)), "scores_1": np.ones(3), "filled_1": np.zeros(3, bool),
    }  # fmt: skip
    return [
        archive_of(
            format=text("pymafsam-sequence/1"), video=text("a.mp4"), body=text("anny24"),
            size=text([60, 40]), focal=text(60.0), centre=text([30.0, 20.0]),
            seconds=frames_ / 25, cuts=frames_[:0], faces=np.zeros((1, 3), int), tracks=text([1]),
            **track,
        )
    ]  # fmt: skip


def tables() -> list[bytes]:
    joints = np.ones((2, 24, 3))
    spin = {"imgname": np.array(["a.jpg", "b.jpg"]), "part": joints, "S": np.ones((2, 24, 4)),
            "center": np.ones((2, 2)), "scale": np.ones(2), "pose": np.ones((2, 72)),
            "shape": np.ones((2, 10)), "has_smpl": np.ones(2)}  # fmt: skip
    return [archive_of(**spin)]


def joints_of_lsp() -> list[bytes]:
    return [archive_of(imgname=np.array(["a.jpg"]), joints=np.ones((1, 14, 3)))]


def spoilt_archive(data: bytes, draw: random.Random) -> bytes:
    """An archive one of whose arrays is another, or whose bytes are damaged."""
    if draw.random() < 0.3:
        return damaged(data, draw)
    with np.load(io.BytesIO(data)) as content:
        arrays = dict(content)
    for _ in range(draw.choice((1, 1, 2))):
        name = draw.choice(list(arrays))
        with np.errstate(all="ignore"):
            arrays[name] = spoilt_array(arrays[name], draw)
    return saved(lambda s: np.savez(s, **arrays))


def cameras() -> list[bytes]:
    one = (
        b"[%c]\nname = '%c'\nsize = [60, 40]\nmatrix = [[60, 0, 30], [0, 60, 20], [0, 0, 1]]\n"
        b"distortions = [0, 0, 0, 0]\nrotation = [0, 0, 0]\ntranslation = [0, 0, 4]\n"
    )
    return [one % (97, 97) + one % (98, 98)]


def yaml_texts() -> list[bytes]:
    pytest.importorskip("yaml")
    return [
        b"batch: 4\noptimiser: {rate: 1e-4}\ndata: {rows: [a.npz], images: [b]}\nsteps: 3\n",
        b"a: &a [x, x]\nb: &b [*a, *a, *a]\nbatch: [*b, *b, *b]\n",
        b"minutes: 2001-99-99\nseed: 0x_1\n? [1, 2]\n: 3\n",
        settings.dump(recipes.find("smoke")).encode(),
    ]


def hdf5_files() -> list[bytes]:
    h5py = pytest.importorskip("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["a"] = np.arange(12.0)
        file.create_dataset("c", data=np.ones((30, 30)), compression="gzip", chunks=(10, 10))
    return [stream.getvalue()]


ROWS = {"rows": np.ones((2, 1)), "case": np.arange(2)}
NAMED = {"cases": np.array(["a", "b"]), "clusters": np.array(["a", "b"])}
SAMPLES = archive_of(**NAMED, **{f"0_{name}": array for name, array in ROWS.items()})
SCORES = {
    "format": scores.FORMAT,
    "key": {"protocol": "coco"},
    "seed": 0,
    "figures": [
        {"name": "AP", "whose": "mesh", "statistic": "mean", "unit": "", "better": "more",
         "low": 0.1, "high": None},
    ],
}  # fmt: skip


def small_body() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    weights = draw.random((20, 3))
    return {
        "v_template": draw.normal(size=(20, 3)),
        "f": draw.integers(0, 20, (30, 3)).astype(np.uint32),
        "shapedirs": draw.normal(size=(20, 3, 10)),
        "posedirs": draw.normal(size=(20, 3, 18)),
        "weights": weights / weights.sum(1, keepdims=True),
        "J_regressor": scipy.sparse.csc_matrix(np.full((3, 20), 0.05)),
        "kintree_table": np.array([[2**32 - 1, 0, 1], [0, 1, 2]], np.uint32),
    }


def bodies() -> list[bytes]:
    return [pickle.dumps(small_body(), 2)]


def spoilt_body(data: bytes, draw: random.Random) -> bytes:
    """A body one of whose arrays is another: its numbers, its shape or its kind."""
    if draw.random() < 0.3:
        return damaged(data, draw)
    content = pickle.loads(data)
    key = draw.choice(list(content))
    value = content[key]
    array = value.toarray() if scipy.sparse.issparse(value) else np.array(value)
    with np.errstate(all="ignore"):
        content[key] = spoilt_array(array, draw)
    return pickle.dumps(content, 2)


def spoilt_array(array: np.ndarray, draw: random.Random) -> Any:
    """An array with other numbers, another shape or of another kind."""
    if array.dtype.kind not in "biuf":
        return draw.choice((array[..., None], np.zeros(3), np.array("x" * 99), np.array([])))
    ways = (
        lambda: np.where(np.arange(array.size).reshape(array.shape) % 7 == 3, np.nan, array),
        lambda: array[1:] if array.ndim else array[None],
        lambda: array.T,
        lambda: array * np.array(draw.choice((-1, 0, 2, 1e300))),  # unsigned ones become signed
        lambda: array + np.array(draw.choice((-1, 1, 1000))),
        lambda: array[..., None],
        lambda: np.zeros((0, *array.shape[1:])),
        lambda: array.astype(draw.choice(("U8", "?", "f2", "i1"))),
        lambda: np.array(misshapen(array.tolist(), draw), dtype=object),
    )
    return draw.choice(ways)()


def checkpoints() -> list[bytes]:
    torch = pytest.importorskip("torch")
    tables = ({"model": {"a": torch.ones(3)}, "epoch": 3}, {"conv1.weight": torch.ones(2, 2)})
    return [saved(lambda s, t=table: torch.save(t, s)) for table in tables]


def weights_of_ours() -> list[bytes]:
    from safetensors.numpy import save

    described = Architecture().to_json()
    return [save({"mean": np.zeros(3, np.float32)}, metadata={"pymafsam": described})]


def exported() -> list[bytes]:
    onnx = pytest.importorskip("onnx")

    made = onnx.helper.make_tensor_value_info("vertices", onnx.TensorProto.FLOAT, [1, 2, 3])
    bank = onnx.numpy_helper.from_array(np.zeros((2, 4, 2), np.float32), "bank")
    node = onnx.helper.make_node("Identity", ["bank"], ["vertices"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [made], [bank]))
    onnx.helper.set_model_props(model, {"pymafsam": Architecture().to_json(), "body": "anny24"})
    return [model.SerializeToString()]


def use_checkpoint(path: Path) -> None:
    pytest.importorskip("torch")
    from pymafsam.network import weights

    weights.read(path)


def use_export(path: Path) -> None:
    from pymafsam.network import runtime

    runtime.OnnxRunner(path, body.load("anny24"), "cpu", 1)


def use_npz(path: Path) -> None:
    archive = read_npz(path)
    for name in archive:
        archive[name]


def use_our_body(path: Path) -> None:
    """What is read is written as ours, and read again."""
    body_files.convert_body(path, path.with_name("ours.npz"))
    body.load(path.with_name("ours.npz"))


def use_rle(path: Path) -> None:
    rle.decode(json.loads(path.read_bytes(), strict=False), SIZE)


def use_boxes(path: Path) -> None:
    boxes.read(path).people("a.jpg", SIZE)


def use_prompts(path: Path) -> None:
    given = prompts.read_file(path).prompts("a.jpg", SIZE) or []
    for k, prompt in enumerate(given):
        prompts.check(prompt, SIZE, f"person {k}")


def use_motions(path: Path) -> None:
    scene = load_motions(path)
    bodies = body.load("anny24")
    for motion in scene.motions:
        if motion.rotations.shape[1:] == (24, 3, 3) and motion.betas.shape[1] <= 10:
            motions.figures(scene, bodies, None)


def use_scores(path: Path) -> None:
    """The json is spoilt; the samples beside it are whole."""
    (path.parent / scores.SAMPLES).write_bytes(SAMPLES)
    found = scores.load(path)
    scores.differences(found, found, 3)


def use_settings(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    settings.load(text, recipes.find("smoke"), path.name).check()


def use_result(path: Path) -> None:
    export.results.load(path, body.load("anny24"))


def read_video(path: Path) -> None:
    list(video.frames(path, "clip", lambda index, reason: None))


def spoilt_rle(data: bytes, draw: random.Random) -> bytes:
    return json.dumps(misshapen(json.loads(data), draw)).encode("utf-8", "surrogatepass")


TARGETS = {
    "pickles": Target(".pkl", pickled, damaged, read_pickle),
    "pickle programs": Target(".pkl", lambda: [b""], pickle_program, read_pickle),
    "npy": Target(".npy", numpy_files, damaged, read_npy),
    "npz": Target(".npz", archives, damaged, use_npz),
    "MATLAB": Target(".mat", matlab_files, damaged, read_mat),
    "pictures": Target(".jpg", pictures, damaged, frames.read_picture),
    "videos": Target(".mp4", videos, damaged, read_video),
    "segmentations": Target(
        ".json",
        as_json(POLYGON, RUNS, rle.encode(np.eye(40, 60, dtype=bool))),
        spoilt_rle,
        use_rle,
    ),
    "boxes": Target(".json", as_json(COCO), spoilt_json, use_boxes),
    "prompts": Target(".json", as_json(COCO, PROMPTS), spoilt_json, use_prompts),
    "masks": Target(
        ".json",
        as_json([POLYGON], [RUNS]),
        spoilt_json,
        lambda path: mask_files.read(path, SIZE),
    ),
    "mask pictures": Target(".png", labels, damaged, lambda path: mask_files.read(path, SIZE)),
    "mask arrays": Target(
        ".npy",
        lambda: [saved(lambda s: np.save(s, np.eye(40, 60, dtype=bool)))],
        damaged,
        lambda path: mask_files.read(path, SIZE),
    ),
    "results": Target(".json", results, spoilt_json, use_result),
    "checkpoints": Target(".pt", checkpoints, damaged, use_checkpoint),
    "weights of ours": Target(".safetensors", weights_of_ours, damaged, use_checkpoint),
    "exported networks": Target(".onnx", exported, damaged, use_export),
    "bodies": Target(".pkl", bodies, spoilt_body, use_our_body),
    "motions": Target(".npz", sequences, spoilt_archive, use_motions),
    "tables of people": Target(".npz", tables, spoilt_archive, rows.read),
    "tables of joints": Target(".npz", joints_of_lsp, spoilt_archive, lsp.read_joints),
    "scores": Target(".json", as_json(SCORES), spoilt_json, use_scores),
    "tracks": Target(".json", as_json(TRACKS), spoilt_json, read_posetrack),
    "calibrations": Target(".toml", cameras, damaged, calibration.read),
    "settings of a run": Target(".yaml", yaml_texts, damaged, use_settings),
    "descriptions of networks": Target(
        ".json",
        lambda: [Architecture().to_json().encode()],
        spoilt_json,
        lambda path: Architecture.from_json(path.read_text("utf-8", "replace")),
    ),
    "HDF5": Target(".mat", hdf5_files, damaged, lambda path: hdf5.read_hdf5(path, ["a", "c"])),
}  # fmt: skip


# What is good of its kind and still not read: no pickle yet, networks of other shapes.
REFUSED = (
    "pickle programs", "checkpoints", "weights of ours", "exported networks", "settings of a run",
)  # fmt: skip


@contextmanager
def patience() -> Iterator[None]:
    """Ends a case that hangs (only where alarms can be had: in the main thread, not on Windows)."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"it went on for {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def memory() -> int:
    """The most memory this process has ever had, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_bad_files_are_read_or_refused_in_words(name, tmp_path, monkeypatch):
    target, draw = TARGETS[name], random.Random(f"{name} {SEED}")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"case{target.suffix}"
    seeds, before = target.seeds(), memory()
    for seed in seeds:
        path.write_bytes(seed)
        with suppress(PymafsamError if name in REFUSED else ()):
            target.use(path)
    found: dict[str, str] = {}
    for case in range(CASES):
        path.write_bytes(target.spoil(draw.choice(seeds), draw))
        try:
            with patience(), suppress(PymafsamError):
                target.use(path)
        except Exception as error:
            # One finding for each place in the code: a long run goes on to what is behind it.
            place = traceback.extract_tb(error.__traceback__)[-1]
            finding = f"{type(error).__name__} at {place.filename}:{place.lineno}"
            if finding not in found:
                kept = KEPT / f"{name}-{SEED}-{case}{path.suffix}"
                kept.write_bytes(path.read_bytes())
                found[finding] = f"case {case}, kept as {kept}: {finding}: {error}"
    assert not found, "\n".join(found.values())
    assert memory() - before < MEMORY

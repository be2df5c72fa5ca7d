"""From people in pictures to bodies before the whole picture's camera, on both runtimes."""

import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body, crops, points
from pymafsam.cli.main import main
from pymafsam.config import EstimatorOptions
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files import made
from pymafsam.geometry import camera
from pymafsam.records import Body, Frame, Mask, Observation, Person

torch = pytest.importorskip("torch")
from pymafsam.network import estimator as est  # noqa: E402
from pymafsam.network import onnx, quantised, runtime, weights  # noqa: E402
from pymafsam.network.architecture import Architecture  # noqa: E402
from pymafsam.network.backbone import BACKBONES  # noqa: E402
from pymafsam.network.pymaf import PyMAF  # noqa: E402
from pymafsam.network.sampler import PointSampler  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """A network with random weights, a mask policy and a bank: as weights, and exported."""
    BACKBONES.rows["tiny"] = "tiny_backbone:Tiny"
    torch.manual_seed(0)
    made = Architecture(
        backbone="tiny",
        anchors=len(model.anchors),
        widths=(16, 8, 5),
        dense=False,
        policy="mask",
        body=model.name,
    )
    network = PyMAF(made, model).requires_grad_(False)
    for regressor in network.regressors:
        for head in (regressor.pose, regressor.shape):
            head.weight *= 40
    bank = np.random.default_rng(0).uniform(-1, 1, (6, 441, 2))
    checkpoint = weights.snapshot(network, bank)
    folder = tmp_path_factory.mktemp("network")
    weights.write(checkpoint, folder / "tiny.safetensors")
    onnx.export(checkpoint, model, folder / "tiny.onnx")
    yield {"torch": folder / "tiny.safetensors", "onnx": folder / "tiny.onnx"}
    del BACKBONES.rows["tiny"]


def opened(path, model, **options) -> est.NetworkEstimator:
    return est.load(model, EstimatorOptions(weights=str(path), **{"device": "cpu", **options}))


def load(files, model, kind="torch", **options) -> est.NetworkEstimator:
    return opened(files[kind], model, **options)


def picture(seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return Frame(pixels=np.kron(small, np.ones((20, 20, 1), np.uint8)), name=f"{seed}.png")


def person(*box: float, **more) -> Person:
    return Person(box=np.array(box, np.float32), score=0.8, **more)


def mask_over(box, frame: Frame) -> Mask:
    x0, y0, x1, y1 = map(int, box)
    inside = np.zeros(frame.pixels.shape[:2], bool)
    inside[y0:y1, x0:x1] = True
    return Mask(inside=inside, score=1.0, source="mobilesam")


PEOPLE = (person(60, 40, 240, 420), person(300, 100, 420, 470), person(450, 0, 640, 200))


def job(
    seed: int = 0, people=PEOPLE, masked: bool = True, focal: float | None = None
) -> Observation:
    frame = picture(seed)
    masks = tuple(mask_over(p.box, frame) if masked else None for p in people)
    shot = camera.picture_camera(frame.size, focal)
    return Observation(frame=frame, people=tuple(people), masks=masks, camera=shot)


def run(network: est.NetworkEstimator, *jobs: Observation) -> list[list[Body]]:
    return list(network.estimate(jobs))


def test_torch_and_onnx_runtime_give_the_same_bodies(files, model):
    ours, exported = (run(load(files, model, kind), job())[0] for kind in ("torch", "onnx"))
    assert len(ours) == len(PEOPLE)
    for a, b in zip(ours, exported, strict=True):
        np.testing.assert_allclose(a.mesh.vertices, b.mesh.vertices, atol=1e-4)
        np.testing.assert_allclose(a.translation, b.translation, rtol=1e-3)


@pytest.mark.parametrize("opset", [16, 19])
def test_exports_of_other_opsets_agree_round_by_round(files, model, tmp_path, opset):
    path = tmp_path / "other.onnx"
    onnx.export(weights.read(files["torch"]), model, path, opset)
    images = np.random.default_rng(1).normal(size=(3, 3, 224, 224)).astype(np.float32)
    looked = np.stack([points.grid()] * 3)
    found = runtime.load(path, model, device="cpu")(images, looked)
    wanted = runtime.load(files["torch"], model, device="cpu")(images, looked)
    for name in runtime.OUTPUTS.values():
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=1e-4)


def test_other_opsets_are_refused(files, model, tmp_path):
    with pytest.raises(BadUsage, match="16 to 19"):
        onnx.export(weights.read(files["torch"]), model, tmp_path / "x.onnx", 20)


def test_an_exported_network_runs_without_torch(files):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from pymafsam import body\n"
        "from pymafsam.config import EstimatorOptions\n"
        "from pymafsam.geometry import camera\n"
        "from pymafsam.network import estimator\n"
        "from pymafsam.records import Frame, Observation, Person\n"
        "options = EstimatorOptions(weights=sys.argv[1], device='cpu')\n"
        "network = estimator.load(body.load('anny24'), options)\n"
        "frame = Frame(pixels=np.zeros((90, 80, 3), np.uint8), name='x')\n"
        "who = Person(box=np.array([10, 10, 60, 80], np.float32), score=0.5)\n"
        "shot = camera.picture_camera(frame.size)\n"
        "seen = Observation(frame=frame, camera=shot, people=(who,), masks=(None,))\n"
        "found = next(network.estimate([seen]))\n"
        "sys.exit(0 if np.isfinite(found[0].mesh.vertices).all() else 'not finite')"
    )
    command = [sys.executable, "-c", code, str(files["onnx"])]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_batches_across_pictures_change_nothing(files, model, batch):
    jobs = [job(0), job(1, people=()), job(2, people=PEOPLE[:1]), job(3)]
    whole = [run(load(files, model, batch=16), one)[0] for one in jobs]
    found = run(load(files, model, batch=batch), *jobs)
    assert [len(bodies) for bodies in found] == [3, 0, 1, 3]
    for a, b in zip(chain(*whole), chain(*found), strict=True):
        assert a.person is b.person
        np.testing.assert_allclose(a.mesh.vertices, b.mesh.vertices, atol=1e-5)


def test_the_same_picture_gives_the_same_bits(files, model):
    first, second = (run(load(files, model), job())[0] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.mesh.vertices, b.mesh.vertices)
        np.testing.assert_array_equal(a.translation, b.translation)


def test_a_moved_mask_moves_the_body_and_grid_points_do_not_care(files, model):
    here = job(people=PEOPLE[:1])
    moved = replace(here, masks=(mask_over((80, 60, 160, 200), here.frame),))
    for policy, matters in (("mask", True), ("auto", True), ("grid", False), ("bank", False)):
        network = load(files, model, points=policy)
        a, b = (run(network, one)[0][0].mesh.vertices for one in (here, moved))
        assert np.array_equal(a, b) != matters


def test_the_detectors_own_mask_does_not_stand_in_for_a_rejected_one(files, model):
    inside = mask_over(PEOPLE[0].box, picture()).inside
    own = job(people=(replace(PEOPLE[0], mask=inside),), masked=False)
    network = load(files, model)
    a, b = (
        run(network, one)[0][0].mesh.vertices for one in (own, job(people=PEOPLE[:1], masked=False))
    )
    np.testing.assert_array_equal(a, b)


def test_batches_are_full_across_pictures(files, model):
    network = load(files, model, batch=4)
    sizes = []
    runner = network.runner

    def counted(images, points):
        sizes.append(len(images))
        return runner(images, points)

    network.runner = counted
    found = run(network, *(job(seed, people=PEOPLE[: seed % 3]) for seed in range(7)))
    assert [len(bodies) for bodies in found] == [0, 1, 2, 0, 1, 2, 0]
    assert sizes == [4, 2]


def test_a_grid_network_asks_for_neither_keypoints_nor_masks(files, model):
    assert load(files, model, points="grid").needs == frozenset()
    assert load(files, model, points="mask").needs == {"masks"}


def test_no_mask_looks_at_the_grid(files, model):
    bare = job(people=PEOPLE[:1], masked=False)
    a, b = (run(load(files, model, points=p), bare)[0][0] for p in ("mask", "grid"))
    np.testing.assert_array_equal(a.mesh.vertices, b.mesh.vertices)


def test_the_seed_chooses_the_row_of_the_bank():
    bank = np.random.default_rng(0).uniform(-1, 1, (6, 441, 2)).astype(np.float32)
    rows = [PointSampler.of(Architecture(), bank, "bank", seed).fixed for seed in range(30)]
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in bank}
    again = PointSampler.of(Architecture(), bank, "bank", 4).fixed
    np.testing.assert_array_equal(rows[4], again)


def disagreement(found: Body, one: Observation) -> np.ndarray:
    """Crop camera against whole-picture camera at the joints, in shares of the crop's side."""
    weak = found.weak_camera
    cut = crops.crop(one.frame.pixels, crops.square_around(found.person.box))
    row = np.array([weak.scale, *weak.shift])
    near = est.project_to_picture(found.mesh.joints.astype(np.float64), row, cut)
    far = camera.project(found.mesh.joints + found.translation, one.camera)
    return np.linalg.norm(near - far, axis=1) / (weak.crop_box[2] - weak.crop_box[0])


@pytest.mark.parametrize(
    ("focal", "mean", "most"), [(None, 0.03, 0.12), (3e3, 0.01, 0.04), (1e6, 2e-3, 6e-3)]
)
def test_both_cameras_show_the_body_in_the_same_place(files, model, focal, mean, most):
    one = job(focal=focal)
    apart = np.stack([disagreement(b, one) for b in run(load(files, model), one)[0]])
    assert apart.mean() < mean
    assert apart.max() < most


def test_cameras_of_the_same_perspective_agree_to_a_fraction_of_a_pixel(files, model):
    # The crop's camera has a focal length of 5000 crop pixels; here that is the picture's too.
    who = person(220, 140, 420, 340)
    one = job(people=(who,), focal=5000 * 1.2 * 200 / 224)
    found = run(load(files, model), one)[0][0]
    # Whole boxes are up to a pixel wider than high, which one translation cannot follow.
    assert disagreement(found, one).max() * 240 < 0.3


def test_far_away_the_translation_is_the_formulas(files, model):
    one = job(focal=1e6)
    for found in run(load(files, model), one)[0]:
        formula = camera.translation_of(found.weak_camera, one.camera)
        np.testing.assert_allclose(found.translation[:2], formula[:2], atol=0.02)
        np.testing.assert_allclose(found.translation[2], formula[2], rtol=0.01)


def test_a_wider_box_is_a_larger_crop_and_the_mask_follows(files, model):
    one = job(people=PEOPLE[:1])
    found = run(load(files, model), one)[0][0]
    x0, y0, x1, y1 = found.weak_camera.crop_box
    longer = 420 - 40
    assert x1 - x0 == pytest.approx(1.2 * longer, abs=1.5)
    assert y1 - y0 == pytest.approx(1.2 * longer, abs=1.5)
    assert found.mask is one.masks[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": "circle"}, 'no "circle"'),
        ({"batch": 0}, "at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(files, model, options, message):
    with pytest.raises(BadUsage, match=message):
        load(files, model, **options)


def test_devices_are_checked_for_what_is_to_run(files, model):
    with pytest.raises(BadUsage, match="no device"):
        opened(files["torch"], model, device="tpu")
    with pytest.raises(BadUsage, match="exported network runs on"):
        opened(files["onnx"], model, device="mps")


def test_a_bank_is_needed_for_points_from_the_bank():
    with pytest.raises(BadUsage, match="without a bank"):
        PointSampler.of(Architecture(), None, "bank")
    with pytest.raises(BadUsage, match="reads 7 points"):
        PointSampler.of(Architecture(points=7), None, "grid")


def test_an_export_is_refused_with_another_body(files, model):
    with pytest.raises(BadInput, match="was chosen"):
        opened(files["onnx"], replace(model, name="other"), device="cpu")


def test_damaged_exports_are_refused(files, model, tmp_path):
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(files["onnx"].read_bytes()[:5000])
    with pytest.raises(BadInput, match="damaged"):
        opened(cut, model)


def test_a_checkpoint_runs_in_float32_unless_told_and_never_in_an_unknown_precision(files, model):
    runner = runtime.TorchRunner(files["torch"], model)
    assert {p.dtype for p in runner.network.parameters()} == {torch.float32}
    with pytest.raises(BadUsage, match="not in float8"):
        runtime.TorchRunner(files["torch"], model, precision="float8")


def test_a_network_that_gives_no_numbers_is_said_to_be_damaged():
    with pytest.raises(BadInput, match="camera that are no finite numbers"):
        runtime.checked({"vertices": np.zeros((1, 2, 3)), "camera": np.full((1, 3), np.nan)})


def test_half_precision_stays_near(files, model):
    one = job()
    exact, quick = (
        run(opened(files["torch"], model, device=d), one)[0] for d in ("cpu", "cpu:bf16")
    )
    apart = [
        np.linalg.norm(a.mesh.vertices - b.mesh.vertices, axis=1).mean()
        for a, b in zip(exact, quick, strict=True)
    ]
    assert 0 < max(apart) < 0.01


@pytest.fixture(scope="module")
def in_integers(files, model, tmp_path_factory):
    """A network as exported and with 8-bit convolutions, and what it was calibrated on."""
    BACKBONES.rows["deeper"] = "tiny_backbone:Deeper"
    torch.manual_seed(0)
    like = weights.read(files["torch"])
    network = PyMAF(replace(like.architecture, backbone="deeper"), model).requires_grad_(False)
    for regressor in network.regressors:
        regressor.pose.weight *= 40
    folder = tmp_path_factory.mktemp("quantised")
    exported, path = folder / "exported.onnx", folder / "integers.onnx"
    onnx.export(weights.snapshot(network, like.bank), model, exported)
    seen = np.random.default_rng(0).normal(size=(6, 3, 224, 224)).astype(np.float32)
    quantised.quantise(exported, seen, path)
    yield exported, path, seen
    del BACKBONES.rows["deeper"]


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_convolutions_in_integers_stay_near_those_in_floats(in_integers, model, device):
    if device == "openvino":
        pytest.importorskip("openvino")
    exported, path, seen = in_integers
    looked = np.stack([points.grid()] * len(seen))
    exact = runtime.load(exported, model, device="cpu", threads=1)(seen, looked)
    found = runtime.load(path, model, device=device, threads=1)(seen, looked)
    step = np.abs(exact.states[:, 1] - exact.states[:, 0]).mean()
    assert np.abs(found.states[:, 1] - exact.states[:, 1]).mean() < 0.1 * step
    assert np.abs(found.states - exact.states).max() > 0


def test_what_a_network_says_of_itself_outlives_quantisation(in_integers, model):
    exported, path, _ = in_integers
    for one, two in zip(
        runtime.read_description(exported, model),
        runtime.read_description(path, model),
        strict=True,
    ):
        np.testing.assert_equal(one, two)
    assert made.read(path) == made.read(exported)


def test_an_exported_network_runs_on_the_fastest_runtime_that_is_installed(
    files, model, monkeypatch
):
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    assert isinstance(runtime.load(files["onnx"], model), runtime.OnnxRunner)
    monkeypatch.undo()
    pytest.importorskip("openvino")
    assert isinstance(runtime.load(files["onnx"], model), runtime.OpenVinoRunner)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "onnx", "--body", "anny24", "--precision", "int8"], "needs --people"),
        (["--to", "onnx", "--body", "anny24", "--people", "x"], "needs --people"),
        (["--to", "official", "--body", "anny24", "--precision", "float16"], "knows --precision"),
        (["--precision", "int8", "--people", "x"], "knows --precision"),
    ],
)
def test_precisions_that_do_not_fit_are_refused(files, tmp_path, capsys, words, told):
    assert main(["convert", str(files["torch"]), "--out", str(tmp_path / "x"), *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.network
def test_convert_calibrates_on_people_in_photographs(files, tmp_path, networks, capsys):
    photographs = Path(__file__).resolve().parents[2] / "examples"
    (tmp_path / "photos").mkdir()
    shutil.copy(photographs / "tennis.jpg", tmp_path / "photos")
    (tmp_path / "photos" / "damaged.jpg").write_bytes(b"no picture")
    words = ["--to", "onnx", "--body", "anny24", "--precision", "int8"]
    out = tmp_path / "small.onnx"
    command = ["convert", str(files["torch"]), *words, "--people", str(tmp_path / "photos")]
    assert main([*command, "--out", str(out)]) == 0
    assert "calibrated on 1 people" in capsys.readouterr().out
    (tmp_path / "photos" / "tennis.jpg").unlink()
    assert main([*command, "--out", str(out)]) == 1
    assert "Nobody was found" in capsys.readouterr().err

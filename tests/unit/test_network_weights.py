"""Checkpoints: what is not whole or harmless is refused with the reason; nothing goes unsaid."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pymafsam.cli.main import main
from pymafsam.errors import BadInput, UntrustedFile

torch = pytest.importorskip("torch")
from pymafsam.network import official, weights  # noqa: E402
from pymafsam.network.architecture import Architecture  # noqa: E402

SMALL = Architecture(anchors=3, points=4, vertices=9, widths=(6, 4, 2), joints=5, betas=2)
HMR = Architecture(network="hmr", points=0, anchors=0, joints=5, betas=2, dense=False)


def zeros(architecture: Architecture) -> dict[str, np.ndarray]:
    """All weights of an architecture, nothing in them (cheap: the pages are never touched)."""
    tensors = {
        name: np.zeros(shape, np.int64 if "num_batches" in name else np.float32)
        for name, shape in weights.expected_shapes(architecture).items()
    }
    return tensors | {"anchors": np.arange(architecture.anchors)}


def official_state(architecture: Architecture, **more: np.ndarray) -> dict[str, torch.Tensor]:
    """The same under the official names, without SMPL."""
    tensors = zeros(architecture)
    back = {ours: theirs for theirs, ours in official.NAMES[architecture.network].items()}
    state = {theirs: a for n, a in tensors.items() if (theirs := official.translate_name(n, back))}
    stages = [f"regressor.{i}." for i in range(3)] if architecture.network == "pymaf" else [""]
    sizes = (6 * architecture.joints, architecture.betas, 3)
    for stage in stages:
        state |= {
            f"{stage}{leaf}": np.zeros((1, n), np.float32)
            for leaf, n in zip(official.MEAN, sizes, strict=True)
        }
    if architecture.network == "pymaf":
        picked = official.selection_matrix(np.arange(architecture.anchors), architecture.vertices)
        state |= {f"maf_extractor.{i}.Dmap": picked for i in range(3)}
    return {n: torch.from_numpy(np.asarray(a)) for n, a in (state | more).items()}


def read(state: dict, **beside) -> weights.Checkpoint:
    """As if it had been in a file."""
    return weights.from_official({"model": state, "epoch": 3} | beside, "model.pt")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A whole checkpoint, official and ours."""
    folder = tmp_path_factory.mktemp("whole")
    found = {"official": folder / "model.pt", "ours": folder / "model.safetensors"}
    torch.save({"model": official_state(HMR), "epoch": 3}, found["official"])
    weights.write(weights.read(found["official"]), found["ours"])
    return found


def test_an_official_checkpoint_is_read_with_its_sizes_and_counters():
    found = read(official_state(SMALL), optimizer={"state": {}})
    assert found.architecture == replace(SMALL, extra={"epoch": 3})
    assert found.left_out["optimizer"] == "not needed to run the network"


def test_spin_checkpoints_are_read_too():
    found = read(official_state(HMR))
    assert found.architecture == replace(HMR, extra={"epoch": 3})


def test_names_of_a_distributed_training_are_understood():
    state = {f"module.{n}": t for n, t in official_state(SMALL).items()}
    assert read(state).architecture.points == SMALL.points


@pytest.mark.parametrize("count", [1, 17])
def test_banks_of_any_number_of_masks_are_kept_as_float32(count):
    bank = np.random.default_rng(0).uniform(-1, 1, (count, 4, 2))
    found = read(official_state(SMALL, masks_points=bank))
    assert found.architecture.policy == "bank"
    assert found.bank.dtype == np.float32
    np.testing.assert_allclose(found.bank, bank, atol=1e-6)


def test_a_network_without_dense_head_is_whole():
    state = {n: t for n, t in official_state(SMALL).items() if not n.startswith("dp_head")}
    assert not read(state).architecture.dense


def test_missing_and_misshapen_entries_are_all_listed():
    state = official_state(SMALL)
    del state["feature_extractor.bn1.weight"], state["dp_head.predict_u.bias"]
    state["deconv_layers.3.weight"] = torch.zeros(256, 255, 4, 4)
    with pytest.raises(BadInput) as caught:
        read(state)
    for said in ("2 missing", "trunk.bn1.weight", "dense.u.bias", "pyramid.1.0.weight (256, 255"):
        assert said in str(caught.value)


def test_unknown_entries_are_listed_and_refused():
    state = official_state(SMALL) | {"attention.weight": torch.zeros(2)}
    with pytest.raises(BadInput, match=r"1 entries are unknown:\s+attention\.weight"):
        read(state)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("regressor.1.init_pose", np.ones((1, 30), np.float32), "should be equal"),
        ("maf_extractor.2.Dmap", np.ones((3, 9), np.float32), "should be equal"),
        ("masks_points", np.zeros((4, 2)), "should be .masks, points, 2."),
    ],
)
def test_what_the_stages_repeat_must_be_the_same_and_make_sense(name, array, message):
    state = official_state(SMALL) | {name: torch.from_numpy(array)}
    with pytest.raises(BadInput, match=message):
        read(state)


def test_a_dmap_that_mixes_vertices_is_refused():
    mixing = torch.full((3, 9), 1 / 9)
    state = official_state(SMALL) | {f"maf_extractor.{i}.Dmap": mixing for i in range(3)}
    with pytest.raises(BadInput, match="pick one vertex per row"):
        read(state)


def test_other_peoples_checkpoints_are_no_bodies():
    with pytest.raises(BadInput, match="no checkpoint of PyMAF, PyMAFSAM or SPIN"):
        read({"classifier.weight": torch.zeros(3)})


class Harmful:
    """Would run a command when unpickled freely."""

    def __reduce__(self):
        import os

        return os.system, ("echo harm > harm.txt",)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, monkeypatch, legacy):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    torch.save({"model": Harmful()}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UntrustedFile, match=r"wants to run \w+\.system") as caught:
        weights.read(path)
    assert "weights_only" not in str(caught.value)  # torch tells how to switch safety off
    assert not (tmp_path / "harm.txt").exists()


@pytest.mark.parametrize("keep", [0, 5, 200, 50_000_000])
@pytest.mark.parametrize("kind", ["official", "ours"])
def test_truncated_files_are_refused(tmp_path, files, kind, keep):
    cut = tmp_path / files[kind].name
    with files[kind].open("rb") as whole:
        cut.write_bytes(whole.read(keep))
    with pytest.raises(BadInput, match=r"damaged|truncated"):
        weights.read(cut)


@pytest.mark.parametrize("kind", ["official", "ours"])
def test_whole_files_are_read(files, kind):
    found = weights.read(files[kind])
    assert found.architecture == replace(HMR, extra={"epoch": 3})


@pytest.mark.parametrize("content", [pickle.dumps([1, 2]), b"no weights at all, just a text"])
def test_files_that_are_something_else_are_refused(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        weights.read(path)


def test_the_same_weights_are_the_same_file(tmp_path):
    found = weights.Checkpoint(architecture=SMALL, tensors={"mean": np.zeros(3, np.float32)})
    written = set()
    for _ in range(16):  # the library tells what it tells in an order of chance
        weights.write(found, tmp_path / "a.safetensors")
        written.add((tmp_path / "a.safetensors").read_bytes())
    assert len(written) == 1


def test_foreign_safetensors_are_refused_with_the_reason(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(BadInput, match="no description"):
        weights.read(path)
    save_file({"weight": np.zeros(3)}, path, metadata={weights.HEADER: '{"format": "x"}'})
    with pytest.raises(BadInput, match="description of a network"):
        weights.read(path)


def test_descriptions_come_back_as_they_were_written():
    assert Architecture.from_json(SMALL.to_json()) == SMALL
    for broken in ("[]", "{", SMALL.to_json().replace("joints", "jionts")):
        with pytest.raises(BadInput, match="description"):
            Architecture.from_json(broken)
    with pytest.raises(BadInput, match="cannot be built"):
        Architecture.from_json(replace(SMALL, joints=0).to_json())


def test_convert_says_what_it_left_out(tmp_path, capsys):
    state = official_state(SMALL, masks_points=np.zeros((2, 4, 2)))
    state |= {"regressor.0.smpl.v_template": torch.zeros(9, 3)}
    path = tmp_path / "model.pt"
    torch.save({"model": state, "optimizer": {}}, path)
    out = tmp_path / "lean.safetensors"
    assert main(["convert", str(path), "--out", str(out), "--trained-on", "h36m, coco"]) == 0
    said = capsys.readouterr().out
    for words in ("bank of 2 masks", "smpl.v_template", "optimizer", "lean.safetensors"):
        assert words in said
    assert weights.read(out).architecture.training == "h36m, coco"


def test_convert_refuses_what_makes_no_sense(tmp_path, files, capsys):
    path = str(files["ours"])
    assert main(["convert", path, "--to", "onnx"]) == 2
    assert "needs --body" in capsys.readouterr().err
    assert main(["convert", path, "--out", path]) == 2
    assert main(["convert", str(tmp_path / "nothing.pt")]) == 1
    assert "No weights at" in capsys.readouterr().err
    out = str(tmp_path / "out.pt")
    command = ["convert", path, "--to", "official", "--body", "anny24", "--out", out]
    assert main(command) == 1
    assert "Only PyMAF" in capsys.readouterr().err

"""Whole runs on a tiny network: killed and resumed, by two processes, on a full disk, learnt."""

import os
import resource
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from posed_people import SMALL, PosedPeople

from pymafsam import body
from pymafsam.errors import BadInput, BadUsage
from pymafsam.training.settings import Settings

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
from pymafsam.network import weights  # noqa: E402
from pymafsam.network.backbone import BACKBONES  # noqa: E402
from pymafsam.training import checkpoints, run_folder  # noqa: E402
from pymafsam.training.board import Board  # noqa: E402
from pymafsam.training.trainer import Trainer  # noqa: E402
from pymafsam.training.validation import validate  # noqa: E402

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(autouse=True)
def tiny():
    BACKBONES.rows["tiny"] = "tiny_backbone:Tiny"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers: sums in another order are other bits
    yield
    torch.set_num_threads(threads)
    del BACKBONES.rows["tiny"]


def trainer(model, folder, settings: Settings = SMALL, **more) -> Trainer:
    return Trainer(settings, PosedPeople(model, **more), PosedPeople(model, 4), folder, model=model)


def worker(folder: Path, die_at: int = -1, launcher: tuple[str, ...] = ()) -> subprocess.Popen:
    paths = [str(HERE), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, HERE / "training_worker.py", folder, str(die_at)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def same(one: dict, other: dict) -> None:
    assert set(one) == set(other)
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


# Batch statistics are each process's own.
SHARED = replace(SMALL, network=replace(SMALL.network, batch_norm="frozen"))
PATIENCE = 1800  # seconds; a busy machine is no failure


@pytest.fixture
def whole(model, tmp_path):
    """A run that nobody disturbed, in this process."""
    trainer(model, tmp_path / "whole", SHARED).run()
    return tmp_path / "whole"


def test_a_killed_run_goes_on_bit_for_bit(model, whole, tmp_path):
    folder = tmp_path / "killed"
    killed = worker(folder, die_at=5)
    said, _ = killed.communicate(timeout=PATIENCE)
    assert killed.returncode == -9, said.decode()
    assert checkpoints.read(folder).step == 4  # saved every second step
    again = trainer(model, folder, SHARED)
    again.restore(checkpoints.read(folder))
    again.run()
    ours, theirs = checkpoints.read(folder), checkpoints.read(whole)
    assert ours.step == theirs.step == SMALL.steps
    same(ours.network, theirs.network)
    same(ours.average, theirs.average)
    for number, memory in theirs.optimiser["state"].items():
        same(memory, ours.optimiser["state"][number])
    # What was measured twice stands there once.
    rows = [[r for r in run_folder.measured(f) if "rate" in r] for f in (folder, whole)]
    assert [r["step"] for r in rows[0]] == [r["step"] for r in rows[1]]
    assert [r["losses/total"] for r in rows[0]] == [r["losses/total"] for r in rows[1]]


def test_two_processes_under_torchrun_do_what_one_does(whole, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    here = ("--master-addr", "127.0.0.1", "--master-port", port)
    folder = tmp_path / "two"
    both = worker(folder, launcher=(*torchrun, *here))
    said, _ = both.communicate(timeout=PATIENCE)
    assert both.returncode == 0, said.decode()
    ours, theirs = checkpoints.read(folder), checkpoints.read(whole)
    for name, tensor in theirs.network.items():
        torch.testing.assert_close(ours.network[name], tensor, rtol=1e-4, atol=1e-4)
    rows = [run_folder.measured(each) for each in (folder, whole)]
    assert [r["step"] for r in rows[0]] == [r["step"] for r in rows[1]]  # logged once
    for mine, other in zip(*rows, strict=True):
        for name in (n for n in other if n.startswith(("losses", "validation"))):
            assert mine[name] == pytest.approx(other[name], rel=1e-3, abs=1e-3), name


def test_a_full_disk_leaves_the_old_checkpoint_whole(model, tmp_path, caplog):
    running = trainer(model, tmp_path)
    assert checkpoints.save(running.state(), tmp_path)
    before = (tmp_path / checkpoints.LATEST).read_bytes()
    running.step = 3
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        assert not checkpoints.save(running.state(), tmp_path)
        assert not checkpoints.save_weights(running.judged, tmp_path / checkpoints.BEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / checkpoints.LATEST).read_bytes() == before
    assert checkpoints.read(tmp_path).step == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [checkpoints.LATEST]
    assert "the one before is kept" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's
def test_a_full_disk_costs_figures_and_pictures_and_not_the_run(tmp_path, caplog):
    running = set(threading.enumerate())
    board = Board(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        for step in range(3):
            board.figures(step, {"losses/total": 1.0})
            board.sheet(step, np.zeros((9, 9, 3), np.uint8))
        board.close()
        # TensorBoard's thread dies of the full disk after its exception was seen: what it prints
        # then belongs to this test.
        for thread in set(threading.enumerate()) - running:
            thread.join(PATIENCE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "the run goes on" in caplog.text


def test_a_run_leaves_weights_that_load_and_pictures(model, tmp_path):
    running = trainer(model, tmp_path)
    running.run()
    found = weights.load(tmp_path / checkpoints.LAST, model)
    same(found.state_dict(), running.judged.state_dict())
    assert (tmp_path / "pictures.png").stat().st_size > 1000
    assert any((tmp_path / "tensorboard").iterdir())
    told = {name for row in run_folder.measured(tmp_path) for name in row}
    wanted = {"losses/pose_1", "losses/mask_3", "rate", "gradient", "pictures_per_second"}
    assert wanted | {"validation/pck@0.1", "validation/pa_mpjpe"} <= told


def test_sixteen_people_are_learnt_by_heart(model, tmp_path):
    settings = replace(
        SMALL,
        network=replace(SMALL.network, hidden=256),
        losses=replace(SMALL.losses, mask=0.0),
        optimiser=replace(SMALL.optimiser, rate=2e-3, average=0.0, schedule="cosine", clip=30.0),
        batch=16,
        steps=220,
    )
    running = trainer(model, tmp_path, settings, count=16)
    start = validate(running.judged, running.points, running.steps.data, 16, "cpu")
    everybody = running.steps[0]
    for _ in range(settings.steps):
        running.take(everybody)
    found = validate(running.judged, running.points, running.steps.data, 16, "cpu")
    assert start["pck@0.1"] < 0.3
    assert found["pck@0.1"] > 0.95
    assert found["pa_mpjpe"] < start["pa_mpjpe"]


def test_people_who_cannot_be_read_are_passed_over_and_named(model, tmp_path, caplog):
    running = trainer(model, tmp_path, unreadable=(0, 3))
    targets = [running.steps[step] for step in range(2)]
    assert [len(one) for one in targets] == [4, 4]
    assert "person 3 is passed over: person 3 is torn" in caplog.text


def test_a_data_set_of_nobody_readable_ends_with_a_word(model, tmp_path):
    running = trainer(model, tmp_path, count=4, unreadable=(0, 1, 2, 3))
    with pytest.raises(BadInput, match="could not be read"):
        running.steps[0]


def test_frozen_parameters_stay_and_unknown_names_are_refused(model, tmp_path):
    chosen = replace(SMALL.network, frozen=("backbone.conv1",))
    running = trainer(model, tmp_path, replace(SMALL, network=chosen))
    before = {n: t.clone() for n, t in running.network.state_dict().items()}
    running.take(running.steps[0])
    after = running.network.state_dict()
    assert torch.equal(after["backbone.conv1.weight"], before["backbone.conv1.weight"])
    assert not torch.equal(after["backbone.bn1.weight"], before["backbone.bn1.weight"])
    with pytest.raises(BadUsage, match="no parameter begins with"):
        trainer(model, tmp_path, replace(SMALL, network=replace(chosen, frozen=("backbone.con",))))


def test_half_precision_is_near_and_leaves_weights_whole(model, tmp_path):
    half = replace(SMALL, optimiser=replace(SMALL.optimiser, precision="bfloat16"))
    both = [trainer(model, tmp_path, one) for one in (SMALL, half)]
    totals = [sum(t.item() for t in one.take(one.steps[0]).terms.values()) for one in both]
    assert totals[0] != totals[1]
    assert totals[1] == pytest.approx(totals[0], rel=0.02)
    assert {p.dtype for p in both[1].network.parameters()} == {torch.float32}


def test_a_step_with_a_gradient_that_is_not_finite_changes_nothing(model, tmp_path):
    running = trainer(model, tmp_path)
    targets = running.steps[0]
    broken = replace(targets, keypoints=targets.keypoints * np.inf)
    before = {n: t.clone() for n, t in running.network.named_parameters()}
    running.take(broken)
    same(before, dict(running.network.named_parameters()))


def test_the_mean_person_of_the_data_is_nearer_to_everybody_than_a_body_at_rest(model, tmp_path):
    """So the first round has less to correct; a network that was given keeps its own."""
    people = PosedPeople(model)
    away = {}
    for start in ("rest", "people"):
        chosen = replace(SMALL, network=replace(SMALL.network, start=start))
        network = Trainer(chosen, people, None, tmp_path, model=model).network
        assert network.mean.shape == (1, network.layout.size)
        first = network.estimate(network.mean)
        assert torch.allclose(torch.linalg.det(first.rotations), torch.ones(24), atol=1e-5)
        wanted = torch.tensor(np.stack([one.rotations for one in people.people]))
        away[start] = float((first.rotations - wanted).square().sum())
    assert away["people"] < 0.9 * away["rest"]
    assert torch.equal(
        Trainer(SMALL, people, None, tmp_path, network=network).network.mean[0], network.mean[0]
    )


def test_an_average_of_few_steps_has_forgotten_where_it_began(model, tmp_path):
    """With a fixed decay of .999, half of it would still be the first step's weights by the
    seven hundredth."""
    slow = replace(SMALL, optimiser=replace(SMALL.optimiser, average=0.999))
    running = trainer(model, tmp_path, slow)
    began = running.network.regressors[0].second.bias.detach().clone()
    for step in range(12):
        running.take(running.steps[step % 2])
    now = running.network.regressors[0].second.bias.detach()
    kept = dict(running.judged.named_parameters())["regressors.0.second.bias"]
    assert (kept - now).norm() < 0.5 * (now - began).norm()

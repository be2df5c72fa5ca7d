"""The loop: targets in, a step, and on the way figures, pictures, validation and checkpoints.

Everything a step does follows from the settings, the weights and the step's number; so a run that
was killed goes on bit for bit, and several processes do what one would do.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.samples import DataSet
from pymafsam.network.pymaf import MeshRegressor, Output, PyMAF
from pymafsam.training import building, checkpoints, losses
from pymafsam.training.batches import Order, Steps, loader
from pymafsam.training.board import Board, sheet
from pymafsam.training.checkpoints import BEST, LAST, State
from pymafsam.training.keypoints import TrainedPoints
from pymafsam.training.losses import Counts, Targets
from pymafsam.training.parallel import Place
from pymafsam.training.schedule import rate
from pymafsam.training.settings import Settings, dump
from pymafsam.training.validation import validate

log = logging.getLogger(__name__)

# Which figure a run is best by, and whether more is better.
BEST_BY = (("pck@0.1", 1.0), ("pa_mpjpe", -1.0))
Told = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What a step gave, on the device; read only when somebody asks."""

    terms: Mapping[str, Tensor]
    norm: Tensor
    output: Output
    targets: Targets


class Trainer:
    """A network in training: its optimiser, its average, and how far it has come."""

    def __init__(
        self,
        settings: Settings,
        train: DataSet,
        validation: DataSet | None,
        folder: Path,
        *,
        model: BodyModel | None = None,
        network: PyMAF | None = None,
        place: Place | None = None,
        device: str = "cpu",
    ):
        """``network`` is built from the settings unless given. ``folder`` takes the checkpoints."""
        self.settings, self.validation, self.folder = settings, validation, folder
        self.place, self.device = place or Place(), device
        self.model = body.load(settings.network.body) if model is None else model
        self.surface = building.surface_of(settings, self.model)
        made = building.network_of(settings, self.model) if network is None else network
        if network is None and settings.network.start == "people":
            building.start_from_people(made, train, settings.seed)
        self.network = building.prepared(made, settings, device).to(device)
        self.points = TrainedPoints(self.model, self.network.architecture.betas).to(device)
        self.optimiser = building.optimiser_of(self.network, settings.optimiser)
        self.average = _average(self.network, settings.optimiser.average)
        self.wrapped = self.place.wrapped(self.network)
        order = Order(
            people=len(train),
            batch=settings.batch,
            seed=settings.seed,
            rank=self.place.rank,
            world=self.place.world,
        )
        self.steps = Steps(train, order, self.model, self.surface)
        self.step, self.best = 0, -math.inf

    @property
    def judged(self) -> MeshRegressor:
        """The network that is validated and kept: the average, where there is one."""
        if self.average is None:
            return self.network
        assert isinstance(self.average.module, MeshRegressor)
        return self.average.module

    def restore(self, state: State) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state.network)
        self.optimiser.load_state_dict(state.optimiser)
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        self.step, self.best = state.step, state.best

    def state(self) -> State:
        """What ``restore`` needs."""
        return State(
            step=self.step,
            settings=dump(self.settings),
            network=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            average=None if self.average is None else self.average.state_dict(),
            best=self.best,
        )

    def run(self, told: Told = lambda step, figures: None) -> None:
        """Until the last step, or the time is over. ``told`` hears what is logged.

        On the first process alone: logging, validation, checkpoints. Ends with a checkpoint.
        """
        board = Board(self.folder if self.place.first else None, self.step)
        if self.step == 0:
            self._tell(board, told, self._validated())  # where it starts from
        for stepped, seconds, waited in self._timed():
            if self._due(self.settings.log_every):
                pace = {"pictures_per_second": self.settings.batch / seconds}
                pace |= {"loading_share": waited / seconds}
                self._tell(board, told, self._figures(stepped) | pace)
            if self._due(self.settings.pictures_every) and self.place.first:
                last = stepped.output.rounds[-1]
                board.sheet(self.step, sheet(stepped.targets, last, self.model, self.network.body))
            if self._due(self.settings.validate_every) or self._ended():
                self._tell(board, told, self._validated())
            if self._due(self.settings.save_every) or self._ended():
                self._save()
        self._save()
        board.close()

    def _timed(self) -> Iterator[tuple[Stepped, float, float]]:
        """Step after step, with its seconds and how many of them were spent waiting for data."""
        end, seconds = self.settings.steps, self.settings.minutes
        began = time.monotonic()
        batches = loader(self.steps, self.step, end, self.settings.data.workers)
        while self.step < end:
            start = time.monotonic()
            targets = next(batches).to(self.device)
            loaded = time.monotonic()
            stepped = self.take(targets)
            yield stepped, time.monotonic() - start, loaded - start
            over = seconds is not None and time.monotonic() - began > 60 * seconds
            if self.place.any(over):
                break

    def take(self, targets: Targets) -> Stepped:
        """One step: guess, compare, correct."""
        chosen = self.settings.optimiser
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * rate(self.step, self.settings.steps, chosen)
        # What is drawn in a step (dropout) follows from its number: nothing has to be kept.
        torch.manual_seed(hash((self.settings.seed, self.step, self.place.rank)) % 2**63)
        building.training_mode(self.network, self.settings.network)
        self.optimiser.zero_grad(set_to_none=True)
        terms, output = self.compare(targets)
        torch.stack(list(terms.values())).sum().backward()
        limit = math.inf if chosen.clip is None else chosen.clip
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        # A step that went wrong (an overflow) is left out: nothing else would ever repair it.
        if torch.isfinite(norm):
            self.optimiser.step()
            if self.average is not None:
                self.average.update_parameters(self.network)
        else:
            log.warning("step %d was left out: its gradient is not finite", self.step + 1)
        self.step += 1
        return Stepped(terms=terms, norm=norm, output=output, targets=targets)

    def compare(self, targets: Targets) -> tuple[dict[str, Tensor], Output]:
        """All terms by name and round, weighted, and the output they are of."""
        weights = self.settings.losses
        counts = Counts.from_vector(self.place.mean(losses.counted(targets)))
        dense = self.surface is not None
        output = self.wrapped(
            targets.images, targets.points, meshes=weights.vertices > 0, dense=dense
        )
        wanted = None
        if weights.vertices > 0:
            with torch.no_grad():
                wanted, _ = self.network.body(targets.rotations, targets.betas)
        terms = {}
        for number, estimate in enumerate(output.rounds[1:], 1):
            points = self.points(estimate.rotations, estimate.betas)
            found = losses.round_losses(estimate, points, targets, counts, weights, wanted)
            terms |= {f"{name}_{number}": value for name, value in found.items()}
        if self.surface is not None and output.dense is not None:
            coarse = torch.as_tensor(self.surface.coarse, device=targets.images.device)
            terms |= losses.dense_losses(output.dense, targets, coarse, counts, weights)
        return terms, output

    def _due(self, every: int) -> bool:
        return self.step % every == 0

    def _ended(self) -> bool:
        return self.step == self.settings.steps

    def _figures(self, stepped: Stepped) -> dict[str, float]:
        """The step's terms (means over all processes), rate and gradient."""
        names = list(stepped.terms)
        values = self.place.mean(torch.stack([stepped.terms[name].detach() for name in names]))
        figures = dict(zip((f"losses/{name}" for name in names), values.tolist(), strict=True))
        return {
            "losses/total": sum(figures.values()),
            **figures,
            "rate": float(self.optimiser.param_groups[-1]["lr"]),
            "gradient": float(stepped.norm),
        }

    def _validated(self) -> dict[str, float]:
        """Figures on the validation's people; the best weights so far are kept."""
        if self.validation is None or not self.place.first:
            self.place.wait()
            return {}
        most = self.settings.data.validation_people
        found = validate(self.judged, self.points, self.validation, most, self.device)
        chosen = next((sign * found[name] for name, sign in BEST_BY if name in found), -math.inf)
        if self.step and chosen > self.best:
            self.best = chosen
            checkpoints.save_weights(self.judged, self.folder / BEST)
        self.place.wait()
        return {f"validation/{name}": value for name, value in found.items()}

    def _tell(self, board: Board, told: Told, figures: Mapping[str, float]) -> None:
        if figures and self.place.first:
            board.figures(self.step, figures)
            told(self.step, figures)

    def _save(self) -> None:
        if self.place.first:
            checkpoints.save(self.state(), self.folder)
            checkpoints.save_weights(self.judged, self.folder / LAST)
        self.place.wait()


def _average(network: PyMAF, decay: float) -> AveragedModel | None:
    if not decay:
        return None

    def towards(
        kept: Shaped[Tensor, "..."], now: Shaped[Tensor, "..."], count: Shaped[Tensor, ""] | int
    ) -> Tensor:
        # Young averages forget sooner, else a run of a few hundred steps would be judged by the
        # weights that it began with.
        return now.lerp(kept, min(decay, float((1 + count) / (10 + count))))

    return AveragedModel(network, avg_fn=towards, use_buffers=False)

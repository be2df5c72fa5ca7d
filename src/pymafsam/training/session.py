"""A whole run from settings to checkpoints: what the command line calls."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from pymafsam import body
from pymafsam.errors import BadUsage
from pymafsam.network.inference import choose_device
from pymafsam.training import checkpoints, run_folder
from pymafsam.training.parallel import joined
from pymafsam.training.settings import Settings, dump
from pymafsam.training.sources import open_sources
from pymafsam.training.trainer import Trainer

# May differ between the parts of one run: they do not change what is learnt.
FREE = frozenset({"steps", "minutes", "device", "threads", "log_every", "pictures_every"})
FREE |= {"validate_every", "save_every"}


def run(
    settings: Settings,
    folder: Path,
    *,
    recipe: str = "",
    resume: bool = False,
    told: Callable[[int, Mapping[str, float]], None] = lambda step, figures: None,
) -> int:
    """Train until the last step or the time is over; returns the steps done.

    Raises BadUsage for settings that cannot be, a folder that holds another run, and a resumed
    run with other settings; BadInput for data that is not there.
    """
    settings.check()
    device = choose_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    state = checkpoints.read(folder) if resume else None
    if state is not None:
        _check_same(settings, state.settings)
    with joined(device) as place:
        if device == "cuda" and place.world > 1:
            device = f"cuda:{place.local}"
            torch.cuda.set_device(place.local)
        model = body.load(settings.network.body)
        sources = open_sources(settings, model)
        if place.first and state is None:
            run_folder.begin(folder, settings, recipe, sources.digests)
        place.wait()
        trainer = Trainer(
            settings,
            sources.train,
            sources.validation,
            folder,
            model=model,
            place=place,
            device=device,
        )
        if state is not None:
            trainer.restore(state)
        trainer.run(told)
        return trainer.step


def _check_same(settings: Settings, begun: str) -> None:
    """Raises BadUsage when a run is to go on with settings that change what is learnt."""
    import yaml

    old, new = yaml.safe_load(begun), yaml.safe_load(dump(settings))
    changed = [name for name in new if name not in FREE and new[name] != old.get(name)]
    if changed:
        raise BadUsage(
            f"--resume goes on with the settings the run was begun with; these differ: "
            f"{', '.join(changed)}.\n  Leave them out, or begin another run from its weights "
            "(--network.weights) in another --out."
        )

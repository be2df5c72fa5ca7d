"""``train``: a recipe, with every setting on the command line or in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.cli.bars import downloads_shown, progress_bar
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files.limits import check_file
from pymafsam.training import recipes, run_folder
from pymafsam.training.settings import Settings, load

MOST = 1 << 20  # bytes of a file of settings
TOLD = ("losses/total", "validation/pck@0.1", "validation/pa_mpjpe", "pictures_per_second")


@dataclass(kw_only=True)
class Train:
    """Train a network: lspet-2024 (as the original), default (ours), smoke (a minute).

    A recipe names settings; --config FILE.yaml changes some, the command line others. The folder
    --out takes the effective settings (run.yaml), what they were run on (about.json), figures
    (metrics.jsonl, tensorboard/), pictures, latest.pt to go on from, and best.safetensors and
    last.safetensors for reconstruct --weights. docs/training.md shows the way from raw files.

    Examples:
      pymafsam train smoke --out runs/smoke
      pymafsam train default --data.rows lspet.npz --data.images lspet/ --out runs/first
      pymafsam train default --config run.yaml --optimiser.rate 1e-4 --out runs/second
      pymafsam train default --out runs/first --resume
      torchrun --nproc-per-node 4 -m pymafsam.cli train default --config run.yaml --out runs/third
    """

    recipe: tyro.conf.Positional[str]
    """lspet-2024, default or smoke."""
    out: Path
    """The run's folder; runs/RECIPE when not given."""
    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE.yaml")] = None
    """Settings that differ from the recipe's, under the names below (batch, optimiser: {rate})."""
    resume: bool = False
    """Go on from --out's latest.pt, with the settings it was begun with."""
    settings: Annotated[Settings, tyro.conf.arg(name="")]

    @classmethod
    def defaults(cls, words: list[str]) -> "Train":
        """What the options are when only recipe and --config are given: the words are read ahead.

        Raises BadUsage and BadInput for what those name and is not there.
        """
        name = next((word for word in words if not word.startswith("-")), "default")
        chosen = recipes.find(name)
        file, out = _value(words, "--config"), _value(words, "--out")
        if "--resume" in words and file is None:
            file = str((Path(out) if out else Path("runs") / name) / run_folder.SETTINGS)
        if file is not None:
            path = Path(file)
            if not path.is_file():
                raise BadInput(f"There is no file of settings {path}.")
            check_file(path, MOST)
            chosen = load(path.read_text(encoding="utf-8", errors="replace"), chosen, file)
        return cls(recipe=name, out=Path("runs") / name, settings=chosen)

    def run(self) -> int:
        _check_packages()
        from pymafsam.training import session

        self.settings.check()
        with progress_bar() as progress, downloads_shown():
            task = progress.add_task("train", total=self.settings.steps)

            def told(step: int, figures: Mapping[str, float]) -> None:
                said = [f"{n.split('/')[-1]} {figures[n]:.4g}" for n in TOLD if n in figures]
                progress.update(task, completed=step, description=", ".join(said) or "train")
                if not progress.console.is_terminal:
                    print(f"step {step}: {', '.join(said)}", flush=True)

            step = session.run(
                self.settings, self.out, recipe=self.recipe, resume=self.resume, told=told
            )
        print(f"{step} of {self.settings.steps} steps are done; the run is in {self.out}")
        return 0


def _value(words: list[str], flag: str) -> str | None:
    """The value of a flag among unread words."""
    for place, word in enumerate(words):
        if word.startswith(flag + "="):
            return word.partition("=")[2]
        if word == flag and place + 1 < len(words):
            return words[place + 1]
    return None


def _check_packages() -> None:
    import importlib.util

    missing = [n for n in ("torch", "tensorboard", "yaml") if importlib.util.find_spec(n) is None]
    if missing:
        raise MissingAsset(
            f"Training needs packages that are not here: {', '.join(missing)}.\n"
            '  Install them: pip install "pymafsam[train]"'
        )

"""Named settings: what was chosen, and why. ``--config`` and the command line change them."""

from collections.abc import Mapping

from pymafsam import registry
from pymafsam.data.augment import Ranges
from pymafsam.training.settings import (
    DataSettings,
    LossWeights,
    NetworkSettings,
    OptimiserSettings,
    Settings,
)

# The layers that see edges and textures are good as they come; they are also half of the cost.
EARLY = tuple(f"backbone.{name}" for name in ("stem", "stages.0", "stages.1"))
UNREAD = tuple(f"backbone.heads.{name}" for name in ("regressed", "centre", "offsets"))

RECIPES: Mapping[str, Settings] = {
    # As PyMAFSAM of 2024: one data set, plain Adam, nothing frozen, no warm-up, no average.
    "lspet-2024": Settings(
        network=NetworkSettings(backbone="resnet50", start="people", points="mask"),
        losses=LossWeights(compatible=True),
        optimiser=OptimiserSettings(kind="adam", rate=5e-5),
        batch=32,
    ),
    # Ours, for little data and little time: a backbone that finds joints already, narrow
    # regressors without much dropout, the mask as a guide and as a term.
    "default": Settings(
        network=NetworkSettings(
            backbone="movenet-thunder",
            start="people",
            points="mask",
            widths=(64, 32, 5),
            hidden=512,
            dropout=0.1,
            frozen=EARLY + UNREAD,
        ),
        data=DataSettings(augment=Ranges(degrees=20.0, colour=0.25, occluded=0.2, coarse=0.2)),
        losses=LossWeights(
            known_camera=1.0, mask=30.0, part=0.0, coarse_part=0.0, uv=0.0, betas=0.1
        ),
        optimiser=OptimiserSettings(
            kind="adamw",
            # What reads 441 points has thousands of inputs: at 3e-4 and above the corrections
            # of the first steps overshoot, and cameras turn inside out.
            rate=1e-4,
            backbone_rate=0.5,
            weight_decay=1e-4,
            schedule="cosine",
            warm_up=100,
            clip=100.0,
            average=0.998,
            precision="auto",
        ),
        batch=32,
        steps=20_000,
    ),
    # Does everything work? A minute, rendered people, no files.
    "smoke": Settings(
        network=NetworkSettings(
            backbone="movenet-thunder",
            points="mask",
            widths=(32, 5),
            hidden=256,
            dropout=0.0,
            frozen=("backbone.stem", "backbone.stages", "backbone.top", *UNREAD),
        ),
        data=DataSettings(synthetic=1.0, synthetic_size=64, validation_people=16, workers=0),
        losses=LossWeights(known_camera=1.0, part=0.0, coarse_part=0.0, uv=0.0),
        optimiser=OptimiserSettings(rate=5e-4, warm_up=5, clip=100.0),
        batch=8,
        steps=20,
        log_every=2,
        pictures_every=10,
        validate_every=10,
        save_every=10,
    ),
}


def find(name: str) -> Settings:
    """The recipe of that name. Raises BadUsage for an unknown one."""
    return registry.find("There is no recipe called", RECIPES, name)

"""How the lifter is trained: what it is shown at each step, with which noise and at which rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pymafsam.training.lifting import (
    Annotated,
    Chain,
    Lift,
    LifterNetwork,
    Rendered,
    Seen,
    annotated_loss,
    rendered_loss,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifterRecipe:
    """How the lifter is trained; ``annotated`` weighs photographs against rendered people.

    Features are learned with noise, without some points, and of ``unseen`` of the people without
    any, for not every detector gives them.
    """

    steps: int = 6_000
    batch: int = 256
    rate: float = 1e-3
    warm_up: int = 500
    decay: float = 0.02  # AdamW's
    noise: float = 0.02  # added to normalised places, so that exact digits are not learned by heart
    annotated: float = 0.3
    annotated_batch: int = 128
    recombined_batch: int = 128
    feature_noise: float = 0.3  # in deviations of each channel
    points_unseen: float = 0.2
    unseen: float = 0.3
    average: float = 0.999  # of the exponential moving average that is kept at the end
    seed: int = 0


def train(
    network: LifterNetwork,
    chain: Chain,
    rendered: Rendered,
    recombined: Rendered | None,
    annotated: Annotated | None,
    recipe: LifterRecipe,
    report: Callable[[int, float, LifterNetwork], None],
) -> LifterNetwork:
    """Trains ``network``; gives back its moving average. ``report`` is called every 1,000 steps."""
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # dropout draws from the global generator
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average),
        use_buffers=True,
    )
    kept = cast(LifterNetwork, average.module)
    total = 0.0
    for step in range(1, recipe.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * rate(step, recipe)
        network.train()
        batch = rendered.take(_rows(len(rendered.inputs), recipe.batch, generator))
        loss = rendered_loss(_noisy(network, batch, recipe, generator), batch, chain)
        if recombined is not None:
            rows = _rows(len(recombined.inputs), recipe.recombined_batch, generator)
            batch, share = recombined.take(rows), recipe.recombined_batch / recipe.batch
            lift = _noisy(network, batch, recipe, generator)
            loss = loss + share * rendered_loss(lift, batch, chain)
        if annotated is not None:
            rows = _rows(len(annotated.inputs), recipe.annotated_batch, generator)
            photographs = annotated.take(rows)
            seen = _partly_seen(photographs.channels, recipe, generator)
            lift = network(photographs.inputs, seen)
            loss = loss + recipe.annotated * annotated_loss(lift, photographs, chain)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(network)
        total += float(loss.detach())
        if step % 1000 == 0:
            report(step, total / 1000, kept)
            total = 0.0
    return kept


def _noisy(
    network: LifterNetwork, batch: Rendered, recipe: LifterRecipe, generator: torch.Generator
) -> Lift:
    """What the network says of people whose inputs are not quite as they were."""
    noise = torch.randn(batch.inputs.shape, generator=generator) * recipe.noise
    return network(batch.inputs + noise, _partly_seen(batch.channels, recipe, generator))


def _partly_seen(
    channels: Float[Tensor, "batch 17 channels"] | None,
    recipe: LifterRecipe,
    generator: torch.Generator,
) -> Seen | None:
    if channels is None:
        return None
    noise = torch.randn(channels.shape, generator=generator) * recipe.feature_noise
    points = torch.rand(channels.shape[:2], generator=generator) >= recipe.points_unseen
    people = torch.rand(len(channels), 1, generator=generator) >= recipe.unseen
    return Seen(channels=channels.float() + noise, points=(points & people).float())


def _rows(count: int, batch: int, generator: torch.Generator) -> Tensor:
    return torch.randint(count, (batch,), generator=generator)


def rate(step: int, recipe: LifterRecipe) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < recipe.warm_up:
        return step / recipe.warm_up
    done = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))

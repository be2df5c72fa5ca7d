"""One process or several that torchrun started: who am I, and how do we add up?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn


@dataclass(frozen=True, slots=True)
class Place:
    """This process among all of them. The first one validates, logs and saves."""

    rank: int = 0
    world: int = 1
    local: int = 0  # among those of this machine: its GPU

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mean(self, numbers: Float[Tensor, "kinds"]) -> Float[Tensor, "kinds"]:
        """The mean of every process's numbers."""
        if self.world > 1:
            numbers = numbers.clone()
            distributed.all_reduce(numbers)
            numbers = numbers / self.world
        return numbers

    def wait(self) -> None:
        """Until everybody is here."""
        if self.world > 1:
            distributed.barrier()

    def any(self, here: bool) -> bool:
        """Whether it is so in one process at least."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here))
        distributed.all_reduce(flag)
        return bool(flag > 0)

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over all processes."""
        if self.world == 1:
            return network
        on_gpu = next(network.parameters()).is_cuda
        return nn.parallel.DistributedDataParallel(
            network,
            device_ids=[self.local] if on_gpu else None,
            find_unused_parameters=True,  # a backbone may have heads that are not read
        )


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """This process's place; torchrun's variables say it. Alone without them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Place()
        return
    backend = "nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(backend)
    try:
        yield Place(
            distributed.get_rank(), distributed.get_world_size(), int(os.environ["LOCAL_RANK"])
        )
    finally:
        distributed.destroy_process_group()

"""A process that trains, to be killed or to be one of several: python training_worker.py OUT ..."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from posed_people import SMALL, PosedPeople

from pymafsam import body
from pymafsam.network.backbone import BACKBONES
from pymafsam.training import checkpoints
from pymafsam.training.parallel import joined
from pymafsam.training.trainer import Trainer


def main(out: Path, die_at: int) -> None:
    torch.set_num_threads(1)
    BACKBONES.rows["tiny"] = "tiny_backbone:Tiny"  # type: ignore[index]
    model = body.load("anny24")
    # Batch statistics are each process's own.
    settings = replace(SMALL, network=replace(SMALL.network, batch_norm="frozen"))
    with joined("cpu") as place:
        trainer = Trainer(
            settings, PosedPeople(model), PosedPeople(model, 4), out, model=model, place=place
        )
        if (out / checkpoints.LATEST).exists():
            trainer.restore(checkpoints.read(out))

        def told(step: int, figures) -> None:
            if step == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.run(told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

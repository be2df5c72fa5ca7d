"""What every segmenter promises, and the table of those there are."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pymafsam.errors import BadUsage
from pymafsam.records import Mask, Pixels, Prompt
from pymafsam.registry import Table

SEGMENTERS = Table(
    "segmenter",
    {
        "mobilesam": "pymafsam.masks.mobilesam:load",
        "mobilesam-openvino": "pymafsam.masks.mobilesam:load_openvino",
        "mobilesam-bf16": "pymafsam.masks.mobilesam:load_half",
        "sam": "pymafsam.masks.official:load",
        "detector": "pymafsam.masks.plain:load_detector",
        "none": "pymafsam.masks.plain:load_none",
    },
)


@runtime_checkable
class Segmenter(Protocol):
    """Pixels and one prompt per person in, one mask per prompt out."""

    def segment(self, pixels: Pixels, prompts: Sequence[Prompt]) -> list[Mask | None]:
        """Masks in the order of ``prompts``, disjoint; None where nothing can be said."""
        ...


def load_segmenter(name: str, *, threads: int = 0) -> Segmenter:
    """The segmenter called ``name``: a row of ``SEGMENTERS``; ``sam`` as ``sam:TYPE=PATH``.

    TYPE is ``vit_h``, ``vit_l`` or ``vit_b`` and PATH the checkpoint that Segment Anything's
    authors published. ``threads`` of a network, 0 for as many as there are cores. Raises BadUsage
    for an unknown name, MissingAsset without the files.
    """
    family, _, argument = name.partition(":")
    make = SEGMENTERS.load(family)
    if family == "sam":
        return make(argument, threads=threads)
    if argument:
        raise BadUsage(
            f'The segmenter "{family}" takes nothing after a colon, but "{argument}" was given.'
        )
    return make(threads=threads)

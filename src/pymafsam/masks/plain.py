"""Segmenters that need no network: the detector's own masks, and none at all."""

from collections.abc import Sequence

from pymafsam.masks.tidy import disjoint
from pymafsam.records import Mask, Pixels, Prompt


class Given:
    """Hands back the mask of each prompt: the detector's, or one made elsewhere."""

    def segment(self, pixels: Pixels, prompts: Sequence[Prompt]) -> list[Mask | None]:
        """The prompts' masks, made disjoint; None for a prompt without one."""
        present = [(k, p) for k, p in enumerate(prompts) if p.mask is not None]
        inside = disjoint(
            [p.mask.astype("float32") - 0.5 for _, p in present if p.mask is not None],
            [p.box for _, p in present],
        )
        masks: list[Mask | None] = [None] * len(prompts)
        for (k, _), own in zip(present, inside, strict=True):
            masks[k] = Mask(inside=own, score=1.0, source="detector")
        return masks


class Nothing:
    """No masks for anybody."""

    def segment(self, pixels: Pixels, prompts: Sequence[Prompt]) -> list[Mask | None]:
        """None for every prompt."""
        return [None] * len(prompts)


def load_detector(*, threads: int = 0) -> Given:
    """The row ``detector`` of the table of segmenters."""
    return Given()


def load_none(*, threads: int = 0) -> Nothing:
    """The row ``none`` of the table of segmenters."""
    return Nothing()

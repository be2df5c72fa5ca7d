"""Which pixels belong to whom: prompts in, masks out, and masks kept on disk."""

from pymafsam.masks.segmenter import SEGMENTERS, Segmenter, load_segmenter

__all__ = ["SEGMENTERS", "Segmenter", "load_segmenter"]

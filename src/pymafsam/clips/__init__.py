"""The flow of a video: looked at once, followed, fitted over time, drawn; as long as it may be.

    frames -> looks (who, how, masks, single bodies) -> tracks -> motions -> films and numbers

Looks and films are made a ``CHUNK`` of frames at a time and kept on disk, each a function of its
own frames alone: memory does not grow with the length (but for the motions, about 1 kB per person
and frame), and an interrupted run goes on where it was, to the same bytes.
"""

from pymafsam.clips.flow import Clip, ClipOptions, ClipReport, reconstruct

__all__ = ["Clip", "ClipOptions", "ClipReport", "reconstruct"]

"""Who is who through a video: identities kept through crossing, occlusion and short absence.

    tracker = Tracker()
    people = tracker.step(frame, people)           # the same people, ``track`` filled in

``Tracker`` looks back only, frame by frame; ``merge.rejoined`` mends what it had to break, once
the whole clip has been seen. docs/video.md says how well it does.
"""

from pymafsam.tracking.settings import Settings
from pymafsam.tracking.tracker import Tracker

__all__ = ["Settings", "Tracker"]

"""Every number that following people hangs on, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Lengths are in heights of the person's box, times in seconds, costs from 0 to 1.

    Chosen by hand on clips composited of two people, not on any benchmark; what the cues count on
    other clips than those that docs/results/video.md tells of.
    """

    start: float = 0.4  # a person's score below which nobody new begins to be followed
    clear: float = 0.5  # keypoint score from which a description is fully believed
    begin: float = 0.35  # keypoint score below which nobody new begins where somebody is expected
    nobody: float = 0.2  # below which a sighting is nobody's where two are expected
    # Whoever was there before has the better right: what somebody new costs more where both could
    # be meant, and for how many sightings.
    newborn: float = 0.1
    grown_up: int = 8
    forget: float = 2.0  # somebody not seen for so long is no longer looked for
    most: float = 0.62  # cost above which two sightings are not of one person

    # How far from where they are expected somebody may be: at once, more per second of absence,
    # and at most.
    reach: float = 0.35
    reach_per_second: float = 0.9
    farthest: float = 1.6
    # Times by which a box may have grown or shrunk: half hidden in width and in height is 2,
    grown: float = 2.2
    alike: float = 0.5  # unless the keypoints are less unlike than this (0: the same)

    # What the cues count. A cue that is not there (no keypoints, no mask) is left out. Boxes count
    # less than clothes: where nobody is looked for anew a box lies where it was by construction.
    overlap: float = 1.0
    distance: float = 0.6
    keypoints: float = 1.2
    mask: float = 0.6
    colours: float = 1.6
    pose_fades: float = 0.25  # seconds of absence after which pose and mask say 1 / e as much

    # The motion: how long somebody who is not seen is thought to go on as before, and to slow
    # down; how much a box is believed.
    steady: float = 0.15
    coast: float = 0.4
    jerky: float = 4.0  # deviation of the acceleration, heights per second squared
    blurred: float = 0.04  # deviation of where a box is said to be, heights
    swelling: float = 0.2  # deviation of how its size changes in a second, heights

    # Colours are learnt only where nobody overlaps by more than this, by this share per sighting.
    crowded: float = 0.15
    learnt: float = 0.1

    # Mending afterwards: two pieces of a track may be this far apart in time, and differ so much.
    longest_gap: float = 8.0
    mend: float = 0.5
    fills: float = 0.5  # overlap with another's boxes from which a track fills a gap of theirs

    # A new shot: the mean change of a small picture (0..1), and how many times the usual one.
    cut: float = 0.09
    cut_unusual: float = 5.0

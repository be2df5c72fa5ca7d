"""Where a video's processor time goes: seconds of each stage, by the clocks of the threads.

python benchmarks/video_stages.py CLIP.mp4 --out DIR [--words="--segmenter none"]
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from pymafsam import render
from pymafsam.cli.main import main as pymafsam
from pymafsam.clips import film
from pymafsam.clips.looking import Looker
from pymafsam.files.video import Encoder
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.fitting.sequence import SequenceFit
from pymafsam.people import describe
from pymafsam.people.describe import Describer

STAGES = {
    "find": (Looker, "_found"),
    "MoveNet": (Describer, "_read"),
    "BlazePose": (describe, "look_at"),
    "describe (both)": (Describer, "_one"),
    "fit of single frames": (KeypointFit, "_group"),
    "fit over time": (SequenceFit, "_window"),
    "one shape": (SequenceFit, "shape"),
    "overlay": (film, "_overlay"),
    "side view": (render, "side_view"),
    "encode": (Encoder, "write"),
}


def clocked(
    work: Callable[..., Any], name: str, spent: dict[str, float], calls: Counter
) -> Callable[..., Any]:
    """``work``, its thread's seconds added up under ``name``."""

    def timed(*given: Any, **options: Any) -> Any:
        begun = time.thread_time()
        made = work(*given, **options)
        spent[name] += time.thread_time() - begun
        calls[name] += 1
        return made

    return timed


def main() -> None:
    """Reconstruct the clip with every stage under a clock, and print a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("clip")
    options.add_argument("--out", required=True)
    options.add_argument("--words", default="--segmenter none")
    chosen = options.parse_args()
    spent: defaultdict[str, float] = defaultdict(float)
    calls: Counter = Counter()
    for name, (owner, attribute) in STAGES.items():
        setattr(owner, attribute, clocked(getattr(owner, attribute), name, spent, calls))
    begun = time.process_time()
    pymafsam(["reconstruct", chosen.clip, "--out", chosen.out, *chosen.words.split()])
    print(f"all told {time.process_time() - begun:.1f} s of processor time")
    for name, seconds in sorted(spent.items(), key=lambda row: -row[1]):
        print(f"{name:22} {seconds:7.2f} s in {calls[name]:5} calls")


if __name__ == "__main__":
    main()

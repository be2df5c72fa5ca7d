"""Peak memory and speed by the length of a video.

    python benchmarks/long_clip.py CLIP.mp4 --seconds 10 600 --out DIR [--words="--segmenter none"]

The clip is repeated (its packets are copied, not encoded again) until it is as long as asked, and
goes through ``pymafsam reconstruct`` (with ``--words``) in a process of its own. Said of
each: frames, frames per second all told, processor seconds per frame, and the most memory that the
process ever had.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av

from timing import machine


def repeated(clip: Path, seconds: float, path: Path) -> int:
    """The clip over and over for so many seconds; how many frames that are."""
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        base, rate = stream.time_base, Fraction(stream.average_rate)
        length = round(Fraction(len(packets)) / rate / base)
        with av.open(str(path), "w") as film:
            copy = film.add_stream_from_template(stream)
            wanted, shift, count = round(seconds * rate), 0, 0
            times = [(packet.pts, packet.dts) for packet in packets]
            while count < wanted:
                for packet, (pts, dts) in zip(packets, times, strict=True):
                    packet.pts, packet.dts, packet.stream = pts + shift, dts + shift, copy
                    packet.time_base = base
                    film.mux(packet)
                    count += 1
                shift += length
    return count


def run(film: Path, out: Path, words: list[str]) -> dict[str, float]:
    """A reconstruction in a process of its own."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(film), "--out", str(out), *words]
    )
    # Of this very process: what the whole family used most would hide the shorter clip's.
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{film}: the reconstruction failed")
    return {
        "wall_s": time.perf_counter() - begun,
        "processor_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 600.0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", default="", help="options of reconstruct, in one string")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = {}
    for seconds in options.seconds:
        film = options.out / f"{options.clip.stem}_{seconds:g}s.mp4"
        frames = repeated(options.clip, seconds, film)
        told = run(film, options.out / "results", options.words.split())
        rows[f"{seconds:g} s"] = {
            "frames": frames,
            "frames_per_s": round(frames / told["wall_s"], 2),
            "processor_s_per_frame": round(told["processor_s"] / frames, 4),
            "peak_mb": round(told["peak_mb"]),
        }
        print(json.dumps({f"{seconds:g} s": rows[f"{seconds:g} s"]}), flush=True)
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

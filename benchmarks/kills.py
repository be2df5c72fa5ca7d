"""A video killed at random moments and started again: its files must be the same, bit for bit.

    python benchmarks/kills.py CLIP.mp4 --out DIR [--kills 25] [--words="--segmenter none"]

The clip goes through ``pymafsam reconstruct`` once undisturbed. Then it is begun anew and killed
(SIGKILL) at a random moment within the time that took, and started again, which may be killed,
too, until a run comes to its end; so on until there were enough kills. Said of each run that came
to its end: after how many kills, in which stages (what lay in the working folder), and whether
every file has the undisturbed run's bytes and nothing else was left.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path


def content(folder: Path) -> dict[str, str]:
    """Digests of all files, also of hidden and temporary ones, by relative name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stage(folder: Path, stem: str) -> str:
    """How far a killed run had come, by what it left."""
    work = folder / f"{stem}.work"
    if not work.is_dir():
        return "done" if (folder / f"{stem}_overlay.mp4").exists() else "nothing"
    looks, films = len(list(work.glob("looks-*.npz"))), len(list(work.glob("overlay-*.mp4")))
    return f"{looks} looks, {films} films"


def start(clip: Path, folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    """A run of its own."""
    command = [sys.executable, "-m", "pymafsam.cli", "reconstruct", str(clip), "--out", str(folder)]
    return subprocess.Popen([*command, *words], stderr=subprocess.DEVNULL)


def killed(process: subprocess.Popen[bytes], after: float) -> bool:
    """Whether the process had to be killed after so many seconds; it may come to its end before."""
    try:
        if process.wait(after):
            raise SystemExit("a run failed by itself")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--words", default="--segmenter none", help="options of reconstruct")
    options = parser.parse_args()
    words, chance = options.words.split(), random.Random(options.seed)
    calm, folder = options.out / "calm", options.out / "killed"
    shutil.rmtree(calm, ignore_errors=True)
    begun = time.monotonic()
    if start(options.clip, calm, words).wait():
        raise SystemExit("the undisturbed run failed")
    longest, expected = time.monotonic() - begun, content(calm)
    kills, rows = 0, []
    while kills < options.kills:
        shutil.rmtree(folder, ignore_errors=True)
        stages = []
        # Whatever has been made shortens the next run, so moments lie in what is left of it, too.
        while killed(start(options.clip, folder, words), chance.uniform(0, 1) * longest):
            stages.append(stage(folder, options.clip.stem))
        kills += len(stages)
        rows.append({"killed in": stages, "same": content(folder) == expected})
        print(json.dumps(rows[-1]), flush=True)
    same = sum(row["same"] for row in rows)
    told = {"kills": kills, "finished": len(rows), "same": same, "seconds": round(longest, 1)}
    print(json.dumps(told | {"files": sorted(expected)}))
    if same < len(rows):
        raise SystemExit("some files differ")


if __name__ == "__main__":
    main()

"""Curves of training runs as one picture: validation above, total loss below, over pictures seen.

python tools/draw_training.py runs/first runs/2024 --out docs/images/training.png
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from pymafsam.render.masks import COLOURS
from pymafsam.training import run_folder

WIDTH, HEIGHT, EDGE = 800, 300, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--figures", nargs="+", default=["validation/pck@0.1", "losses/total"])
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    panels = [panel(chosen.runs, figure) for figure in chosen.figures]
    Image.fromarray(np.concatenate(panels)).save(chosen.out)


def panel(runs: list[Path], figure: str) -> np.ndarray:
    """One figure of all runs over the pictures they had seen."""
    curves = {run.name: curve(run, figure) for run in runs}
    everything = np.concatenate([c for c in curves.values() if len(c)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    low[0] = 0
    reach = np.maximum(high - low, 1e-9)
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    size = np.array([WIDTH - 2 * EDGE, -(HEIGHT - 2 * EDGE)])
    cv2.rectangle(canvas, (EDGE, EDGE), (WIDTH - EDGE, HEIGHT - EDGE), (200, 200, 200))
    for k, (name, points) in enumerate(curves.items()):
        places = np.array([EDGE, HEIGHT - EDGE]) + (points - low) / reach * size
        colour = COLOURS[k % len(COLOURS)]
        cv2.polylines(canvas, [places.round().astype(np.int32)], False, colour, 2, cv2.LINE_AA)
        write(canvas, name, (EDGE + 10, EDGE + 20 + 20 * k), colour)
    write(canvas, figure, (EDGE, EDGE - 10))
    write(canvas, f"{low[1]:.3g}", (5, HEIGHT - EDGE))
    write(canvas, f"{high[1]:.3g}", (5, EDGE + 10))
    write(canvas, f"{high[0]:.0f} pictures", (WIDTH - 2 * EDGE - 60, HEIGHT - EDGE + 20))
    return canvas


def curve(run: Path, figure: str) -> np.ndarray:
    """(pictures seen, value) rows."""
    batch = yaml.safe_load((run / run_folder.SETTINGS).read_text())["batch"]
    rows = [r for r in run_folder.measured(run) if figure in r]
    return np.array([[batch * r["step"], r[figure]] for r in rows], float).reshape(-1, 2)


def write(canvas: np.ndarray, text: str, place: tuple[int, int], colour=(60, 60, 60)) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()

"""Moments of a saved motion on one sheet: before a plain wall as the camera saw it, and from aside.

    python tools/motion_sheet.py results/dancer.npz --frames 5 20 38 52 70 85 --out dancer.jpg

For clips whose own pictures may not be shown.
"""

import argparse
from pathlib import Path

import numpy as np

from pymafsam import body, render
from pymafsam.clips.film import Stage, bounds
from pymafsam.export.sequence import load
from pymafsam.files.pictures import write_jpeg
from pymafsam.records import Frame

WALL = 205  # grey


def cut(picture: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The part of a picture, of ``size``, in whose middle the boxes' middle lies."""
    middle = boxes.reshape(-1, 2, 2).mean(axis=(0, 1))
    low = np.clip(middle - np.array(size) / 2, 0, np.array(picture.shape[1::-1]) - size)
    x, y = low.astype(int)
    return picture[y : y + size[1], x : x + size[0]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motions", type=Path)
    parser.add_argument("--frames", type=int, nargs="+", required=True)
    parser.add_argument("--width", type=int, default=250)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    clip = load(options.motions)
    stage = Stage(model=body.load(clip.body_name), clip=clip)
    width, height = clip.camera.size
    size = (min(options.width, width), height)
    wall = np.full((height, width, 3), WALL, np.uint8)
    everywhere = np.concatenate([motion.boxes for motion in clip.motions])
    front, side = [], []
    for index in options.frames:
        scene = stage.scene(Frame(pixels=wall, name=f"{index}", index=index))
        front.append(cut(render.overlay(wall, scene), everywhere, size))
        side.append(render.side_view(scene, size=size, within=bounds(clip.motions)))
    write_jpeg(np.vstack([np.hstack(front), np.hstack(side)]), options.out, "")


if __name__ == "__main__":
    main()

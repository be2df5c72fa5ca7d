"""Saying "no, that arm": a wrist put right, a limb turned over, kept as a prompts file."""

from dataclasses import replace
from pathlib import Path

import pymafsam
from pymafsam.masks import prompts
from pymafsam.records import Flip

people = pymafsam.Reconstructor.load()
(frame,) = pymafsam.read(Path(__file__).with_name("tennis.jpg"))
first = people.scene(frame)

said = pymafsam.Prompt(box=first.bodies[0].person.box)
said = replace(said, pins={"left_wrist": (400.0, 262.0)})
said = replace(said, flips=(Flip(part="right_arm", way="depth"),))
second = people.scene(frame, prompts=[said])

wrist = [scene.bodies[0].keypoints_2d["coco17"][9, :2].round() for scene in (first, second)]
print(f"the left wrist moved from {wrist[0]} to {wrist[1]}")

Path("out").mkdir(exist_ok=True)
prompts.write_file(Path("out/corrections.json"), {frame.name: [prompts.to_json(said)]})

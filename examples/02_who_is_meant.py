"""Of several people, one: by a box, by a click, or by a mask made elsewhere."""

from pathlib import Path

import numpy as np

import pymafsam

people = pymafsam.Reconstructor.load()
(frame,) = pymafsam.read(Path(__file__).with_name("three.jpg"))
everybody = people.scene(frame)
box = everybody.bodies[0].person.box

by_box = people.scene(frame, prompts=[pymafsam.Prompt(box=box)])
middle = np.array([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]])
clicked = pymafsam.Prompt(clicks=middle, inside=np.array([True]))
by_click = people.scene(frame, prompts=[clicked])
mask = everybody.bodies[0].mask
by_mask = people.scene(frame, prompts=[pymafsam.Prompt(mask=mask.inside)])

print(f"{len(everybody.bodies)} people; the first one is")
for how, scene in (("box", by_box), ("click", by_click), ("mask", by_mask)):
    print(f"by {how}: {scene.bodies[0].translation.round(2)} m")

"""Pictures of saved results from anywhere: over the photograph, from the side, from above."""

from pathlib import Path

from PIL import Image

import pymafsam
from pymafsam import body, export, render
from pymafsam.render.turned import top_view

scene = export.load(Path("out/tennis.json"), body.load("anny24"))
(frame,) = pymafsam.read(Path(__file__).with_name("tennis.jpg"))
Image.fromarray(render.overlay(frame.pixels, scene, opacity=0.6)).save("out/overlay.png")
Image.fromarray(render.side_view(scene, size=(400, 400))).save("out/side.png")
Image.fromarray(top_view(scene, (400, 400))).save("out/top.png")

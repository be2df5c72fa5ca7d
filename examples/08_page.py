"""A page to turn bodies around in, as one file; notebooks draw `show(scene)` in the cell."""

from pathlib import Path

import pymafsam

people = pymafsam.Reconstructor.load()
for scene in people(pymafsam.read(Path(__file__).with_name("three.jpg"))):
    print(pymafsam.show(scene).save("out/three.html"))

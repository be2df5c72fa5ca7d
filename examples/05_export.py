"""Saved results for other programs: rigs, motion, a mesh, a table."""

from pathlib import Path

from pymafsam import body
from pymafsam.export import conversions

saved = conversions.load(Path("out/tennis.json"), body.load("anny24"))
for name in ("glb", "bvh", "ply", "csv"):
    print(*conversions.convert(saved, name, Path("out"), "tennis"))

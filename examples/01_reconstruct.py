"""A photograph in, everybody's body out: the mesh, the numbers, and a picture to look at."""

from pathlib import Path

import pymafsam

people = pymafsam.Reconstructor.load()
for scene in people(pymafsam.read(Path(__file__).with_name("tennis.jpg"))):
    for body in scene.bodies:
        x, y, z = body.translation
        print(f"score {body.score:.2f}, {z:.1f} m away, {len(body.mesh.vertices)} vertices")
    written = pymafsam.save(scene, "out", formats=("json", "picture", "obj"))
    print(*written.values(), sep="\n")

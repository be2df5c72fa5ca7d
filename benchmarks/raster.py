"""How fast bodies are drawn: the rasteriser by engine and size, overlay, side view, silhouette.

python benchmarks/raster.py --out raster.json
"""

import argparse
import json
from pathlib import Path

import numpy as np

from pymafsam import body, render
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Body, Person, Pose, Scene
from timing import machine, measure

SIZES = (224, 512, 1024)
PICTURES = ((640, 480), (1920, 1080), (6000, 4000))


def person(model: body.BodyModel, camera, x: float) -> Body:
    """Somebody upright with slightly hanging arms who fills the picture's height."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotations[0] = np.diag([1, -1, -1])
    pose = Pose(rotations=rotations, betas=np.zeros(10, np.float32))
    distance = camera.focal * 2.0 / camera.size[1]
    box = np.array([0.0, 0, *camera.size])
    place = np.array([x, 0.2, distance])
    return body.place(model, pose, place, camera, Person(box=box, score=1.0), 1.0)


def measure_all() -> dict:
    """Every figure, by name."""
    model = body.load("anny24")
    found = {}
    for side in SIZES:
        camera = picture_camera((side, side))
        one = person(model, camera, 0.0)
        metres = one.mesh.vertices + one.translation
        xy = metres[:, :2] * camera.focal / metres[:, 2:] + camera.centre
        points = np.concatenate([xy, metres[:, 2:]], axis=1)
        for engine, repeat in (("numba", 50), ("numpy", 5)):
            found[f"rasterise {side} x {side}, {engine}"] = measure(
                lambda points=points, side=side, engine=engine: render.rasterise(
                    points, model.faces, (side, side), engine=engine
                ),
                repeat,
            )
    for width, height in PICTURES:
        camera = picture_camera((width, height))
        one = person(model, camera, 0.0)
        scene = Scene(
            name="",
            index=0,
            camera=camera,
            bodies=(one,),
            body_name=model.name,
            faces=model.faces,
        )
        pixels = np.full((height, width, 3), 90, np.uint8)
        repeat = 5 if width > 2000 else 15
        name = f"{width} x {height}, one person"
        found[f"overlay {name}"] = measure(lambda p=pixels, s=scene: render.overlay(p, s), repeat)
        found[f"silhouette {name}"] = measure(lambda s=scene: render.silhouettes(s), repeat)
        found[f"side view {name}"] = measure(lambda s=scene: render.side_view(s), repeat)
    return {"faces": len(model.faces), "milliseconds": found, "machine": machine()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the figures go as json")
    out = parser.parse_args().out
    found = measure_all()
    for name, row in found["milliseconds"].items():
        print(f"{name:46} {row['median_ms']:9.2f} ms  (spread {row['spread_ms']:.2f})")
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

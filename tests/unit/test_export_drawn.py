"""Bodies that cannot be trusted are saved but not drawn."""

import dataclasses

import numpy as np

from pymafsam import body, export
from pymafsam.export.pictures import LEAST_DRAWN
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Person, Pose, Scene


def test_an_untrusted_body_is_in_the_numbers_but_not_in_the_picture(tmp_path):
    model = body.load("anny24")
    camera = picture_camera((160, 120))
    upright = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    upright[0] = np.diag([1.0, -1.0, -1.0])
    pose = Pose(rotations=upright, betas=np.zeros(10, np.float32))
    person = Person(box=np.array([40.0, 10, 120, 110]), score=1.0)
    placed = body.place(model, pose, np.array([0.0, 0, 4]), camera, person, 1.0)
    scene = Scene(
        name="a.png",
        index=0,
        camera=camera,
        bodies=(placed,),
        body_name=model.name,
        faces=model.faces,
        pixels=np.full((120, 160, 3), 90, np.uint8),
    )
    doubtful = dataclasses.replace(placed, score=LEAST_DRAWN - 0.01)
    pictures = []
    for name, one in (("sure", placed), ("doubtful", doubtful)):
        written = export.save(
            dataclasses.replace(scene, bodies=(one,)), tmp_path / name, ("picture", "json")
        )
        assert len(export.load(written["json"], model).bodies) == 1
        from PIL import Image

        pictures.append(np.asarray(Image.open(written["picture"]), int))
    assert np.abs(pictures[0] - 90).max() > 60
    assert np.abs(pictures[1] - 90).max() <= 3

"""Looks come back from disk as they were written."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pymafsam.clips import looks
from pymafsam.records import Person, Pose
from pymafsam.tracking.colours import Colours
from pymafsam.tracking.tracker import Sighting

SINGLE = looks.Single(
    pose=Pose(rotations=np.stack([np.eye(3)] * 24), betas=np.zeros(10)),
    translation=np.zeros(3),
    score=0.5,
)


def look(people: list[Person]) -> looks.Look:
    colours = Colours(shares=np.zeros((2, 8)))
    return looks.Look(
        index=3,
        seconds=0.1,
        looked=True,
        sightings=tuple(Sighting(person=one, colours=colours, mask=None) for one in people),
        singles=(SINGLE,) * len(people),
        said=(None,) * len(people),
        masks=(None,) * len(people),
        small=np.zeros((4, 4, 3), np.uint8),
        moved=0.0,
    )


def test_features_come_back_bit_for_bit_whoever_has_some(tmp_path: Path):
    generator = np.random.default_rng(0)
    both = generator.normal(size=(2, 17, 6)).astype(np.float16)
    plain = Person(box=np.array([0.0, 0.0, 5.0, 9.0]), score=0.9)
    people = [plain, replace(plain, features=both), replace(plain, features=both[:1])]
    looks.save([look(people)], tmp_path / "looks.npz")
    (again,) = looks.load(tmp_path / "looks.npz")
    nothing, two, one = (sighting.person.features for sighting in again.sightings)
    assert nothing is None
    assert two is not None
    assert one is not None
    assert (two == both).all()
    assert (one == both[:1]).all()
    assert two.dtype == np.float16


def test_nobody_with_features(tmp_path: Path):
    plain = Person(box=np.array([0.0, 0.0, 5.0, 9.0]), score=0.9)
    looks.save([look([plain])], tmp_path / "looks.npz")
    (again,) = looks.load(tmp_path / "looks.npz")
    assert again.sightings[0].person.features is None

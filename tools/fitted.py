"""People of a COCO-format folder, described by tools/cache_people.py and fitted, for the tools."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pymafsam.evaluation import coco
from pymafsam.files import rle
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.chain import State
from pymafsam.geometry import camera
from pymafsam.people.features import Features
from pymafsam.records import Camera, Inside, Mask, Person


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One person: what was known, what was annotated, what the fit made of it."""

    person: Person
    mask: Inside
    camera: Camera
    truth: coco.Annotated
    state: State
    energy: float


def read(cache: Path) -> list[tuple[int, tuple[int, int], Person]]:
    """Annotation id, picture size and person of every row of a people cache."""
    with np.load(cache, allow_pickle=False) as content:
        table = dict(content)
    answers = [name.removeprefix("answer_") for name in table if name.startswith("answer_")]
    features = Features.load() if "channels" in table else None
    rows = []
    for index, identity in enumerate(table["id"].tolist()):
        width, height = (int(value) for value in table["size"][index])
        counts = {"size": [height, width], "counts": str(table["mask"][index])}
        person = Person(
            box=table["box"][index],
            score=1.0,
            keypoints=table["keypoints"][index],
            answers={name: table[f"answer_{name}"][index] for name in answers},
            features=None if features is None else features(table["channels"][index]),
            world=table["world"][index],
            presence=float(table["presence"][index]),
            keypoint_score=float(table["keypoint_score"][index]),
            mask=rle.decode(counts, (width, height)),
        )
        rows.append((identity, (width, height), person))
    return rows


def fitted(fit: KeypointFit, annotations: Path, cache: Path) -> Iterator[Fitted]:
    """Fits everybody in the cache, one by one, each before the default camera of its picture."""
    pictures = coco.read_annotations(annotations)
    truths = {person.id: person for picture in pictures for person in picture.people}
    for identity, size, person in read(cache):
        view = camera.picture_camera(size)
        assert person.mask is not None
        mask = Mask(inside=person.mask, score=1.0, source="detector")
        state, energy = fit.solve([person], [mask], [view])
        yield Fitted(
            person=person,
            mask=person.mask,
            camera=view,
            truth=truths[identity],
            state=state,
            energy=float(energy[0]),
        )

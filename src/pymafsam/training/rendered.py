"""Rendered people as a data set: pictures drawn when they are asked for, with exact answers."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam import body, crops
from pymafsam.body import BodyModel
from pymafsam.data import augment
from pymafsam.data.augment import Ranges
from pymafsam.data.people import POINTS, sample_of
from pymafsam.data.rows import PIXELS_PER_SCALE, Row
from pymafsam.data.samples import Sample
from pymafsam.data.synthetic import Rendered, Stage
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import project
from pymafsam.training import keypoints


@dataclass(frozen=True)
class RenderedPeople:
    """``count`` people of a ``Stage``: a ``DataSet``. The same number is always the same picture;
    what a generator decides is the augmentation of its crop.
    """

    stage: Stage
    count: int
    seed: int
    points: str
    ranges: Ranges
    name: str = "rendered"

    @staticmethod
    def of(
        model: BodyModel,
        *,
        count: int,
        seed: int,
        points: str,
        ranges: Ranges,
        backgrounds: Path | None = None,
        mocap: Path | None = None,
    ) -> "RenderedPeople":
        """Around the body ``model``, before backgrounds and in poses from those folders if any."""
        stage = Stage.of(model, photographs=backgrounds, mocap=mocap)
        return RenderedPeople(stage=stage, count=count, seed=seed, points=points, ranges=ranges)

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        """Person ``index``, the crop augmented as ``random`` says."""
        rendered = self.stage.picture(self.seed, index)
        row = row_of(rendered, self.stage.model)
        inside = rendered.people[0].mask
        drawn = augment.draw(random, self.ranges)
        made = sample_of(row, rendered.frame.pixels, inside, drawn)
        where = POINTS[self.points](made.mask if made.has_mask else None, random, None)
        return replace(made, points=where, exact_mask=made.has_mask, index=index, dataset=self.name)


def row_of(rendered: Rendered, model: BodyModel) -> Row:
    """What is known of the person who is meant, as a row of a table."""
    person, camera = rendered.people[0], rendered.camera
    mesh = body.skin(model, person.pose)
    regressor = keypoints.regressor(model)
    everything = np.concatenate([mesh.vertices, mesh.joints])
    found = np.einsum("km,kmd->kd", regressor.weights, everything[regressor.vertices])
    annotated = found[keypoints.DETECTED :].astype(np.float64)
    certain = np.ones((len(annotated), 1))
    around = crops.square_around(person.found)
    turns = rotation.to_axis_angle(person.pose.rotations.astype(np.float64))
    return Row(
        image=rendered.frame.name,
        centre=np.array(around.centre, np.float64),
        scale=around.side / PIXELS_PER_SCALE,
        keypoints=np.hstack([project(annotated + person.translation, camera), certain]),
        joints_3d=np.hstack([annotated - annotated[[2, 3]].mean(axis=0), certain]),
        pose=turns.reshape(-1),
        betas=person.pose.betas.astype(np.float64),
        translation=np.asarray(person.translation, np.float64),
        focal=camera.focal,
        size=camera.size,
    )

"""Rendered people with exact answers: a picture by (seed, index), always the same bits.

``Stage`` holds what all pictures share (the body with its clothes, poses, backgrounds); a picture
draws everything else from its own generator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.synthetic import drawing, obstacles, outfit, views
from pymafsam.data.synthetic.backgrounds import Backgrounds
from pymafsam.data.synthetic.dressed import Wardrobe
from pymafsam.data.synthetic.limbs import rest_joints
from pymafsam.data.synthetic.poses import Library
from pymafsam.data.synthetic.surface import Prints
from pymafsam.geometry import boxes
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Frame, Inside, Pose
from pymafsam.render.paint import NEAR, on_screen
from pymafsam.render.raster import rasterise

Generator = np.random.Generator

COMPANY = 0.22  # share of pictures with a second person
OBSTACLES = 0.25  # share of pictures with things in front
SHADOWS = 0.5
SEATS = 0.7
# A picture is drawn again where less of the person is seen, or fewer of trunk's and limbs' points.
LEAST_SEEN, LEAST_POINTS = 0.25, 5
BODY_POINTS = slice(11, 29)  # of blazepose33, shoulders to ankles
ATTEMPTS = 4
CHILDREN = 0.13
NOISE = 640  # pixels along the side of the bank of grain
OUTSIDE, HIDDEN, BEHIND, SEEN = 0, 1, 2, 3  # a keypoint: off the picture, behind something,
# on the far side of the own body, or in sight
OWN_DEPTH = 0.12  # metres; keypoints lie in the flesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """All that is known of a rendered person; metres, camera axes, picture pixels.

    ``pose`` has the root's rotation into camera axes; ``joints`` are the skeleton's 24 with the
    translation. ``mask`` holds the pixels where the dressed person is seen, ``visible`` their
    share of the whole silhouette; ``box`` is around them, ``found`` the same as inexact as a
    detector's. ``keypoints`` are blazepose33's on the naked body, ``sight`` says of each whether
    it is off the picture (0), hidden by something (1), on the far side (2) or seen (3).
    """

    pose: Pose
    translation: Float[np.ndarray, "3"]
    joints: Float[np.ndarray, "24 3"]
    keypoints: Float[np.ndarray, "33 2"]
    sight: UInt8[np.ndarray, "33"]
    mask: Inside
    visible: float
    box: Float[np.ndarray, "4"]
    found: Float[np.ndarray, "4"]
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A picture, its camera, how far that looks down, and the people in it; the first is meant."""

    frame: Frame
    camera: Camera
    turn: Float[np.ndarray, "3 3"]  # world axes (y up) -> camera axes
    people: tuple[Truth, ...]


@runtime_checkable
class PoseSource(Protocol):
    """Where poses come from."""

    def draw(self, generator: Generator) -> tuple[Float[np.ndarray, "24 3 3"], str]:
        """A pose, its root in world axes (y up), and what kind it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What pictures of synthetic people are made from."""

    model: BodyModel
    wardrobe: Wardrobe
    poses: PoseSource
    backgrounds: Backgrounds
    noise: Float32[np.ndarray, "rows columns 3"]
    side: tuple[int, int]  # pixels of a picture's longer side, from and to

    @staticmethod
    def of(
        model: BodyModel,
        *,
        photographs: Path | None = None,
        mocap: Path | None = None,
        fits: Path | None = None,
        poses: PoseSource | None = None,
        side: tuple[int, int] = (320, 448),
        held_out: bool = False,
    ) -> "Stage":
        """Backgrounds from a COCO-format folder, poses from clips and fits; all optional.

        ``poses`` replaces clips and fits. ``held_out``: from the tenth of photographs and fits that
        is kept for test sets. Raises MissingAsset where ``photographs`` is no such folder.
        """
        backgrounds = Backgrounds()
        if photographs is not None:
            backgrounds = Backgrounds.of(photographs, held_out=held_out)
        noise = np.random.default_rng(0).normal(size=(NOISE, NOISE, 3)).astype(np.float32)
        return Stage(
            model=model,
            wardrobe=Wardrobe.of(model),
            poses=poses or Library.of(rest_joints(model), mocap, fits, held_out=held_out),
            backgrounds=backgrounds,
            noise=noise,
            side=side,
        )

    def picture(self, seed: int, index: int) -> Rendered:
        """The picture of that seed and number; drawn again while too little of the person shows."""
        for attempt in range(ATTEMPTS):
            generator = np.random.default_rng((seed, index, attempt))
            rendered = self._draw(f"{seed}-{index:07d}", index, generator)
            if _worth(rendered.people[0]):
                break
        return rendered

    def _draw(self, name: str, index: int, generator: Generator) -> Rendered:
        g = generator
        view = views.draw(self.side, g)
        camera = view.camera
        pixels = self.backgrounds.draw(camera, view.tilt, g).copy()
        figures, kinds = [], []
        company = 1 + int(g.random() < COMPANY)
        for _ in range(company):
            figure, kind = self._figure(view, figures, g)
            figures.append(figure)
            kinds.append(kind)
        light = drawing.lamp(view.turn, pixels, g)
        if g.random() < SHADOWS:
            for figure in figures:
                drawing.shadow(pixels, figure, light, camera, g.uniform(0.2, 0.6))
        for figure, kind in zip(figures, kinds, strict=True):
            if kind in ("sitting", "fitted low") and g.random() < SEATS:
                obstacles.seat(
                    pixels, figure.translation, figure.pose.rotations[0][:, 2], view.turn, camera, g
                )
        what = drawing.seen(figures, camera)
        drawing.paint(pixels, figures, what, self.wardrobe, light)
        covered = np.zeros(pixels.shape[:2], bool)
        if g.random() < OBSTACLES:
            box = boxes.bounds(what.owner == 0)
            covered = obstacles.lay(pixels, box, self.backgrounds, g)
        pixels = drawing.exposed(pixels, self.noise, g)
        people = tuple(
            self._truth(figure, kind, number, what, covered, camera, g)
            for number, (figure, kind) in enumerate(zip(figures, kinds, strict=True))
        )
        frame = Frame(pixels=pixels, name=name, index=index, focal=camera.focal)
        return Rendered(frame=frame, camera=camera, turn=view.turn, people=people)

    def _figure(
        self, view: views.View, others: Sequence[drawing.Figure], generator: Generator
    ) -> tuple[drawing.Figure, str]:
        g = generator
        world, kind = self.poses.draw(g)
        rotations = world.copy()
        rotations[0] = view.turn @ views.facing(g) @ world[0]
        child = g.random() < CHILDREN
        betas = shape(self.model.shape_dirs.shape[2], g, child=child)
        pose = Pose(rotations=rotations.astype(np.float32), betas=betas)
        mesh = body.skin(self.wardrobe.model, pose)
        naked = mesh.vertices[: self.wardrobe.own]
        if others:
            apart = g.choice([-1, 1]) * g.uniform(0.25, 1.1)
            place = others[0].translation + [apart, g.normal(0, 0.05), g.uniform(-0.6, 1.2)]
            place[2] = max(place[2], views.NEAREST + 0.2 - float(naked[:, 2].min()))
        else:
            place = views.placed(naked, view.camera, g)
        grain = self.noise[: 2 * 64, : 2 * 64, 0] * 0.25 + 0.5
        prints = Prints(cloth=self.backgrounds.texture(g), grain=grain)
        clothes = outfit.draw(g, child=child)
        return drawing.dressed(self.wardrobe, pose, mesh, place, clothes, prints), kind

    def _truth(
        self,
        figure: drawing.Figure,
        kind: str,
        number: int,
        what: drawing.Seen,
        covered: Bool[np.ndarray, "height width"],
        camera: Camera,
        generator: Generator,
    ) -> Truth:
        mask = (what.owner == number) & ~covered
        points = body.regress(self.model, figure.naked, "blazepose33")
        box = boxes.bounds(mask)
        whole = _whole_area(figure, camera)
        return Truth(
            pose=figure.pose,
            translation=figure.translation,
            joints=figure.joints,
            keypoints=project(np.maximum(points, (-1e9, -1e9, 0.05)), camera),
            sight=_sight(points, number, what, covered, camera),
            mask=mask,
            visible=float(mask.sum() / max(whole, 1.0)),
            box=box,
            found=_as_found(box, camera.size, generator),
            kind=kind,
        )


def _worth(truth: Truth) -> bool:
    points = (truth.sight[BODY_POINTS] >= BEHIND).sum()
    return bool(truth.visible >= LEAST_SEEN and points >= LEAST_POINTS)


def shape(count: int, generator: Generator, *, child: bool) -> Float32[np.ndarray, "betas"]:
    """Shape coefficients of anny24; its first is nearly age: grown-ups have 0.4 (0.45)."""
    betas = generator.normal(0, generator.uniform(0.9, 1.15), count)
    betas[0] = generator.uniform(-2.5, 0.1) if child else generator.normal(0.4, 0.5)
    return np.clip(betas, -3, 3).astype(np.float32)


def _whole_area(figure: drawing.Figure, camera: Camera) -> float:
    """Pixels of the figure's silhouette if nothing hid it and the picture had no borders."""
    points = on_screen(figure.vertices, camera)
    used = points[points[:, 2] > 0]
    low, high = used[:, :2].min(axis=0), used[:, :2].max(axis=0)
    scale = min(1.0, 96 / float(max((high - low).max(), 1.0)))
    points = (points - [*low, 0]) * [scale, scale, 1]
    size = tuple(int(v) for v in np.ceil((high - low) * scale) + 1)
    raster = rasterise(points, figure.faces, (size[0], size[1]), near=NEAR)
    return float((raster.face >= 0).sum()) / scale**2


def _sight(
    points: Float[np.ndarray, "33 3"],
    number: int,
    what: drawing.Seen,
    covered: Bool[np.ndarray, "height width"],
    camera: Camera,
) -> UInt8[np.ndarray, "33"]:
    width, height = camera.size
    out = np.full(len(points), OUTSIDE, np.uint8)
    ahead = points[:, 2] > NEAR
    column, row = np.floor(project(np.where(ahead[:, None], points, 1.0), camera)).astype(int).T
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    row, column = row[inside], column[inside]
    owner = what.owner[row, column]
    hidden = covered[row, column] | ((owner >= 0) & (owner != number))
    behind = what.raster.depth[row, column] < points[inside, 2] - OWN_DEPTH
    out[inside] = np.where(hidden, HIDDEN, np.where(behind, BEHIND, SEEN))
    return out


def _as_found(
    box: Float[np.ndarray, "4"], size: tuple[int, int], generator: Generator
) -> Float[np.ndarray, "4"]:
    """The box as a detector might give it: sides off by a few hundredths, inside the picture."""
    extent = np.tile(box[2:] - box[:2], 2)
    moved = box + generator.normal(0, 0.025, 4) * extent
    return np.clip(moved, 0, [*size, *size])

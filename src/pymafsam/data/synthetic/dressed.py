"""The body with cloth that hangs: tubes for skirts and long hair, skinned with it.

``Wardrobe.of(model)`` appends their vertices to the body's own, so that one pose moves all. The
naked body's vertices stay first, and stay the truth.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int

from pymafsam.body import BodyModel
from pymafsam.data.synthetic.limbs import AT
from pymafsam.data.synthetic.outfit import HAIR, TROUSERS, Outfit

SKIRT_ROWS, SKIRT_COLUMNS = 22, 36
HAIR_ROWS, HAIR_COLUMNS = 14, 19
SKIRT_TOP, SKIRT_END = 0.07, -0.78  # y at rest
HAIR_TOP, HAIR_END = 0.70, 0.26


@dataclass(frozen=True, slots=True, kw_only=True)
class Wardrobe:
    """The body with its tubes; ``own`` counts the body's vertices, then come skirt and hair."""

    model: BodyModel
    own: int
    places: Float32[np.ndarray, "vertices 3"]  # on the average body at rest
    skirt: Int[np.ndarray, "skirt_faces 3"]
    hair: Int[np.ndarray, "hair_faces 3"]

    @staticmethod
    def of(model: BodyModel) -> "Wardrobe":
        """For an SMPL-ordered body whose measures are about anny24's."""
        skirt, skirt_weights, skirt_faces = _skirt()
        hair, hair_weights, hair_faces = _hair()
        extra = np.concatenate([skirt, hair]).astype(np.float32)
        own = len(model.template)
        nearest = _nearest(model, extra)
        weights = np.concatenate([skirt_weights, hair_weights]).astype(np.float32)
        whole = replace(
            model,
            template=np.concatenate([model.template, extra]),
            shape_dirs=np.concatenate([model.shape_dirs, model.shape_dirs[nearest]]),
            weights=np.concatenate([model.weights, weights]),
            part=np.concatenate([model.part, model.part[nearest]]),
            uv=np.concatenate([model.uv, model.uv[nearest]]),
            pose_dirs=None,
            mirror=None,
        )
        return Wardrobe(
            model=whole,
            own=own,
            places=whole.template.astype(np.float32),
            skirt=skirt_faces + own,
            hair=hair_faces + own + len(skirt),
        )

    def faces(self, outfit: Outfit) -> Int[np.ndarray, "faces 3"]:
        """The faces that this outfit shows: the body's, then those of tubes down to their hems."""
        parts = [self.model.faces]
        if outfit.skirt is not None:
            parts.append(self._above(self.skirt, outfit.skirt))
        if outfit.long_hair is not None:
            parts.append(self._above(self.hair, outfit.long_hair))
        return np.concatenate(parts).astype(np.int64)

    def _above(self, faces: Int[np.ndarray, "faces 3"], hem: float) -> Int[np.ndarray, "kept 3"]:
        return faces[self.places[faces, 1].min(axis=1) > hem]

    def cloth(
        self, outfit: Outfit, wobble: Float32[np.ndarray, "vertices"]
    ) -> Int[np.ndarray, "vertices"]:
        """What each vertex is covered by, or made of; ``wobble`` as in ``Outfit.cloth``."""
        first = self.own + SKIRT_ROWS * SKIRT_COLUMNS
        own = outfit.cloth(self.places[: self.own], wobble[: self.own])
        skirt = np.full(first - self.own, TROUSERS)
        return np.concatenate([own, skirt, np.full(len(self.places) - first, HAIR)])

    def tube_cloth(self, vertices: Int[np.ndarray, "chosen"]) -> Int[np.ndarray, "chosen"]:
        """What tubes are made of, by any of their vertices."""
        return np.where(vertices < self.own + SKIRT_ROWS * SKIRT_COLUMNS, TROUSERS, HAIR)

    def lift(
        self, outfit: Outfit, cloth: Int[np.ndarray, "vertices"]
    ) -> Float[np.ndarray, "vertices"]:
        """Metres along the normal by which every vertex is moved outwards."""
        lift = outfit.lift(self.places, cloth)
        first = self.own + SKIRT_ROWS * SKIRT_COLUMNS
        below = np.maximum(SKIRT_TOP - self.places[self.own : first, 1], 0)
        lift[self.own : first] = (
            0.006
            + 0.6 * lift[self.own : first]
            + outfit.flare
            * below
            * (
                1
                + 0.25
                * outfit.folds(self.places[self.own : first] * np.array([1, 0.1, 1], np.float32))
            )
        )
        lift[first:] *= 0.9
        return lift


def _skirt() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest places, skinning weights and faces of a tube around both legs."""
    y, angle = _grid(SKIRT_TOP, SKIRT_END, SKIRT_ROWS, SKIRT_COLUMNS, np.pi)
    wide = np.interp(-y, [-0.07, 0.1, 0.4, 0.78], [0.15, 0.188, 0.21, 0.215])
    deep = np.interp(-y, [-0.07, 0.1, 0.4, 0.78], [0.125, 0.135, 0.13, 0.13])
    x, z = wide * np.sin(angle), deep * np.cos(angle) - 0.005
    weights = np.zeros((*y.shape, 24))
    left = _step(x, -0.16, 0.16)
    low = 0.9 * _step(-y, -0.02, 0.16)
    knee = 0.6 * _step(-y, 0.3, 0.55)
    weights[..., AT["pelvis"]] = 1 - low
    for side, share in (("left", left), ("right", 1 - left)):
        weights[..., AT[f"{side}_hip"]] = low * share * (1 - knee)
        weights[..., AT[f"{side}_knee"]] = low * share * knee
    places = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return places, weights.reshape(-1, 24), _strip(SKIRT_ROWS, SKIRT_COLUMNS, closed=True)


def _hair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of hair that falls behind the ears onto the shoulders and the back."""
    y, angle = _grid(HAIR_TOP, HAIR_END, HAIR_ROWS, HAIR_COLUMNS, np.deg2rad(118))
    wide = np.interp(-y, [-0.7, -0.6, -0.5, -0.42, -0.26], [0.07, 0.088, 0.095, 0.12, 0.13])
    deep = np.interp(-y, [-0.7, -0.6, -0.5, -0.42, -0.26], [0.08, 0.10, 0.085, 0.10, 0.10])
    back = np.interp(-y, [-0.7, -0.6, -0.5, -0.42, -0.26], [0.03, 0.035, 0.02, 0.0, -0.015])
    x, z = wide * np.sin(angle), back - deep * np.cos(angle)
    weights = np.zeros((*y.shape, 24))
    head, chest = _step(y, 0.5, 0.6), _step(-y, -0.55, -0.4)
    weights[..., AT["head"]] = head
    weights[..., AT["spine3"]] = (1 - head) * chest
    weights[..., AT["neck"]] = (1 - head) * (1 - chest)
    places = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    # Angles run the other way round than the skirt's, seen from outside.
    return places, weights.reshape(-1, 24), _strip(HAIR_ROWS, HAIR_COLUMNS, closed=False)[:, ::-1]


def _grid(top: float, end: float, rows: int, columns: int, half: float):
    y = np.linspace(top, end, rows)
    closed = half >= np.pi
    angle = np.linspace(-half, half, columns, endpoint=not closed)
    return tuple(np.meshgrid(y, angle, indexing="ij"))


def _strip(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Two triangles per cell of a grid of vertices."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns - (not closed)), indexing="ij")
    a, b = r * columns + c, r * columns + (c + 1) % columns
    d, e = a + columns, b + columns
    faces = np.stack([np.stack([a, d, b], -1), np.stack([b, d, e], -1)], axis=2)
    return faces.reshape(-1, 3)


def _step(values: Float[np.ndarray, "..."], low: float, high: float) -> np.ndarray:
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _nearest(model: BodyModel, places: Float32[np.ndarray, "places 3"]) -> np.ndarray:
    """The body's nearest vertex of each place."""
    own = model.template.astype(np.float32)
    return np.array([int(((own - place) ** 2).sum(axis=1).argmin()) for place in places])

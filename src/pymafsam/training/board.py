"""What a run tells on its way: figures and pictures for TensorBoard, figures in a file."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from pymafsam import crops
from pymafsam.body import BodyModel
from pymafsam.errors import BadInput
from pymafsam.files.atomic import writing
from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE
from pymafsam.network.pymaf import Estimate
from pymafsam.network.skinning import SkinnedBody
from pymafsam.records import Body, Camera, Mesh, Person, Pixels, Pose, Scene
from pymafsam.render import contact_sheet, overlay
from pymafsam.training import run_folder
from pymafsam.training.losses import Targets

log = logging.getLogger(__name__)

SHOWN = 6  # people of a batch
ACROSS = 3  # panels of a person: input with mask and points, prediction, target
SIDE = 192  # pixels of a panel
INSIDE, POINT = (40, 200, 60), (255, 255, 255)


class Board:
    """Writes a run's figures; a board without a folder writes nothing."""

    def __init__(self, folder: Path | None, step: int = 0):
        """``step``: what comes after it will be made again and is forgotten."""
        self.folder = folder
        self._writer = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            run_folder.forget_after(folder, step)
            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Numbers by name, such as ``losses/pose_3``, after a step."""
        if self._writer is None or self.folder is None:
            return
        with going_on(self.folder):
            run_folder.note(self.folder, step, figures)
        with going_on(self.folder):
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)

    def sheet(self, step: int, pixels: Pixels) -> None:
        """A picture after a step; the latest also lies in the folder as ``pictures.png``."""
        if self._writer is None or self.folder is None:
            return
        from PIL import Image

        with going_on(self.folder), writing(self.folder / "pictures.png") as path:
            Image.fromarray(pixels).save(path)
        with going_on(self.folder):
            self._writer.add_image("pictures", pixels, step, dataformats="HWC")

    def close(self) -> None:
        """Write what TensorBoard still has to write."""
        if self._writer is not None and self.folder is not None:
            with going_on(self.folder):
                self._writer.close()


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """A run of days does not end because a curve could not be written (a full disk): it is said."""
    try:
        yield
    except (OSError, BadInput) as error:
        log.error("Figures could not be written to %s (%s); the run goes on", folder, error)


def sheet(targets: Targets, estimate: Estimate, model: BodyModel, skin: SkinnedBody) -> Pixels:
    """The first people of a batch: crop with mask and points, body found, body wanted."""
    tiles = []
    with torch.no_grad():
        wanted, _ = skin(targets.rotations[:SHOWN], targets.betas[:SHOWN])
        found, _ = skin(estimate.rotations[:SHOWN], estimate.betas[:SHOWN])
    for row in range(min(SHOWN, len(targets))):
        pixels = shown(targets.images[row].cpu().numpy())
        tiles.append(_marked(pixels, targets, row))
        tiles.append(_laid(pixels, found[row], estimate.camera[row], model))
        known = bool(targets.has_smpl[row] and targets.has_camera[row])
        laid = _laid(pixels, wanted[row], targets.camera[row], model) if known else None
        tiles.append(_annotated(pixels if laid is None else laid, targets, row))
    return contact_sheet(tiles, 2 * ACROSS, SIDE)


def shown(pixels: Float[np.ndarray, "3 side side"]) -> Pixels:
    """A normalised crop as a picture."""
    scaled = pixels.transpose(1, 2, 0) * crops.DEVIATION + crops.MEAN
    return np.clip(np.rint(255 * scaled), 0, 255).astype(np.uint8)


def _marked(pixels: Pixels, targets: Targets, row: int) -> Pixels:
    """The mask tinted and the first points dotted."""
    import cv2

    side = len(pixels)
    out = pixels.copy()
    if targets.has_mask[row]:
        away = cv2.resize(targets.outside[row].cpu().numpy(), (side, side))
        inside = away <= 0
        out[inside] = (0.6 * out[inside] + 0.4 * np.array(INSIDE)).astype(np.uint8)
    places = (targets.points[row].cpu().numpy() + 1) / 2 * (side - 1)
    columns, rows = np.rint(places).astype(int).T
    out[rows.clip(0, side - 1), columns.clip(0, side - 1)] = POINT
    return out


def _laid(pixels: Pixels, vertices, camera, model: BodyModel) -> Pixels:
    """A body over the crop, seen by the crop's own camera."""
    scale, x, y = camera.detach().cpu().numpy().astype(np.float64)
    if scale <= 0.01:
        return pixels
    side = len(pixels)
    focal = CROP_FOCAL * side / CROP_SIDE
    mesh = Mesh(
        vertices=vertices.cpu().numpy(), joints=np.zeros((len(model.parents), 3), np.float32)
    )
    person = Person(box=np.array([0, 0, side, side], np.float64), score=1.0)
    placed = Body(
        person=person,
        pose=Pose(
            rotations=np.zeros((len(model.parents), 3, 3), np.float32),
            betas=np.zeros(1, np.float32),
        ),
        mesh=mesh,
        translation=np.array([x, y, 2 * CROP_FOCAL / (CROP_SIDE * scale)]),
        score=1.0,
    )
    scene = Scene(
        name="",
        index=0,
        camera=Camera(focal=focal, centre=(side / 2, side / 2), size=(side, side)),
        bodies=(placed,),
        body_name=model.name,
        faces=model.faces,
    )
    return overlay(pixels, scene, samples=1)


def _annotated(pixels: Pixels, targets: Targets, row: int) -> Pixels:
    """The annotated points as dots."""
    import cv2

    out = np.ascontiguousarray(pixels.copy())
    for x, y, confidence in targets.keypoints[row].cpu().numpy():
        if confidence > 0:
            place = (int((x + 1) / 2 * len(out)), int((y + 1) / 2 * len(out)))
            cv2.circle(out, place, 3, (255, 214, 64), -1, cv2.LINE_AA)
    return out

"""Run a reconstruction over annotated pictures and keep, per person, what the figures need."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.evaluation import coco
from pymafsam.evaluation.metrics import correct_keypoints, iou
from pymafsam.files.frames import read_picture
from pymafsam.geometry import joints
from pymafsam.records import Body, Frame, Person, Scene
from pymafsam.render import silhouettes

# From a picture and the people in it (None: find them) to its scene.
Reconstruct = Callable[[Frame, Sequence[Person] | None], Scene]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reconstructed person. Keypoints are COCO's 17 rows of x, y, confidence (flat list).

    ``detector`` holds the keypoints the body was made from; overlaps are None where nothing is
    annotated to compare with.
    """

    picture: int
    mesh: list[float]
    mesh_score: float
    detector: list[float]
    detector_score: float
    area: float | None = None
    silhouette_iou: float | None = None
    mask_iou: float | None = None


def measure_coco(
    picture: coco.AnnotatedPicture, images: Path, reconstruct: Reconstruct, *, given_boxes: bool
) -> list[Row]:
    """Reconstruct a picture's annotated people (``given_boxes``) or whoever is found in it."""
    frame = read_picture(images / picture.file_name)
    if not given_boxes:
        scene = reconstruct(frame, None)
        return [row_of(picture.id, body) for body in scene.bodies]
    annotated = [p for p in picture.people if (p.keypoints[:, 2] > 0).any()]
    if not annotated:
        return []
    scene = reconstruct(frame, [at_box(p.box) for p in annotated])
    rows = []
    for body, silhouette, person in zip(scene.bodies, silhouettes(scene), annotated, strict=True):
        outline = person.mask(frame.size)
        overlaps = {"silhouette_iou": iou(silhouette, outline), "area": person.area}
        if body.mask is not None:
            overlaps["mask_iou"] = iou(body.mask.inside, outline)
        rows.append(row_of(picture.id, body, **overlaps))
    return rows


def at_box(box: np.ndarray) -> Person:
    """Somebody of whom only the box is known."""
    return Person(box=box.astype(np.float32), score=1.0)


def row_of(picture: int, body: Body, **overlaps: float) -> Row:
    """What the figures need of a reconstructed body."""
    person = body.person
    detector, detector_score = body.keypoints_2d["coco17"], body.score
    if person.keypoints is not None:
        detector = person.keypoints[joints.mapping(person.layout, "coco17")]
        detector_score = person.score if person.keypoint_score is None else person.keypoint_score
    return Row(
        picture=picture,
        mesh=_flat(body.keypoints_2d["coco17"]),
        mesh_score=float(body.score),
        detector=_flat(detector),
        detector_score=float(detector_score),
        **overlaps,
    )


def _flat(keypoints: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in keypoints.ravel()]


def resumed(
    pictures: Sequence[Any],
    measure: Callable[[Any], list[Row]],
    journal: Path,
    settings: dict[str, Any],
) -> Iterator[tuple[Any, list[Row]]]:
    """Measure every picture once, also across interruptions.

    The journal's first line holds the settings, every further one a finished picture. A journal
    made with other settings is started afresh; a half-written last line is measured again.
    """
    done = _read_journal(journal, settings)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps(settings, sort_keys=True) + "\n")
        for key, rows in done.items():
            lines.write(_line(key, rows))
        lines.flush()
        for picture in pictures:
            key = str(picture.id)
            if key not in done:
                done[key] = measure(picture)
                lines.write(_line(key, done[key]))
                lines.flush()
            yield picture, done[key]


def _line(key: str, rows: Iterable[Row]) -> str:
    return json.dumps({"id": key, "rows": [asdict(row) for row in rows]}) + "\n"


def _read_journal(journal: Path, settings: dict[str, Any]) -> dict[str, list[Row]]:
    if not journal.is_file():
        return {}
    first, *lines = journal.read_text(encoding="utf-8").splitlines() or [""]
    if first != json.dumps(settings, sort_keys=True):
        return {}
    done = {}
    for line in lines:
        try:
            entry = json.loads(line)
            done[entry["id"]] = [Row(**row) for row in entry["rows"]]
        except (ValueError, KeyError, TypeError):
            break
    return done


def summarise_coco(
    annotations: Path, rows: Sequence[Row], pictures: Sequence[int] | None = None
) -> dict[str, Any]:
    """The figures of a run: AP of the mesh's keypoints and the detector's, mean overlaps."""
    figures: dict[str, Any] = {"people": len(rows)}
    for source in ("mesh", "detector"):
        figures[source] = coco.score(annotations, coco_results(rows, source), pictures)
    for overlap in ("silhouette_iou", "mask_iou"):
        values = [v for row in rows if (v := getattr(row, overlap)) is not None]
        figures[overlap] = float(np.mean(values)) if values else None
    large = [row.mask_iou for row in rows if row.mask_iou is not None and (row.area or 0) > 3000]
    figures["mask_iou_large"] = float(np.mean(large)) if large else None
    return figures


def coco_results(rows: Sequence[Row], source: str) -> list[dict[str, Any]]:
    """Rows in COCO's result format; ``source`` is ``mesh`` or ``detector``."""
    return [
        coco.result(
            row.picture, np.reshape(getattr(row, source), (17, 3)), getattr(row, f"{source}_score")
        )
        for row in rows
    ]


def percentage_correct(
    rows: Sequence[Row], truths: Sequence[np.ndarray], share: float = 0.2
) -> dict[str, float]:
    """PCK of the 12 limb joints (shoulders to wrists, hips to ankles), mesh and detector.

    ``truths`` are LSP-14 joints (14, 3), third column > 0 where known; a joint is right within
    ``share`` of the annotated distance from left shoulder to right hip.
    """
    limbs = joints.LSP14[:12]
    in_coco = np.array([joints.COCO17.index(name) for name in limbs])
    true = np.stack(truths)
    left_shoulder, right_hip = (joints.LSP14.index(n) for n in ("left_shoulder", "right_hip"))
    torso = np.linalg.norm(true[:, left_shoulder, :2] - true[:, right_hip, :2], axis=-1)
    figures = {}
    for source in ("mesh", "detector"):
        found = np.stack([np.reshape(getattr(row, source), (17, 3)) for row in rows])
        figures[source] = correct_keypoints(
            found[:, in_coco, :2], true[:, :12, :2], true[:, :12, 2] > 0, torso, share
        )
    return figures

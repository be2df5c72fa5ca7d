"""The records that flow from the picture to the mesh. numpy outside the network, torch inside.

Boxes, clicks, joints and masks are in pixels of the whole picture; the centre of the top left
pixel is (0, 0) + (0.5, 0.5): pixel (column 3, row 5) covers x in [3, 4), y in [5, 6).
Metres follow OpenCV's camera axes: x right, y down, z forward (see docs/conventions.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Pixels = UInt8[np.ndarray, "height width 3"]
Inside = Bool[np.ndarray, "height width"]
Rotations = Float[np.ndarray, "*batch joints 3 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture: RGB ``pixels``, upright (EXIF orientation applied)."""

    pixels: Pixels
    name: str
    index: int = 0
    seconds: float | None = None
    focal: float | None = None  # pixels, from EXIF when the camera wrote it

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in a picture. ``keypoints`` rows are x, y (picture pixels), confidence 0..1.

    ``world`` holds the same points in metres around the hips, camera axes; ``layout`` names
    their order (a key of ``joints.LAYOUTS``). ``answers`` is what each keypoint network said before
    the keypoints were merged from it, confidences as they came, under its own layout's name.
    ``features`` say more of COCO's 17 points than where they are (``people.features``): as they are
    in the picture, and, where that was looked at, in its mirror image (its own left and right).
    ``score`` is how sure the detector is of the person, ``keypoint_score`` how far all keypoints
    together can be trusted (0..1; ranks people); ``mask`` is the detector's own, whole picture.
    """

    box: Float[np.ndarray, "4"]  # x0 y0 x1 y1
    score: float
    track: int | None = None
    keypoints: Float[np.ndarray, "keypoints 3"] | None = None
    world: Float[np.ndarray, "keypoints 3"] | None = None
    layout: str = "blazepose33"
    answers: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)
    features: Float[np.ndarray, "ways 17 features"] | None = None
    presence: float | None = None  # keypoint network: is there a whole person in the crop
    keypoint_score: float | None = None
    mask: Inside | None = None
    prompt: "Prompt | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Two things that a person's description has the wrong way round.

    ``way`` is ``sides`` (left and right were taken for each other) or ``depth`` (what leads
    towards the camera leads away from it); ``part`` names whose: ``whole``, ``arms``, ``legs``,
    for the depth also ``left_arm``, ``right_arm``, ``left_leg``, ``right_leg``.
    """

    part: str
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What says which pixels are meant; any mixture. Picture pixels.

    ``pins`` and ``flips`` correct how the person was described: where named keypoints
    (``joints.BLAZEPOSE33``) really are, and what is the wrong way round.
    """

    box: Float[np.ndarray, "4"] | None = None
    clicks: Float[np.ndarray, "clicks 2"] | None = None
    inside: Bool[np.ndarray, "clicks"] | None = None
    keypoints: Float[np.ndarray, "keypoints 3"] | None = None
    mask: Inside | None = None
    pins: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flips: tuple[Flip, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Pixels that belong to one person, whole picture.

    ``score`` is the segmenter's own, 0..1. ``source`` names who made it (a segmenter of
    ``masks.SEGMENTERS``, ``detector`` for the keypoint network's own, ``given`` for the user's):
    how far an outline can be trusted depends on it.
    """

    inside: Inside
    score: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A picture and who is meant in it: everybody, or ``people`` (by boxes), or ``prompts``.

    ``masks`` belong to ``people`` one by one and spare the segmenter. ``key`` is what the caller
    knows the picture by (the command line: the name its results are saved under).
    """

    frame: Frame
    people: tuple[Person, ...] | None = None
    prompts: tuple[Prompt, ...] | None = None
    masks: tuple[Mask | None, ...] | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that is known of a picture before there is a body.

    ``people`` and ``masks`` belong together one by one; a mask is None where none could be made or
    none was wanted.
    """

    frame: Frame
    camera: "Camera"
    people: tuple[Person, ...]
    masks: tuple[Mask | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A square cut around a person, ready for a network.

    ``pixels`` are normalised by the ImageNet mean and deviation; ``points`` lie in [-1, 1] of the
    crop; ``to_frame`` maps crop pixels (x, y, 1) to picture pixels.
    """

    pixels: Float[np.ndarray, "3 side side"]
    points: Float[np.ndarray, "points 2"] | None
    to_frame: Float[np.ndarray, "2 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Joint rotations relative to their parents (the first: camera axes) and shape coefficients."""

    rotations: Rotations
    betas: Float[np.ndarray, "*batch betas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """A posed surface with its skeleton joints; metres."""

    vertices: Float[np.ndarray, "*batch vertices 3"]
    joints: Float[np.ndarray, "*batch joints 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Pinhole of the whole picture; all in pixels, ``size`` as (width, height)."""

    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A reconstructed person.

    ``mesh`` is in camera axes around the body's own origin; add ``translation`` (metres) for its
    place before the camera. ``keypoints_2d`` and ``joints_3d`` hold named sets (``coco17``,
    ``lsp14``, ``h36m17``, ``body24``), the latter with the translation included. ``score`` ranks
    people by how far the reconstruction can be trusted, 0..1.
    """

    person: Person
    pose: Pose
    mesh: Mesh
    translation: Float[np.ndarray, "3"]
    score: float
    mask: Mask | None = None
    keypoints_2d: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)
    joints_3d: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)
    weak_camera: "WeakCamera | None" = None


@runtime_checkable
class Estimator(Protocol):
    """From observations to bodies: the keypoint fit, a network, a network with refinement.

    ``needs`` names what is read of an observation besides boxes and pixels, of ``keypoints`` and
    ``masks``; nobody makes what is not needed. Nobody's body depends on who else is observed.
    """

    @property
    def needs(self) -> frozenset[str]:
        """Of ``keypoints`` and ``masks``."""
        ...

    def estimate(
        self,
        observations: Iterable[Observation],
        start: Iterable[Sequence[Body]] | None = None,
    ) -> Iterator[list[Body]]:
        """The bodies of every observation, one per person, in order.

        Observations are taken as they are needed, so they may come from a long video. ``start``
        holds bodies to begin from, one list per observation.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakCamera:
    """Weak perspective of a square crop: ``scale`` and ``shift`` as PyMAF's (s, tx, ty)."""

    scale: float
    shift: tuple[float, float]
    crop_box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a result was made of, and how: with it a result can be known to be stale.

    ``size`` (bytes) and ``modified`` (nanoseconds) are those of the input file.
    """

    options: Mapping[str, str]
    size: int
    modified: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everybody in one picture, before one camera; ``pixels`` when it is to be drawn on.

    ``origin``: what it was made of, where that is known (the command line does).
    """

    name: str
    index: int
    camera: Camera
    bodies: tuple[Body, ...]
    body_name: str
    faces: Int[np.ndarray, "faces 3"]
    pixels: Pixels | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person through a clip, as seen: a row for every frame they were seen in, in order.

    ``number`` is the identity (``Person.track``), ``frames`` are indices into the clip's frames.
    """

    number: int
    frames: Int[np.ndarray, "sightings"]
    people: tuple[Person, ...]
    masks: tuple[Mask | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Who is where through a video, before there are bodies.

    ``seconds`` is when each frame is shown; ``cuts`` are the frames that begin a new shot (the
    first frame is none), over which nobody is followed.
    """

    name: str
    seconds: Float[np.ndarray, "frames"]
    camera: Camera
    tracks: tuple[Track, ...]
    cuts: Int[np.ndarray, "cuts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """One person's body through a clip, a row per frame; camera axes, metres.

    ``frames`` are indices into the clip's frames, ascending; ``rotations`` and ``betas`` are poses
    as ``Pose`` has them (after a fit over time every row of ``betas`` is the same), ``boxes`` and
    ``scores`` the persons'. ``filled``: nobody was seen in this frame, the row bridges a gap.
    """

    track: int
    frames: Int[np.ndarray, "frames"]
    rotations: Float[np.ndarray, "frames joints 3 3"]
    betas: Float[np.ndarray, "frames betas"]
    translation: Float[np.ndarray, "frames 3"]
    boxes: Float[np.ndarray, "frames 4"]
    scores: Float[np.ndarray, "frames"]
    filled: Bool[np.ndarray, "frames"]

    def pose(self, row: int) -> Pose:
        """The pose in one row."""
        return Pose(rotations=self.rotations[row], betas=self.betas[row])

    def row(self, frame: int) -> int | None:
        """The row of one of the clip's frames; None where the motion has none."""
        row = int(np.searchsorted(self.frames, frame))
        return row if row < len(self.frames) and self.frames[row] == frame else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceScene:
    """Everybody in a clip, before one camera that does not zoom: what sequences are saved from.

    ``seconds`` is when each frame of the clip is shown, also of those nobody is in.
    """

    name: str
    seconds: Float[np.ndarray, "clip"]
    camera: Camera
    motions: tuple[Motion, ...]
    body_name: str
    faces: Int[np.ndarray, "faces 3"]
    cuts: Int[np.ndarray, "cuts"] = field(default_factory=lambda: np.zeros(0, np.int64))
    origin: Origin | None = None

    @property
    def rate(self) -> float:
        """Frames per second, by the median of the frames' distances; 25 for a single frame."""
        steps = np.diff(self.seconds)
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else 25.0

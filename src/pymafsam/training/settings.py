"""Everything that can be chosen about a training run, under one name each.

The command line (``--optimiser.rate``), the configuration file (``optimiser: {rate: ...}``) and
these records say the same. ``load`` and ``dump`` read and write them as YAML.
"""

import reprlib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pymafsam.data.augment import Ranges
from pymafsam.errors import BadInput, BadUsage
from pymafsam.registry import closest
from pymafsam.training import bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What each term counts. The defaults are PyMAF's, with its configured weights applied.

    ``compatible`` computes the dense terms as the reference does: the weights of the two
    classifications are not applied, and u and v are divided by the whole batch.
    """

    keypoints: float = 300.0
    """Projected points, half crops."""
    keypoints_3d: float = 300.0
    """Joints around the hips, metres."""
    pose: float = 60.0
    """Rotation matrices."""
    betas: float = 0.06
    """Shape."""
    vertices: float = 0.0
    """The whole surface, metres; makes every round's mesh, which costs."""
    camera: float = 1.0
    """Keeps the camera's scale positive."""
    known_camera: float = 0.0
    """The crop's camera, where it is known."""
    mask: float = 0.0
    """The body fills the person's mask and keeps inside."""
    part: float = 2.0
    """Dense head: which part."""
    coarse_part: float = 0.3
    """Dense head: which group of parts."""
    uv: float = 0.5
    """Dense head: where on the part."""
    detected: float = 0.0
    """Confidence of the 25 detected points counts so much."""
    annotated: float = 1.0
    """Confidence of the 24 annotated points counts so much."""
    compatible: bool = False
    """Dense terms as in the original, which ignored two of the weights."""

    @property
    def dense(self) -> bool:
        """Whether the dense head is trained at all."""
        return max(self.part, self.coarse_part, self.uv) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """What is trained."""

    backbone: str = "resnet50"
    """resnet50, blazepose-full, blazepose-heavy, movenet-thunder."""
    pretrained: bool = True
    """Start the backbone from its published weights, where the package can fetch them."""
    weights: Path | None = None
    """Start the whole network from a checkpoint (ours or official); its sizes are taken over."""
    body: str = "anny24"
    """The embedded body, or the path of an SMPL file of yours."""
    start: Literal["rest", "people"] = "rest"
    """What the first round corrects: the body at rest, or the mean of those trained on."""
    points: Literal["grid", "mask", "bank"] = "mask"
    """Where the first reading looks."""
    bank: Path | None = None
    """For points "bank": a stored bank (mask points)."""
    widths: tuple[int, ...] = (128, 64, 5)
    """Of the perceptron that compresses what is read at a point."""
    hidden: int = 1024
    """Width of the regressors."""
    dropout: float = 0.5
    """In the regressors."""
    frozen: tuple[str, ...] = ()
    """Parameters that stay, by the beginning of their name: backbone.stem backbone.stages.0"""
    batch_norm: Literal["train", "frozen"] = "train"
    """Whether batch statistics are used and learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """What it is trained on."""

    rows: tuple[Path, ...] = ()
    """Tables of people in SPIN's layout (.npz; pymafsam prepare writes them)."""
    images: tuple[Path, ...] = ()
    """The folder of each table's pictures, or tar files: s3://bucket/lspet-*.tar (fsspec)."""
    masks: tuple[Path, ...] = ()
    """Folders of masks (pymafsam mask save), in the order of rows; fewer are enough."""
    shares: tuple[float, ...] = ()
    """How often each table is drawn from. Default: by its size."""
    only_masked: bool = False
    """Leave out people without a mask."""
    synthetic: float = 0.0
    """Share of rendered people with exact answers, 0 to 1."""
    synthetic_size: int = 20000
    """How many different ones there are."""
    backgrounds: Path | None = None
    """A COCO-format folder that their backgrounds are cut from."""
    mocap: Path | None = None
    """A folder of motions that their poses are taken from."""
    validation_rows: Path | None = None
    """The table that is validated on; never trained on."""
    validation_images: Path | None = None
    validation_masks: Path | None = None
    validation_people: int = 256
    """At most so many of it."""
    limit: int | None = None
    """At most so many people of each table."""
    workers: int = 1
    """Processes that load pictures; 0: the trainer itself."""
    augment: Ranges = field(default_factory=Ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserSettings:
    """How it is trained."""

    kind: Literal["adam", "adamw"] = "adam"
    rate: float = 5e-5
    """Learning rate at its highest."""
    backbone_rate: float = 1.0
    """The backbone's, as a share of it."""
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    final: float = 0.02
    """Where the cosine ends, as a share of the rate."""
    warm_up: int = 0
    """Steps in which the rate rises from nothing."""
    clip: float | None = None
    """Longest gradient; longer ones are shortened to it."""
    average: float = 0.0
    """Decay of the moving average of the weights, which is then validated and kept (0: none)."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """The backbone computes in it, the rest in float32; auto: bfloat16 where it is quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole run."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    data: DataSettings = field(default_factory=DataSettings)
    losses: LossWeights = field(default_factory=LossWeights)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    batch: int = 32
    """People per step, over all processes together."""
    steps: int = 100_000
    """Steps of the whole run."""
    minutes: float | None = None
    """Stop after so long; --resume goes on."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, mps."""
    threads: int = 0
    """Of torch on the CPU; 0: as it likes."""
    log_every: int = 10
    pictures_every: int = 500
    validate_every: int = 500
    save_every: int = 250

    def check(self) -> None:
        """Raises BadUsage for what cannot be."""
        bounds.check(self)
        if not self.network.widths:
            raise BadUsage("--network.widths needs at least one number.")
        data = self.data
        if len(data.images) != len(data.rows) or len(data.masks) > len(data.rows):
            raise BadUsage(
                f"--data.rows names {len(data.rows)} tables, --data.images {len(data.images)} "
                f"folders and --data.masks {len(data.masks)}.\n"
                "  Each table has one folder of pictures, and one of masks if any."
            )
        if data.shares and len(data.shares) != len(data.rows):
            raise BadUsage("--data.shares needs one number for each table.")
        if not data.rows and not data.synthetic:
            raise BadUsage(
                "There is nothing to train on.\n  Give tables of people (--data.rows FILE.npz "
                "--data.images FOLDER; pymafsam prepare writes them), or --data.synthetic 1."
            )


def dump(settings: Settings) -> str:
    """The settings as YAML; ``load`` reads it."""
    import yaml

    return yaml.safe_dump(plain(settings), sort_keys=False)


def load(text: str, base: Settings, source: str) -> Settings:
    """``base`` with what the YAML ``text`` says otherwise; ``source`` is named in errors.

    Raises BadInput for text that is no table, BadUsage for unknown names and unfitting values.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # dates, depths that cannot be
        raise BadInput(f"{source} is not YAML ({error}).") from error
    if not isinstance(content, dict | None):
        raise BadInput(f"{source} should be a table of settings such as `batch: 32`.")
    return _changed(base, content or {}, source, "")


def plain(value: object) -> Any:
    """Records as dictionaries, paths as texts, tuples as lists."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _changed(record: Any, content: Mapping[str, Any], source: str, above: str) -> Any:
    kinds = typing.get_type_hints(type(record))
    changes = {}
    for name, value in content.items():
        if name not in kinds:
            raise BadUsage(
                f'{source}: there is no setting "{above}{name}"{closest(str(name), kinds)}\n'
                f"  Known there: {', '.join(kinds)}"
            )
        old = getattr(record, name)
        if is_dataclass(old) and isinstance(value, dict):
            changes[name] = _changed(old, value, source, f"{above}{name}.")
        else:
            changes[name] = _read(value, kinds[name], f"{source}: {above}{name}")
    return replace(record, **changes)


def _read(value: object, kind: object, where: str) -> Any:
    """A value of YAML as the type that the setting has."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _read(value, next(k for k in inner if k is not type(None)), where)
    if origin is Literal and value in inner:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_read(one, inner[0], where) for one in value)
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 5e-5 as a text
        except (ValueError, OverflowError):
            pass
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    wanted = " or ".join(map(str, inner)) if origin is Literal else getattr(kind, "__name__", kind)
    raise BadUsage(f"{where} should be {wanted}; found {reprlib.repr(value)}.")

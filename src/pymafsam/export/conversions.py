"""Saved results, pictures and clips alike, as files that other programs open.

``CONVERSIONS`` maps a format's name to a ``Conversion``; other packages add theirs through the
entry-point group ``pymafsam.conversions``. docs/exports.md says what is in every file.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pymafsam.body import BodyModel
from pymafsam.errors import BadInput
from pymafsam.export import amass, bvh, ply, results, rigs, sequence, skinned, tables, usd
from pymafsam.export.kinds import kind_of
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.files.json import read as read_json
from pymafsam.records import Scene, SequenceScene
from pymafsam.registry import Table

MAKER = "export"
SMPL_VERTICES = 6890
CONVERSIONS = Table(
    kind="conversion",
    rows={
        "glb": "pymafsam.export.conversions:GLB",
        "glb4": "pymafsam.export.conversions:GLB4",
        "bvh": "pymafsam.export.conversions:BVH",
        "usd": "pymafsam.export.conversions:USD",
        "ply": "pymafsam.export.conversions:PLY",
        "csv": "pymafsam.export.conversions:CSV",
        "amass": "pymafsam.export.conversions:AMASS",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A result and the body it was made with."""

    scene: Scene | SequenceScene
    model: BodyModel

    def rigs(self) -> list[rigs.Rig]:
        """Everybody as a rig. Raises BadInput where nobody is."""
        make = rigs.of_scene if isinstance(self.scene, Scene) else rigs.of_sequence
        people = list(make(self.scene, self.model))  # pyright: ignore[reportArgumentType]
        if not people:
            raise BadInput("there is nobody in it.")
        return people


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One file of a conversion: what its name ends in after the result's, and what fills it."""

    ending: str
    write: Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A format: the files that a result becomes.

    ``is_ours`` knows a file again where the format has no room for a mark.
    """

    plan: Callable[[Saved], Iterable[Planned]]
    is_ours: Callable[[Path], bool] = lambda path: False


def body_of(path: Path) -> str:
    """The name of the body that a result was made with. Raises BadInput for what is none."""
    if path.suffix != ".npz" and kind_of(path) != "clip":
        return read_json(path).at("body").text()
    return sequence.load(path.with_suffix(".npz")).body_name


def load(path: Path, model: BodyModel) -> Saved:
    """The result in a json (pictures; of clips the npz beside it is read) or a clip's npz.

    Raises BadInput for what is none, and for another body's.
    """
    if path.suffix != ".npz" and kind_of(path) != "clip":
        return Saved(scene=results.load(path, model), model=model)
    clip = sequence.load(path.with_suffix(".npz"))
    if clip.body_name != model.name:
        raise BadInput(
            f'{path}: made with the body "{clip.body_name}", but "{model.name}" was given.\n'
            f"  Say where that body is: --body {clip.body_name}, or its file."
        )
    return Saved(scene=clip, model=model)


def convert(saved: Saved, name: str, folder: Path, stem: str) -> list[Path]:
    """Write a result in the format ``name``; the files written.

    Raises BadUsage for an unknown format, BadInput where nobody is in it, and when a file that
    ``export`` did not make is in the way.
    """
    conversion: Conversion = CONVERSIONS.load(name)
    written = []
    for one in conversion.plan(saved):
        path = folder / f"{stem}{one.ending}"
        if not (path.is_file() and conversion.is_ours(path)):
            made.Outputs(maker=MAKER).claim([path], stem)
        with writing(path) as temporary:
            one.write(temporary)
        written.append(path)
    return written


def _glb(saved: Saved) -> Iterable[Planned]:
    people = saved.rigs()
    yield Planned(ending="_rig.glb", write=lambda path: skinned.write_glb(people, path))


def _glb4(saved: Saved) -> Iterable[Planned]:
    people = saved.rigs()
    yield Planned(
        ending="_rig4.glb", write=lambda path: skinned.write_glb(people, path, skinned.SET)
    )


def _bvh(saved: Saved) -> Iterable[Planned]:
    for rig in saved.rigs():
        yield Planned(
            ending=f"_{rig.name}.bvh", write=lambda path, rig=rig: bvh.write_bvh(rig, path)
        )


def _usd(saved: Saved) -> Iterable[Planned]:
    people = saved.rigs()
    yield Planned(ending="_rig.usdc", write=lambda path: usd.write_usd(people, path))


def _ply(saved: Saved) -> Iterable[Planned]:
    scene = saved.scene
    if not isinstance(scene, Scene):
        raise BadInput("ply holds a moment, not a motion: take --to glb or usd for clips.")
    if not scene.bodies:
        raise BadInput("there is nobody in it.")
    yield Planned(ending=".ply", write=lambda path: ply.write_ply(scene, path))


def _csv(saved: Saved) -> Iterable[Planned]:
    yield Planned(
        ending="_joints.csv",
        write=lambda path: tables.write_csv(saved.scene, saved.model, path),
    )


def _amass(saved: Saved) -> Iterable[Planned]:
    if len(saved.model.template) != SMPL_VERTICES:
        raise BadInput(
            f"amass is for SMPL's bodies, and this is {saved.model.name}, whose shape means "
            "something else.\n  Convert it first: --body PATH of an SMPL file."
        )
    name = saved.model.name.lower()
    gender = "female" if "female" in name else "male" if "male" in name else "neutral"
    for rig in saved.rigs():
        yield Planned(
            ending=f"_{rig.name}_amass.npz",
            write=lambda path, rig=rig: amass.write_amass(rig, gender, path),
        )


USD = Conversion(plan=_usd)
PLY = Conversion(plan=_ply)
CSV = Conversion(plan=_csv)
AMASS = Conversion(plan=_amass)
GLB = Conversion(plan=_glb)
GLB4 = Conversion(plan=_glb4)
BVH = Conversion(plan=_bvh, is_ours=bvh.is_ours)

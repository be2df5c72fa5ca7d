"""3D human bodies from photographs, guided by segmentation masks.

    import pymafsam

    people = pymafsam.Reconstructor.load()            # the keypoint fit, the embedded body
    for scene in people(pymafsam.read("holiday/")):   # pictures, folders, videos
        for body in scene.bodies:
            print(body.score, body.translation, body.mesh.vertices.shape)
        pymafsam.save(scene, "out/", formats=("picture", "obj"))

The flow is ``pymafsam.pipeline``; what flows is ``pymafsam.records``; axes, units and joint orders
are in docs/conventions.md.
"""

from typing import TYPE_CHECKING, Any

from pymafsam.errors import PymafsamError
from pymafsam.version import VERSION

if TYPE_CHECKING:
    from pymafsam.files.frames import from_array, read
    from pymafsam.pipeline import Reconstructor, save
    from pymafsam.records import Body, Camera, Frame, Mask, Person, Prompt, Scene
    from pymafsam.viewer.notebook import show

__version__ = VERSION

__all__ = [
    "Body",
    "Camera",
    "Frame",
    "Mask",
    "Person",
    "Prompt",
    "PymafsamError",
    "Reconstructor",
    "Scene",
    "from_array",
    "read",
    "save",
    "show",
]

_HOMES = {
    "files.frames": ("from_array", "read"),
    "pipeline": ("Reconstructor", "save"),
    "viewer.notebook": ("show",),
    "records": ("Body", "Camera", "Frame", "Mask", "Person", "Prompt", "Scene"),
}


def __getattr__(name: str) -> Any:
    """Public names are imported from their homes on first use: ``import pymafsam`` stays quick."""
    import importlib

    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"pymafsam.{home}"), name)
    raise AttributeError(f"module 'pymafsam' has no attribute {name!r}")

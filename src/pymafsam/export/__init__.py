"""A scene as files: pictures, our own json and npz, meshes for 3D tools.

    save(scene, "out/", ("picture", "json", "obj"))

``EXPORTERS`` maps a format's name to an ``Exporter``; other packages add theirs through the
entry-point group ``pymafsam.exporters``. docs/formats.md describes every file field by field.
"""

from pymafsam.export.exporter import EXPORTERS, MAKER, Exporter, paths, prepare, save
from pymafsam.export.results import load, load_json, save_json

__all__ = [
    "EXPORTERS",
    "MAKER",
    "Exporter",
    "load",
    "load_json",
    "paths",
    "prepare",
    "save",
    "save_json",
]

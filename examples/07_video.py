"""A film in, everybody's motion out, as an animated rig. Give it a film: 07_video.py clip.mp4."""

import sys
from pathlib import Path

import pymafsam
from pymafsam.clips import Clip, ClipOptions, reconstruct
from pymafsam.export import conversions
from pymafsam.files import made
from pymafsam.records import Request

film, out = Path(sys.argv[1]), Path("out")
people = pymafsam.Reconstructor.load()
clip = Clip(
    path=film,
    name=film.name,
    stem=film.stem,
    out=out,
    reconstructor=people,
    options=ClipOptions(formats=("json", "npz"), with_masks=False),
    ask=lambda frame: Request(frame=frame),
)
report = reconstruct(clip, made.origin(film, {}))
print(f"{report.people} people in {report.frames} frames")
saved = conversions.load(out / f"{film.stem}.npz", people.model)
print(*conversions.convert(saved, "glb", out, film.stem))

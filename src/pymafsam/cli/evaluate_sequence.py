"""``evaluate sequence``: figures of saved motions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.errors import BadUsage
from pymafsam.files.atomic import writing


@dataclass(kw_only=True)
class EvaluateSequence:
    """How calm the motions of a clip are, and with --tracks how well its people were followed.

    Jitter (m/s^3), root acceleration (m/s^2), bone-length variation and foot sliding (m) of every
    track; identity switches, fragments, MOTA, IDF1 and the share of frames with everybody.

    Example:
      pymafsam evaluate sequence results/clip.npz --tracks clip_gt.txt --out figures
    """

    motions: tyro.conf.Positional[tuple[Path, ...]]
    """Sequences (npz) that reconstruct has saved."""
    tracks: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Annotated tracks of the one clip: MOTChallenge text, or PoseTrack's json."""
    body: str = "anny24"
    """The body the motions were made with."""
    out: Path | None = None
    """Folder for scores.json; else it is only shown."""

    def run(self) -> int:
        from pymafsam import body as bodies
        from pymafsam.evaluation.motions import figures
        from pymafsam.evaluation.sequence import read_mot, read_posetrack
        from pymafsam.export.sequence import load

        if not self.motions or (self.tracks is not None and len(self.motions) > 1):
            raise BadUsage("Give sequences (npz); with --tracks just the one that is annotated.")
        annotated = None
        if self.tracks is not None:
            is_json = self.tracks.suffix.lower() == ".json"
            annotated = read_posetrack(self.tracks) if is_json else read_mot(self.tracks)
        model = bodies.load(self.body)
        scenes = [load(path) for path in self.motions]
        for path, scene in zip(self.motions, scenes, strict=True):
            if scene.body_name != model.name:
                raise BadUsage(f'{path} was made with the body "{scene.body_name}" (--body).')
        told = [figures(scene, model, annotated) for scene in scenes]
        text = json.dumps(told, indent=1)
        print(text)
        if self.out is not None:
            with writing(self.out / "scores.json") as path:
                path.write_text(text + "\n", encoding="utf-8")
        return 0

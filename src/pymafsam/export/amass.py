"""Motion of SMPL bodies as npz in AMASS' layout, which SMPL's add-ons for Blender and others read.

Mahmood et al., "AMASS: Archive of Motion Capture as Surface Shapes", 2019: ``poses`` (axis-angle,
the root's first), ``trans``, ``betas``, ``gender``, ``mocap_framerate``. Metres, y up. The pelvis
of the rest shape lies at its own place, which ``trans`` is added to.
"""

from pathlib import Path

import numpy as np

from pymafsam.export.rigs import Rig
from pymafsam.files import made, npz
from pymafsam.geometry import rotation


def write_amass(rig: Rig, gender: str, path: Path) -> None:
    """One person: ``poses`` (frames, 3 joints), ``trans`` (frames, 3), ``betas`` (betas,)."""
    vectors = rotation.to_axis_angle(rig.rotations)
    content = {
        "poses": vectors.reshape(len(vectors), -1),
        "trans": rig.places - rig.root,
        "betas": rig.betas.astype(np.float64),
        "gender": np.array(gender),
        "mocap_framerate": np.array(1 / rig.frame_time),
    }
    npz.write(content, path, made.mark("export"))

"""Our glb files before Khronos' own validator (npm: gltf-validator): nothing to complain of.

npm's ordinary client fetches it once into pymafsam's cache of the tests' session; skipped where it
cannot be had.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body, export
from pymafsam.export import conversions
from pymafsam.records import Prompt

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from exhibited import clip_of, scene_of

MODEL = body.load("anny24")
PACKAGE = "gltf-validator@2.0.0-dev.3.10"
SCRIPT = """
const validator = require("gltf-validator"), fs = require("fs");
const bytes = (path) => new Uint8Array(fs.readFileSync(path));
Promise.all(process.argv.slice(1).map((path) => validator.validateBytes(bytes(path)))).then(
  (reports) => console.log(JSON.stringify(reports.map((one) => one.issues.messages))));
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """What the validator says of files, a list of messages for each."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not here")
    folder = tmp_path_factory.mktemp("npm")
    fetch = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
    try:
        subprocess.run(fetch, check=True, capture_output=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("npm cannot fetch gltf-validator here")

    def asked(*files):
        command = ["node", "-e", SCRIPT, *map(str, files)]
        answer = subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=120)
        return json.loads(answer.stdout)

    return asked


@pytest.mark.network
def test_khronos_validator_has_nothing_to_say_of_pictures_and_clips(complaints, tmp_path):
    two = [Prompt(box=np.array([10.0 + x, 5, 70 + x, 115])) for x in (0, 80)]
    picture, clip = scene_of(MODEL, two), clip_of(MODEL)
    posed = export.save(picture, tmp_path, ("glb",))["glb"]
    rigs = [
        path
        for stem, scene in (("picture", picture), ("clip", clip))
        for name in ("glb", "glb4")
        for path in conversions.convert(
            conversions.Saved(scene=scene, model=MODEL), name, tmp_path, stem
        )
    ]
    files = [posed, *rigs]
    assert len(files) == 5
    assert complaints(*files) == [[]] * 5


@pytest.mark.network
def test_the_validator_would_say_so(complaints, tmp_path):
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF" + b"\0" * 20)
    assert complaints(broken)[0]

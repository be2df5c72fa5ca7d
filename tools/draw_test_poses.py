"""Draw the poses of the synthetic test set from everyday poses and motion capture.

    python tools/draw_test_poses.py MOCAP_FOLDER src/pymafsam/data/synthetic/test_poses.npz

MOCAP_FOLDER holds DeepMimic's clips (MIT). Changing the file changes the test set: figures from
before and after must not be compared.
"""

import argparse
from pathlib import Path

import numpy as np

from pymafsam import body
from pymafsam.data.synthetic.limbs import rest_joints
from pymafsam.data.synthetic.poses import Library
from pymafsam.files.atomic import writing
from pymafsam.geometry.rotation import to_axis_angle

SEED, POSES = 77, 400


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mocap", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    library = Library.of(rest_joints(body.load("anny24")), options.mocap)
    generator = np.random.default_rng(SEED)
    drawn = [library.draw(generator) for _ in range(POSES)]
    vectors = np.stack([to_axis_angle(pose) for pose, _ in drawn]).astype(np.float32)
    with writing(options.out) as path, path.open("wb") as stream:
        np.savez_compressed(stream, vectors=vectors, kinds=np.array([kind for _, kind in drawn]))
    print(f"{POSES} poses -> {options.out}")


if __name__ == "__main__":
    main()

"""Conversions: what other readers compute from usd, ply, csv and amass files is what was saved."""

import csv

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import skin
from pymafsam.errors import BadInput
from pymafsam.export import amass, conversions, rigs
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera
from pymafsam.geometry.joints import SMPL24
from pymafsam.records import Motion, Person, Pose, Scene, SequenceScene

MODEL = body.load("anny24")
FRAMES = 3
UP = np.array([1.0, -1.0, -1.0])


def motion(track, first):
    generator = np.random.default_rng(track)
    turns = generator.normal(size=(FRAMES, 24, 3)) * 0.4
    turns[:, 0] = [np.pi * 0.9, 0.3, 0.1]
    return Motion(
        track=track,
        frames=np.arange(first, first + FRAMES),
        rotations=rotation.from_axis_angle(turns),
        betas=np.tile(generator.normal(size=10) * 0.5, (FRAMES, 1)),
        translation=generator.normal(size=(FRAMES, 3)) + np.array([0.0, 0.0, 4.0]),
        boxes=np.tile(np.array([0.0, 0.0, 10.0, 10.0]), (FRAMES, 1)),
        scores=np.ones(FRAMES),
        filled=np.zeros(FRAMES, bool),
    )


@pytest.fixture(scope="module")
def clip():
    scene = SequenceScene(
        name="clip.mp4",
        seconds=np.arange(FRAMES + 2) / 30,
        camera=picture_camera((640, 480)),
        motions=(motion(7, 0), motion(9, 2)),
        body_name=MODEL.name,
        faces=MODEL.faces,
    )
    return conversions.Saved(scene=scene, model=MODEL)


@pytest.fixture(scope="module")
def picture(clip):
    one = clip.scene.motions[0]
    bodies = [
        body.place(
            MODEL,
            one.pose(row),
            one.translation[row],
            clip.scene.camera,
            Person(box=np.array([0.0, 0, 9, 9]), score=1.0),
            1.0,
        )
        for row in range(2)
    ]
    scene = Scene(
        name="a.jpg",
        index=0,
        camera=clip.scene.camera,
        bodies=tuple(bodies),
        body_name=MODEL.name,
        faces=MODEL.faces,
    )
    return conversions.Saved(scene=scene, model=MODEL)


def vertices_of(motion, row):
    posed = skin(MODEL, motion.pose(row)).vertices + motion.translation[row]
    return posed * UP


def test_usd_poses_the_skin_as_the_body_is_and_passes_its_own_checker(clip, tmp_path):
    pytest.importorskip("pxr", reason='USD needs usd-core (pip install "pymafsam[usd]")')
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    (path,) = conversions.convert(clip, "usd", tmp_path, "clip")
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    cache = UsdSkel.Cache()
    for one in clip.scene.motions:
        root = UsdSkel.Root(stage.GetPrimAtPath(f"/people/person_{one.track}"))
        cache.Populate(root, Usd.PrimDefaultPredicate)
        (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
        skeleton = cache.GetSkelQuery(binding.GetSkeleton())
        (target,) = binding.GetSkinningTargets()
        mesh = UsdGeom.Mesh(target.GetPrim())
        for row, frame in enumerate(one.frames):
            points = mesh.GetPointsAttr().Get()
            moves = skeleton.ComputeSkinningTransforms(Usd.TimeCode(float(frame)))
            assert target.ComputeSkinnedPoints(moves, points, Usd.TimeCode(float(frame)))
            away = np.abs(np.array(points) - vertices_of(one, row))
            assert away.max() < 1e-4
    assert Gf.IsClose(stage.GetTimeCodesPerSecond(), 30, 1e-6)
    assert complaints(stage) == []


def complaints(stage):
    """What USD's own validators say of a stage."""
    validation = pytest.importorskip("pxr.UsdValidation")
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 5
    errors = validation.ValidationContext(validators).Validate(stage)
    return [str(error.GetMessage()) for error in errors]


def test_ply_holds_everybodys_surface(picture, tmp_path):
    (path,) = conversions.convert(picture, "ply", tmp_path, "a")
    head, data = path.read_bytes().split(b"end_header\n", 1)
    assert b"made by pymafsam" in head
    count = 2 * len(MODEL.template)
    rows = np.frombuffer(data[: 27 * count], np.dtype([("place", "<f4", 6), ("colour", "u1", 3)]))
    expected = np.concatenate(
        [(b.mesh.vertices + b.translation) * UP for b in picture.scene.bodies]
    )
    assert np.allclose(rows["place"][:, :3], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(rows["place"][:, 3:], axis=1), 1, atol=1e-4)
    faces = np.frombuffer(data[27 * count :], np.dtype([("n", "u1"), ("corners", "<i4", 3)]))
    assert len(faces) == 2 * len(MODEL.faces)
    assert faces["corners"].max() == count - 1


def test_csv_has_a_row_for_every_joint(clip, picture, tmp_path):
    for saved, people in ((clip, 2 * FRAMES), (picture, 2)):
        (path,) = conversions.convert(saved, "csv", tmp_path, saved.scene.name)
        lines = path.read_text().splitlines()
        assert lines[0].startswith("# made by pymafsam")
        rows = list(csv.DictReader(lines[1:]))
        assert len(rows) == people * len(SMPL24)
    one = picture.scene.bodies[0]
    wrist = next(r for r in rows if (r["person"], r["joint"]) == ("person_1", "left_wrist"))
    place = (one.mesh.joints + one.translation)[SMPL24.index("left_wrist")]
    assert np.allclose([float(wrist[axis]) for axis in "xyz"], place, atol=1e-5)


def test_amass_files_pose_an_smpl_body_as_it_was(clip, tmp_path):
    (rig, _) = rigs.of_sequence(clip.scene, MODEL)
    amass.write_amass(rig, "neutral", tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as content:
        assert float(content["mocap_framerate"]) == pytest.approx(30)
        turns = rotation.from_axis_angle(content["poses"][1].reshape(24, 3))
        posed = skin(MODEL, Pose(rotations=turns, betas=content["betas"])).vertices
        placed = posed + content["trans"][1]
    assert np.abs(placed - vertices_of(clip.scene.motions[0], 1)).max() < 1e-4


@pytest.mark.parametrize(("name", "said"), [("amass", "SMPL"), ("ply", "moment")])
def test_what_a_format_cannot_hold_is_said(clip, tmp_path, name, said):
    with pytest.raises(BadInput, match=said):
        conversions.convert(clip, name, tmp_path, "clip")


def test_whoever_comes_later_moves_later(clip):
    first, second = rigs.of_sequence(clip.scene, MODEL)
    assert first.seconds[0] == 0
    assert second.seconds[0] == pytest.approx(2 / 30)

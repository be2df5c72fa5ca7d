"""What is said of one frame of a clip is believed of its neighbours that are mistaken alike."""

from dataclasses import replace

import numpy as np
import pytest
from walkers import CAMERA, RATE, passing_by

from pymafsam import body as bodies
from pymafsam.clips import looks
from pymafsam.clips.carrying import carried
from pymafsam.clips.following import follow
from pymafsam.clips.looks import Look, Said, Single
from pymafsam.clips.motions import Studio
from pymafsam.clips.shelf import Shelf
from pymafsam.clips.sights import Sights
from pymafsam.fitting.keypoints import KeypointFit
from pymafsam.fitting.sequence import SequenceFit
from pymafsam.geometry.joints import COCO17, SMPL24
from pymafsam.people.corrections import corrected, exchanged, shifts
from pymafsam.records import Flip, Pose, Prompt
from pymafsam.tracking.cuts import small
from pymafsam.tracking.tracker import sightings

FRAMES, WRONG, CORRECTED = 20, range(6, 15), 10


@pytest.fixture(scope="module")
def fit():
    return KeypointFit(bodies.load("anny24"))


@pytest.fixture(scope="module")
def walk():
    return passing_by(FRAMES / RATE)


def legs_exchanged(person):
    return exchanged(person, "legs")


def arm_over(person):
    """Metres of the left arm mirrored along the ray."""
    world = person.world.copy()
    root = COCO17.index("left_shoulder")
    for name in ("left_elbow", "left_wrist"):
        row = COCO17.index(name)
        world[row, 2] = 2 * world[root, 2] - world[row, 2]
    return replace(person, world=world)


def wrist_astray(person):
    keypoints = person.keypoints.copy()
    keypoints[COCO17.index("left_wrist"), :2] += (-26.0, -30.0)
    return replace(person, keypoints=keypoints)


class Scene:
    """A clip in which one is described wrongly in the frames ``WRONG``; one frame is corrected."""

    def __init__(self, folder, walk, fit, mistake, said=None, at=CORRECTED):
        people = [truth.detected[0][1] for truth in walk]
        seen = [mistake(one) if k in WRONG else one for k, one in enumerate(people)]
        led = list(seen)
        if said is not None:
            led[at] = corrected(replace(seen[at], prompt=said))
        state, _ = fit.solve(led, [None] * len(led), [CAMERA] * len(led))
        singles = [
            Single(pose=Pose(rotations=turns, betas=betas), translation=place, score=0.8)
            for turns, betas, place in zip(
                state.rotations, state.betas, state.translation, strict=True
            )
        ]
        rows = zip(walk, seen, led, singles, strict=True)
        found = [self._look(truth.frame, *row) for truth, *row in rows]
        self.fit, self.shelf = fit, Shelf(folder=folder)
        looks.save(found, self.shelf.looks_path(0))
        self.followed = follow(self.shelf.all(), CAMERA.size)
        (self.course,) = self.followed.courses
        self.sights = Sights(shelf=self.shelf, camera=CAMERA, fit=fit)

    def _look(self, frame, seen, led, single):
        said = led.prompt
        told = None
        if said is not None:
            told = Said(flips=said.flips, pins=said.pins, shifts=shifts(seen, led))
        (sighting,) = sightings(frame, [led], [None])
        return Look(
            index=frame.index,
            seconds=frame.seconds,
            looked=True,
            sightings=(replace(sighting, person=looks.bare(led)),),
            singles=(single,),
            said=(told,),
            masks=(None,),
            small=small(frame.pixels),
            moved=0.0,
        )

    def carried(self):
        return carried(self.course, self.sights, self.followed.seconds)

    def motion(self, *, smooth=True):
        studio = Studio(sights=self.sights, followed=self.followed, camera=CAMERA)
        return studio.motion(self.course, SequenceFit(self.fit) if smooth else None)


def strayed(motion, walk, model, joint):
    """How far a joint is from its true place beside the pelvis, in every frame; metres."""
    k = SMPL24.index(joint)
    true = [truth.bodies[0].mesh.joints[k] - truth.bodies[0].mesh.joints[0] for truth in walk]
    own = [bodies.skin(model, motion.pose(row)).joints for row in range(len(motion.frames))]
    return np.linalg.norm([one[k] - one[0] for one in own] - np.array(true), axis=1)


LEGS = Prompt(flips=(Flip(part="legs", way="sides"),))
ARM = Prompt(flips=(Flip(part="left_arm", way="depth"),))


@pytest.mark.parametrize("at", [WRONG[0], CORRECTED, WRONG[-1]])
def test_exchanged_sides_hold_from_where_the_mistake_began_to_where_it_ends(
    tmp_path, walk, fit, at
):
    found = Scene(tmp_path, walk, fit, legs_exchanged, LEGS, at).carried()
    assert {frame for frame, one in found.items() if one.flips} == {*WRONG} - {at}


def test_a_limb_turned_over_stays_so_as_long_as_the_looks_repeat_the_mistake(tmp_path, walk, fit):
    found = Scene(tmp_path, walk, fit, arm_over, ARM).carried()
    frames = {frame for frame, one in found.items() if one.flips == ARM.flips}
    assert {CORRECTED - 1, CORRECTED + 1} <= frames <= {*WRONG} - {CORRECTED}


def test_a_pins_shift_fades_and_ends_where_the_keypoint_is_right_again(tmp_path, walk, fit):
    right = walk[CORRECTED].detected[0][1].keypoints[COCO17.index("left_wrist"), :2]
    said = Prompt(pins={"left_wrist": tuple(right.tolist())})
    found = Scene(tmp_path, walk, fit, wrist_astray, said).carried()
    assert {*found} == {*WRONG} - {CORRECTED}
    far = [np.hypot(*found[frame].shifts["left_wrist"]) for frame in range(11, 15)]
    assert np.all(np.diff(far) < 0)
    assert far[0] == pytest.approx(np.hypot(26, 30) * (1 - 2 / RATE), rel=0.1)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(
    ("mistake", "said", "joint"),
    [(legs_exchanged, LEGS, "left_ankle"), (arm_over, ARM, "left_wrist")],
)
def test_bodies_of_the_neighbours_follow(tmp_path, walk, fit, mistake, said, joint, smooth):
    before = Scene(tmp_path / "before", walk, fit, mistake).motion(smooth=smooth)
    after = Scene(tmp_path / "after", walk, fit, mistake, said).motion(smooth=smooth)
    near = [frame for frame in WRONG if abs(frame - CORRECTED) in (1, 2)]
    was, is_now = (strayed(m, walk, fit.model, joint)[near].mean() for m in (before, after))
    assert is_now < 0.6 * was


def test_a_pinned_keypoint_leads_the_frame_and_its_neighbours(tmp_path, walk, fit):
    right = walk[CORRECTED].detected[0][1].keypoints[COCO17.index("left_wrist"), :2]
    said = Prompt(pins={"left_wrist": tuple(right.tolist())})
    before = Scene(tmp_path / "before", walk, fit, wrist_astray).motion()
    after = Scene(tmp_path / "after", walk, fit, wrist_astray, said).motion()
    was, is_now = (strayed(m, walk, fit.model, "left_wrist") for m in (before, after))
    assert is_now[CORRECTED] < 0.5 * was[CORRECTED]
    assert is_now[8:13].mean() < 0.7 * was[8:13].mean()


def test_a_motion_of_the_same_corrections_has_the_same_bits(tmp_path, walk, fit):
    one, other = (Scene(tmp_path / name, walk, fit, legs_exchanged, LEGS).motion() for name in "ab")
    assert np.array_equal(one.rotations, other.rotations)
    assert np.array_equal(one.translation, other.translation)


def test_frames_that_were_corrected_themselves_stay_as_they_are(tmp_path, walk, fit):
    scene = Scene(tmp_path, walk, fit, legs_exchanged, LEGS)
    course = replace(scene.course, named=scene.course.named | (scene.course.frames == 12))
    found = carried(course, scene.sights, scene.followed.seconds)
    assert max(found) == 11


def test_what_was_said_is_read_again_as_it_was():
    flips = LEGS.flips + ARM.flips
    said = Said(flips=flips, pins={"nose": (1.5, 2.0)}, shifts={"nose": (3.0, -4.0)})
    assert Said.read(said.text()) == said
    assert Said.read(Said().text()) == Said()

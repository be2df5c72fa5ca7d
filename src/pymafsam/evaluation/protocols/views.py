"""Several cameras that look at the same moment must see the same body. Without labels of depth.

One person is expected. Every view is reconstructed alone; the calibration says how views are
turned against each other, and where the keypoints that several saw are in the room.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.evaluation import calibration
from pymafsam.evaluation.calibration import View
from pymafsam.evaluation.cases import Answer, Case, Found, Look
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.metrics import mpjpe, pa_mpjpe
from pymafsam.evaluation.protocol import Data, Drawn, Run
from pymafsam.evaluation.skeletons import METRE, around_root
from pymafsam.files import frames
from pymafsam.files.frames import Source
from pymafsam.geometry.joints import COCO17
from pymafsam.records import Frame

SURE = 0.3  # of a keypoint, from where it is triangulated
BODY = [COCO17.index(name) for name in COCO17[5:]]  # shoulders to ankles: heads have no good points
LESS: dict[str, Any] = {"unit": "mm", "better": "less"}


class Reel:
    """The pictures of one camera by number; of a video they are decoded in order, once."""

    def __init__(self, source: Source | Sequence[Path], view: View):
        self.source = source
        self._decoded: Iterator[Frame] | None = None
        self._next = 0
        self.view = view.fitted(self._plain(0).size)

    def read(self, number: int) -> Frame:
        """The undistorted picture with the calibrated focal length. Raises BadInput at the end."""
        frame = self._plain(number)
        pixels = self.view.undistorted(frame.pixels)
        return replace(frame, pixels=pixels, focal=self.view.pinhole.focal)

    def _plain(self, number: int) -> Frame:
        if isinstance(self.source, Source):
            return self._of_video(self.source, number)
        if number < len(self.source):
            return frames.read_picture(self.source[number])
        raise BadInput(f"There is no picture {number} beside {self.source[-1]}.")

    def _of_video(self, source: Source, number: int) -> Frame:
        if self._decoded is None or number < self._next:
            self._decoded, self._next = frames.read_source(source), 0
        for frame in self._decoded:
            self._next += 1
            if self._next > number:
                return frame
        raise BadInput(f"{source.path} has no frame {number}.")

    def length(self) -> int:
        """How many pictures there are; a video is decoded once for it."""
        if not isinstance(self.source, Source):
            return len(self.source)
        return sum(1 for _ in frames.read_source(self.source))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """The cameras that looked."""

    views: tuple[View, ...]


def cases(data: Data) -> list[Case]:
    """A case per moment; all moments of one recording are near to each other."""
    if data.calibration is None:
        raise BadInput("Views are compared by a calibration (--calibration FILE).")
    views = calibration.read(data.calibration)
    reels = [Reel(source, view) for source, view in _matched(data.images, views)]
    length = min(reel.length() for reel in reels)
    seen = tuple(reel.view for reel in reels)
    return [
        Case(
            id=f"{number:06d}",
            looks=tuple(
                Look(name=reel.view.name, read=partial(reel.read, number)) for reel in reels
            ),
            truth=Moment(views=seen),
            # Neighbours show the same pose: a tenth of the recording is drawn as one.
            cluster=f"part {10 * number // max(length, 1)}",
        )
        for number in range(0, length, data.every)
    ]


def _matched(folder: Path, views: Sequence[View]) -> Iterator[tuple[Source | Sequence[Path], View]]:
    """Each camera's video or folder of pictures: by its name, else all in the order of names."""
    below = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    sources: dict[str, Source | Sequence[Path]] = {}
    for path in below:
        if path.is_dir():
            pictures = sorted(
                p for p in path.iterdir() if p.suffix.lower() in frames.PICTURES and p.is_file()
            )
            if pictures:
                sources[path.name] = pictures
        elif path.suffix.lower() in frames.VIDEOS:
            sources[path.stem] = Source(path=path, name=path.name)
    named = {v.name: next((n for n in sources if v.name and v.name in n), None) for v in views}
    if None in named.values() or len(set(named.values())) < len(views):
        if len(sources) != len(views):
            raise BadInput(
                f"{folder} holds {len(sources)} videos or folders of pictures "
                f"({', '.join(sources) or 'none'}), the calibration {len(views)} cameras "
                f"({', '.join(view.name for view in views)}).\n"
                "  Name them after the cameras, or give as many as there are cameras."
            )
        named = dict(zip((view.name for view in views), sources, strict=True))
    for view in views:
        yield sources[str(named[view.name])], view


def figures(run: Run) -> list[Figure]:
    """Disagreement of pairs of views, agreement with triangulated keypoints, their residual."""
    rows: dict[str, list[tuple[int, float]]] = {
        name: []
        for name in (
            "disagreement, PA",
            "disagreement, calibrated",
            "MPJPE, triangulated",
            "PA-MPJPE, triangulated",
            "residual of triangulation",
        )
    }
    for index, case, answer in run.each():
        people = _one_each(case, answer)
        for (view, one), (other_view, other) in combinations(people, 2):
            pair = [around_root(found.joints["body24"], "body24") for found in (one, other)]
            rows["disagreement, PA"].append((index, METRE * float(pa_mpjpe(*pair))))
            turned = [j @ v.rotation for j, v in zip(pair, (view, other_view), strict=True)]
            rows["disagreement, calibrated"].append((index, METRE * float(mpjpe(*turned))))
        _against_room(index, people, rows)
    units = {"residual of triangulation": "px"}
    return [
        figure(
            name,
            "detector" if name in units else "mesh",
            "median" if name in units else "mean",
            values,
            unit=units.get(name, "mm"),
            better="less",
        )
        for name, values in rows.items()
    ]


def _one_each(case: Case, answer: Answer) -> list[tuple[View, Found]]:
    """Of every view the largest person who was found."""
    out = []
    for view in case.truth.views:
        found = [one for one in answer.of(view.name) if "body24" in one.joints]
        if found:
            out.append(
                (view, max(found, key=lambda one: float(np.prod(one.box[2:] - one.box[:2]))))
            )
    return out


def _against_room(
    index: int, people: Sequence[tuple[View, Found]], rows: dict[str, list[tuple[int, float]]]
) -> None:
    """Every view's keypoints against those triangulated from what the detector saw."""
    if len(people) < 2 or any(found.detector is None for _, found in people):
        return
    seen = np.stack([found.detector for _, found in people if found.detector is not None])
    sure = np.where(seen[..., 2] >= SURE, seen[..., 2], 0.0)
    points, residuals = calibration.triangulated(seen[..., :2], sure, [view for view, _ in people])
    rows["residual of triangulation"] += [
        (index, float(value)) for value in residuals[BODY] if np.isfinite(value)
    ]
    if not np.isfinite(points[BODY]).all():
        return
    for view, found in people:
        true = points @ view.rotation.T + view.translation
        joints = found.joints["coco17"]
        pair = [around_root(p, "coco17")[BODY] for p in (joints, true)]
        rows["MPJPE, triangulated"].append((index, METRE * float(mpjpe(*pair))))
        rows["PA-MPJPE, triangulated"].append((index, METRE * float(pa_mpjpe(*pair))))


def perfect(case: Case) -> Answer:
    """One body seen by all."""
    return _bodies(case, 0.0)


def perturbed(case: Case) -> Answer:
    """One body that one view sees with a joint 24 mm off: so is each of its pairs."""
    return _bodies(case, 0.024)


EXPECTED = {"residual of triangulation": 0.0}


def _bodies(case: Case, away: float) -> Answer:
    world = np.random.default_rng(0).normal(0, 0.4, size=(24, 3))
    points = np.random.default_rng(1).normal(0, 0.4, size=(17, 3))
    people = {}
    for number, view in enumerate(case.truth.views):
        joints, keypoints = (p @ view.rotation.T + view.translation for p in (world, points))
        joints[-1, 0] += away if number == 0 else 0.0
        camera = view.pinhole
        seen = camera.focal * keypoints[:, :2] / keypoints[:, 2:] + np.array(camera.centre)
        found = Found(
            score=1.0,
            box=np.array([0.0, 0, 1, 1]),
            detector=np.column_stack([seen, np.ones(17)]),
            joints={"body24": joints, "coco17": keypoints},
        )
        people[view.name] = [found]
    return Answer(people=people)


def shown(case: Case, look: str) -> Drawn:
    """Nothing is labelled."""
    return Drawn(keypoints=[], layout="coco17")

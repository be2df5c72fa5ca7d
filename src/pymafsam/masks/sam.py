"""Segment Anything as a segmenter of people: prompts to the decoder's language, logits to masks.

Segment Anything (Kirillov et al., arXiv 2304.02643) encodes a picture once and decodes a mask
for every prompt: box corners and clicks as points, and a rough mask. ``Engine`` is its networks.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.boxes import bounds
from pymafsam.masks.prompts import untangled
from pymafsam.masks.tidy import (
    NOBODY,
    assign_pixels,
    resolve_containment,
    without_holes,
    without_specks,
)
from pymafsam.masks.view import (
    CANVAS,
    LOGITS,
    Logits,
    View,
    around,
    blank,
    cells,
    normalise,
    whole,
)
from pymafsam.records import Mask, Pixels, Prompt

OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT, PADDING = 0.0, 1.0, 2.0, 3.0, -1.0
SINGLE, WHOLE = 0, 3  # of the four masks
PACKED = 2  # small pictures side by side on one canvas, and as many rows of them


@runtime_checkable
class Engine(Protocol):
    """The two networks. Points are canvas pixels as indices (centres at whole numbers)."""

    @property
    def is_local(self) -> bool:
        """Whether what it says of a place depends on the surroundings alone.

        Then only those of the people who are meant are encoded.
        """
        ...

    def encode(
        self, canvas: Float[np.ndarray, "1 3 rows columns"], corner: tuple[int, int] = (0, 0)
    ) -> Any:
        """Features of a normalised canvas, opaque to the caller.

        It may be a part (``View.part``) that begins at the row and column ``corner``, which is
        (0, 0) unless the engine is local; there what is missing of 1024 rows and columns is blank.
        """
        ...

    def decode(
        self,
        embedding: object,
        points: Float[np.ndarray, "points 2"],
        labels: Float[np.ndarray, "points"],
        previous: Logits | None,
    ) -> tuple[Float[np.ndarray, "4 256 256"], Float[np.ndarray, "4"]]:
        """Logits and expected overlap of four masks: the single best guess, then part to whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How prompts become masks; the defaults were chosen on COCO training pictures."""

    confident: float = 0.7  # keypoints below this confidence are not clicked
    strength: float = 5.0  # logits given to a rough mask's inside (and minus that outside)
    soft: float = 3.0  # where several opinions are joined, none counts more than such a logit,
    share: float = 0.2  # and the rough mask itself counts this share of one
    rounds: int = 2  # the second decodes again with the first one's logits
    small: float = 0.2  # boxes below this share of the longer side get a closer look,
    closer: int = 4  # but no more than so many in a picture: each costs an encoding
    margin: float = 2.2  # how much of the surroundings the closer look takes in
    speck: float = 0.01  # parts and holes below this share of the mask's area are removed


class SamSegmenter:
    """Segments people with any Segment Anything engine."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings | None = None,
        source: str = "sam",
        *,
        abreast: int = 1,
    ):
        """No network runs until ``segment`` is called; ``source`` is written into the masks.

        ``abreast``: opinions of one mask that are decoded at a time. A decoder is too small to be
        shared out between threads itself.
        """
        self.engine, self.source, self.abreast = engine, source, abreast
        self.settings = settings or Settings()
        self._views: Views | None = None

    def segment(self, pixels: Pixels, prompts: Sequence[Prompt]) -> list[Mask | None]:
        """One mask per prompt, disjoint; None for a prompt that says nothing.

        The picture is encoded once, also when it is asked about again, and once more for each of
        the first few small people.
        """
        prompts = untangled(prompts)
        views = self.views(pixels)
        looks = self.looks((pixels.shape[1], pixels.shape[0]), prompts)
        readings = [
            None if view is None else self.decode(views.encoded(pixels, view), view, prompt)
            for view, prompt in zip(looks, prompts, strict=True)
        ]
        return self.finish(readings, prompts)

    def looks(self, size: tuple[int, int], prompts: Sequence[Prompt]) -> list[View | None]:
        """The view in which each person is looked at; None for a prompt that says nothing.

        The first few small people have closer looks. The others share the picture, and of that
        their surroundings, where the engine is local and it is said of everybody where they are.
        """
        view, closer = whole(size), 0
        chosen: list[View | None] = []
        for prompt in prompts:
            if says_nothing(prompt):
                chosen.append(None)
            elif closer < self.settings.closer and self.wants_closer_look(prompt, view):
                chosen.append(around(extent(prompt), size, self.settings.margin))
                closer += 1
            else:
                chosen.append(view)
        shared = [reach(p) for p, look in zip(prompts, chosen, strict=True) if look is view]
        known = [one for one in shared if one is not None]
        if self.engine.is_local and known and len(known) == len(shared):
            near = view.cut(np.stack(known))
            return [near if look is view else look for look in chosen]
        return chosen

    def segment_together(
        self, pictures: Sequence[Pixels], prompts: Sequence[Sequence[Prompt]]
    ) -> list[list[Mask | None]]:
        """Masks for several small pictures that share canvases, up to 4 on each.

        Encoding costs the same for a thumbnail as for a photograph; for pictures of about 200
        pixels four at a time are as good as one (docs/results/masks.md).
        """
        results: list[list[Mask | None]] = []
        for start in range(0, len(pictures), PACKED**2):
            group = slice(start, start + PACKED**2)
            sizes = [(one.shape[1], one.shape[0]) for one in pictures[group]]
            views, canvas = cells(sizes, PACKED), blank()
            for view, pixels in zip(views, pictures[group], strict=True):
                view.place(canvas, pixels)
            encoded = self.engine.encode(normalise(canvas))
            for view, people in zip(views, prompts[group], strict=True):
                found = [
                    None if says_nothing(one) else self.decode(encoded, view, one) for one in people
                ]
                results.append(self.finish(found, people))
        return results

    def wants_closer_look(self, prompt: Prompt, view: View) -> bool:
        """Whether a person is so small that the picture is encoded again around them."""
        box = extent(prompt)
        side = float((box[2:] - box[:2]).max())
        return prompt.box is not None and side < self.settings.small * max(view.size)

    def views(self, pixels: Pixels) -> "Views":
        """What has been encoded of this picture so far; another picture's encodings are dropped."""
        # By content: whoever decodes a video may use one array for all its frames.
        picture = hashlib.blake2b(pixels.tobytes()).digest()
        views = self._views
        if views is None or views.picture != picture:
            views = self._views = Views(engine=self.engine, picture=picture, known={})
        return views

    def decode(self, embedding: object, view: View, prompt: Prompt) -> "Reading":
        """The decoder's answer to one prompt on one view.

        A detector's keypoints and mask may be wrong together, so that the box has a say of its
        own: with a box and a mask the logits are the mean of those by the box, those by box and
        mask, and those by everything (``joined``). Clicks, and keypoints without a mask
        (annotations), are obeyed: where the mask leaves one on its wrong side, it is decoded again
        with its own logits.
        """
        prompt = framed(prompt)
        opinions = parts(prompt)
        with ThreadPoolExecutor(max_workers=self.abreast) as crew:
            readings = list(crew.map(lambda one: self._read(embedding, view, one), opinions))
        logits = self.joined([one[0] for one in readings], prompt, view)
        score = float(np.mean([one[1] for one in readings]))
        points, labels = spoken(prompt, view, self.settings.confident)
        binding = len(labels) if prompt.mask is None else clicks_of(prompt)
        for _ in range(self.settings.rounds - 1):
            if obeyed(logits, points[:binding], labels[:binding]):
                break
            masks, scores = self.engine.decode(embedding, points, labels, logits)
            logits, score = masks[SINGLE], float(scores[SINGLE])
        return Reading(logits=logits, score=min(max(score, 0.0), 1.0), view=view)

    def joined(self, opinions: Sequence[Logits], prompt: Prompt, view: View) -> Logits:
        """One answer of several.

        Each is bounded before the mean is taken: the decoder is as sure where it took the wrong
        person as where it took the right one, and two of three shall decide.
        """
        if len(opinions) == 1:
            return opinions[0]
        soft = self.settings.soft
        votes = np.stack([soft * np.tanh(one / soft) for one in opinions])
        logits = votes.mean(axis=0, dtype=np.float32)
        own = None if prompt.clicks is not None else rough(prompt, view, self.settings.share * soft)
        return logits if own is None else logits + own.reshape(logits.shape)

    def _read(self, embedding: object, view: View, prompt: Prompt) -> tuple[Logits, float]:
        points, labels = spoken(prompt, view, self.settings.confident)
        previous = rough(prompt, view, self.settings.strength)
        masks, scores = self.engine.decode(embedding, points, labels, previous)
        best = choice(prompt, scores)
        return masks[best], float(scores[best])

    def finish(
        self, readings: Sequence["Reading | None"], prompts: Sequence[Prompt]
    ) -> list[Mask | None]:
        """Everybody's logits to disjoint masks without specks and holes, in the given order."""
        known = [(k, one) for k, one in enumerate(readings) if one is not None]
        if not known:
            return [None] * len(readings)
        given = resolve_containment([one.view.to_picture(one.logits) > 0 for _, one in known])
        # Upsampled twice: logits of a crowd on a large photograph would not fit in memory.
        fields = (
            np.where(lost, np.float32(-1), one.view.to_picture(one.logits))
            for (_, one), lost in zip(known, given, strict=True)
        )
        owner = assign_pixels(fields, [prompts[k].box for k, _ in known])
        masks: list[Mask | None] = [None] * len(readings)
        for number, (k, one) in enumerate(known):
            inside = owner == number
            area = int(self.settings.speck * inside.sum())
            tidy = without_holes(without_specks(inside, area), area)
            # A hole may have somebody else in it: only free pixels are filled.
            tidy &= inside | (owner == NOBODY)
            owner[tidy] = number
            masks[k] = Mask(inside=tidy, score=one.score, source=self.source)
        return masks


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What an engine has encoded of one picture (its digest), view by view."""

    engine: Engine
    picture: bytes
    known: dict[View, Any]

    def encoded(self, pixels: Pixels, view: View) -> Any:
        """The engine's features of a view; every view is encoded once."""
        if view not in self.known:
            canvas = blank()
            view.place(canvas, pixels)
            corner = (view.part.top, view.part.left)
            self.known[view] = self.engine.encode(normalise(view.part.of(canvas)), corner)
        return self.known[view]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The decoder's logits for one person on a view, and the overlap it expects, 0..1."""

    logits: Logits
    score: float
    view: View


def says_nothing(prompt: Prompt) -> bool:
    """Whether there is no prompt in a prompt."""
    given = (prompt.box, prompt.clicks, prompt.keypoints, prompt.mask)
    return all(one is None or not np.size(one) for one in given)


def extent(prompt: Prompt) -> Float[np.ndarray, "4"]:
    """The box, or the box around whatever else was prompted."""
    if prompt.box is not None:
        return np.asarray(prompt.box, float)
    if prompt.mask is not None and prompt.mask.any():
        return bounds(prompt.mask)
    points = [p[:, :2] for p in (prompt.clicks, prompt.keypoints) if p is not None and len(p)]
    stacked = np.concatenate([*points, np.zeros((0, 2))])
    return (
        np.concatenate([stacked.min(axis=0), stacked.max(axis=0)]) if len(stacked) else np.zeros(4)
    )


def reach(prompt: Prompt) -> Float[np.ndarray, "4"] | None:
    """The box around a person and all clicks; None without a box, for who is meant is open then."""
    box = framed(prompt).box
    if box is None:
        return None
    points = np.asarray(box, float).reshape(2, 2)
    if prompt.clicks is not None:
        points = np.concatenate([points, prompt.clicks])
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def spoken(
    prompt: Prompt, view: View, confident: float
) -> tuple[Float[np.ndarray, "points 2"], Float[np.ndarray, "points"]]:
    """The prompt's points on the canvas with the decoder's labels."""
    points, labels = [np.zeros((0, 2))], [np.zeros(0)]
    if prompt.clicks is not None and len(prompt.clicks):
        inside = np.ones(len(prompt.clicks), bool) if prompt.inside is None else prompt.inside
        points.append(prompt.clicks)
        labels.append(np.where(inside, INSIDE, OUTSIDE))
    if prompt.keypoints is not None:
        sure = prompt.keypoints[prompt.keypoints[:, 2] >= confident, :2]
        points.append(sure)
        labels.append(np.full(len(sure), INSIDE))
    if prompt.box is not None:
        points.append(np.asarray(prompt.box, float).reshape(2, 2))
        labels.append(np.array([TOP_LEFT, BOTTOM_RIGHT]))
    else:
        # Segment Anything saw a padding point in training whenever there was no box; the place
        # of such a point is not looked at.
        points.append(np.zeros((1, 2)))
        labels.append(np.array([PADDING]))
    return view.to_canvas(np.concatenate(points).astype(float)) - 0.5, np.concatenate(labels)


def obeyed(
    logits: Logits, points: Float[np.ndarray, "points 2"], labels: Float[np.ndarray, "points"]
) -> bool:
    """Whether every click is on its side of the mask."""
    columns, rows = np.clip(points * LOGITS / CANVAS, 0, LOGITS - 1).astype(int).T
    values = logits[rows, columns]
    return bool((values[labels == INSIDE] > 0).all() and (values[labels == OUTSIDE] <= 0).all())


def rough(prompt: Prompt, view: View, strength: float) -> Logits | None:
    """The prompt's mask as logits for the decoder."""
    if prompt.mask is None or not prompt.mask.any():
        return None
    field = np.where(prompt.mask, strength, -strength)
    return view.to_logits(field, -strength)


def framed(prompt: Prompt) -> Prompt:
    """A rough mask alone says nothing to the decoder: the box around it is prompted with it."""
    alone = prompt.box is None and prompt.clicks is None and prompt.keypoints is None
    if prompt.mask is None or not alone or not prompt.mask.any():
        return prompt
    return replace(prompt, box=bounds(prompt.mask))


def parts(prompt: Prompt) -> list[Prompt]:
    """The prompts to decode one by one: box (and clicks), box and mask, and everything."""
    if prompt.box is None or prompt.mask is None:
        return [prompt]
    opinions = [replace(prompt, keypoints=None, mask=None), replace(prompt, keypoints=None)]
    return opinions if prompt.keypoints is None else [*opinions, prompt]


def clicks_of(prompt: Prompt) -> int:
    """How many clicks there are; they come first among the points spoken."""
    return 0 if prompt.clicks is None else len(prompt.clicks)


def choice(prompt: Prompt, scores: Float[np.ndarray, "4"]) -> int:
    """Which of the four masks.

    The one of the whole thing for a box alone, the one with the best expected overlap for a
    single click, which may mean a part; else the single guess.
    """
    clicks = clicks_of(prompt)
    if prompt.keypoints is not None or prompt.mask is not None:
        return SINGLE
    if prompt.box is not None:
        return SINGLE if clicks else WHOLE
    return 1 + int(np.argmax(scores[1:])) if clicks == 1 else SINGLE

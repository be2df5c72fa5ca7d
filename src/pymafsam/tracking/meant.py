"""Which track is meant by a prompt on one frame."""

from collections.abc import Sequence

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.geometry.boxes import area, overlap
from pymafsam.records import Person, Prompt

LEAST = 0.2  # of overlap: a prompt's box that overlaps nobody more means nobody


def meant(prompt: Prompt, people: Sequence[Person], where: str) -> int:
    """The track of the person that a prompt on their frame names, picture pixels.

    A box means whom it overlaps most, clicks the smallest box that holds all those inside and none
    of those outside. Raises BadInput, naming who there is, when it is nobody; ``where`` says which
    frame it was, for the message.
    """
    followed = [person for person in people if person.track is not None]
    fits = [_fit(prompt, person) for person in followed]
    if fits and max(fits) > 0:
        track = followed[int(np.argmax(fits))].track
        assert track is not None
        return track
    there = [f"track {p.track} in the box {np.round(p.box).astype(int).tolist()}" for p in followed]
    raise BadInput(
        f"{where}: nobody was found where the prompt points.\n"
        f"  Found there: {', '.join(there) or 'nobody'}.\n"
        "  Choose a frame in which the person is clearly seen."
    )


def _fit(prompt: Prompt, person: Person) -> float:
    """How well a person answers a prompt, 0: not at all."""
    box = person.box.astype(np.float64)
    if prompt.box is not None:
        shared = overlap(prompt.box.astype(np.float64), box)
        return shared if shared > LEAST else 0.0
    if prompt.clicks is None or prompt.inside is None:
        return 0.0
    held = ((prompt.clicks > box[:2]) & (prompt.clicks < box[2:])).all(axis=1)
    return 1 / float(area(box[None])[0]) if (held == prompt.inside).all() else 0.0

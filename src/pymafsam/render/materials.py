"""What bodies are made of when they are drawn: colours, and the light that suits them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from pymafsam.records import Body
from pymafsam.render.shade import PALETTE, Studio, to_linear

Tone = tuple[int, int, int]  # sRGB


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Its ``tones``, one person after the other, and the studio it is seen in."""

    tones: tuple[Tone, ...]
    studio: Studio = field(default_factory=Studio)

    def colours(self, bodies: Sequence[Body]) -> list[Float32[np.ndarray, "3"]]:
        """Everybody's linear colour: by track where there is one, else by place in the row."""
        numbers = [
            k if body.person.track is None else body.person.track for k, body in enumerate(bodies)
        ]
        tones = to_linear(np.array(self.tones, np.uint8))
        return [tones[number % len(tones)] for number in numbers]


COLOURS = Material(tones=PALETTE)
MATERIALS: Mapping[str, Material] = {
    "colours": COLOURS,
    # From the middle of the Monk skin tone scale, so that neighbours differ.
    "skin": Material(
        tones=((215, 168, 136), (160, 112, 82), (232, 196, 168), (120, 80, 60)),
        studio=Studio(gloss=0.06, gloss_exponent=14),
    ),
    # Unglazed: no gloss, shape alone is seen.
    "clay": Material(tones=((186, 178, 170),), studio=Studio(gloss=0.0)),
}

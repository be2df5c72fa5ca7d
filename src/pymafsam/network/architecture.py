"""What a network is made of: written beside its weights, enough to build it again. No torch."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pymafsam.errors import BadInput
from pymafsam.registry import Table

FORMAT = "pymafsam-network/1"

# name -> class built from (architecture, body model, anchors)
NETWORKS = Table(
    kind="network",
    rows={"pymaf": "pymafsam.network.pymaf:PyMAF", "hmr": "pymafsam.network.hmr:HMR"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Sizes and choices; the defaults are the official PyMAF network's.

    ``points`` is how many points the first reading takes, ``anchors`` how many vertices the later
    ones; ``vertices`` are those of the body the anchors belong to (0: not known). ``widths`` are
    the reading perceptron's, ``hidden`` the regressors'; ``dense`` says whether the auxiliary head
    is there. ``policy`` names how the first points were chosen in training (``grid``, ``mask``,
    ``bank``), ``body`` the body it was trained with; ``training`` is free text on the data.
    """

    network: str = "pymaf"
    backbone: str = "resnet50"
    joints: int = 24
    betas: int = 10
    points: int = 441
    anchors: int = 431
    vertices: int = 0
    widths: tuple[int, ...] = (128, 64, 5)
    hidden: int = 1024
    dense: bool = True
    policy: str = "grid"
    body: str = "smpl"
    training: str = "unknown"
    extra: dict[str, Any] = field(default_factory=dict)  # what else the file it came from said

    def to_json(self) -> str:
        """One line of json; ``from_json`` reads it."""
        return json.dumps({"format": FORMAT} | asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Raises BadInput for text that is no description of ours."""
        try:
            found = json.loads(text)
            if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
                raise ValueError(f'no "format": "{FORMAT}"')
            unknown = set(found) - {f.name for f in fields(cls)}
            if unknown:
                raise ValueError(f"unknown entries: {', '.join(sorted(unknown))}")
            found["widths"] = tuple(int(w) for w in found["widths"])
            made = cls(**found)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise BadInput(
                f"The description of a network could not be read ({error}).\n"
                "  Files written by `pymafsam convert` carry one in their header."
            ) from error
        made.check()
        return made

    def check(self) -> None:
        """Raises BadInput for sizes no network can have."""
        sizes = (self.joints, self.betas, self.hidden, *self.widths)
        counts = (self.points, self.anchors, self.vertices)  # none where a network reads no points
        good = all(isinstance(n, int) and 0 < n < 1 << 20 for n in sizes)
        good = good and all(isinstance(n, int) and 0 <= n < 1 << 20 for n in counts)
        if not self.widths or not good:
            raise BadInput(f"A network with sizes {sizes + counts} cannot be built.")

"""How often `fit` finds that an annotation has left and right exchanged.

    python tools/exchanged_sides.py lsp-train.npz --images lsp/ --limit 150

The sides of arms, legs or both are exchanged in annotations that are right, and the reading that
the fit keeps is counted. The first row, nothing exchanged, tells how often it exchanges in vain
(as far as the annotations are right).
"""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

from pymafsam import body
from pymafsam.data import rows
from pymafsam.data.pseudo import GROUP, Fitter, Seen, landmark_network
from pymafsam.errors import PymafsamError
from pymafsam.fitting.annotated import READINGS, AnnotatedFit, exchanged


def looked_at(fitter: Fitter, table: rows.Rows, limit: int) -> list[Seen]:
    """The first rows that can be fitted, with what the landmark network says of them."""
    seen: list[Seen] = []
    for index in range(min(limit, len(table))):
        try:
            seen.append(fitter.look(index, table[index]))
        except PymafsamError as error:
            print(f"passed over: {error}")
    return seen


def kept(fitter: Fitter, seen: list[Seen], reading: str) -> Counter[str]:
    """The readings kept when every annotation was exchanged so beforehand."""
    found: Counter[str] = Counter()
    for first in range(0, len(seen), GROUP):
        group = seen[first : first + GROUP]
        people = [
            replace(one.person, clicked=exchanged(one.person.clicked, READINGS[reading]))
            for one in group
        ]
        fits = fitter.fit.fit(people, [one.mask for one in group], [one.camera for one in group])
        found.update(one.reading for one in fits)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=150)
    options = parser.parse_args()
    fit = AnnotatedFit(body.load("anny24"))
    fitter = Fitter(fit=fit, network=landmark_network(), images=options.images)
    table = rows.read(options.table)
    seen = looked_at(fitter, table, options.limit)
    for reading in READINGS:
        counts = kept(fitter, seen, reading)
        print(f"{reading:<16} found {counts[reading]} of {len(seen)}; kept: {dict(counts)}")


if __name__ == "__main__":
    main()

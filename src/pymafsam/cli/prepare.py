"""``prepare``: raw annotations to rows in SPIN's format."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.errors import BadUsage
from pymafsam.files import made

if TYPE_CHECKING:
    from pymafsam.data.rows import Rows

MAKER = "prepare"


@dataclass(kw_only=True)
class Prepare:
    """From a data set's official raw layout to a table of people (SPIN's npz).

    Data sets: lspet, lsp, coco, mpii, 3dpw, h36m, mpi-inf-3dhp, eft. Beside FILE.npz a FILE.json
    with what the rows have and which were dropped, with reasons, is written.

    Examples:
      pymafsam prepare lspet hr-lspet/ --out lspet.npz --without dev.txt
      pymafsam prepare coco person_keypoints_train2014.json --out coco.npz
    """

    dataset: tyro.conf.Positional[str]
    """The data set's name."""
    raw: tyro.conf.Positional[Path]
    """Its folder as it was unpacked (coco and eft: the json file will do)."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.npz")]
    """The table to be written."""
    part: str | None = None
    """Only a part of the data set (train, test ...). Default: all of it."""
    without: Path | None = None
    """A file that names pictures, one a line, which are left out (held-out splits, say)."""

    def run(self) -> int:
        from pymafsam.data import prepare, rows

        if self.out.suffix != ".npz":
            raise BadUsage(f"--out: a table is a .npz file, not {self.out.name}.")
        unwanted = prepare.names_in(self.without) if self.without else frozenset[str]()
        prepared = prepare.PREPARERS.load(self.dataset)
        summary = self.out.with_suffix(".json")
        inputs = [made.real(path) for path in (self.raw, self.without) if path is not None]
        outputs = made.Outputs(maker=MAKER, inputs=frozenset(inputs))
        outputs.claim([self.out, summary], self.dataset)
        table = prepare.without(prepared(self.raw, self.part), unwanted)
        rows.write(table, self.out, MAKER)
        write_summary(table, summary)
        report(table, self.dataset, self.out)
        return 0


def write_summary(rows: "Rows", path: Path) -> None:
    """What the rows have, and which were dropped, as json."""
    from pymafsam.files.atomic import writing

    dropped = [{"row": d.index, "image": d.image, "reason": d.reason} for d in rows.dropped]
    content = {
        "made": made.note(MAKER),
        "counts": rows.counts(),
        "dropped": len(dropped),
        "dropped_rows": dropped,
    }
    with writing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def report(rows: "Rows", name: str, out: Path) -> None:
    """The same, as a table for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{name}: {len(rows)} people -> {out}"))
    table.add_column("what")
    table.add_column("rows", justify="right")
    for what, count in rows.counts().items():
        table.add_row(what, f"{count:,}")
    for reason, count in Counter(row.reason for row in rows.dropped).most_common():
        table.add_row(escape(f"dropped: {reason}"), f"{count:,}")
    Console().print(table)

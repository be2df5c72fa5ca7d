"""``fit``: pseudo ground truth for a table of annotated people."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam import registry
from pymafsam.cli.options import check_range
from pymafsam.config import FIT_ENERGY, FIT_ERROR
from pymafsam.errors import BadUsage, MissingAsset
from pymafsam.files import made, pictures

if TYPE_CHECKING:
    from pymafsam.body import BodyModel
    from pymafsam.data.pseudo import Method, PseudoTruth
    from pymafsam.data.rows import Rows

MAKER = "fit"
SHOWN = 8  # rows each of the best, the median and the worst on the contact sheet


@dataclass(kw_only=True)
class Fit:
    """Bodies for a table of people with annotated 2D joints (pseudo ground truth).

    The annotation leads; the landmark network's keypoints and metres and the mask support it. With
    --method eft a copy of a trained network (--weights) is fine-tuned for every row instead.
    Writes the table with pose, shape, camera and mask of every row to --out, a report beside it
    (.json: error histogram, what is not valid and why) and a contact sheet (.png: best, median
    and worst fits). Interrupted, it goes on where it was when run again.

    Example:
      pymafsam fit lspet.npz --images hr-lspet/ --out lspet-fits.npz
      pymafsam fit coco.npz --images coco/ --method eft --weights best.safetensors --out eft.npz
    """

    table: tyro.conf.Positional[Path]
    """A table of people (prepare, or SPIN's own npz)."""
    images: Path
    """The folder that the table's picture names start from."""
    out: Annotated[Path, tyro.conf.arg(metavar="FITS.npz")]
    """The table with fits to be written."""
    body: str = "anny24"
    """The embedded body, or the path of an SMPL file of yours."""
    method: str = "keypoints"
    """keypoints: the keypoint fit, led by the annotation; eft: a network fine-tuned per row."""
    weights: Path | None = None
    """For --method eft: the network that is fine-tuned (ours or official)."""
    steps: int = 40
    """For --method eft: at most so many steps a row."""
    rate: float = 5e-5
    """For --method eft: the learning rate."""
    error: float = FIT_ERROR
    """Fits further from the annotation (mean, share of the joints' box's diagonal) are invalid."""
    energy: float = FIT_ENERGY
    """Fits that leave more energy are invalid: annotation, network and outline disagree."""
    joints: int = 6
    """Rows with fewer annotated joints are left alone."""
    limit: int | None = None
    """Only the first so many rows."""
    photographs: bool = True
    """Whether the contact sheet shows the photographs, or bodies on grey only."""

    def check(self) -> None:
        """Raises BadUsage for numbers that cannot be."""
        check_range("--steps", self.steps, 1)
        check_range("--joints", self.joints, 0)
        check_range("--limit", self.limit, 1)
        for name in ("rate", "error", "energy"):
            check_range(f"--{name}", getattr(self, name), 0)

    def run(self) -> int:
        import numpy as np

        from pymafsam import body
        from pymafsam.cli.bars import progress_bar
        from pymafsam.data import pseudo, rows
        from pymafsam.files import journal
        from pymafsam.files.atomic import check_writable

        if self.out.suffix != ".npz":
            raise BadUsage(f"--out: a table is a .npz file, not {self.out.name}.")
        self.check()
        make = registry.find("--method: there is no", METHODS, self.method)
        check_writable(self.out.parent)
        outputs = made.Outputs(maker=MAKER, inputs=frozenset([made.real(self.table)]))
        outputs.claim([self.out.with_suffix(end) for end in (".npz", ".json", ".png")], MAKER)
        whole = rows.read(self.table)
        table = whole.take(np.arange(len(whole))[: self.limit])
        model = body.load(self.body)
        fitter = make(self, model)
        settings = self.settings(whole)  # so that a run of some rows goes on to the rest
        with journal.opened(self.out.with_suffix(".journal"), MAKER, settings) as notes:
            with progress_bar() as progress:
                known = sum(str(k) in notes.done for k in range(len(table)))
                task = progress.add_task("fit", total=len(table), completed=known)
                for _ in pseudo.noted(fitter, table, notes):
                    progress.advance(task)
            found = [pseudo.from_journal(notes.done[str(k)]) for k in range(len(table))]
        self.write(table, found, settings)
        self.draw(model)
        return 0

    def settings(self, table: "Rows") -> dict[str, str]:
        """What an interrupted run must have in common with the one that goes on."""
        from pymafsam import __version__
        from pymafsam.files import digests
        from pymafsam.pretrained.networks import digest_of

        return {
            "version": __version__,
            "code": digests.of_code(),
            "table": digests.of_path(self.table),
            "pictures": digests.of_pictures(self.images / name for name in table.image),
            "body": f"{self.body} {digests.of_path(Path(self.body))}",
            "networks": digest_of("fit"),
            "method": self.method,
            "joints": str(self.joints),
            **({"eft": self.tuned()} if self.method == "eft" else {}),
        }

    def tuned(self) -> str:
        """Which network --method eft starts from, and how far it goes."""
        from pymafsam.files.digests import of_path

        assert self.weights is not None
        return f"{of_path(self.weights)} {self.steps} {self.rate:g}"

    def write(
        self, table: "Rows", found: "Sequence[PseudoTruth]", settings: Mapping[str, str]
    ) -> None:
        """The table, and its report as json and in words."""
        import numpy as np

        from pymafsam.data import pseudo, rows
        from pymafsam.files.atomic import writing

        limits = pseudo.Limits(error=self.error, energy=self.energy)
        reasons = [limits.against(one) for one in found]
        rows.write(
            pseudo.learnt(table, found, limits),
            self.out,
            MAKER,
            fit_error=np.array([one.error for one in found]),
            fit_energy=np.array([one.energy for one in found]),
            fit_reading=np.array([one.reading for one in found]),
        )
        figures = summary(found, reasons)
        rejected = {str(table.image[k]): reason for k, reason in enumerate(reasons) if reason}
        with writing(self.out.with_suffix(".json")) as path:
            limits_used = {"error": self.error, "energy": self.energy}
            content = {
                "made": made.note(MAKER),
                "settings": {**settings, **limits_used},
                **figures,
                "not_valid": rejected,
            }
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print_summary(figures, self.out)

    def draw(self, model: "BodyModel") -> None:
        """The contact sheet of the table that was written."""
        import numpy as np

        from pymafsam.data import rows, sheet
        from pymafsam.files.atomic import writing
        from pymafsam.files.pickles import read_npz

        table = rows.read(self.out)
        assert table.has_smpl is not None
        errors = np.where(table.has_smpl, read_npz(self.out)["fit_error"], np.nan)
        chosen = sheet.best_median_worst(errors, SHOWN)
        if chosen:
            images = self.images if self.photographs else None
            drawn = sheet.contact_sheet(model, table, chosen, images)
            with writing(self.out.with_suffix(".png")) as path:
                pictures.write_png(drawn, path, made.mark(MAKER))


def keypoint_fit(chosen: Fit, model: "BodyModel") -> "Method":
    """The keypoint fit and the landmark network, which may have to be fetched."""
    from pymafsam.cli.bars import downloads_shown
    from pymafsam.data.pseudo import Fitter, landmark_network
    from pymafsam.fitting.annotated import AnnotatedFit

    with downloads_shown():
        network = landmark_network()
    return Fitter(
        fit=AnnotatedFit(model), network=network, images=chosen.images, least=chosen.joints
    )


def exemplar_tuning(chosen: Fit, model: "BodyModel") -> "Method":
    """A network that is fine-tuned for every row. Raises BadUsage without --weights."""
    if chosen.weights is None:
        raise BadUsage("--method eft fine-tunes a trained network: name one with --weights.")
    try:
        from pymafsam.training.exemplar import ExemplarFitter, Tuning
    except ImportError as error:
        raise MissingAsset("--method eft needs torch: pip install 'pymafsam[torch]'") from error
    tuning = Tuning(steps=chosen.steps, rate=chosen.rate)
    return ExemplarFitter.load(
        chosen.weights, model, chosen.images, least=chosen.joints, tuning=tuning
    )


METHODS: "Mapping[str, Callable[[Fit, BodyModel], Method]]" = {
    "keypoints": keypoint_fit,
    "eft": exemplar_tuning,
}


def summary(found: "Sequence[PseudoTruth]", reasons: Sequence[str]) -> dict:
    """Counts, mean errors and their histogram (shares of the diagonal, steps of half a percent)."""
    import numpy as np

    errors = np.array([one.error for one in found])
    valid = np.array([not reason for reason in reasons])
    judged = zip(found, reasons, strict=True)
    fitted = np.isfinite(errors)
    edges = np.arange(0, 0.1001, 0.005)
    counts, _ = np.histogram(np.minimum(errors[fitted], 0.0999), edges)
    quantiles = np.percentile(errors[fitted], [10, 50, 90]) if fitted.any() else np.full(3, np.nan)
    return {
        "rows": len(found),
        "valid": int(valid.sum()),
        "mean_error_of_valid": round(float(errors[valid].mean()), 5) if valid.any() else None,
        "error_10_50_90": [round(float(q), 5) for q in quantiles] if fitted.any() else None,
        "readings": dict(Counter(one.reading for one, bad in judged if not bad)),
        "reasons": dict(Counter(shortened(reason) for reason in reasons if reason)),
        "histogram": {f"{low:.3f}": int(n) for low, n in zip(edges, counts, strict=False)},
    }


def shortened(reason: str) -> str:
    """A reason without what is a single row's own (the name of its picture)."""
    return "the picture cannot be read" if "/" in reason else reason


def print_summary(figures: dict, out: Path) -> None:
    """The same, for people."""
    share = figures["valid"] / max(figures["rows"], 1)
    print(f"{figures['rows']:,} rows, {figures['valid']:,} valid ({share:.1%}) -> {out}")
    if figures["mean_error_of_valid"] is not None:
        print(f"mean 2D error of the valid: {figures['mean_error_of_valid']:.2%} of the diagonal")
    for reading, count in figures["readings"].items():
        print(f"  {reading}: {count:,}")
    for reason, count in figures["reasons"].items():
        print(f"  not valid: {reason}: {count:,}")

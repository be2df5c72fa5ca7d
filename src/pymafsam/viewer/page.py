"""The page itself: what a browser is sent, and the same as one file to send to somebody."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from pymafsam.version import VERSION

STATIC = ("style.css", "three.min.js", "figures.js", "picture.js", "app.js")
KINDS = {".css": "text/css", ".js": "text/javascript"}


def static(name: str) -> str:
    """One of the page's own files."""
    return resources.files("pymafsam.viewer").joinpath("static", name).read_text(encoding="utf-8")


def served(catalogue: Mapping[str, Any]) -> str:
    """The page of a server: everything else is asked for as it is needed."""
    links = [f'<link rel="stylesheet" href="static/{STATIC[0]}">']
    links += [f'<script defer src="static/{name}"></script>' for name in STATIC[1:]]
    return _filled("\n".join(links), {"live": True, "version": VERSION, **catalogue})


def standalone(
    documents: Sequence[Mapping[str, Any]],
    downloads: Sequence[Mapping[str, str]],
    still: str = "",
) -> str:
    """The page as one file with everything in it.

    ``downloads``: of every document, the files to take away (name -> data address). ``still``: the
    address of a picture for browsers that run no scripts or draw nothing in space.
    """
    style = f"<style>{static(STATIC[0])}</style>"
    scripts = "".join(f"<script>{static(name)}</script>" for name in STATIC[1:])
    content = {
        "live": False,
        "version": VERSION,
        "exhibits": [
            {"name": one["name"], "stem": one["name"], "kind": one["kind"]} for one in documents
        ],
        "documents": list(documents),
        "files": list(downloads),
    }
    # The scripts stand at the end: what they read must be there.
    return _filled(style, content, after=scripts, still=still)


def _filled(head: str, content: Mapping[str, Any], after: str = "", still: str = "") -> str:
    # No text in the data may end the element that it stands in.
    data = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    return (
        static("index.html")
        .replace("<!-- head -->", head)
        .replace(" {{still}}", f' src="{still}"' if still else "")
        .replace("<!-- scripts -->", after)
        .replace("{{content}}", data)
    )

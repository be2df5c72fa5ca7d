"""The server behind the page, on this computer alone unless another address is named.

Every answer is a function of the exhibits and the prompts file; browsers may come and go, two
may look at once.
"""

import logging
import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pymafsam.errors import BadUsage, MissingAsset, PymafsamError
from pymafsam.viewer import page
from pymafsam.viewer.book import Outdated
from pymafsam.viewer.gallery import Gallery

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HERE = ("127.0.0.1", "localhost", "::1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")
WRONG, OUTDATED, BROKEN = 400, 409, 500
log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A socket at an address, or BadUsage that says who is in the way; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadUsage(
            f"{host}:{port} cannot be listened at ({error}).\n"
            "  Is another page open there? Choose another --port; 0 takes any that is free."
        ) from error
    return listener


def check() -> None:
    """Raises MissingAsset without the extra ``view``."""
    if not (find_spec("uvicorn") and find_spec("starlette")):
        raise MissingAsset(
            'The page needs a server: pip install "pymafsam[view]".\n'
            "  --save-html FILE makes a page that needs none."
        )


def serve(gallery: Gallery, listener: socket.socket, host: str) -> None:
    """Answer until Ctrl-C."""
    import uvicorn

    answers = app(gallery, host)
    config = uvicorn.Config(answers, log_level="warning", lifespan="off", access_log=False)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        gallery.close()


def app(gallery: Gallery, host: str = HERE[0]) -> "Starlette":
    """The answers, as an ASGI application. ``host``: what browsers may call us besides "here"."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    # A page of somebody else's that has its name point to this computer gets no answer.
    allowed = ["*"] if host in EVERYWHERE else [*HERE, host]
    answers = Answers(gallery)
    room = "/exhibits/{number:int}"
    return Starlette(
        routes=[
            Route("/", answers.page),
            Route("/static/{name}", answers.static),
            Route(f"{room}/document", answers.document),
            Route(f"{room}/thumbnail.jpg", answers.thumbnail),
            Route(f"{room}/frames/{{index:int}}.jpg", answers.frame),
            Route(f"{room}/desk/{{index:int}}", answers.open),
            Route(f"{room}/desk/{{index:int}}", answers.change, methods=["POST"]),
            Route(f"{room}/desk/{{index:int}}/undo", answers.undo, methods=["POST"]),
            Route(f"{room}/retake", answers.retaking),
            Route(f"{room}/retake", answers.retake, methods=["POST"]),
            Route(f"{room}/downloads/{{format}}", answers.download),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed)],
        exception_handlers={PymafsamError: _told, Exception: _broken},
    )


class Answers:
    """One method for each address; those that compute run beside the others."""

    def __init__(self, gallery: Gallery):
        self.gallery = gallery

    def page(self, request: "Request") -> "Response":
        from starlette.responses import HTMLResponse

        return HTMLResponse(page.served(self.gallery.catalogue()))

    def static(self, request: "Request") -> "Response":
        from starlette.responses import PlainTextResponse, Response

        name = request.path_params["name"]
        if name not in page.STATIC:
            return PlainTextResponse("not found", 404)
        kind = page.KINDS[name[name.rindex(".") :]]
        return Response(page.static(name), media_type=kind)

    def document(self, request: "Request") -> "Response":
        return _json(self._room(request).document())

    def thumbnail(self, request: "Request") -> "Response":
        return _jpeg(self._room(request).thumbnail)

    def frame(self, request: "Request") -> "Response":
        film = self._room(request).film
        if film is None:
            return _json({"error": "The film was not found."}, 404)
        return _jpeg(film.jpeg(request.path_params["index"]))

    def open(self, request: "Request") -> "Response":
        return _json(self._room(request).open(request.path_params["index"]))

    async def change(self, request: "Request") -> "Response":
        said = await _said(request)
        room, index = self._room(request), request.path_params["index"]
        rows = said.get("rows")
        if not isinstance(rows, list):
            raise BadUsage('A correction is {"revision": number, "rows": [prompts]}.')
        return _json(await _beside(room.change, index, _revision(said), rows))

    async def undo(self, request: "Request") -> "Response":
        said = await _said(request)
        room, index = self._room(request), request.path_params["index"]
        return _json(await _beside(room.undo, index, _revision(said)))

    def retaking(self, request: "Request") -> "Response":
        return _json(self._room(request).retaking(begin=False))

    async def retake(self, request: "Request") -> "Response":
        await _said(request)
        return _json(self._room(request).retaking(begin=True))

    def download(self, request: "Request") -> "Response":
        from starlette.responses import Response

        index = request.query_params.get("corrected", "")
        name, content = self._room(request).download(
            request.path_params["format"], int(index) if index.isdecimal() else None
        )
        safe = name.encode("ascii", "replace").decode().replace('"', "_")
        headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    def _room(self, request: "Request"):
        return self.gallery.room(request.path_params["number"])


async def _said(request: "Request") -> dict[str, Any]:
    """A request's json. Only json: other sites' pages cannot send it unasked."""
    import json

    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise BadUsage("Corrections are sent as application/json.")
    try:
        said = json.loads(await request.body())
    except ValueError as error:
        raise BadUsage(f"The correction is no json ({error}).") from error
    if not isinstance(said, dict):
        raise BadUsage("A correction is a json object.")
    return said


def _revision(said: dict[str, Any]) -> int:
    revision = said.get("revision")
    if not isinstance(revision, int):
        raise BadUsage('A correction says which "revision" it is based on.')
    return revision


async def _beside(work: Callable[..., Any], *arguments: object) -> Any:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


def _json(content: object, status: int = 200) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})


def _jpeg(content: bytes) -> "Response":
    from starlette.responses import Response

    return Response(content, media_type="image/jpeg")


def _told(request: "Request", error: Exception) -> "Response":
    """What is the visitor's to mend, in words."""
    return _json({"error": str(error)}, OUTDATED if isinstance(error, Outdated) else WRONG)


def _broken(request: "Request", error: Exception) -> "Response":
    """A defect of ours: its traceback goes to the terminal, the page is told."""
    return _json({"error": f"Something broke down: {error!r}"}, BROKEN)

"""``live``: a camera's people on a page, as fast as the machine reaches."""

import io
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.cli.options import Flow
from pymafsam.errors import BadUsage
from pymafsam.records import Pixels

PAGE = b"""<!doctype html><title>pymafsam live</title>
<style>body{margin:0;background:#222}img{display:block;margin:auto;max-width:100vw;max-height:100vh}
</style><img src="stream">"""
EDGE = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"


@dataclass(kw_only=True)
class Live(Flow):
    """Draw the people before a camera live, on a page that only this computer can open.

    Nothing is kept unless --record says where. Ctrl-C ends it. The fast detector and no masks are
    the default here.

    Example:
      pymafsam live --camera 0
    """

    camera: int = 0
    """Which camera; the first is 0."""
    port: int = 8766
    """Port of the page on this computer."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="FILE.mp4")] = None
    """Keep what is shown in this film."""
    detector: str = "fast"
    """Who finds people: fast, auto, nanodet, blazepose."""
    segmenter: str = "none"
    """Who makes masks; none is fastest."""

    def run(self) -> int:
        from pymafsam.clips.live import Live as Drawing
        from pymafsam.clips.live import camera_frames
        from pymafsam.files.atomic import writing
        from pymafsam.files.video import Encoder

        if self.record is not None and self.record.exists():
            raise BadUsage(f"--record: {self.record} is there already; name another file.")
        drawing = Drawing(reconstructor=self.load())
        screen = Screen()
        try:
            server = ThreadingHTTPServer(("127.0.0.1", self.port), screen.handler())
        except (OSError, OverflowError) as error:
            raise BadUsage(f"--port {self.port} cannot be had ({error}); name another.") from error
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        print(f"{address} shows camera {self.camera}; Ctrl-C ends it.")
        try:
            if self.record is None:
                for frame in camera_frames(self.camera):
                    screen.show(drawing.draw(frame)[0])
                return 0
            with writing(self.record) as path:
                encoder, ended = None, None
                try:
                    for frame in camera_frames(self.camera):
                        picture = drawing.draw(frame)[0]
                        encoder = encoder or Encoder(path, frame.size, 25.0)
                        encoder.write(picture, frame.seconds or 0.0)
                        screen.show(picture)
                except (KeyboardInterrupt, SystemExit) as interruption:  # Ctrl-C, or `kill`
                    if encoder is None:
                        raise  # there is no film
                    ended = interruption
                finally:
                    if encoder is not None:
                        encoder.close()
            if isinstance(ended, SystemExit):
                raise ended
            if ended is not None:
                print("The film ends here.")
        finally:
            server.shutdown()
        return 0


class Screen:
    """The newest picture, for everybody who looks."""

    def __init__(self):
        self.changed = threading.Condition()
        self.picture = b""
        self.count = 0

    def show(self, pixels: Pixels) -> None:
        """Put up another picture."""
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=85)
        with self.changed:
            self.picture, self.count = stream.getvalue(), self.count + 1
            self.changed.notify_all()

    def after(self, count: int) -> tuple[bytes, int]:
        """A picture newer than the one numbered ``count``, as soon as there is one."""
        with self.changed:
            self.changed.wait_for(lambda: self.count > count)
            return self.picture, self.count

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What answers a browser: the page, and the pictures one after the other."""
        screen = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                if self.path != "/stream":
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    self.wfile.write(PAGE)
                    return
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                count = 0
                try:
                    while True:
                        picture, count = screen.after(count)
                        self.wfile.write(EDGE + picture + b"\r\n")
                except OSError:
                    return  # the browser has gone

            def log_message(self, format: str, *args: object) -> None:
                """Requests are nobody's news."""

        return Handler

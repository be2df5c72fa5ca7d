"""A clip made anew with what was said of its frames, while the page is looked at."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymafsam.errors import PymafsamError
from pymafsam.records import SequenceScene

Tell = Callable[[str, int, int], None]  # a stage, and how much of how much of it is done
Take = Callable[[Tell], SequenceScene]
Remake = Callable[[Path, str], Take]  # of a clip's file and its name
STAGES = {"look": "frames are looked at", "fit": "bodies are fitted"}
log = logging.getLogger(__name__)


class Closed(Exception):
    """Nobody looks any more."""


@dataclass(kw_only=True)
class Retake:
    """Takes a clip anew in a thread of its own, and says how far it is; ``scene`` is the last."""

    load: Callable[[], Take]
    scene: SequenceScene | None = None
    take: Take | None = None
    thread: threading.Thread | None = None
    wanted: bool = False
    running: bool = False
    closed: bool = False
    stage: str = ""
    error: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Take it anew; once more where that is under way."""
        with self.lock:
            self.wanted = True
            if not self.running:
                self.running, self.stage, self.error = True, "networks are loaded", ""
                # No daemon: it may be in a network's code when the server ends.
                self.thread = threading.Thread(target=self._work)
                self.thread.start()

    def state(self) -> dict[str, Any]:
        """As the page takes it."""
        return {"running": self.running, "stage": self.stage, "error": self.error}

    def close(self) -> None:
        """End what is under way, at the next frame."""
        self.closed = True
        if self.thread is not None:
            self.thread.join()

    def _work(self) -> None:
        error = ""
        while self._goes_on(error):
            error = ""
            try:
                self.take = self.take or self.load()
                self.scene = self.take(self._tell)
            except Closed:
                return
            except PymafsamError as told:
                error = str(told)
            except Exception as broken:  # a defect of ours: the page is told, too
                log.exception("a clip could not be made anew")
                error = f"Something broke down: {broken!r}"

    def _goes_on(self, error: str) -> bool:
        """Whether to take it once more: what was said meanwhile may mend an ``error``, too."""
        with self.lock:
            self.running, self.wanted = self.wanted and not self.closed, False
            self.error = "" if self.running else error
            return self.running

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.closed:
            raise Closed
        self.stage = f"{STAGES.get(stage, stage)}, {done} of {total}"

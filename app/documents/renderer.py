"""A persistent child process that draws PDFs, and the guard around it.

The child is started at the first document of a process (a forked server process starts its own), draws one document
at a time, and is killed when it is late, dead or talks nonsense; the next document gets a new one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import IO, Self, cast

from app.documents.frames import FAILED, HEADER, MAX_FRAME, PDF, READY, PdfJob, frame

SECONDS = 20.0
START_SECONDS = 30.0
WAIT_SECONDS = 60.0
_ROOT = Path(__file__).resolve().parents[2]
_CHUNK = 1 << 16


class RenderingFailed(Exception):
    """A document could not be drawn: too slow, too large, refused by the engine, or the child died. Safe to retry."""


class _Child:
    """One child process and its two pipes. Every wait has a deadline."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - a list, no shell, and nothing in it comes from a request
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
        )
        self.stdin, self.stdout = cast("tuple[IO[bytes], IO[bytes]]", (self.process.stdin, self.process.stdout))
        for pipe in (self.stdin, self.stdout):
            os.set_blocking(pipe.fileno(), False)

    def send(self, payload: bytes, deadline: float) -> None:
        """Write one frame. Raises RenderingFailed at the deadline, OSError if the child is gone."""
        view = memoryview(frame(payload))
        while view:
            _wait(self.stdin, selectors.EVENT_WRITE, deadline)
            view = view[os.write(self.stdin.fileno(), view[:_CHUNK]) :]

    def receive(self, deadline: float) -> bytes:
        """Read one frame. Raises RenderingFailed at the deadline, if the child ended, and for an absurd length."""
        (size,) = HEADER.unpack(self._read(HEADER.size, deadline))
        if not 0 < size <= MAX_FRAME:
            raise RenderingFailed("the document renderer sent something that is no document")
        return self._read(size, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            _wait(self.stdout, selectors.EVENT_READ, deadline)
            part = os.read(self.stdout.fileno(), min(_CHUNK, size - len(parts)))
            if not part:
                raise RenderingFailed("the document renderer ended unexpectedly")
            parts += part
        return bytes(parts)

    def kill(self) -> None:
        """End the process and wait for it, so that no zombie stays."""
        self.process.kill()
        self.process.wait()
        self.disown()

    def disown(self) -> None:
        """Close our ends of the pipes and forget the process (in a forked copy it is somebody else's child)."""
        self.process.returncode = self.process.returncode or 0
        for pipe in (self.stdin, self.stdout):
            try:
                pipe.close()
            except OSError:
                continue


class Renderer:
    """Draws documents in a child process; one instance may be shared by all threads of a process.

    seconds: wall clock a document may take. start_seconds: the same for start-up. wait_seconds: how long a document
    waits for those before it. extra_fonts: a folder of .ttf or .ttc files for scripts the bundled fonts lack (CJK).
    """

    _child: _Child | None = None

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        start_seconds: float = START_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        extra_fonts: Path | None = None,
    ) -> None:
        self._seconds = seconds
        self._start_seconds = start_seconds
        self._wait_seconds = wait_seconds
        flags = ["-P", "-s", *(["-B"] if sys.dont_write_bytecode else [])]
        self._command = [sys.executable, *flags, "-m", "app.documents.child"]
        if extra_fonts is not None:
            self._command.append(str(extra_fonts.resolve()))
        self._lock = threading.Lock()
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(reference))

    def __enter__(self) -> Self:
        """Use the renderer in a with block, which closes it."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """End the child with the renderer."""
        self._stop()

    @property
    def pid(self) -> int | None:
        """The process id of the running child, None before the first document."""
        child = self._child
        return child.process.pid if child else None

    def draw(self, job: PdfJob) -> bytes:
        """Return `job` as PDF bytes. Raises RenderingFailed; the child that failed is gone by then."""
        request = json.dumps(dataclasses.asdict(job)).encode()
        if len(request) > MAX_FRAME:
            raise RenderingFailed("the document is too large")
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise RenderingFailed("too many documents are waiting to be drawn")
        try:
            return self._exchange(request)
        except BaseException as error:  # a stop signal too: half an answer must not meet the next question
            self._stop()
            if isinstance(error, OSError):
                raise RenderingFailed("the document renderer ended unexpectedly") from error
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the child, if there is one. The next document starts another."""
        with self._lock:
            self._stop()

    def _exchange(self, request: bytes) -> bytes:
        """Return the child's document; starts a child if there is none or it has ended meanwhile."""
        if self._child is None or self._child.process.poll() is not None:
            self._stop()
            self._child = _Child(self._command)
            if self._child.receive(time.monotonic() + self._start_seconds) != READY:
                raise RenderingFailed("the document renderer did not start")
        deadline = time.monotonic() + self._seconds
        self._child.send(request, deadline)
        answer = self._child.receive(deadline)
        if answer[:1] == FAILED:  # the child is given up all the same: it may be short of memory
            raise RenderingFailed(answer[1:].decode("utf-8", "replace"))
        if answer[:1] != PDF or not answer.startswith(b"%PDF-", 1):
            raise RenderingFailed("the document renderer sent something that is no document")
        return answer[1:]

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def after_fork(self) -> None:
        """In a forked process: let go of the parent's child and of a lock another thread may have held."""
        self._lock = threading.Lock()
        child, self._child = self._child, None
        if child is not None:
            child.disown()


def _forget(reference: weakref.ref[Renderer]) -> None:
    renderer = reference()
    if renderer is not None:
        renderer.after_fork()


def _wait(pipe: IO[bytes], event: int, deadline: float) -> None:
    """Return when `pipe` is ready. Raises RenderingFailed at the deadline."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise RenderingFailed("the document took too long to draw")


def _environment() -> dict[str, str]:
    """Return all the child gets to see: where modules are, nothing of the server's settings and secrets."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if _ROOT.name not in ("site-packages", "dist-packages"):
        paths.insert(0, str(_ROOT))
    return {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths)), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}

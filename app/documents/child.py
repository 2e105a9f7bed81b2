"""The process that draws documents: `python -m app.documents.child [folder of extra fonts]`.

Reads frames (frames.py) from standard input, writes frames to standard output, ends when the input does or when its
parent is gone. Started and guarded by renderer.Renderer.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from pathlib import Path

from app.documents.frames import FAILED, HEADER, PDF, READY, PdfJob, frame
from app.documents.sandbox import limit_resources, lock

ORPHAN_CHECK = 2.0
SECONDS = 60  # a last resort; the parent gives up much earlier


class _Gone(Exception):
    """The parent has closed its end or ended."""


def _read(descriptor: int, size: int, parent: int) -> bytes:
    """Return exactly `size` bytes. Raises _Gone."""
    parts = []
    while size:
        ready, _, _ = select.select([descriptor], [], [], ORPHAN_CHECK)
        if not ready:
            if os.getppid() != parent:
                raise _Gone
            continue
        part = os.read(descriptor, size)
        if not part:
            raise _Gone
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(descriptor: int, payload: bytes) -> None:
    view = memoryview(frame(payload))
    while view:
        view = view[os.write(descriptor, view) :]


def _answer(request: bytes) -> bytes:
    """Return the PDF frame of one request, or the reason why there is none."""
    from app.documents.engine import draw  # noqa: PLC0415 - not before the limits hold

    signal.alarm(SECONDS)  # the default action ends the process, whatever it is doing
    try:
        return PDF + draw(PdfJob(**json.loads(request)))
    except MemoryError:
        return FAILED + b"the document needs more memory than is allowed"
    except RecursionError:
        return FAILED + b"the document is nested too deeply"
    except Exception as error:  # noqa: BLE001 - the engine raises every kind there is
        return FAILED + f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace")
    finally:
        signal.alarm(0)


def main() -> None:
    """Start up, announce it, then answer one frame after the other."""
    source, sink, parent = os.dup(0), os.dup(1), os.getppid()
    os.dup2(2, 1)  # a stray print must not end up between frames
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    limit_resources()
    from app.documents.engine import prepare  # noqa: PLC0415 - not before the limits hold

    prepare(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    gc.freeze()
    lock()
    try:
        _write(sink, READY)
        while True:
            (size,) = HEADER.unpack(_read(source, HEADER.size, parent))
            _write(sink, _answer(_read(source, size, parent)))
    except (_Gone, BrokenPipeError):
        return


if __name__ == "__main__":
    main()

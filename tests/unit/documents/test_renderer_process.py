"""The child process: late, killed, dead, garbled, forked and orphaned, and what the next document gets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.documents.frames import PdfJob
from app.documents.renderer import Renderer, RenderingFailed
from app.documents.rendering import render_pdf

from .samples import text_of, view

ROOT = Path(__file__).parents[3]
JOB = PdfJob("<p>hello</p>")


@pytest.fixture(scope="module")
def own() -> Iterator[Renderer]:
    with Renderer(seconds=5) as one:
        yield one


def draws(renderer: Renderer) -> int:
    """Draw a document; return the child's process id."""
    assert "hello" in text_of(renderer.draw(JOB))
    assert renderer.pid is not None
    return renderer.pid


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_one_child_serves_many_documents_and_its_limits_hold(own: Renderer) -> None:
    first = draws(own)
    assert draws(own) == first
    limits = Path(f"/proc/{first}/limits").read_text()
    assert f"{512 * 1024 * 1024}" in next(line for line in limits.splitlines() if line.startswith("Max address space"))
    environment = Path(f"/proc/{first}/environ").read_bytes()
    assert {item.split(b"=")[0] for item in environment.split(b"\0") if item} == {
        b"PYTHONPATH",
        b"PYTHONHASHSEED",
        b"LC_ALL",
    }


def test_a_late_child_is_killed_and_replaced(own: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = draws(own)
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr(own, "_seconds", 0.2)
    began = time.monotonic()
    with pytest.raises(RenderingFailed, match="too long"):
        own.draw(JOB)
    assert time.monotonic() - began < 2
    monkeypatch.undo()
    assert gone(first) and own.pid is None
    assert draws(own) != first


def test_a_child_that_does_not_read_is_late_too() -> None:
    with Renderer(seconds=0.3) as one:
        ready = "import sys, time; sys.stdout.buffer.write(b'\\0\\0\\0\\1R'); sys.stdout.flush(); time.sleep(60)"
        one._command = [sys.executable, "-S", "-c", ready]
        with pytest.raises(RenderingFailed, match="too long"):
            one.draw(PdfJob("x" * 2_000_000))  # more than a pipe holds
        assert one.pid is None


def test_a_child_that_died_between_documents_is_replaced_unnoticed_one_killed_while_drawing_is_reported(
    own: Renderer,
) -> None:
    first = draws(own)
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    second = draws(own)
    assert second != first
    threading.Timer(0.2, os.kill, (second, signal.SIGKILL)).start()
    with pytest.raises(RenderingFailed, match="ended unexpectedly"):
        render_pdf(view(lines=300), own)
    assert gone(second) and own.pid is None


@pytest.mark.parametrize(
    "program",
    [
        "print('hello ' * 100)",
        "import sys; sys.stdout.buffer.write(bytes(4) + b'x'); sys.stdout.flush(); sys.stdin.read()",
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\1R\\0\\0\\0\\5Pjunk'); sys.stdout.flush(); sys.stdin.read()",
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\1R\\0\\0\\1\\0P%PDF'); sys.stdout.flush()",
        "raise SystemExit(3)",
        "import time; time.sleep(60)",
    ],
)
def test_garbage_silence_and_early_ends_fail_and_leave_no_child(program: str) -> None:
    with Renderer(start_seconds=0.5, seconds=0.5) as one:
        one._command = [sys.executable, "-S", "-c", program]
        with pytest.raises(RenderingFailed):
            one.draw(JOB)
        assert one.pid is None


def test_a_missing_interpreter_is_a_failure_too() -> None:
    with Renderer() as one:
        one._command = ["/nonexistent/python"]
        with pytest.raises(RenderingFailed):
            one.draw(JOB)


def test_threads_share_one_child(renderer: Renderer) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = [f"INV-{n}" for n in range(8)]
        drawn = list(pool.map(lambda number: render_pdf(view(number=number), renderer), numbers))
    assert all(f"Invoice {number} " in text_of(pdf) for number, pdf in zip(numbers, drawn, strict=True))


def test_waiting_has_an_end(own: Renderer) -> None:
    own._wait_seconds = 0.05
    try:
        with own._lock, pytest.raises(RenderingFailed, match="waiting"):
            own.draw(JOB)
    finally:
        own._wait_seconds = 60


FORKED = """
import os, sys
from app.documents.frames import PdfJob
from app.documents.renderer import Renderer
one = Renderer(); job = PdfJob("<p>hello</p>")
one.draw(job); mine = one.pid
one._lock.acquire()  # as another thread would hold it at the moment of the fork
if os.fork() == 0:
    ok = one.draw(job)[:5] == b"%PDF-" and one.pid != mine
    one.close()
    os._exit(0 if ok else 1)
one._lock.release()
code = os.waitstatus_to_exitcode(os.wait()[1])
assert code == 0 and one.draw(job)[:5] == b"%PDF-" and one.pid == mine
print("fine")
"""


def test_a_forked_process_starts_its_own_child() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout == "fine\n" and done.stderr == ""


ORPHANED = """
import os, sys, time
from app.documents.frames import PdfJob
from app.documents.renderer import Renderer
one = Renderer(); one.draw(PdfJob("<p>hello</p>")); child = one.pid
if os.fork() == 0:  # inherits the pipes and lives on, so that the child sees no end of its input
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    time.sleep(8); os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_child_ends_with_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHANED], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=20, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert gone(int(done.stdout))


def test_the_web_process_never_loads_the_engine() -> None:
    program = """
import sys
from app.documents.rendering import DocumentView, render_html
render_html(DocumentView("invoice", {}))
print([name for name in ("xhtml2pdf", "reportlab", "PIL", "html5lib") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "[]\n"

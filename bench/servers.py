"""Running a server for the benchmark, and reading what it costs from /proc: processor time and memory."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.client import Client, Refused, request

ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_START, SECONDS_TO_STOP = 30, 10
TICKS = os.sysconf("SC_CLK_TCK")
HEALTH = request("GET", "/health")


@dataclass(frozen=True)
class Server:
    """A gunicorn of one worker with four threads. `start_seconds` is the time until it answered /health."""

    pid: int
    port: int
    start_seconds: float

    def cpu_seconds(self) -> float:
        """Processor time of the master, its worker and whatever that started, ended children included."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def workers(self) -> list[int]:
        """The process that serves requests."""
        return _children(self.pid)

    def helpers(self) -> list[int]:
        """What the worker itself has started."""
        return [pid for worker in self.workers() for pid in _tree(worker)[1:]]


@contextlib.contextmanager
def serve(application: str, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Run a WSGI application until the block is left. Raises RuntimeError, with the log's end, when it is silent."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "4", "--log-level", "warning", application]
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        _wait(process, port, log)
        yield Server(process.pid, port, time.perf_counter() - started)
    except Refused:
        print(log.read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            left = _tree(process.pid)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            process.wait()


def memory_mb(pid: int) -> tuple[float, float]:
    """A process's resident set, and its proportional share of it, in MB of 10**6 bytes."""
    facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    resident, share = (int(facts[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss"))
    return resident, share


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), Client(port) as client:
            client.send(HEALTH)
            return
        time.sleep(0.01)
    raise RuntimeError(f"the server does not answer:\n{log.read_text()[-3000:]}")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def _tree(pid: int) -> list[int]:
    return [pid, *(each for child in _children(pid) for each in _tree(child))]


def _cpu(pid: int) -> float:
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, facts[11:15])) / TICKS

"""Server processes that belong to one test run: started from a wheel's or the system's binaries, gone when it is gone.

A run that is killed cannot clean up. Its servers die with it (Linux: the kernel signals them), and what they leave in
the temporary folder is removed by a later run, a day on.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

DAY = 24 * 60 * 60
NOBODY = 65534
START_SECONDS = 30
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
FOLDER_PREFIX = "billhook-test-"

# Becomes the server: drops to another user, asks for SIGINT (a fast shutdown) at its parent's death, then executes.
# A process of its own and no preexec_fn, because a test process has threads. Libc is loaded before the change of user,
# who may not be allowed to read the folder of the environment.
LAUNCHER = """
import ctypes, os, signal, sys
user, parent, *command = sys.argv[1:]
libc = ctypes.CDLL(None)
if user:
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
if sys.platform == "linux":
    libc.prctl(1, signal.SIGINT)
if os.getppid() != int(parent):
    sys.exit("the test run ended first")
os.execv(command[0], command)
"""


class CannotUseError(Exception):
    """A service that cannot be used; the message is the reason, in one sentence without its full stop."""


def wheel_folder(package: str) -> Path:
    """Where a package is installed, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotUseError(f"the package {package} is not installed")
    return Path(spec.origin).parent


def unprivileged_user() -> int | None:
    """The user for servers that refuse to run as root; None when this process may run them as itself."""
    return NOBODY if os.geteuid() == 0 else None


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that any user may pass through but not list, removed at the end."""
    for old in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > DAY:
                shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(command: Sequence[str | Path], user: int | None) -> None:
    """Run a command to its end, as `user` if given; what it wrote last is the reason when it fails."""
    groups: list[int] | None = None if user is None else []
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        user=user,
        group=user,
        extra_groups=groups,
    )
    if done.returncode:
        raise CannotUseError(f"{Path(command[0]).name} failed: {_last_line(done.stderr)}")


@contextlib.contextmanager
def server(
    command: Sequence[str | Path],
    *,
    log: Path,
    answers: Callable[[], bool],
    stop: signal.Signals,
    user: int | None = None,
) -> Iterator[None]:
    """Run a server from when `answers` first says true until the block is left."""
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, "" if user is None else str(user), str(os.getpid())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*launcher, *command], env=ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait(process, log, answers)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None:
            raise CannotUseError(f"the server ended at once: {_last_line(log.read_bytes())}")
        if time.monotonic() > deadline:
            raise CannotUseError(f"the server did not answer within {START_SECONDS} s: {_last_line(log.read_bytes())}")
        time.sleep(0.01)


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")

"""Limits of the process that draws documents, and a second lock behind xhtml2pdf's resource policy.

Once start-up is over an audit hook (PEP 578) refuses every network call, new process and file that is not program
code or a font. It is no sandbox against machine code; it makes a hole in the HTML engine harmless.
"""

from __future__ import annotations

import os
import resource
import site
import sys
import sysconfig
from pathlib import Path

MEMORY = 512 * 1024 * 1024
_REFUSED = ("socket.", "subprocess.", "os.", "shutil.", "ctypes.", "urllib.", "http.", "ftplib.", "smtplib.", "pty.",
            "tempfile.", "webbrowser.", "sqlite3.", "mmap.", "syslog.", "fcntl.", "signal.", "resource.")  # fmt: skip
_LISTING = ("os.listdir", "os.scandir")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def limit_resources(memory: int = MEMORY) -> None:
    """Bound the address space of this process, for good, and forbid core files (they hold customers' data)."""
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def readable_roots() -> tuple[str, ...]:
    """Return the folders that hold program code and the bundled fonts, with symbolic links resolved."""
    paths = sysconfig.get_paths()
    folders = [paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], *site.getsitepackages()]
    folders.append(str(Path(__file__).parent))
    return tuple(sorted({os.path.realpath(folder) + os.sep for folder in folders}))


def _may_read(path: object, roots: tuple[str, ...]) -> bool:
    if isinstance(path, int):
        return True  # an open descriptor
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    real = os.path.realpath(os.fsdecode(path))
    return real.startswith(roots) or f"{real}{os.sep}" in roots


def lock() -> None:
    """Install the hook; it cannot be removed. From here on PermissionError meets whatever is refused.

    No file may grow either (the limit does not concern pipes); during start-up Python may still cache its bytecode.
    """
    roots = readable_roots()
    _limit(resource.RLIMIT_FSIZE, 0)

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            path, _mode, flags = args
            if (isinstance(flags, int) and flags & _WRITES and not isinstance(path, int)) or not _may_read(path, roots):
                raise PermissionError("the document renderer opens no file")
        elif event in _LISTING:
            if not _may_read(args[0], roots):
                raise PermissionError("the document renderer lists no folder")
        elif event.startswith(_REFUSED):
            raise PermissionError(f"the document renderer may not use {event}")

    sys.addaudithook(hook)

"""`flask serve`: migrate, say where and how, and become the production server.

The port is taken before anything else happens and handed to gunicorn as an open socket: whatever is printed is true,
and a caller who is quicker than the server waits instead of being refused.
"""

import errno
import os
import socket
import sys
from pathlib import Path

import click

from app.cli import server
from app.cli.demo import find_demo, fresh_key, make_demo
from app.cli.organizations import organizations
from app.cli.shell import Command, Refusal
from app.cli.tour import tour
from app.data import migrate
from app.extensions import db

# Named, not imported: the factory stands above the commands; and a wheel has no wsgi.py.
APPLICATION = "app.factory:serve_app()"
BACKLOG = 512


@click.command(cls=Command)
@click.option("--demo", is_flag=True, help="Make the demo organisation if there is none; print a key and curl lines.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", envvar="PORT", type=click.IntRange(0, 65535), default=8000, show_default=True, show_envvar=True)
def serve(host: str, port: int, *, demo: bool) -> None:
    """Migrate if needed, then serve in the foreground until SIGTERM or Ctrl-C."""
    listener = _listen(host, port)
    migrate.upgrade(migrate.running())
    base = _address(host, listener.getsockname()[1])
    click.echo(welcome(base, demo=demo))
    db.engine.dispose()
    sys.stdout.flush()
    _become_server(listener)


def server_command(bind: str, *, workers: int = 1, threads: int = server.threads) -> list[str]:
    """The command that serves the application on `bind` (host:port, or fd://N for an open socket)."""
    return [
        *(sys.executable, "-m", "gunicorn", "--config", "python:app.cli.server"),
        *("--bind", bind, "--workers", str(workers), "--threads", str(threads)),
        APPLICATION,
    ]


def _listen(host: str, port: int) -> socket.socket:
    """An open socket. Raises Refusal with the way out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(f"Port {port} is taken by another program; choose another: PORT={_other(port)}.") from error
        if error.errno == errno.EACCES:
            raise Refusal(f"Port {port} is for the system's own services; choose another: PORT=8000.") from error
        raise Refusal(f"{host} is no address of this machine ({error.strerror}); try --host 127.0.0.1.") from error


def _other(port: int) -> int:
    return port + 1 if port < 65535 else 8000  # noqa: PLR2004 - the last port there is


def _address(host: str, port: int) -> str:
    """Where a program on this machine reaches the server."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - read, not bound
    return f"http://{reachable}:{port}"


def welcome(base: str, *, demo: bool) -> str:
    """What to say at the start; with `demo`, the demo organisation is made where there is none at all."""
    head = f"Billhook serves {base} (API {base}/api/v1, its description {base}/openapi.json). Ctrl-C ends it."
    present = organizations()
    if demo and not present:
        make_demo()
    place = find_demo() if demo else None
    if place:
        lines = tour(base, fresh_key(place))
        return f"{head}\n\n{place.name} is ready. Paste this into another terminal:\n\n{lines}"
    if demo:
        return (
            f"{head}\nThe database has organisations of its own, so no demo was made: `flask key create` makes a key."
        )
    return head if present else f"{head}\nThere is no organisation yet: `flask init` makes the first one and its key."


def _become_server(listener: socket.socket) -> None:
    """Replace this process by gunicorn, which inherits the socket."""
    listener.set_inheritable(True)
    # The packages stand beside this one, in a checkout and in site-packages alike.
    root = str(Path(__file__).resolve().parents[2])
    # What comes up is a server; Flask's note that a command runs would keep its worker from starting.
    inherited = {name: value for name, value in os.environ.items() if name != "FLASK_RUN_FROM_CLI"}
    environment = inherited | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    command = server_command(f"fd://{listener.fileno()}")
    os.execve(command[0], command, environment)  # noqa: S606 - a list made here, no shell

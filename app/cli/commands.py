"""Every command by name. A command's module is imported when it is called: a web worker needs none of them.

Only `flask doctor` is not here: it must run when there is no application, and is an entry point of the package.
"""

import click
from flask import Flask
from flask.cli import AppGroup
from werkzeug.utils import import_string

COMMANDS = {
    "init": "app.cli.init:init",
    "serve": "app.cli.serve:serve",
    "backup": "app.cli.backup:backup",
    "restore": "app.cli.restore:restore",
    "check": "app.cli.check:check",
    "db": "app.cli.db:db_commands",
    "org": "app.cli.organizations:org_commands",
    "user": "app.cli.users:user_commands",
    "key": "app.cli.keys:key_commands",
    "events": "app.cli.events:events",
    "tier": "app.cli.tiers:tier_commands",
    "jobs": "app.cli.jobs:jobs_commands",
    "worker": "app.cli.worker:worker",
    "tick": "app.cli.tick:tick",
}


class LazyCommands(AppGroup):
    """Flask's group of commands, with ours found on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None where there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_string(COMMANDS[cmd_name])
        return command


def init_app(app: Flask) -> None:
    """Add the commands to the application, keeping those that extensions have added."""
    app.cli = LazyCommands(name=app.name, commands=app.cli.commands)

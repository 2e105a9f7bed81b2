"""Every command, registered in one place. Only `flask doctor` is not: it must run when there is no application."""

from flask import Flask

from app.cli.check import check
from app.cli.db import db_commands
from app.cli.init import init
from app.cli.keys import key_commands
from app.cli.organizations import org_commands
from app.cli.serve import serve
from app.cli.tiers import tier_commands
from app.cli.users import user_commands

COMMANDS = (init, serve, check, db_commands, org_commands, user_commands, key_commands, tier_commands)


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    for command in COMMANDS:
        app.cli.add_command(command)

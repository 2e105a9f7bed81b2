"""Every command, registered in one place."""

from flask import Flask

from app.cli.db import db_commands


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(db_commands)

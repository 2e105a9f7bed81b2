"""`flask db`: migrations."""

import click

from app.cli.shell import Group
from app.data import migrate

db_commands = Group("db", help="Migrations, one chain per owner (the core, each plugin).")


@db_commands.command()
def upgrade() -> None:
    """Bring the database to the newest revision of every owner."""
    migrate.upgrade(migrate.running())
    click.echo("The database is up to date.")


@db_commands.command()
@click.argument("revision")
@click.option("--owner", default=migrate.CORE, show_default=True)
def downgrade(revision: str, owner: str) -> None:
    """Take one owner back to REVISION; "base" removes its tables."""
    _known(owner)
    migrate.downgrade(migrate.running(), revision, owner)
    click.echo(f"{owner} is at {revision}.")


@db_commands.command()
@click.option("-m", "--message", required=True)
@click.option("--owner", default=migrate.CORE, show_default=True)
def revision(message: str, owner: str) -> None:
    """Write a revision from the difference between models and database."""
    _known(owner)
    migrate.revision(migrate.running(), message, owner)


@db_commands.command()
def check() -> None:
    """Say where models and database differ; exit 1 when they do."""
    found = migrate.differences(migrate.running())
    for difference in found:
        click.echo(difference)
    if found:
        raise click.exceptions.Exit(1)
    click.echo("Models and database agree.")


def _known(owner: str) -> None:
    names = list(migrate.owners(migrate.running()))
    if owner not in names:
        raise click.BadParameter(
            f"'{owner}' owns no migrations; those who do: {', '.join(names)}.", param_hint="--owner"
        )

"""`flask doctor`: is everything there that Billhook needs? Each finding says how to mend it."""

import click


@click.command()
def doctor() -> None:
    """Check configuration, database, migrations, clock, fonts and folders; exit 1 when something is wrong."""

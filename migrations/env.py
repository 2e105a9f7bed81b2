"""Alembic's environment: called by app/data/migrate.py with an owner and a connection, never by hand."""

from alembic import context

from app.data.base import Base
from app.data.migrate import include_name, render_type, version_table

attributes = context.config.attributes
connection, owner = attributes["connection"], attributes["owner"]
included = include_name(attributes["names"], owner)

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=version_table(owner),
    include_name=included,
    include_object=lambda _item, name, kind, _reflected, _other: included(name, kind, {}),
    render_item=render_type,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

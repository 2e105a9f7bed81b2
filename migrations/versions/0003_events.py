"""Events: one append-only row a change, hash-chained per organisation."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TENANT_TABLES = ("events", "event_streams", "event_relays")
GENESIS = "0" * 64

POLICY = """
CREATE POLICY tenant ON {table} USING (
    org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid)
    OR (SELECT current_setting('app.crossing', true)) = 'on'
)
"""
FIXED = (
    "org_id, id, seq, type, entity_type, entity_id, created_at, changes, actor_type, actor_id, actor_name, reason, "
    "request_id, data_hash, previous_hash, hash"
)
# A payload may be emptied when it is past its time; nothing else of what happened ever changes.
SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER events_fixed BEFORE UPDATE OF {FIXED} ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    """CREATE TRIGGER events_data BEFORE UPDATE OF data ON events WHEN NEW.data IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    """CREATE TRIGGER events_kept BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
)
POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$""",
    f"""CREATE TRIGGER events_fixed BEFORE UPDATE OF {FIXED} ON events
    FOR EACH ROW EXECUTE FUNCTION events_append_only()""",
    """CREATE TRIGGER events_data BEFORE UPDATE OF data ON events
    FOR EACH ROW WHEN (NEW.data IS NOT NULL) EXECUTE FUNCTION events_append_only()""",
    """CREATE TRIGGER events_kept BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_append_only()""",
    """CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()""",
)


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=True),
        sa.Column("actor_type", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("data_hash", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_events_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_events")),
        sa.UniqueConstraint("org_id", "seq", name=op.f("uq_events_org_id_seq")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_entity", ["org_id", "entity_type", "entity_id", "seq"], unique=False)
        batch_op.create_index("ix_events_type", ["org_id", "type", "seq"], unique=False)
        batch_op.create_index(
            "ix_events_full",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("data IS NOT NULL"),
            postgresql_where=sa.text("data IS NOT NULL"),
        )
    op.create_table(
        "event_streams",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_event_streams_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_event_streams")),
        sa.UniqueConstraint("org_id", name=op.f("uq_event_streams_org_id")),
    )
    op.create_table(
        "event_relays",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_event_relays_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_event_relays")),
        sa.UniqueConstraint("org_id", name=op.f("uq_event_relays_org_id")),
    )
    # The organisations that are there already: their streams begin now. An organisation's id does as the row's own.
    begin = "INSERT INTO event_streams (org_id, id, seq, hash, began_at) SELECT id, id, 0, :hash, CURRENT_TIMESTAMP "
    op.execute(sa.text(begin + "FROM organizations").bindparams(hash=GENESIS))
    op.execute("INSERT INTO event_relays (org_id, id, seq) SELECT id, id, 0 FROM organizations")
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for trigger in POSTGRESQL_TRIGGERS if on_postgresql else SQLITE_TRIGGERS:
        op.execute(trigger)
    if on_postgresql:
        for table in TENANT_TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(POLICY.format(table=table))


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION events_append_only()")

"""E-mail: the messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

POLICY = """
CREATE POLICY tenant ON messages USING (
    org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid)
    OR (SELECT current_setting('app.crossing', true)) = 'on'
)
"""


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("backend", sa.String(length=10), nullable=False),
        sa.Column("message_id", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("reply_to", sa.String(length=254), nullable=True),
        sa.Column("to", JSON, nullable=False),
        sa.Column("cc", JSON, nullable=False),
        sa.Column("bcc", JSON, nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("attach", sa.String(length=10), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=True),
        sa.Column("attachment_name", sa.String(length=120), nullable=True),
        sa.Column("attachment_hash", sa.String(length=64), nullable=True),
        sa.Column("attachment_size", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted", JSON, nullable=False),
        sa.Column("refused", JSON, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("file", sa.String(length=120), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'bounced')", name=op.f("ck_messages_state")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "customer_id"],
            ["customers.org_id", "customers.id"],
            name=op.f("fk_messages_org_id_customer_id_customers"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "invoice_id"],
            ["invoices.org_id", "invoices.id"],
            name=op.f("fk_messages_org_id_invoice_id_invoices"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_messages_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("ix_messages_customer", ["org_id", "customer_id", "id"], unique=False)
        batch_op.create_index("ix_messages_invoice", ["org_id", "invoice_id", "id"], unique=False)
        batch_op.create_index("ix_messages_state", ["org_id", "state", "id"], unique=False)
        batch_op.create_index("uq_messages_message_id", ["org_id", "message_id"], unique=True)
        batch_op.create_index(
            "uq_messages_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("external_id IS NOT NULL"),
            postgresql_where=sa.text("external_id IS NOT NULL"),
        )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE messages FORCE ROW LEVEL SECURITY")
        op.execute(POLICY)


def downgrade() -> None:
    op.drop_table("messages")

"""The core."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

TENANT_TABLES = (
    "api_keys",
    "customers",
    "items",
    "memberships",
    "number_series",
    "payment_methods",
    "settings",
    "taxes",
    "units",
    "customer_taxes",
    "invoices",
    "item_taxes",
    "number_counters",
    "numbers",
    "tax_rates",
    "invoice_lines",
)

# Who asks is told per transaction; the sub-selects are evaluated once a statement, not once a row.
POLICY = """
CREATE POLICY tenant ON {table} USING (
    org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid)
    OR (SELECT current_setting('app.crossing', true)) = 'on'
)
"""


def protect_rows() -> None:
    """Row-level security on every tenant table, for the tables' owner too."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(POLICY.format(table=table))


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("tier", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=762), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "api_keys",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("actor_type", sa.String(length=20), nullable=False),
        sa.Column("ip_allowlist", JSON, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_api_keys_org_id_organizations")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(
            "uq_api_keys_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("external_id IS NOT NULL"),
            postgresql_where=sa.text("external_id IS NOT NULL"),
        )

    op.create_table(
        "customers",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("company_name", sa.String(length=200), nullable=True),
        sa.Column("contact_name", sa.String(length=200), nullable=True),
        sa.Column("prefix", sa.String(length=20), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("email_key", sa.String(length=762), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("website", sa.String(length=500), nullable=True),
        sa.Column("contacts", JSON, nullable=False),
        sa.Column("billing_address", JSON, nullable=True),
        sa.Column("shipping_address", JSON, nullable=True),
        sa.Column("legal_name", sa.String(length=200), nullable=True),
        sa.Column("vat_id", sa.String(length=30), nullable=True),
        sa.Column("tax_number", sa.String(length=40), nullable=True),
        sa.Column("registration_id", sa.String(length=60), nullable=True),
        sa.Column("registration_scheme", sa.String(length=10), nullable=True),
        sa.Column("electronic_address", sa.String(length=200), nullable=True),
        sa.Column("electronic_scheme", sa.String(length=10), nullable=True),
        sa.Column("buyer_reference", sa.String(length=200), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("payment_terms", sa.String(length=60), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_customers_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_customers")),
    )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.create_index("ix_customers_name", ["org_id", "name", "id"], unique=False)
        batch_op.create_index("ix_customers_updated_at", ["org_id", "updated_at", "id"], unique=False)
        batch_op.create_index(
            "uq_customers_email",
            ["org_id", "email_key"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_customers_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "items",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("sku", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=True),
        sa.Column("unit_code", sa.String(length=3), nullable=True),
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_items_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_items")),
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index("ix_items_name", ["org_id", "name", "id"], unique=False)
        batch_op.create_index("ix_items_updated_at", ["org_id", "updated_at", "id"], unique=False)
        batch_op.create_index(
            "uq_items_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_items_sku",
            ["org_id", "sku"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "memberships",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_memberships_org_id_organizations")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("org_id", "user_id", name=op.f("uq_memberships_org_id_user_id")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_memberships_user_id"), ["user_id"], unique=False)

    op.create_table(
        "number_series",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("pattern", sa.String(length=60), nullable=False),
        sa.Column("reset", sa.String(length=10), nullable=False),
        sa.Column("assign", sa.String(length=10), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_number_series_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_number_series")),
        sa.UniqueConstraint("org_id", "kind", "name", name=op.f("uq_number_series_org_id_kind_name")),
    )
    with op.batch_alter_table("number_series", schema=None) as batch_op:
        batch_op.create_index(
            "uq_number_series_default",
            ["org_id", "kind"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )
        batch_op.create_index(
            "uq_number_series_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("external_id IS NOT NULL"),
            postgresql_where=sa.text("external_id IS NOT NULL"),
        )

    op.create_table(
        "payment_methods",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_payment_methods_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_payment_methods")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_payment_methods_org_id_name")),
    )
    with op.batch_alter_table("payment_methods", schema=None) as batch_op:
        batch_op.create_index(
            "uq_payment_methods_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("external_id IS NOT NULL"),
            postgresql_where=sa.text("external_id IS NOT NULL"),
        )

    op.create_table(
        "settings",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("payment_terms", sa.String(length=60), nullable=False),
        sa.Column("tax_inclusive", sa.Boolean(), nullable=False),
        sa.Column("rounding", sa.String(length=10), nullable=False),
        sa.Column("seller", JSON, nullable=False),
        sa.Column("invoice_notes", sa.Text(), nullable=True),
        sa.Column("invoice_terms", sa.Text(), nullable=True),
        sa.Column("invoice_footer", sa.Text(), nullable=True),
        sa.Column("brand_color", sa.String(length=7), nullable=False),
        sa.Column("logo", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_settings_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_settings")),
        sa.UniqueConstraint("org_id", name=op.f("uq_settings_org_id")),
    )
    op.create_table(
        "taxes",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=2), nullable=False),
        sa.Column("compound", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("exemption_reason", sa.String(length=500), nullable=True),
        sa.Column("exemption_code", sa.String(length=40), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_taxes_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_taxes")),
    )
    with op.batch_alter_table("taxes", schema=None) as batch_op:
        batch_op.create_index(
            "uq_taxes_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "units",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_units_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_units")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_units_org_id_name")),
    )
    with op.batch_alter_table("units", schema=None) as batch_op:
        batch_op.create_index(
            "uq_units_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("external_id IS NOT NULL"),
            postgresql_where=sa.text("external_id IS NOT NULL"),
        )

    op.create_table(
        "customer_taxes",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("tax_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "customer_id"],
            ["customers.org_id", "customers.id"],
            name=op.f("fk_customer_taxes_org_id_customer_id_customers"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "tax_id"], ["taxes.org_id", "taxes.id"], name=op.f("fk_customer_taxes_org_id_tax_id_taxes")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_customer_taxes_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_customer_taxes")),
        sa.UniqueConstraint(
            "org_id", "customer_id", "tax_id", name=op.f("uq_customer_taxes_org_id_customer_id_tax_id")
        ),
    )
    op.create_table(
        "invoices",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=True),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("type_code", sa.String(length=3), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("customer_name", sa.String(length=200), nullable=True),
        sa.Column("customer_email", sa.String(length=254), nullable=True),
        sa.Column("customer_snapshot", JSON, nullable=True),
        sa.Column("seller_snapshot", JSON, nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("issue_date_fixed", sa.Boolean(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("due_date_fixed", sa.Boolean(), nullable=False),
        sa.Column("supply_date", sa.Date(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("payment_terms", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exchange_rate", sa.BigInteger(), nullable=True),
        sa.Column("exchange_rate_date", sa.Date(), nullable=True),
        sa.Column("exchange_rate_source", sa.String(length=40), nullable=True),
        sa.Column("base_currency", sa.String(length=3), nullable=False),
        sa.Column("base_total", sa.BigInteger(), nullable=True),
        sa.Column("tax_inclusive", sa.Boolean(), nullable=False),
        sa.Column("rounding_mode", sa.String(length=10), nullable=False),
        sa.Column("discount_type", sa.String(length=10), nullable=True),
        sa.Column("discount_value", sa.BigInteger(), nullable=True),
        sa.Column("charges", JSON, nullable=False),
        sa.Column("taxes", JSON, nullable=False),
        sa.Column("withholding", JSON, nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("discount_total", sa.BigInteger(), nullable=False),
        sa.Column("charge_total", sa.BigInteger(), nullable=False),
        sa.Column("tax_total", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("withholding_total", sa.BigInteger(), nullable=False),
        sa.Column("rounding", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("amount_credited", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("po_number", sa.String(length=100), nullable=True),
        sa.Column("buyer_reference", sa.String(length=100), nullable=True),
        sa.Column("contract_number", sa.String(length=100), nullable=True),
        sa.Column("project_number", sa.String(length=100), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("internal_notes", sa.Text(), nullable=True),
        sa.Column("source_type", sa.String(length=40), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("viewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state = 'draft' OR number IS NOT NULL", name=op.f("ck_invoices_issued_has_number")),
        sa.CheckConstraint("amount_paid >= 0 AND amount_credited >= 0", name=op.f("ck_invoices_settled_not_negative")),
        sa.CheckConstraint("due_date >= issue_date", name=op.f("ck_invoices_due_after_issue")),
        sa.ForeignKeyConstraint(
            ["org_id", "customer_id"],
            ["customers.org_id", "customers.id"],
            name=op.f("fk_invoices_org_id_customer_id_customers"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "series_id"],
            ["number_series.org_id", "number_series.id"],
            name=op.f("fk_invoices_org_id_series_id_number_series"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_invoices_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("org_id", "series_id", "number", name=op.f("uq_invoices_org_id_series_id_number")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index("ix_invoices_customer", ["org_id", "customer_id", "id"], unique=False)
        batch_op.create_index("ix_invoices_due_date", ["org_id", "due_date", "id"], unique=False)
        batch_op.create_index("ix_invoices_issue_date", ["org_id", "issue_date", "id"], unique=False)
        batch_op.create_index("ix_invoices_number", ["org_id", "number"], unique=False)
        batch_op.create_index(
            "uq_invoices_external_id",
            ["org_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "item_taxes",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("tax_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "item_id"], ["items.org_id", "items.id"], name=op.f("fk_item_taxes_org_id_item_id_items")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "tax_id"], ["taxes.org_id", "taxes.id"], name=op.f("fk_item_taxes_org_id_tax_id_taxes")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_item_taxes_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_item_taxes")),
        sa.UniqueConstraint("org_id", "item_id", "tax_id", name=op.f("uq_item_taxes_org_id_item_id_tax_id")),
    )
    op.create_table(
        "number_counters",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "series_id"],
            ["number_series.org_id", "number_series.id"],
            name=op.f("fk_number_counters_org_id_series_id_number_series"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_number_counters_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_number_counters")),
        sa.UniqueConstraint("org_id", "series_id", "period", name=op.f("uq_number_counters_org_id_series_id_period")),
    )
    op.create_table(
        "numbers",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "series_id"],
            ["number_series.org_id", "number_series.id"],
            name=op.f("fk_numbers_org_id_series_id_number_series"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_numbers_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_numbers")),
        sa.UniqueConstraint("org_id", "series_id", "number", name=op.f("uq_numbers_org_id_series_id_number")),
    )
    with op.batch_alter_table("numbers", schema=None) as batch_op:
        batch_op.create_index("ix_numbers_document", ["org_id", "document_id"], unique=False)
        batch_op.create_index(
            "uq_numbers_sequence",
            ["org_id", "series_id", "period", "sequence"],
            unique=True,
            sqlite_where=sa.text("sequence IS NOT NULL"),
            postgresql_where=sa.text("sequence IS NOT NULL"),
        )

    op.create_table(
        "tax_rates",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tax_id", sa.Uuid(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "tax_id"], ["taxes.org_id", "taxes.id"], name=op.f("fk_tax_rates_org_id_tax_id_taxes")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_tax_rates_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_tax_rates")),
        sa.UniqueConstraint("org_id", "tax_id", "valid_from", name=op.f("uq_tax_rates_org_id_tax_id_valid_from")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("sku", sa.String(length=100), nullable=True),
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("buyer_item_id", sa.String(length=100), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=True),
        sa.Column("unit_code", sa.String(length=3), nullable=True),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("price_base_quantity", sa.BigInteger(), nullable=False),
        sa.Column("discount_type", sa.String(length=10), nullable=True),
        sa.Column("discount_value", sa.BigInteger(), nullable=True),
        sa.Column("charges", JSON, nullable=False),
        sa.Column("taxes", JSON, nullable=False),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "invoice_id"],
            ["invoices.org_id", "invoices.id"],
            name=op.f("fk_invoice_lines_org_id_invoice_id_invoices"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "item_id"], ["items.org_id", "items.id"], name=op.f("fk_invoice_lines_org_id_item_id_items")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name=op.f("fk_invoice_lines_org_id_organizations")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_invoice_lines")),
    )
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.create_index("ix_invoice_lines_invoice", ["org_id", "invoice_id", "position"], unique=False)
    protect_rows()


def downgrade() -> None:
    for table in reversed(("organizations", "users", *TENANT_TABLES)):
        op.drop_table(table)

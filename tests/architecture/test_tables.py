"""Every table belongs to an organisation, in its key and in the keys that point to it, or a list says why not."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.data.base import Base, TenantModel
from app.data.tenancy import crossing
from app.extensions import db

NOBODYS = {
    "organizations": "the tenant itself: the root that org_id points to",
    "jobs": "system data: workers take them for all organisations at once; org_id says whom one is for, if anybody",
    "schedules": "system data: what runs by itself, for the whole installation",
    "schedule_ticks": "as schedules",
    "users": "a person may belong to several organisations; what they may do stands in memberships",
}
UNIQUE_ACROSS_ORGANIZATIONS = {
    "uq_api_keys_hash": "a key is looked up before it is known whose it is",
    "uq_jobs_dedup": "the same work waits once; whoever enqueues puts an id into the key",
    "uq_users_email_key": "a person is one user, wherever they belong",
}
POINTS_OUT = {
    "fk_memberships_user_id_users": "people are nobody's rows",
    "fk_api_keys_user_id_users": "people are nobody's rows",
}
SEARCHED_ACROSS_ORGANIZATIONS = {
    "ix_events_full": "old payloads of all organisations are emptied together",
    "ix_memberships_user_id": "a person's organisations are found by the person",
    "ix_idempotency_keys_expires_at": "what has expired is deleted for all organisations at once",
}


def tenant_tables() -> Iterator[sa.Table]:
    for table in Base.metadata.sorted_tables:
        if table.name not in NOBODYS:
            yield table


def test_every_table_has_org_id_first_in_its_key_or_a_reason():
    assert len(list(tenant_tables())) >= 16
    for table in tenant_tables():
        assert [column.name for column in table.primary_key.columns] == ["org_id", "id"], table.name
        assert next(iter(table.columns)).name == "org_id", f"{table.name}: what is read first is whose it is"


def test_every_class_of_a_tenant_table_is_a_tenant_model():
    mapped = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}
    assert set(mapped) == {table.name for table in Base.metadata.sorted_tables}
    for name, model in mapped.items():
        assert issubclass(model, TenantModel) == (name not in NOBODYS), name


def test_org_id_points_to_the_organisation():
    for table in tenant_tables():
        assert [
            key.target_fullname for key in table.c.org_id.foreign_keys if key.column.table.name == "organizations"
        ] == ["organizations.id"], table.name


def test_a_key_between_tenant_tables_carries_org_id():
    seen = 0
    for table in tenant_tables():
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table.name
            pairs = {(element.parent.name, element.column.name) for element in constraint.elements}
            if target not in NOBODYS:
                assert ("org_id", "org_id") in pairs, f"{table.name} → {target} could link two organisations"
                assert len(pairs) == 2, f"{table.name} → {target}"
                seen += 1
            elif target != "organizations":
                assert constraint.name in POINTS_OUT, f"{table.name} → {target} has no reason"
    assert seen >= 10


def test_what_is_unique_is_unique_within_an_organisation():
    found = set()
    for table in Base.metadata.sorted_tables:
        uniques = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
        for each in [*uniques, *(index for index in table.indexes if index.unique)]:
            if next(column.name for column in each.columns) != "org_id":
                found.add(str(each.name))
    assert found == set(UNIQUE_ACROSS_ORGANIZATIONS), "not listed, or listed and no longer there"


def test_every_index_of_a_tenant_table_begins_with_org_id():
    found = {
        str(index.name)
        for table in tenant_tables()
        for index in table.indexes
        if next(column.name for column in index.columns) != "org_id"
    }
    assert found == set(SEARCHED_ACROSS_ORGANIZATIONS), "not listed, or listed and no longer there"


def test_no_entry_of_the_lists_is_stale():
    names = {table.name for table in Base.metadata.sorted_tables}
    keys = {str(each.name) for table in Base.metadata.sorted_tables for each in table.foreign_key_constraints}
    assert set(NOBODYS) <= names
    assert set(POINTS_OUT) <= keys


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_postgresql_itself_guards_the_rows_of_every_tenant_table(app):
    security = sa.text(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, "
        "(SELECT string_agg(p.cmd || ' ' || p.permissive || ' ' || p.qual, ';') FROM pg_policies p "
        " WHERE p.schemaname = current_schema() AND p.tablename = c.relname) "
        "FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
    )
    with app.app_context(), crossing("a test reads the catalogue"), db.engine.connect() as connection:
        found = {name: (enabled, forced, policy) for name, enabled, forced, policy in connection.execute(security)}
    assert {name for name in found if not name.startswith("alembic_version")} == {
        table.name for table in Base.metadata.sorted_tables
    }
    for table in tenant_tables():
        enabled, forced, policy = found[table.name]
        assert enabled and forced, f"{table.name}: row-level security is {enabled}, forced {forced}"
        assert policy and policy.startswith("ALL PERMISSIVE") and "app.org_id" in policy, f"{table.name}: {policy}"
        assert ";" not in policy, f"{table.name} has a second policy"

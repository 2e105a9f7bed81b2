"""The data layer: declarative base, column types, tenancy, the unit of work, migrations."""
